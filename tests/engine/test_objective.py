"""The objective: gradients, curvature products and residuals against differences, weights and members."""

from __future__ import annotations

import numpy as np
import pytest
from problems import STEP, along, covering, objective, relative_error, same, values

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import LOSSES, WithCurvature
from mlp_estimator.engine.objective import Objective
from mlp_estimator.engine.sweeps import outputs


@covering(activation=ACTIVATIONS, loss=LOSSES, weighted=[False, True], n_outputs=[1, 3], n_members=[1, 2])
def test_gradient(activation, loss, weighted, n_outputs, n_members):
    o = objective(activation, loss, weighted=weighted, n_outputs=n_outputs, n_members=n_members)
    size = max(1.0, float(np.abs(o.value_and_grad()).max()))
    gradient = o.grad.copy()
    v = np.random.default_rng(1).normal(size=o.theta.shape)
    differences = along(o.value_and_grad, o.theta, v)
    # An absolute floor, of the size of the value: a softmax of one output is constant and has no data gradient.
    np.testing.assert_allclose((gradient * v).sum(axis=1), differences, rtol=1e-7, atol=1e-9 * size)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_are_the_whole(loss, weighted):
    kw = {"loss": loss, "weighted": weighted, "n": 23}
    same(values(objective(**kw, max_batch=5)), values(objective(**kw)))


@pytest.mark.parametrize("weighted", [False, True])
def test_minibatches_add_up(weighted):
    o = objective(weighted=weighted, n=23, alpha=0.0)
    weight = np.ones(23) if o.data[0].weight is None else o.data[0].weight
    parts = np.split(np.random.default_rng(0).permutation(23), [5, 10, 15, 20])
    value, grad = 0.0, 0.0
    for rows in parts:
        v, g = values(o, rows)
        value, grad = value + v * weight[rows].sum(), grad + g * weight[rows].sum()
    same((value / weight.sum(), grad / weight.sum()), values(o))


def test_the_penalty_is_divided_by_the_weights_at_hand():
    plain, penalised = objective(alpha=0.0, weighted=True), objective(alpha=0.8, weighted=True)
    D = plain.network.layout.n_decayed
    rows = np.array([1, 4, 6])
    total = plain.data[0].weight[rows].sum()
    W = plain.theta[:, :D]
    (f0, g0), (f1, g1) = values(plain, rows), values(penalised, rows)
    np.testing.assert_allclose(f1 - f0, 0.4 * (W**2).sum() / total)
    np.testing.assert_allclose(g1[:, :D] - g0[:, :D], 0.8 * W / total, atol=1e-12)
    np.testing.assert_array_equal(g1[:, D:], g0[:, D:])


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_are_repetitions(loss):
    o = objective(loss=loss, n=11)
    X, Y = o.data[0].X, o.data[0].Y
    times = np.array([0, 1, 2, 3, 1, 0, 2, 1, 1, 0, 4])
    weighted = Objective(o.network, o.loss, [Data(X, Y, times.astype(float))], theta=o.theta, alpha=0.3)
    repeats = Data(X.repeat(times, axis=0), Y.repeat(times, axis=0))
    repeated = Objective(o.network, o.loss, [repeats], theta=o.theta, alpha=0.3)
    same(values(weighted), values(repeated))


def test_rows_of_zero_weight():
    o = objective(weighted=True)
    o.data[0].weight[[2, 5]] = 0.0
    assert o.value_and_grad(np.array([2, 5])) is None


def test_members_are_separate_networks():
    together = objective(n_members=3, loss="softmax_cross_entropy")
    value, grad = values(together)
    for m in range(3):
        theta = together.theta[m : m + 1].copy()
        alone = Objective(together.network, together.loss, together.data, theta=theta, alpha=0.3)
        same(values(alone), (value[m : m + 1], grad[m : m + 1]))


def test_some_rows_only():
    o = objective(n=13)
    rows = np.array([3, 1, 9, 4])
    X, Y = o.data[0].X, o.data[0].Y
    some = Objective(o.network, o.loss, [Data(X, Y, None, rows)], theta=o.theta, alpha=0.3, max_batch=3)
    same(values(some), values(Objective(o.network, o.loss, [Data(X[rows], Y[rows])], theta=o.theta, alpha=0.3)))


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_stays_float32(loss):
    single, double = objective(loss=loss, dtype=np.float32), objective(loss=loss)
    value, grad = values(single)
    assert value.dtype == grad.dtype == np.float32
    same((value, grad), values(double), rtol=1e-5)


