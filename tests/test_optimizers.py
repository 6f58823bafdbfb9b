"""Optimizers against their papers' formulas, members against separate runs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from mlp_estimator.engine.layout import Layout, Param
from mlp_estimator.engine.optimizers import OPTIMIZERS, SGD
from mlp_estimator.engine.updates import Update

HYPERPARAMETERS = {
    "learning_rate_init": 0.1, "momentum": 0.9, "nesterovs_momentum": True, "beta_1": 0.8, "beta_2": 0.99,
    "epsilon": 1e-3,
}  # fmt: skip
each = pytest.mark.parametrize("name", OPTIMIZERS)


def optimizer_of(name, theta, **changes):
    reads = ("learning_rate_init", *OPTIMIZERS[name].reads)
    return OPTIMIZERS[name](theta, **{read: (HYPERPARAMETERS | changes)[read] for read in reads})


def update(name, theta, n_decayed=0, rate=1.0, max_grad_norm=None, weight_decay=0.0, **changes):
    """An update of theta (M, P), of which the first ``n_decayed`` decay; the last two have a ``rate`` of their own."""
    n = theta.shape[1]
    params = [Param("W", (n_decayed,), True), Param("b", (n - n_decayed - 2,), False), Param("s", (2,), False, rate)]
    limits = {"max_grad_norm": max_grad_norm, "weight_decay": weight_decay}
    return Update(optimizer_of(name, theta, **changes), theta, Layout([params]), limits)


def quadratic_run(change, theta, n_steps=50):
    """Steps on f(theta) = 1/2 sum c theta^2 with unequal c, at a rate that falls like 1 / t."""
    c = np.linspace(0.1, 3, theta.shape[1]).astype(theta.dtype)
    for t in range(n_steps):
        change.optimizer.learning_rate = HYPERPARAMETERS["learning_rate_init"] / (1 + t / 100)
        change(c * theta)
    return theta


@each
def test_descends(name):
    theta = np.ones((1, 5))
    assert np.abs(quadratic_run(update(name, theta), theta, 400)).max() < 0.05


@each
def test_stacked_optimizers_are_the_separate_ones(name):
    # Members with rates, hyperparameters and numbers of steps of their own, stacked and unstacked between the steps.
    rng = np.random.default_rng(0)
    thetas = [rng.normal(size=(1, 4)) for _ in range(3)]
    rates = [0.1, 0.01, 0.03]
    optimizers, alone = (
        [optimizer_of(name, t, learning_rate_init=r, beta_2=1 - r) for t, r in zip(thetas, rates, strict=True)]
        for _ in range(2)
    )
    for some in ([0], [0, 1, 2], [2], [0, 1, 2]):
        grad = rng.normal(size=(len(some), 4))
        for m, g in zip(some, grad, strict=True):
            step = g[None].copy()
            alone[m].n_steps += 1
            alone[m].step(step)
        stacked = OPTIMIZERS[name].stack([optimizers[m] for m in some])
        stacked.n_steps = stacked.n_steps + 1
        stacked.step(grad)
        stacked.unstack([optimizers[m] for m in some])
        np.testing.assert_allclose(grad[-1], step[0], rtol=1e-12)
    for a, b in zip(optimizers, alone, strict=True):
        assert a.n_steps == b.n_steps
        for memory in OPTIMIZERS[name].memory:
            np.testing.assert_allclose(getattr(a, memory), getattr(b, memory), rtol=1e-12)


@each
def test_rates_are_factors_on_the_step(name):
    gradient = np.random.default_rng(0).normal(size=(2, 6))
    plain, rated, decayed = (np.zeros((2, 6)) for _ in range(3))
    update(name, plain)(gradient.copy())
    update(name, rated, rate=6.0)(gradient.copy())
    np.testing.assert_allclose(rated, plain * [1, 1, 1, 1, 6, 6], rtol=1e-12)
    assert [type(link).__name__ for link in update(name, decayed).links] == ["method"]  # nothing to pay where all are 1


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_are_separate_and_keep_their_type(name, dtype):
    start = np.random.default_rng(0).normal(size=(3, 5)).astype(dtype)
    together = start.copy()
    quadratic_run(update(name, together), together)
    assert together.dtype == dtype
    for m in range(3):
        alone = start[m : m + 1].copy()
        quadratic_run(update(name, alone), alone)
        np.testing.assert_allclose(together[m], alone[0], rtol=1e-6)


def test_adam_is_the_papers_algorithm():
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(1, 4))
    expected, m, v = theta.copy(), 0.0, 0.0
    adam = optimizer_of("adam", theta)
    for t in range(1, 30):
        g = rng.normal(size=(1, 4))
        step = g.copy()
        adam.n_steps += 1
        adam.step(step)
        theta += step
        m = 0.8 * m + 0.2 * g
        v = 0.99 * v + 0.01 * g**2
        # The efficient form at the end of the paper's section 2, epsilon outside the correction.
        rate = 0.1 * np.sqrt(1 - 0.99**t) / (1 - 0.8**t)
        expected -= rate * m / (np.sqrt(v) + HYPERPARAMETERS["epsilon"])
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_momentum_as_written(nesterov):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(1, 4))
    expected, v = theta.copy(), 0.0
    sgd = SGD(theta, learning_rate_init=0.1, momentum=0.7, nesterovs_momentum=nesterov)
    for _ in range(10):
        g = rng.normal(size=(1, 4))
        step = g.copy()
        sgd.step(step)
        theta += step
        v = 0.7 * v - 0.1 * g
        expected += 0.7 * v - 0.1 * g if nesterov else v
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


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
def test_a_step_allocates_nothing_that_grows(name):
    theta, gradient = np.ones((2, 100_000)), np.ones((2, 100_000))
    change = update(name, theta, n_decayed=90_000, rate=6.0, max_grad_norm=1.0, weight_decay=0.1)
    change(gradient)
    tracemalloc.start()
    change(gradient)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5000


@each
def test_a_long_gradient_is_shortened_and_a_short_one_left(name):
    long, short, zero = np.array([[3.0, 4.0], [30.0, 40.0]]), np.array([[0.3, 0.4], [0.0, 0.1]]), np.zeros((2, 2))
    for gradient, clipped in ((long, np.array([[0.6, 0.8]] * 2)), (short, short), (zero, zero)):
        ours, theirs = np.zeros((2, 2)), np.zeros((2, 2))
        update(name, ours, max_grad_norm=1.0)(gradient.copy())
        update(name, theirs)(clipped.copy())
        np.testing.assert_allclose(ours, theirs, atol=1e-15)


@each
def test_the_average_is_the_recursion_over_steps(name):
    rng = np.random.default_rng(0)
    theta, averaged = rng.normal(size=(2, 6)), np.zeros((2, 6))
    params = [Param("W", (3,), True), Param("b", (3,), False)]
    limits = {"max_grad_norm": None, "weight_decay": 0.1}
    change = Update(optimizer_of(name, theta), theta, Layout([params]), limits, averaged)
    expected = averaged.copy()
    for t in range(1, 600):
        change(rng.normal(size=theta.shape))
        memory = min(0.98, t / (t + 9))
        expected = memory * expected + (1 - memory) * theta
    np.testing.assert_allclose(averaged, expected, rtol=1e-9)
