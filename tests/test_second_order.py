"""Solvers with curvature: their optima, their limits, the evidence for alpha, and the intervals that follow."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from problems import CLASSIFIER_SOLVERS
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.preprocessing import scale

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.solvers import SOLVERS, levenberg_marquardt

WHOLE = [name for name, solver in SOLVERS.items() if not solver.incremental]
X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
WEIGHT = np.random.default_rng(0).uniform(0.2, 2, 442)
EXACT = {"tol": 1e-6, "max_iter": 5000, "random_state": 0}
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("solver", WHOLE)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_without_hidden_layers_it_is_ridge_regression(solver, n_targets):
    y = np.column_stack([Y, X[:, 0] - Y])[:, :n_targets]
    model = MLPRegressor((), solver=solver, alpha=3.0, **EXACT).fit(X, y[:, 0] if n_targets == 1 else y, WEIGHT)
    ridge = Ridge(alpha=3.0).fit(X, y, WEIGHT)
    np.testing.assert_allclose(model.coefs_[0].T, ridge.coef_.reshape(n_targets, -1), atol=1e-4)


@pytest.mark.parametrize("solver", [name for name in WHOLE if name in CLASSIFIER_SOLVERS])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_hidden_layers_it_is_logistic_regression(solver, n_classes):
    y = np.digitize(Y, [-0.5, 0.7][: n_classes - 1])
    model = MLPClassifier((), solver=solver, alpha=0.5, **EXACT).fit(X, y, WEIGHT)
    logistic = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(X, y, WEIGHT)
    np.testing.assert_allclose(model.predict_proba(X), logistic.predict_proba(X), atol=5e-4)


@pytest.mark.parametrize("solver", WHOLE)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_from_near_an_optimum_all_reach_it(solver, form):
    options = {"hidden_layer_sizes": (3,), "activation": "tanh", "alpha": 10.0, "warm_start": True}
    start = MLPRegressor(**options, **(EXACT | {"tol": 1e-4}), solver="lbfgs").fit(X, Y)
    best = pickle.loads(pickle.dumps(start)).set_params(**EXACT).fit(X, Y)
    model = start.set_params(solver=solver, **EXACT).fit(form(X), Y)
    np.testing.assert_allclose(model.predict(X), best.predict(X), atol=2e-3)
    assert model.loss_ == pytest.approx(best.loss_, rel=1e-6)


@pytest.mark.parametrize("solver", WHOLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_comes_back_as_float32(solver, dtype):
    model = MLPRegressor((5,), "tanh", solver=solver, random_state=0, alpha=10.0, tol=1e-3).fit(X.astype(dtype), Y)
    assert model.coefs_[0].dtype == model.predict(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("solver", WHOLE)
def test_limits_are_kept_and_named(solver):
    options = {"hidden_layer_sizes": (10,), "solver": solver, "random_state": 0, "tol": 1e-12, "alpha": 1e-3}
    with pytest.warns(ConvergenceWarning, match=f"{solver} failed to converge after 3 iteration"):
        model = MLPRegressor(max_iter=3, **options).fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 3
    with pytest.warns(ConvergenceWarning, match=rf"{solver} failed to converge (within max_fun|after)"):
        model = MLPRegressor(max_iter=1000, max_fun=5, **options).fit(X, Y)
    assert 0 < model.n_iter_ <= 8


@pytest.mark.parametrize("solver", WHOLE)
def test_verbose_prints_each_iteration(solver, capsys):
    model = MLPRegressor((5,), "tanh", solver=solver, alpha=10.0, tol=1e-3, verbose=True, random_state=0)
    model.fit(X, Y)
    assert len(capsys.readouterr().out.splitlines()) == model.n_iter_


def test_a_mismatch_names_both():
    with pytest.raises(ValueError, match=r"solver='lm' calls `residuals` of the loss .*, which SigmoidCross"):
        MLPClassifier(solver="lm").fit(*load_breast_cancer(return_X_y=True))
    with pytest.raises(ValueError, match=r"solver='newton-cg' calls `curvature` of the loss .*, which AbsoluteError"):
        MLPRegressor(solver="newton-cg", loss="absolute_error").fit(X, Y)
    with pytest.raises(ValueError, match=r"up to 5000 parameters.* has 6001: choose solver='lbfgs' or 'newton-cg'"):
        MLPRegressor((500,), solver="lm").fit(X, Y)
    with pytest.raises(ValueError, match="alpha='auto' is found by solver='lm' only: give 'adam' a number"):
        MLPRegressor(alpha="auto").fit(X, Y)
    with pytest.raises(
        ValueError, match="return_std needs a fit that finds the noise: with solver='lm' and alpha='auto'"
    ):
        MLPRegressor((), solver="lm").fit(X, Y).predict(X, return_std=True)


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
    # It counts the intercept among what the data determine, as an unbiased variance does.
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
    assert far > 1.5 * std.max()  # where there are no data it knows less
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


@pytest.mark.parametrize("solver", ["cg", "newton-cg", "trust-krylov", "lm"])
def test_tol_is_the_largest_component_of_the_gradient(solver):
    options = {"hidden_layer_sizes": (5,), "activation": "tanh", "alpha": 10.0, "random_state": 0}
    model = MLPRegressor(solver=solver, tol=1e-7, max_iter=3000, **options).fit(X, Y)
    still = MLPRegressor(solver="sgd", batch_size=442, momentum=0.0, warm_start=True, max_iter=1, **options)
    still.set_params(learning_rate_init=1.0, nesterovs_momentum=False)
    still.__dict__.update({k: v for k, v in vars(model).items() if k.endswith("_") or k == "_loss"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        still.fit(X, Y)  # one step of rate 1 is the gradient
    moved = [np.abs(a - b).max() for a, b in zip(still.coefs_, model.coefs_, strict=True)]
    assert max(moved) <= 1e-7


def test_evidence_that_finds_nothing_says_so():
    rng = np.random.default_rng(0)
    with pytest.warns(ConvergenceWarning, match="grown until the network became a constant|has not settled"):
        model = MLPRegressor((5,), "tanh", solver="lm", alpha="auto", random_state=0).fit(X, 1e3 * Y + 1e4)
    assert np.isfinite(model.predict(X)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MLPRegressor((5,), "tanh", solver="lm", alpha="auto", random_state=0).fit(X, rng.normal(size=442))
        MLPRegressor((), solver="lm", alpha=1.0, tol=0.0, max_iter=50, random_state=0).fit(X, np.zeros(442))
