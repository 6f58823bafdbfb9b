"""Curvature products and Jacobians against differences, dense matrices and each other, over every table entry."""

from __future__ import annotations

import numpy as np
import pytest
from problems import STEP, objective, relative_error

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.losses import LOSSES, WithCurvature
from mlp_estimator.engine.sweeps import outputs

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


@pytest.mark.parametrize("loss", CURVED)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("weighted", [False, True])
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


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)], ids=len)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
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
