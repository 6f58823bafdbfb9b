"""One update of theta: clipping, rates and decay around the step of any optimizer."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from problems import HYPERPARAMETERS, optimizer_of, update
from samples import SHORT, X_DIAB, Y_DIAB

from mlp_estimator import MLPRegressor
from mlp_estimator.engine.layout import Layout, Param
from mlp_estimator.engine.optimizers import OPTIMIZERS
from mlp_estimator.engine.updates import FLUSH_STEPS, Update

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each = pytest.mark.parametrize("name", OPTIMIZERS)


@each
def test_rates_are_factors_on_the_step(name):
    gradient = np.random.default_rng(0).normal(size=(2, 6))
    plain, rated, decayed = (np.zeros((2, 6)) for _ in range(3))
    update(name, plain)(gradient.copy())
    update(name, rated, rate=6.0)(gradient.copy())
    np.testing.assert_allclose(rated, plain * [1, 1, 1, 1, 6, 6], rtol=1e-12)
    assert update(name, decayed).rates is None  # nothing to pay where all are 1


def test_adamw_is_the_papers_algorithm():
    # Loshchilov and Hutter's algorithm 2, the learning rate standing before their lambda too, as in PyTorch.
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(1, 6))
    expected, m, v = theta.copy(), 0.0, 0.0
    change = update("adam", theta, n_decayed=3, rate=2.0, weight_decay=0.3)
    for t in range(1, 30):
        g = rng.normal(size=(1, 6))
        change.optimizer.learning_rate = 0.1 / t  # of a schedule
        change(g.copy())
        m = 0.8 * m + 0.2 * g
        v = 0.99 * v + 0.01 * g**2
        decay = 0.1 / t * 0.3 * expected * [1, 1, 1, 0, 0, 0]
        rate = 0.1 / t * np.sqrt(1 - 0.99**t) / (1 - 0.8**t)
        expected -= rate * m / (np.sqrt(v) + HYPERPARAMETERS["epsilon"]) * [1, 1, 1, 1, 2, 2] + decay
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_without_a_gradient_do_not_stay_subnormal(name, dtype):
    # 0.9 times the smallest subnormal number is rounded to itself: it stays for ever, and costs a hundredfold. Moments
    # that halve within few steps may be subnormal until they are looked at.
    theta = np.zeros((2, 6), dtype)
    change = update(name, theta)
    change(np.full_like(theta, 1e10 * np.finfo(dtype).tiny ** 0.5))
    memories = [getattr(change.optimizer, memory) for memory in change.optimizer.memory]
    n_subnormal = 0
    for _ in range(9000):
        change(np.zeros_like(theta))
        n_subnormal += any(((memory != 0) & (np.abs(memory) < np.finfo(dtype).tiny)).any() for memory in memories)
    assert n_subnormal <= (0 if name in ("sgd", "adam") else FLUSH_STEPS)


@each
def test_a_step_allocates_nothing_that_grows(name):
    theta, gradient = np.ones((2, 100_000)), np.ones((2, 100_000))
    change = update(name, theta, n_decayed=90_000, rate=6.0, max_grad_norm=1.0, weight_decay=0.1)
    change(gradient)
    tracemalloc.start()
    change(gradient)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < gradient.nbytes / 10  # NumPy 1 buffers up to 8192 numbers of an operand


@each
def test_a_long_gradient_is_shortened_and_a_short_one_left(name):
    long, short, zero = np.array([[3.0, 4.0], [30.0, 40.0]]), np.array([[0.3, 0.4], [0.0, 0.1]]), np.zeros((2, 2))
    for gradient, clipped in ((long, np.array([[0.6, 0.8]] * 2)), (short, short), (zero, zero)):
        ours, theirs = np.zeros((2, 2)), np.zeros((2, 2))
        update(name, ours, max_grad_norm=1.0)(gradient.copy())
        update(name, theirs)(clipped.copy())
        np.testing.assert_allclose(ours, theirs, atol=1e-15)


@ignore_convergence
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weight_decay_shrinks_weights_and_leaves_biases(solver):
    options = SHORT | {"solver": solver, "alpha": 0.0, "batch_size": 50, "max_iter": 1, "momentum": 0.0}
    plain = MLPRegressor(**options).fit(X_DIAB, Y_DIAB)
    decayed = MLPRegressor(weight_decay=10.0, **options).fit(X_DIAB, Y_DIAB)
    assert all((a**2).sum() < (b**2).sum() for a, b in zip(decayed.coefs_, plain.coefs_, strict=True))


@ignore_convergence
def test_decay_does_not_depend_on_the_gradient_or_the_batch():
    # With a huge epsilon Adam's steps vanish, and what is left is a factor 1 - 0.1 * 0.5 a step.
    options = SHORT | {"alpha": 0.0, "epsilon": 1e30, "learning_rate_init": 0.1, "max_iter": 1}
    first = MLPRegressor(batch_size=442, **options).fit(X_DIAB, Y_DIAB)
    for batch_size, n_steps in ((442, 1), (100, 5)):
        model = MLPRegressor(weight_decay=0.5, batch_size=batch_size, **options).fit(X_DIAB, Y_DIAB)
        np.testing.assert_allclose(model.coefs_[0], first.coefs_[0] * 0.95**n_steps, rtol=1e-12)
        np.testing.assert_allclose(model.intercepts_[0], first.intercepts_[0], rtol=1e-12)


@each
def test_the_average_is_the_recursion_over_steps(name):
    rng = np.random.default_rng(0)
    theta, averaged = rng.normal(size=(2, 6)), np.zeros((2, 6))
    layout = Layout([[Param("W", (3,), True), Param("b", (3,), False)]])
    limits = {"max_grad_norm": None, "weight_decay": 0.1}
    change = Update(optimizer_of(name, theta), theta, layout, limits, averaged)
    expected = averaged.copy()
    for t in range(1, 600):
        change(rng.normal(size=theta.shape))
        memory = min(0.98, t / (t + 9))
        expected = memory * expected + (1 - memory) * theta
    np.testing.assert_allclose(averaged, expected, rtol=1e-9)
