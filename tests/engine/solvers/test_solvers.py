"""All solvers: the loss falls, optima agree with independent models, limits hold, interrupts lose nothing."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from problems import CLASSIFIER_SOLVERS, OPTIONS, objective, run_of, solvable, solve
from samples import X_DIAB, Y_DIAB
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.objective import Objective
from mlp_estimator.engine.optimizers import OPTIMIZERS
from mlp_estimator.engine.solvers import SOLVERS

X, Y = X_DIAB, Y_DIAB
PAIRS = [(solver, loss) for loss in LOSSES for solver in SOLVERS if solvable(solver, loss)]
# Each solver with one loss and each loss with one solver; the other pairs are slow.
FIRST = {*dict(PAIRS).items(), *((solver, loss) for loss, solver in dict(pair[::-1] for pair in PAIRS).items())}


@pytest.mark.parametrize(
    ("solver", "loss"), [pytest.param(*pair, marks=() if pair in FIRST else pytest.mark.slow) for pair in PAIRS]
)
def test_the_loss_falls_and_the_curve_is_complete(solver, loss):
    o = objective(loss=loss, n=20)
    before = float(o.value_and_grad()[0])
    monitor, outcome = solve(solver, o)
    after = float(o.value_and_grad()[0])
    assert after < before
    assert len(monitor.loss_curve) == monitor.n_iter > 0
    if not SOLVERS[solver].incremental:
        np.testing.assert_allclose(monitor.loss, after)
    assert (outcome.status == "converged") == (monitor.n_iter < 30)


class Interrupting:
    """A loss that raises KeyboardInterrupt at its n-th evaluation."""

    def __init__(self, loss, at):
        self.loss, self.left = loss, at
        for name in ("codes", "curvature", "residuals"):
            setattr(self, name, getattr(loss, name))

    def value_and_grad(self, *arrays):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.loss.value_and_grad(*arrays)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("at", [1, 3, 12])
def test_an_interrupt_leaves_the_last_completed_update(solver, at):
    o = objective(n=20)
    start = o.theta.copy()
    states = [start]
    interrupted = Objective(o.network, Interrupting(o.loss, at), o.data, theta=start.copy(), alpha=0.3)
    monitor, outcome = solve(solver, interrupted)
    assert outcome.status == "interrupted"
    assert np.isfinite(monitor.loss)
    if not SOLVERS[solver].incremental:
        replay = run_of(objective(n=20))
        replay.monitor.record = lambda loss, theta: states.append(theta.copy())
        SOLVERS[solver].run([replay])
        assert any(np.array_equal(interrupted.theta, state) for state in states)
        assert np.array_equal(interrupted.theta, states[monitor.n_iter])
    else:
        # at - 1 updates were completed: replay exactly those
        rng, n_done, replay = np.random.RandomState(0), 0, objective(n=20)
        reads = ("learning_rate_init", *OPTIMIZERS[solver].reads)
        optimizer = OPTIMIZERS[solver](replay.theta, **{k: OPTIONS[k] for k in reads})
        order = np.arange(20)
        while n_done < at - 1:
            order = order[rng.permutation(20)]
            for i in range(0, 20, 4):
                if n_done < at - 1:
                    replay.value_and_grad(order[i : i + 4])
                    optimizer.n_steps += 1
                    optimizer.step(replay.grad)
                    replay.theta += replay.grad
                    n_done += 1
        np.testing.assert_array_equal(interrupted.theta, replay.theta)


WHOLE = [name for name, solver in SOLVERS.items() if not solver.incremental]
WEIGHT = np.random.default_rng(0).uniform(0.2, 2, 442)
EXACT = {"tol": 1e-6, "max_iter": 5000, "random_state": 0}


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
    with pytest.raises(ValueError, match=r"solver='lm' calls `residuals` of the loss .*, which Poisson"):
        MLPRegressor(solver="lm", loss="poisson").fit(X, Y - Y.min())
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


@pytest.mark.parametrize("solver", ["cg", "newton-cg", "lm"])
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
