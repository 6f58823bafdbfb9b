"""The forward, tangent and backward sweeps agree with each other and with differences."""

from __future__ import annotations

import numpy as np
import pytest
from problems import along, covering, network_of, objective, relative_error
from scipy import sparse

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.network import Network
from mlp_estimator.engine.sweeps import CHUNK_ROWS, Sweeps, Workspace, outputs


def sweeps_of(o, X, grad):
    """Sweeps of an objective's network over all rows of X."""
    n = X.shape[0]
    source = o.network.layers[0].batches([X], n, o.theta.dtype)
    source.gather([slice(None)])
    params, gradients = (o.network.layout.views(flat) for flat in (o.theta, grad))
    space = Workspace(len(o.theta), n, o.theta.dtype)
    return Sweeps(o.network, params, gradients, source.x, n, space)


@covering(
    activation=ACTIVATIONS,
    hidden=[(), (6,), (7, 5)],
    n_members=[1, 3],
    container=[np.asarray, sparse.csr_array, sparse.csr_matrix],
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


@covering(activation=ACTIVATIONS, hidden=[(), (6,), (7, 5)], n_members=[1, 3])
def test_the_error_of_x(activation, hidden, n_members):
    # <u, J t> with J t by differences of x, and as <J' u, t>, by a sweep that leaves the gradients of parameters out;
    # also of the layers above the first affine one alone.
    o = objective(activation, hidden=hidden, n_members=n_members)
    rng, params = np.random.default_rng(1), o.network.layout.views(o.theta)
    for above in {0, o.network.first_trained + 1} if hidden else {0}:
        network = Network(o.network.layers[above:], o.network.widths[above])
        x = rng.normal(size=(n_members, 5, network.widths[0])).swapaxes(1, 2)
        start, t, d_x = x.copy(), rng.normal(size=x.shape), np.empty_like(x)
        sweeps = Sweeps(network, params[above:], None, x, 5, Workspace(n_members, 5, x.dtype), d_x=d_x)

        def raw(size, x=x, start=start, t=t, sweeps=sweeps):
            np.copyto(x, start + size * t)
            sweeps.forward()
            return sweeps.raw.copy()

        u = rng.normal(size=raw(0.0).shape)
        differences = (u * (raw(1e-6) - raw(-1e-6))).sum() / 2e-6
        raw(0.0)
        np.copyto(sweeps.d_raw, u)
        sweeps.backward()
        assert abs((d_x * t).sum() - differences) < 1e-6 * abs(differences)


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
