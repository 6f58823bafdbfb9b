"""Damped Gauss-Newton steps; the evidence for alpha: exact for linear models, and the noise and the intervals."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from samples import ENSEMBLE, X_DIAB, Y_DIAB, separate_fits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import BayesianRidge

from mlp_estimator import MLPRegressor
from mlp_estimator.engine.solvers import levenberg_marquardt

X, Y = X_DIAB, Y_DIAB
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@ignore_convergence
def test_a_rejected_step_is_not_kept(monkeypatch):
    # Whatever the damping starts with, the loss falls at every iteration.
    for damping in (1e-12, 1e3):
        monkeypatch.setattr(levenberg_marquardt, "INITIAL_DAMPING", damping)
        model = MLPRegressor((10,), "tanh", solver="lm", alpha=0.1, max_iter=40, random_state=0).fit(X, Y)
        assert (np.diff(model.loss_curve_) <= 0).all()
        assert model.loss_curve_[-1] < 0.2


def test_the_evidence_of_a_linear_model_is_bayesian_ridge():
    # Without hidden layers the approximations are exact, and scikit-learn maximises the same evidence.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    y = X @ [1.0, 0.5, 0.0, 0.0, 0.2, 0.0] + 0.5 * rng.normal(size=80)
    model = MLPRegressor((), solver="lm", alpha="auto", max_iter=1000, random_state=0).fit(X, y)
    bayes = BayesianRidge(tol=1e-8, max_iter=1000, lambda_1=0, lambda_2=0, alpha_1=0, alpha_2=0).fit(X, y)
    assert model.alpha_ == pytest.approx(bayes.lambda_ / bayes.alpha_, rel=0.03)
    np.testing.assert_allclose(model.predict(X), bayes.predict(X), atol=1e-3)
    # The intercept counts as an effective parameter, as in an unbiased variance.
    n = len(y)
    assert model.noise_variance_ == pytest.approx(1 / bayes.alpha_, rel=0.03)
    assert 1 < model.n_effective_params_ < 7
    mean, std = model.predict(X, return_std=True)
    expected = bayes.predict(X, return_std=True)[1]
    np.testing.assert_allclose(std, expected, rtol=0.03)
    assert std.shape == mean.shape == (n,)


def test_the_evidence_holds_noise_back():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (120, 1))
    y = np.sin(2 * x[:, 0]) + 0.3 * rng.normal(size=120)
    model = MLPRegressor((20,), "tanh", solver="lm", alpha="auto", max_iter=1000, random_state=0).fit(x, y)
    assert np.sqrt(model.noise_variance_) == pytest.approx(0.3, abs=0.06)
    grid = np.linspace(-2, 2, 50)[:, None]
    mean, std = model.predict(grid, return_std=True)
    assert np.abs(mean - np.sin(2 * grid[:, 0])).max() < 0.35
    far = model.predict([[6.0]], return_std=True)[1][0]
    assert far > 1.5 * std.max()  # predictions are less certain far from the data
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(grid, return_std=True)[1], std)
    model.set_params(alpha=1.0).fit(x, y)
    assert not hasattr(model, "alpha_")
    with pytest.raises(ValueError, match="return_std needs"):
        model.predict(grid, return_std=True)


def test_the_evidence_of_several_targets_and_weights():
    y = np.column_stack([Y, X[:, 2] + 0.1 * Y])
    times = np.random.default_rng(0).integers(1, 3, 442)
    options = {"solver": "lm", "alpha": "auto", "max_iter": 1000, "random_state": 0}
    weighted = MLPRegressor((3,), "tanh", **options).fit(X, y, times.astype(float))
    repeated = MLPRegressor((3,), "tanh", **options).fit(X.repeat(times, axis=0), y.repeat(times, axis=0))
    assert weighted.alpha_ == pytest.approx(repeated.alpha_, rel=1e-4)
    assert weighted.noise_variance_ == pytest.approx(repeated.noise_variance_, rel=1e-4)
    assert weighted.predict(X, return_std=True)[1].shape == (442, 2)


def test_too_many_effective_parameters_are_a_warning():
    x = np.linspace(0, 1, 30)[:, None]
    y = np.sign(np.sin(20 * x[:, 0]))
    with pytest.warns(UserWarning, match=r"effective parameters for 30 rows: too many .* cross-validation"):
        MLPRegressor((20,), "tanh", solver="lm", alpha="auto", max_iter=2000, random_state=0).fit(20 * x - 10, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPRegressor((2,), "tanh", solver="lm", alpha="auto", max_iter=1000, random_state=0).fit(X, Y)


def test_a_warning_where_the_evidence_finds_nothing():
    rng = np.random.default_rng(0)
    with pytest.warns(ConvergenceWarning, match="grown until the network became a constant|has not settled"):
        model = MLPRegressor((5,), "tanh", solver="lm", alpha="auto", random_state=0).fit(X, 1e3 * Y + 1e4)
    assert np.isfinite(model.predict(X)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MLPRegressor((5,), "tanh", solver="lm", alpha="auto", random_state=0).fit(X, rng.normal(size=442))
        MLPRegressor((), solver="lm", alpha=1.0, tol=0.0, max_iter=50, random_state=0).fit(X, np.zeros(442))


@ignore_convergence
def test_members_of_lm_keep_their_evidence():
    options = {"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (3,), "activation": "tanh", "max_iter": 100}
    model = MLPRegressor(**(ENSEMBLE | options)).fit(X_DIAB, Y_DIAB)
    for name in ("alpha_", "noise_variance_", "n_effective_params_"):
        expected = [getattr(one, name) for one in separate_fits(model, X_DIAB, Y_DIAB)]
        np.testing.assert_allclose(getattr(model, name), expected, rtol=1e-6)
