"""The three sweeps agree with each other and with differences, over every table entry."""

from __future__ import annotations

import numpy as np
import pytest
from problems import along, network_of, objective, relative_error
from scipy import sparse

from mlp_estimator.engine.activations import ACTIVATIONS, glorot
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.layers import LAYERS, Dense, Elementwise, Noise, Piecewise, Scale, SparseDense, uniform
from mlp_estimator.engine.layout import Layout
from mlp_estimator.engine.losses import LOSSES, SquaredError
from mlp_estimator.engine.memory import Workspace
from mlp_estimator.engine.network import Network
from mlp_estimator.engine.objective import Objective
from mlp_estimator.engine.sweeps import CHUNK_ROWS, Sweeps, outputs

each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
each_depth = pytest.mark.parametrize("hidden", [(), (6,), (7, 5)], ids=len)


def sweeps_of(o, X, grad):
    """Sweeps of an objective's network over all rows of X."""
    n = X.shape[0]
    source = o.network.layers[0].batches([X], n, o.theta.dtype)
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
    o.network = network_of(activation, (4, *hidden, 3), sparse=sparse.issparse(X))
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


@pytest.mark.parametrize("name", [*LAYERS, *ACTIVATIONS])
def test_layer_alone(name):
    # The same identities for one layer, with the gradient of its input unless it is a bottom layer.
    layer = LAYERS[name]() if name in LAYERS else Elementwise(ACTIVATIONS[name])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 9))
    p, v, dp = (tuple(rng.normal(size=view.shape) for view in views_of(layer, 2)) for _ in range(3))
    t_in, d_in = (None, None) if layer.bottom else (rng.normal(size=x.shape), np.empty_like(x))
    out, t_out, work, u = (rng.normal(size=(2, layer.n_out(4), 9)) for _ in range(4))
    scratch = tuple(np.empty((2, s.width, 9)) for s in layer.scratch(4))
    layer.draw(scratch, Noise([np.random.default_rng(m) for m in range(2)]))
    start, read = x.copy(), reader(layer)
    layer.forward(p, read(x), out, scratch)
    layer.tangent(p, read(x), out, scratch, v, t_in, t_out, work)
    layer.backward(p, read(x), out, scratch, u, dp, d_in, None if d_in is None else np.empty_like(d_in))
    left = (u * t_out).sum()
    right = sum((a * b).sum() for a, b in zip(dp, v, strict=True))
    if not layer.bottom:
        right += (d_in * t_in).sum()
    assert abs(left - right) <= 1e-12 * max(abs(left), 1.0)

    def output(step):
        moved, moving = np.empty_like(out), tuple(a + step * b for a, b in zip(p, v, strict=True))
        layer.forward(moving, read(start.copy() if t_in is None else start + step * t_in), moved, scratch)
        return moved

    assert relative_error(t_out, (output(1e-6) - output(-1e-6)) / 2e-6) < 1e-7


def views_of(layer, n_members):
    """Arrays for the parameters of a layer on four inputs."""
    layout = Layout([layer.params(4)])
    return layout.views(np.empty((n_members, layout.size)))[0]


def reader(layer):
    """What turns x (M, 4, B) into the batch that the layer reads."""
    if not isinstance(layer, SparseDense):
        return lambda x: x

    def sparse_rows(x):
        batches = layer.batches([sparse.csr_array(x_m.T) for x_m in x], x.shape[2], x.dtype)
        batches.gather([slice(None)] * len(x))
        return batches.x

    return sparse_rows


@pytest.mark.parametrize("names", [("tanh", "tanh"), ("tanh", "selu"), ("selu", "tanh", "relu"), ("gelu", "logistic")])
@pytest.mark.parametrize("first", [None, "scale"])
def test_stacks_of_elementwise_layers(names, first):
    # A layer may overwrite its input only where no other layer needs it.
    stack = [Elementwise(ACTIVATIONS[name]) for name in names]
    network = Network([*([Scale()] if first else []), *stack, Dense(3, uniform(glorot))], 4)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    o = Objective(network, SquaredError(), [Data(X, Y)], theta=rng.normal(size=(2, network.layout.size)), alpha=0.1)
    v = rng.normal(size=o.theta.shape)
    differences = along(o.value_and_grad, o.theta, v)
    o.value_and_grad()
    assert relative_error((o.grad * v).sum(axis=1), differences) < 1e-7


def test_a_bottom_layer_has_no_parameters_below():
    with pytest.raises(ValueError, match="no layer with parameters below"):
        Network([Dense(3, uniform(glorot)), LAYERS["piecewise"]()], 4)


def test_piecewise_is_the_formula_and_extrapolates():
    edges = [np.array([0.0, 1.0, 3.0]), np.array([-1.0, 1.0])]
    layer, x = Piecewise(edges, np.array([0.5, 0.25, 0.0])), np.array([[[-2.0, 0.5, 2.0, 9.0], [0.0, -5.0, 1.0, 5.0]]])
    out = np.empty((1, 5, 4))
    layer.forward((), x, out, ())
    np.testing.assert_array_equal(out[0, :2], x[0])
    first = [[-1.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 2.0]]
    np.testing.assert_allclose(out[0, 2:4], np.array(first) - [[0.5], [0.25]])
    np.testing.assert_allclose(out[0, 4], [0.5, -1.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="at least two and increasing"):
        Piecewise([np.array([0.0, 0.0])])


def test_bias_gradient_is_the_sum_over_samples():
    # Some write-ups give the upstream matrix itself as the bias gradient; it has one entry per unit.
    rng = np.random.default_rng(0)
    layer, x, d_out = Dense(2, uniform(glorot)), rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 2, 4))
    dW, db = np.empty((1, 3, 2)), np.empty((1, 2, 1))
    layer.backward((np.zeros((1, 3, 2)), np.zeros((1, 2, 1))), x, d_out, (), d_out, (dW, db), None, None)
    np.testing.assert_allclose(db[0, :, 0], d_out[0].sum(axis=1))
    np.testing.assert_allclose(dW[0], x[0] @ d_out[0].T)


@pytest.mark.parametrize("loss", LOSSES)
def test_outputs_in_chunks_are_outputs_at_once(loss):
    n = 2 * CHUNK_ROWS + 17
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    o = objective(loss=loss)
    params = o.network.layout.views(o.theta)
    rows = rng.permutation(n)[: n - 5]
    chunks = [(part, raw.copy()) for part, raw in outputs(o.network, params, X, rows)]
    assert [part.stop - part.start for part, _ in chunks] == [CHUNK_ROWS, CHUNK_ROWS, 12]
    whole = np.concatenate([raw for _, raw in chunks], axis=2)
    a = X[rows].T
    for p in params:
        a = p[0][0].T @ a + p[1][0] if p else np.tanh(a)
    np.testing.assert_allclose(whole[0], a, atol=1e-12)


def test_initialisation_is_within_glorot_bounds_and_per_member():
    network = network_of("logistic", (30, 20, 5))
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
