"""Optimizers against the formulas of their papers, members against separate runs."""

from __future__ import annotations

import numpy as np
import pytest
from problems import HYPERPARAMETERS, optimizer_of, update

from mlp_estimator.engine.optimizers import OPTIMIZERS, SGD

each = pytest.mark.parametrize("name", OPTIMIZERS)


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
    # Members with rates, hyperparameters and numbers of steps that differ, stacked and unstacked between the steps.
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
