"""Each loss: gradient and curvature are derivatives of its value, weights are repetitions, nothing overflows."""

from __future__ import annotations

import numpy as np
import pytest
from problems import STEP, relative_error, targets
from scipy.special import log_softmax
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from mlp_estimator.engine.losses import LOSSES, WithCurvature

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each = pytest.mark.parametrize("name", LOSSES)
K, B = 3, 6


def evaluate(loss, Y, raw, weight=None):
    """Value and gradient for Y (n, k) and raw (K, B), neither spent."""
    raw = raw[None].copy()
    d_raw, work = np.empty_like(raw), np.empty((1, raw.shape[1] + 1, raw.shape[2]), raw.dtype)
    value = loss.value_and_grad(Y.T[None], raw, None if weight is None else weight[None, None], d_raw, work)
    return value[0], d_raw[0]


def problem(name, weighted, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.1, 2, B) if weighted else None
    loss = LOSSES[name]()
    return loss, targets(loss, B, K, rng), rng.normal(size=(loss.n_outputs * K, B)), weight


@each
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_and_curvature(name, weighted):
    loss, Y, raw, weight = problem(name, weighted)
    v = np.random.default_rng(1).normal(size=raw.shape)
    value = [evaluate(loss, Y, raw + sign * STEP * v, weight) for sign in (1, -1)]
    gradient = evaluate(loss, Y, raw, weight)[1]
    assert relative_error((gradient * v).sum(), (value[0][0] - value[1][0]) / (2 * STEP)) < 1e-7
    if not isinstance(loss, WithCurvature):
        return
    t = v[None].copy()
    loss.curvature(Y.T[None], raw[None], None if weight is None else weight[None, None], t)
    assert relative_error(t[0], (value[0][1] - value[1][1]) / (2 * STEP)) < 1e-7
    assert (t[0] * v).sum() >= 0


@each
def test_weights_are_repetitions(name):
    loss, Y, raw, _ = problem(name, weighted=False)
    times = np.array([0, 1, 2, 3, 1, 0])
    value, d_raw = evaluate(loss, Y, raw, times.astype(float))
    repeated, d_repeated = evaluate(loss, Y.repeat(times, axis=0), raw.repeat(times, axis=1))
    np.testing.assert_allclose(value, repeated, rtol=1e-12)
    sums = np.zeros_like(raw)
    np.add.at(sums.T, np.arange(B).repeat(times), d_repeated.T)
    np.testing.assert_allclose(d_raw, sums, atol=1e-12)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_overflow(name, dtype):
    loss, Y, _, _ = problem(name, weighted=False)
    Y = Y if loss.codes else Y.astype(dtype)
    raw = np.zeros((loss.n_outputs * K, B), dtype)
    raw[0], raw[1] = 1e4, -1e4
    with np.errstate(all="raise", under="ignore"):
        value, d_raw = evaluate(loss, Y, raw)
        prediction = np.empty_like(raw[None])
        loss.predict(raw[None].copy(), prediction)
    assert d_raw.dtype == prediction.dtype == value.dtype == dtype
    assert np.isfinite(value)
    assert np.isfinite(d_raw).all()
    assert np.isfinite(prediction).all()
    if loss.link in ("softmax", "logistic"):
        assert np.isfinite(np.log(prediction)).all()


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].link in ("softmax", "logistic")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_what_is_nearly_certain_are_not_subnormal_nor_are_their_products(name, dtype):
    loss, limits = LOSSES[name](), np.finfo(dtype)
    margins = np.geomspace(1, 1e4, 400).astype(dtype)
    raw = np.stack([-margins, np.zeros_like(margins), margins])
    Y = np.full((400, 1), 2) if loss.codes else np.tile(np.array([0, 0, 1], dtype), (400, 1))
    d_raw = evaluate(loss, Y, raw)[1]
    sizes = np.abs(d_raw[d_raw != 0])
    assert (sizes**2 >= limits.tiny).all()
    small = np.abs(raw) <= -np.log(limits.tiny) / 3
    assert np.abs(d_raw[~small & (raw < 0)]).max() < limits.tiny**0.3


def test_against_scikit_learn_metrics():
    rng = np.random.default_rng(2)
    raw = rng.normal(size=(K, B))
    Y = rng.uniform(size=(B, K))
    np.testing.assert_allclose(evaluate(LOSSES["squared_error"](), Y, raw)[0] / B, K * mean_squared_error(Y, raw.T) / 2)
    poisson = sum(mean_poisson_deviance(Y[:, k], np.exp(raw[k])) for k in range(K)) / 2
    np.testing.assert_allclose(evaluate(LOSSES["poisson"](), Y, raw)[0] / B, poisson)
    codes = rng.integers(0, K, (B, 1))
    probability = np.exp(log_softmax(raw.T, axis=1))
    np.testing.assert_allclose(
        evaluate(LOSSES["softmax_cross_entropy"](), codes, raw)[0] / B,
        log_loss(codes[:, 0], probability, labels=[0, 1, 2]),
    )
    binary = np.array([0.0, 1, 1, 0, 1, 0])[:, None]
    np.testing.assert_allclose(
        evaluate(LOSSES["sigmoid_cross_entropy"](), binary, raw[:1])[0] / B,
        log_loss(binary[:, 0], 1 / (1 + np.exp(-raw[0]))),
    )


def test_cross_entropy_is_minus_the_log():
    # Without the sign or the log, 1 would be the best value. It is 0, and log K where nothing is known.
    loss = LOSSES["softmax_cross_entropy"]()
    codes = np.zeros((B, 1), int)
    certain = np.zeros((K, B))
    certain[0] = 50.0
    assert 0 <= evaluate(loss, codes, certain)[0] < 1e-15
    np.testing.assert_allclose(evaluate(loss, codes, np.zeros((K, B)))[0], B * np.log(K))


def test_softmax_gradient_is_p_minus_one_at_the_class():
    raw = np.random.default_rng(3).normal(size=(K, 1))
    p = np.exp(raw) / np.exp(raw).sum()
    gradient = evaluate(LOSSES["softmax_cross_entropy"](), np.array([[2]]), raw)[1]
    np.testing.assert_allclose(gradient, p - np.array([[0], [0], [1]]))


@ignore_convergence
def test_fitted_functions_are_the_losses_links():
    assert {loss.link for loss in LOSSES.values()} == {"identity", "exp", "logistic", "softmax"}
