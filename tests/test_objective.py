"""The objective: gradients by differences over every table entry, and the many ways to the same number."""

from __future__ import annotations

import numpy as np
import pytest
from problems import along, network_of, objective, relative_error
from scipy import sparse

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.objective import Objective


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_members", [1, 2])
def test_gradient(activation, loss, weighted, n_outputs, n_members):
    o = objective(activation, loss, weighted=weighted, n_outputs=n_outputs, n_members=n_members)
    size = max(1.0, float(np.abs(o.value_and_grad()).max()))
    gradient = o.grad.copy()
    v = np.random.default_rng(1).normal(size=o.theta.shape)
    differences = along(o.value_and_grad, o.theta, v)
    # An absolute floor, of the size of the value: a softmax of one output is constant and has no data gradient.
    np.testing.assert_allclose((gradient * v).sum(axis=1), differences, rtol=1e-7, atol=1e-9 * size)


def values(o, rows=None):
    return o.value_and_grad(rows).copy(), o.grad.copy()


def same(a, b, rtol=1e-12):
    for x, y in zip(a, b, strict=True):
        assert relative_error(x, y) < rtol


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


def test_rows_that_weigh_nothing():
    o = objective(weighted=True)
    o.data[0].weight[[2, 5]] = 0.0
    assert o.value_and_grad(np.array([2, 5])) is None


FORMS = {
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "backwards": lambda X: X[::-1].copy()[::-1],
    "big-endian": lambda X: X.astype(">f8"),
    "big-endian fortran": lambda X: np.asfortranarray(X.astype(">f8")),
    "readonly": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "csr_array": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("max_batch", [4, 100])
def test_any_form_of_x(form, max_batch):
    o = objective(n=13)
    other = Objective(
        network_of("tanh", (4, 7, 5, 3), sparse=form.startswith("cs")),
        o.loss, [Data(FORMS[form](o.data[0].X), o.data[0].Y)], theta=o.theta, alpha=o.alpha, max_batch=max_batch,
    )  # fmt: skip
    for rows in (None, np.array([3, 0, 12, 7])):
        same(values(other, rows), values(o, rows))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float16, np.float32, ">f4", ">i4"])
def test_x_is_cast_batch_by_batch(dtype):
    X = np.random.default_rng(0).integers(0, 2, (13, 4)).astype(dtype)
    o = objective(n=13)
    Y = o.data[0].Y
    # SciPy has no sparse matrices of float16 or of swapped bytes.
    dense_only = dtype == np.float16 or not np.dtype(dtype).isnative
    for form in (np.asarray, np.asfortranarray, *(() if dense_only else (sparse.csr_array,))):
        network = network_of("tanh", (4, 7, 5, 3), sparse=form is sparse.csr_array)
        cast = Objective(network, o.loss, [Data(form(X), Y)], theta=o.theta, alpha=0.1, max_batch=4)
        plain = Objective(o.network, o.loss, [Data(X.astype(float), Y)], theta=o.theta, alpha=0.1)
        for rows in (None, np.array([3, 0, 12, 7])):
            same(values(cast, rows), values(plain, rows))


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
