"""The three sweeps agree with each other and with differences, over every table entry."""

from __future__ import annotations

import numpy as np
import pytest
from problems import along, objective, relative_error
from scipy import sparse

from mlp_estimator.engine.activations import ACTIVATIONS, glorot
from mlp_estimator.engine.batches import batches_of
from mlp_estimator.engine.layers import Dense, Dropout, Elementwise
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.network import ROWS_AT_A_TIME, Sweeps, Workspace, perceptron

each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
each_depth = pytest.mark.parametrize("hidden", [(), (6,), (7, 5)], ids=len)


def sweeps_of(o, X, grad):
    """Sweeps of an objective's network over all rows of X."""
    n = X.shape[0]
    source = batches_of([X], n, o.theta.dtype)
    source.gather([slice(None)])
    params, gradients = (o.network.layout.views(flat) for flat in (o.theta, grad))
    space = Workspace(len(o.theta), n, o.theta.dtype)
    return Sweeps(o.network, params, gradients, source.x, n, space)


@each_activation
@each_depth
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    "container", [np.asarray, sparse.csr_array, sparse.csr_matrix], ids=["dense", "array", "matrix"]
)
def test_tangent_and_backward_are_adjoint(activation, hidden, n_members, container):
    # <u, J v> with J v by the tangent sweep, by differences, and as <J' u, v> by the backward sweep.
    o = objective(activation, hidden=hidden, n_members=n_members)
    X = container(o.data[0].X)
    o.network = perceptron((4, *hidden, 3), (ACTIVATIONS[activation],) * (len(hidden) + 1), sparse=sparse.issparse(X))
    grad = np.empty_like(o.theta)
    sweeps = sweeps_of(o, X, grad)
    rng = np.random.default_rng(1)
    v = rng.normal(size=o.theta.shape)
    u = rng.normal(size=sweeps.raw.shape)

    def raw():
        sweeps.forward()
        return sweeps.raw

    differences = along(raw, o.theta, v)
    raw()
    tangent = sweeps.tangent(v).copy()
    assert relative_error(tangent, differences) < 1e-7
    np.copyto(sweeps.d_raw, u)
    sweeps.backward()
    forward = (u * tangent).sum(axis=(1, 2))
    backward = (grad * v).sum(axis=1)
    assert relative_error(forward, backward) < 1e-12


@pytest.mark.parametrize("layer", [Dense(5, glorot), Dropout(0.4), *(Elementwise(a) for a in ACTIVATIONS.values())])
def test_layer_alone(layer):
    # The same identities for one layer, with the gradient of its input.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 9))
    p, v, dp = (tuple(rng.normal(size=(2, *q.shape)) for q in layer.params(4)) for _ in range(3))
    t_in, d_in = rng.normal(size=x.shape), np.empty_like(x)
    out, t_out, work, u = (rng.normal(size=(2, layer.n_out(4), 9)) for _ in range(4))
    if layer.noisy:
        p = (np.empty_like(out),)
        layer.draw(p, [np.random.default_rng(m) for m in range(2)])
    given = x.copy()
    layer.forward(p, x, out)
    layer.tangent(p, x, out, v, t_in, t_out, work)
    layer.backward(p, x, out, u, dp, d_in, np.empty_like(d_in))
    left = (u * t_out).sum()
    right = (d_in * t_in).sum() + sum((a * b).sum() for a, b in zip(dp, v, strict=True))
    assert relative_error(left, right) < 1e-12

    def output(step):
        moved = np.empty_like(out)
        moving = p if layer.noisy else tuple(a + step * b for a, b in zip(p, v, strict=True))
        layer.forward(moving, given + step * t_in, moved)
        return moved

    assert relative_error(t_out, (output(1e-6) - output(-1e-6)) / 2e-6) < 1e-7


def test_bias_gradient_is_the_sum_over_samples():
    # Some write-ups give the upstream matrix itself as the bias gradient; it has one entry per unit.
    rng = np.random.default_rng(0)
    layer, x, d_out = Dense(2, glorot), rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 2, 4))
    dW, db = np.empty((1, 3, 2)), np.empty((1, 2, 1))
    layer.backward((np.zeros((1, 3, 2)), np.zeros((1, 2, 1))), x, d_out, d_out, (dW, db), None, None)
    np.testing.assert_allclose(db[0, :, 0], d_out[0].sum(axis=1))
    np.testing.assert_allclose(dW[0], x[0] @ d_out[0].T)


@pytest.mark.parametrize("loss", LOSSES)
def test_outputs_in_chunks_are_outputs_at_once(loss):
    n = 2 * ROWS_AT_A_TIME + 17
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    o = objective(loss=loss)
    params = o.network.layout.views(o.theta)
    rows = rng.permutation(n)[: n - 5]
    chunks = [(part, raw.copy()) for part, raw in o.network.outputs(params, X, rows)]
    assert [part.stop - part.start for part, _ in chunks] == [ROWS_AT_A_TIME, ROWS_AT_A_TIME, 12]
    whole = np.concatenate([raw for _, raw in chunks], axis=2)
    a = X[rows].T
    for p in params:
        a = p[0][0].T @ a + p[1][0] if p else np.tanh(a)
    np.testing.assert_allclose(whole[0], a, atol=1e-12)


def test_initialisation_is_within_glorot_bounds_and_per_member():
    network = perceptron((30, 20, 5), (ACTIVATIONS["logistic"],) * 2)
    theta = np.empty((2, network.layout.size))
    network.init(theta, [np.random.RandomState(0), np.random.RandomState(1)])
    (W, b), _, (V, c) = network.layout.views(theta)
    for array, n in ((W, 50), (b, 50), (V, 25), (c, 25)):
        bound = np.sqrt(2.0 / n)
        assert np.abs(array).max() <= bound
        assert np.abs(array).max() > 0.7 * bound
    alone = np.empty((1, network.layout.size))
    network.init(alone, [np.random.RandomState(1)])
    np.testing.assert_array_equal(theta[1], alone[0])
