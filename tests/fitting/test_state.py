"""The state of a fit: copies, pickles, warm starts and streams."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from samples import (
    ENSEMBLE,
    N_MEMBERS,
    SPECIES,
    X_DIAB,
    X_IRIS,
    Y_DIAB,
    Y_IRIS,
    check_members,
    close_weights,
    put,
    same_weights,
    separate_fits,
)
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.fitting.state import attribute_name, one_or_all, per_member, restored_on_error

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = X_IRIS, Y_IRIS


@pytest.mark.parametrize("copier", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_copies_predict_the_same_and_share_nothing(copier):
    model = MLPClassifier((10,), random_state=0, max_iter=20).fit(X_IRIS, SPECIES)
    twin = copier(model)
    same_weights(model, twin)
    np.testing.assert_array_equal(model.predict(X_IRIS), twin.predict(X_IRIS))
    twin.coefs_[0][:] = 0.0
    assert model.coefs_[0].any()


def test_partial_fit_goes_through_chunks_like_one_epoch():
    whole = MLPRegressor((5,), batch_size=50, shuffle=False, random_state=0, max_iter=1).fit(X_IRIS, Y_IRIS)
    chunks = MLPRegressor((5,), batch_size=50, shuffle=False, random_state=0)
    for start in (0, 50, 100):
        chunks.partial_fit(X_IRIS[start : start + 50], Y_IRIS[start : start + 50])
    np.testing.assert_allclose(whole.coefs_[0], chunks.coefs_[0], rtol=1e-12)
    assert (chunks.n_iter_, chunks.t_, len(chunks.loss_curve_)) == (1, 150, 3)


def test_weights_set_by_hand_predict_and_train():
    model = MLPRegressor((2,), "identity", alpha=0.0, random_state=0, max_iter=1).fit(X_IRIS[:, :1], Y_IRIS)
    model.coefs_ = [np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])]
    model.intercepts_ = [np.zeros(2), np.array([5.0])]
    np.testing.assert_allclose(model.predict([[2.0]]), [2 * 1 * 3 + 2 * 2 * 4 + 5])
    before = copy.deepcopy(model.coefs_)
    model.partial_fit(X_IRIS[:, :1], Y_IRIS)
    assert 0 < np.abs(model.coefs_[0] - before[0]).max() < 0.01


@pytest.mark.filterwarnings("ignore:The loss became non-finite")
def test_training_goes_on_after_a_diverged_fit():
    model = MLPRegressor((5,), solver="sgd", learning_rate_init=0.5, early_stopping=True, random_state=0, max_iter=300)
    model.fit(X_IRIS, Y_IRIS * 100)
    assert not np.isfinite(model.loss_)
    model.set_params(early_stopping=False, learning_rate_init=1e-9).partial_fit(X_IRIS, Y_IRIS)
    assert np.isfinite(model.loss_)


EVERYTHING = {
    "hidden_layer_sizes": (8, 6), "activation": ["gelu", "tanh"], "dropout": [0.2, 0.0], "weight_decay": 0.01,
    "max_grad_norm": 0.5, "learning_rate": "one_cycle", "max_iter": 20, "batch_size": 40, "random_state": 0,
    "class_weight": {0: 2.0}, "label_smoothing": 0.05,
}  # fmt: skip


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_stream_goes_on_bit_for_bit_from_a_pickle(solver):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    whole, parts = (MLPClassifier(solver=solver, **EVERYTHING) for _ in range(2))
    for rows in np.array_split(np.arange(len(y)), 6):
        whole.partial_fit(X[rows], y[rows], classes=range(10))
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X[rows], y[rows], classes=range(10))
    close_weights(whole, parts, rtol=0)


def test_a_long_stream_adds_its_curve_to_the_pickle_and_nothing_else():
    model = MLPRegressor((8,), dropout=0.2, random_state=0)
    model.partial_fit(X_DIAB[:20], Y_DIAB[:20])
    before = len(pickle.dumps(model))
    for _ in range(1000):
        model.partial_fit(X_DIAB[:20], Y_DIAB[:20])
    assert len(pickle.dumps(model)) - before < 1000 * 12


def test_a_stream_after_a_fit_begins_a_new_plan():
    model = MLPRegressor((5,), learning_rate="cosine", max_iter=5, random_state=0).fit(X_DIAB, Y_DIAB)
    before = model.coefs_[0].copy()
    model.partial_fit(X_DIAB, Y_DIAB + 5)
    assert np.abs(model.coefs_[0] - before).max() > 0


def test_a_stream_and_a_pickle_go_on_with_all_members():
    model = MLPRegressor(**ENSEMBLE)
    for _ in range(3):
        model.partial_fit(X_DIAB, Y_DIAB)
    separate = [clone(model).set_params(n_members=1, random_state=int(s)) for s in model.member_seeds_]
    for one in separate:
        for _ in range(3):
            one.partial_fit(X_DIAB, Y_DIAB)
    check_members(model, [vars(one).update(n_iter_=1) or one for one in separate])
    twin = pickle.loads(pickle.dumps(model))
    for going_on in (model, twin):
        going_on.partial_fit(X_DIAB, Y_DIAB)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])
    assert [len(curve) for curve in model.loss_curve_] == [4] * N_MEMBERS


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_warm_start_goes_on_with_all_members(early_stopping):
    model = MLPClassifier(warm_start=True, early_stopping=early_stopping, **ENSEMBLE).fit(X_IRIS, Y_IRIS)
    before, losses = [list(curve) for curve in model.loss_curve_], list(model.loss_)
    model.fit(X_IRIS, Y_IRIS)
    for curve, old, loss in zip(model.loss_curve_, before, losses, strict=True):
        assert curve[: len(old)] == old
        assert len(curve) > len(old)
        assert early_stopping or curve[-1] < loss


def test_going_on_with_other_members_is_an_error_that_changes_nothing():
    model = MLPRegressor(**ENSEMBLE).partial_fit(X_DIAB, Y_DIAB)
    before = dict(vars(model))
    model.n_members = 5
    with pytest.raises(ValueError, match=r"has 3 member\(s\), but n_members=5.*warm_start=False"):
        model.partial_fit(X_DIAB, Y_DIAB)
    assert vars(model) == before | {"n_members": 5}
    one = MLPRegressor((5,), random_state=0).partial_fit(X_DIAB, Y_DIAB).set_params(n_members=2)
    with pytest.raises(ValueError, match=r"has 1 member\(s\), but n_members=2"):
        one.partial_fit(X_DIAB, Y_DIAB)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_is_that_of_the_separate_fits(solver):
    options = ENSEMBLE | {
        "solver": solver, "learning_rate": "invscaling", "warm_start": True, "tol": 0.02, "n_iter_no_change": 2,
        "learning_rate_init": 0.05, "max_iter": 40,
    }  # fmt: skip
    model = MLPClassifier(**options).fit(X_IRIS, Y_IRIS)
    separate = separate_fits(model, X_IRIS, Y_IRIS)
    assert len({one.t_ for one in separate}) > 1 or solver == "adam"
    for fitted in (model, *separate):
        fitted.fit(X_IRIS, Y_IRIS)
    check_members(model, separate)
    assert model.t_ == [one.t_ for one in separate]


def test_the_seeds_are_those_of_the_weights():
    model = MLPRegressor(**(ENSEMBLE | {"random_state": None}), warm_start=True).fit(X_DIAB, Y_DIAB)
    seeds = model.member_seeds_
    model.fit(X_DIAB, Y_DIAB)
    np.testing.assert_array_equal(model.member_seeds_, seeds)
    model.set_params(n_members=1, warm_start=False).fit(X_DIAB, Y_DIAB)
    assert not hasattr(model, "member_seeds_")


BOTH, CLASSIFIER, REGRESSOR = (MLPClassifier, MLPRegressor), (MLPClassifier,), (MLPRegressor,)


@pytest.mark.parametrize("Estimator", BOTH)
def test_a_failed_chunk_changes_nothing(Estimator):
    model = Estimator((5,), solver="sgd", random_state=0, batch_size=20)
    first = {"classes": [0, 1, 2]} if Estimator is MLPClassifier else {}
    model.partial_fit(X, Y, **first)
    twin = Estimator((5,), solver="sgd", random_state=0, batch_size=20).partial_fit(X, Y, **first)
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        model.partial_fit(X * 1e300, Y)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(put(X, np.nan), Y)
    for each in (model, twin):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])
    assert model.loss_curve_ == twin.loss_curve_


def test_a_warning_that_is_an_error_changes_nothing():
    model = MLPClassifier((5,), max_iter=3, warm_start=True, random_state=0).fit(X, Y)
    curve, weights = model.loss_curve_, model.coefs_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, Y)
    assert model.loss_curve_ is curve
    assert len(curve) == 3
    assert model.coefs_ is weights


# Weights that were set by hand before the first fit.


def by_hand(Estimator, n_out, **options):
    model = Estimator((4,), warm_start=True, max_iter=1, learning_rate_init=1e-300, random_state=0, **options)
    rng = np.random.default_rng(0)
    model.coefs_ = [rng.normal(size=(4, 4)), rng.normal(size=(4, n_out))]
    model.intercepts_ = [rng.normal(size=4), rng.normal(size=n_out)]
    return model


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("y", [Y_IRIS, Y_IRIS == 1, np.eye(3, dtype=int)[Y_IRIS], X_IRIS[:, 0]])
def test_weights_set_by_hand_are_a_start(y, method):
    real = y.dtype.kind == "f"
    n_out = 1 if real or y.dtype == bool else 3
    model = by_hand(MLPRegressor if real else MLPClassifier, n_out)
    before = [W.copy() for W in model.coefs_]
    classes = {"classes": np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)}
    getattr(model, method)(X_IRIS, y, **({} if real or method == "fit" else classes))
    for W, first in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, first)
    assert model.n_features_in_ == 4
    assert model.predict(X_IRIS).shape == y.shape


def test_weights_set_by_hand_that_do_not_fit():
    for change, message in (
        ({"coefs_": [np.ones((4, 5)), np.ones((5, 3))]}, r"layer sizes \[4, 5, 3\].*set warm_start=False"),
        ({"coefs_": [np.ones((4, 4))]}, r"layer sizes \[4, 4\]"),
        (
            {"intercepts_": [np.ones(1), np.ones(3)]},
            r"intercepts_ has the lengths \[1, 3\], but the layers have \[4, 3\]",
        ),
        ({"intercepts_": [np.ones(4)]}, r"intercepts_ has the lengths \[4\]"),
        ({"intercepts_": []}, r"set both coefs_ and intercepts_, or neither"),
    ):
        model = by_hand(MLPClassifier, 3)
        vars(model).update(change)
        before = dict(vars(model))
        with pytest.raises(ValueError, match=message):
            model.fit(X_IRIS, Y_IRIS)
        assert vars(model) == before
    model = by_hand(MLPClassifier, 3)
    del model.intercepts_
    with pytest.raises(ValueError, match="set both coefs_ and intercepts_, or neither"):
        model.fit(X_IRIS, Y_IRIS)


# Attributes of one and of several members.


@pytest.mark.parametrize("values", [[1.5], [1.5, 2.5], [[1, 2]], [[1, 2], [3]], [None]])
def test_the_value_of_one_member_is_itself_and_those_of_several_are_a_list(values):
    attribute = one_or_all(values)
    assert attribute == (values[0] if len(values) == 1 else values)
    assert per_member(attribute, len(values)) == values


@pytest.mark.parametrize("value", [1.5, [1, 2, 3], None])
def test_a_value_of_another_number_of_members_tells_nothing(value):
    assert per_member(value, 2) == [None, None]


def test_parameters_have_scikit_learns_names():
    assert [attribute_name(name) for name in ("W", "b", "scales")] == ["coefs_", "intercepts_", "scales_"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_fit_leaves_the_attributes_as_they_were(error):
    attributes = {"alpha": 1.0, "coefs_": [1]}
    before = dict(attributes)

    def fail():
        with restored_on_error(attributes):
            attributes.update(coefs_=[2], n_features_in_=3)
            del attributes["alpha"]
            raise error

    with pytest.raises(error):
        fail()
    assert attributes == before
    with restored_on_error(attributes):
        attributes["coefs_"] = [2]
    assert attributes["coefs_"] == [2]