CURVED = [name for name, loss in LOSSES.items() if isinstance(loss(), WithCurvature)]


def products(o, directions):
    """The Gauss-Newton products of the rows of ``directions``, for one member."""
    out = np.empty_like(o.theta)
    rows = []
    for v in directions:
        o.curvature_product(v[None], out)
        rows.append(out[0].copy())
    return np.array(rows)


def raw_of(o):
    chunks = outputs(o.network, o.network.layout.views(o.theta), o.data[0].X)
    return np.concatenate([raw[0].copy() for _, raw in chunks], axis=1)


def jacobian(o):
    """D raw / d theta by differences, (K, n, P)."""
    columns = []
    start = o.theta.copy()
    for i in range(start.size):
        ends = []
        for sign in (1, -1):
            np.copyto(o.theta, start)
            o.theta[0, i] += sign * STEP
            ends.append(raw_of(o))
        columns.append((ends[0] - ends[1]) / (2 * STEP))
    np.copyto(o.theta, start)
    return np.stack(columns, axis=2)


@covering(loss=CURVED, activation=ACTIVATIONS, weighted=[False, True])
def test_products_are_those_of_the_dense_matrix(loss, activation, weighted):
    o = objective(activation, loss, hidden=(4,), weighted=weighted, n=9, max_batch=4)
    found = products(o, np.eye(o.theta.size))
    J, raw = jacobian(o), raw_of(o)
    expected = np.zeros_like(found)
    for i in range(9):
        H = np.empty((3, 3))
        weight = None if o.data[0].weight is None else o.data[0].weight[None, None, i : i + 1]
        for k in range(3):
            t = np.eye(3)[:, k][None, :, None].copy()
            o.loss.curvature(o.data[0].Y[i][None, :, None], raw[None, :, i : i + 1], weight, t)
            H[:, k] = t[0, :, 0]
        expected += J[:, i].T @ H @ J[:, i] / o.total_weight
    decayed = np.arange(o.theta.size) < o.network.layout.n_decayed
    expected += np.diag(decayed * o.alpha / o.total_weight)
    assert relative_error(found, expected) < 1e-6
    assert relative_error(found, found.T) < 1e-12
    assert np.linalg.eigvalsh((found + found.T) / 2).min() > -1e-12


@pytest.mark.parametrize("loss", CURVED)
def test_without_hidden_layers_they_are_the_hessians(loss):
    o = objective(loss=loss, hidden=(), n=9, n_members=2)
    rng = np.random.default_rng(1)
    v, out = rng.normal(size=o.theta.shape), np.empty_like(o.theta)
    ends, start = [], o.theta.copy()
    for sign in (1, -1):
        np.copyto(o.theta, start + sign * STEP * v)
        o.value_and_grad()
        ends.append(o.grad.copy())
    np.copyto(o.theta, start)
    o.curvature_product(v, out)
    assert relative_error(out, (ends[0] - ends[1]) / (2 * STEP)) < 1e-7


@covering(activation=ACTIVATIONS, hidden=[(), (4,), (4, 3)], n_outputs=[1, 3], weighted=[False, True])
def test_the_jacobian_is_that_of_the_residuals(activation, hidden, n_outputs, weighted):
    o = objective(activation, hidden=hidden, n_outputs=n_outputs, weighted=weighted, n=9, max_batch=4)
    expected, raw = jacobian(o), raw_of(o)
    root = np.ones(9) if o.data[0].weight is None else np.sqrt(o.data[0].weight)
    found = [(J.copy(), r.copy()) for J, r in o.residuals()]
    assert len(found) == 3 * n_outputs
    for b, rows in enumerate((slice(0, 4), slice(4, 8), slice(8, 9))):
        for k in range(n_outputs):
            J, r = found[b * n_outputs + k]
            assert relative_error(J, expected[k, rows] * root[rows, None]) < 1e-7
            np.testing.assert_allclose(r, (raw[k, rows] - o.data[0].Y[rows, k]) * root[rows], atol=1e-12)


def test_the_value_alone_is_the_value():
    for kw in ({}, {"max_batch": 4}, {"weighted": True, "n_members": 2}):
        o = objective(n=9, **kw)
        np.testing.assert_allclose(o.value(), o.value_and_grad(), rtol=1e-14)
