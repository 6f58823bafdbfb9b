"""Whole runs: optima that independent models agree on, no allocation in a steady step, interrupts that lose nothing."""

from __future__ import annotations

import tracemalloc
from typing import ClassVar

import numpy as np
import pytest
from problems import objective, solvable
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.monitor import Monitor
from mlp_estimator.engine.objective import Objective
from mlp_estimator.engine.optimizers import OPTIMIZERS
from mlp_estimator.engine.runs import Run, Training, objective_of
from mlp_estimator.engine.solvers import SOLVERS

OPTIONS = {
    "learning_rate_init": 0.01, "momentum": 0.9, "nesterovs_momentum": True, "beta_1": 0.9, "beta_2": 0.999,
    "epsilon": 1e-8, "batch_size": 4, "max_iter": 30, "shuffle": True, "learning_rate": "constant", "power_t": 0.5,
    "max_fun": 1000, "tol": 1e-8, "max_grad_norm": None, "weight_decay": 0.0, "alpha": 0.3,
}  # fmt: skip


def run_of(o, **options):
    """A run from an objective's parameters, in its memory where there is one member."""
    monitor, training = (
        Monitor(tol=0.0, n_iter_no_change=np.inf),
        Training(np.random.RandomState(0), noise=o.noise and o.noise.generators),
    )
    batch_size = (OPTIONS | options)["batch_size"]
    return Run(o.network, o.loss, o.data[0], o.theta, o.alpha, batch_size, OPTIONS | options, monitor, training)


def run(name, o, **options):
    one = run_of(o, **options)
    SOLVERS[name].run([one])
    if one.error is not None:
        raise one.error
    return one.monitor, one.outcome


PAIRS = [(s, loss) for s in SOLVERS for loss in LOSSES if solvable(s, loss)]


@pytest.mark.parametrize(("solver", "loss"), PAIRS)
def test_the_loss_falls_and_the_curve_is_complete(solver, loss):
    o = objective(loss=loss, n=20)
    before = float(o.value_and_grad()[0])
    monitor, outcome = run(solver, o)
    after = float(o.value_and_grad()[0])
    assert after < before
    assert len(monitor.loss_curve) == monitor.n_iter > 0
    if not SOLVERS[solver].incremental:
        np.testing.assert_allclose(monitor.loss, after)
    assert (outcome.status == "converged") == (monitor.n_iter < 30)


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [4, 20])
@pytest.mark.parametrize(
    ("loss", "activation", "dropout"),
    [*((loss, "relu", 0.0) for loss in LOSSES), *(("squared_error", name, 0.1) for name in ACTIVATIONS)],
)
def test_a_steady_step_allocates_nothing_that_grows(solver, batch_size, loss, activation, dropout):
    # Peak memory of a further epoch at one size and at 9 times as many parameters and rows. Where NumPy casts it
    # goes through a buffer of 8192 elements, whatever the size: both sizes are above that.
    peaks = []
    for scale in (20, 180):
        o = objective(activation, loss, hidden=(10 * scale,), n=20 * scale, weighted=True, dropout=dropout)
        o.theta *= 0.01
        one = run_of(o, batch_size=batch_size * scale, max_iter=1, shuffle=False, learning_rate_init=1e-6)
        SOLVERS[solver].run([one])  # makes the optimizer
        o = objective_of([one])

        def epoch(o=o, one=one):
            one.outcome = None
            SOLVERS[solver]._train(o, [one], [one.data.order])

        epoch()
        epoch()
        tracemalloc.start()
        epoch()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4000, peaks  # an array of one row of the batch would add 5000 at least


def test_scipy_never_shares_a_gradient_buffer(monkeypatch):
    from mlp_estimator.engine.solvers import scipy_minimize

    seen = []

    def minimize(fun, x0, **kw):
        seen.extend(fun(x0 + i)[1] for i in range(3))
        raise KeyboardInterrupt

    monkeypatch.setattr(scipy_minimize, "minimize", minimize)
    o = objective()
    run("lbfgs", o)
    assert not any(np.shares_memory(a, b) for a in seen for b in (*seen, o.grad) if a is not b)


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
    monitor, outcome = run(solver, interrupted)
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


class TestLinearModels:
    """Without hidden layers the network is a generalised linear model, and its optimum that of scikit-learn's."""

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    score = X @ np.array([1.0, -0.5, 0.3, 0.0]) + 0.2
    weight = rng.uniform(0.2, 2, 200)
    options: ClassVar = {"solver": "lbfgs", "tol": 1e-10, "max_iter": 5000, "random_state": 0, "hidden_layer_sizes": ()}

    def test_ridge(self):
        y = np.column_stack([self.score, -self.score]) + self.rng.normal(size=(200, 2))
        model = MLPRegressor(alpha=3.0, **self.options).fit(self.X, y, self.weight)
        ridge = Ridge(alpha=3.0).fit(self.X, y, self.weight)
        np.testing.assert_allclose(model.coefs_[0].T, ridge.coef_, atol=1e-6)
        np.testing.assert_allclose(model.intercepts_[0], ridge.intercept_, atol=1e-6)

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_logistic(self, n_classes):
        y = np.digitize(self.score + self.rng.logistic(size=200), [0.0, 1.0][: n_classes - 1])
        model = MLPClassifier(alpha=0.5, **self.options).fit(self.X, y, self.weight)
        logistic = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(self.X, y, self.weight)
        np.testing.assert_allclose(model.predict_proba(self.X), logistic.predict_proba(self.X), atol=1e-5)

    def test_poisson(self):
        y = self.rng.poisson(np.exp(self.score))
        model = MLPRegressor(loss="poisson", alpha=2.0, **self.options).fit(self.X, y, self.weight)
        poisson = PoissonRegressor(alpha=2.0 / self.weight.sum(), tol=1e-10, max_iter=5000)
        poisson.fit(self.X, y, self.weight)
        np.testing.assert_allclose(model.coefs_[0][:, 0], poisson.coef_, atol=1e-5)


def spiral(n=100, arms=3, seed=0):
    """The three-armed spiral: 100 points an arm, radius 0 to 1, a little more than a half turn each, with noise."""
    rng = np.random.default_rng(seed)
    radius = np.tile(np.linspace(0, 1, n), arms)
    arm = np.repeat(np.arange(arms), n)
    angle = 4 * (arm + radius) + 0.2 * rng.normal(size=n * arms)
    return np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]), arm


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_two_layer_classifier_on_the_spiral():
    X, y = spiral()
    linear = MLPClassifier((), solver="lbfgs", alpha=1e-3, random_state=0).fit(X, y)
    assert 0.47 <= linear.score(X, y) <= 0.57
    network = MLPClassifier(
        (100,), solver="sgd", batch_size=300, momentum=0.0, nesterovs_momentum=False, learning_rate_init=1.0,
        max_iter=10000, alpha=0.3, tol=0.0, n_iter_no_change=10000, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert network.score(X, y) >= 0.98
