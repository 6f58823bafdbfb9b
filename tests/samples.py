"""Small data sets, and comparisons of fitted estimators, for the tests that fit."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.preprocessing import scale

from mlp_estimator import Loss

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
SPECIES = load_iris().target_names[Y_IRIS]
X_CANCER, Y_CANCER = load_breast_cancer(return_X_y=True)
X_CANCER = scale(X_CANCER)
X_DIAB, Y_DIAB = load_diabetes(return_X_y=True)
X_DIAB, Y_DIAB = scale(X_DIAB), scale(Y_DIAB)

SHORT = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
N_MEMBERS = 3
ENSEMBLE = {"hidden_layer_sizes": (6, 5), "n_members": N_MEMBERS, "random_state": 0, "max_iter": 12}


class Expectiles(Loss):
    """Two asymmetric squared errors, which are no quantiles."""

    n_outputs = 2

    def value_and_grad(self, y, raw, weight, d_raw, work):
        side = np.where(raw > y, np.array([[0.9], [0.1]]), np.array([[0.1], [0.9]]))
        np.multiply(side, raw - y, out=d_raw)
        terms = d_raw * (raw - y) / 2
        if weight is not None:
            d_raw *= weight
            terms *= weight
        return terms.sum(axis=(1, 2))


def since_scikit_learn(version, what):
    """A mark of tests of what scikit-learn has from a version on."""
    return pytest.mark.skipif(Version(sklearn.__version__) < Version(version), reason=f"{what} from {version} on")


def put(array, value, at=3):
    """A copy of an array as floats, with one row replaced."""
    array = np.array(array, dtype=float)
    array[at] = value
    return array


def same_weights(a, b):
    """Two fits have the same weights, bit for bit."""
    for x, y in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_array_equal(x, y)


def close_weights(a, b, **tolerance):
    """Two fits have the same weights up to a tolerance."""
    for one, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


def separate_fits(model, *data, **keywords):
    """Separate fits with the seeds of the members of an ensemble."""
    return [clone(model).set_params(n_members=1, random_state=s).fit(*data, **keywords) for s in model.member_seeds_]


def check_members(model, separate, rtol=1e-9):
    """The members of an ensemble are the separate fits."""
    for m, one in enumerate(separate):
        for name in ("coefs_", "intercepts_"):
            for ours, theirs in zip(getattr(model, name), getattr(one, name), strict=True):
                assert ours.dtype == theirs.dtype
                np.testing.assert_allclose(ours[m], theirs, rtol=rtol, atol=1e-12)
        np.testing.assert_allclose(model.loss_curve_[m], one.loss_curve_, rtol=rtol)
        assert model.loss_[m] == pytest.approx(one.loss_, rel=rtol)
        if one.validation_scores_ is not None:
            np.testing.assert_allclose(model.validation_scores_[m], one.validation_scores_, rtol=1e-6)
            assert model.best_validation_score_[m] == pytest.approx(one.best_validation_score_, rel=1e-6)
            assert model.best_loss_ is None
        else:
            assert model.best_loss_[m] == pytest.approx(one.best_loss_, rel=rtol)
    assert model.n_iter_ == max(one.n_iter_ for one in separate)


def fitted_attributes(model):
    """All that a fit has stored."""
    return {name: value for name, value in vars(model).items() if name.endswith("_") or name.startswith("_")}


def check_rejected(case, warm_start):
    """A case of bad input raises its message, and leaves a fitted estimator unchanged."""
    estimators, parameters, X_bad, y_bad, weight, message = case
    X, Y = X_IRIS, Y_IRIS
    for Estimator in estimators:
        with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
            Estimator(**parameters).fit(X_bad, y_bad, sample_weight=weight)
        model = Estimator((5,), max_iter=3, random_state=0, warm_start=warm_start).fit(X, Y)
        before, prediction = fitted_attributes(model), model.predict(X)
        contents = {name: list(value) for name, value in before.items() if isinstance(value, list)}
        with pytest.raises((ValueError, TypeError)):
            model.set_params(**parameters).fit(X_bad, y_bad, sample_weight=weight)
        after = fitted_attributes(model)
        assert after.keys() == before.keys()
        assert all(after[name] is before[name] for name in before)
        assert all(len(after[name]) == len(contents[name]) for name in contents)
        model.set_params(**Estimator((5,), max_iter=3).get_params())
        np.testing.assert_array_equal(model.predict(X), prediction)
