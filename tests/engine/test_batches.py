"""Rows of X are gathered from every form and dtype of X."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from problems import network_of, objective, same, values
from scipy import sparse

from mlp_estimator.engine import batches
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.objective import Objective

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


# Rows in a file.


class InFile(np.ndarray):
    """An array that counts how often it is released."""

    n_released = 0

    def release(self):
        type(self).n_released += 1


def in_file(n_rows=100):
    return Data(np.arange(2.0 * n_rows).reshape(n_rows, 2).view(InFile), np.zeros((n_rows, 1)))


def test_stretches_are_increasing_rows_by_first_and_end():
    rows = np.array([3, 4, 5, 9, 20, 21])
    stretches = batches.Stretches(rows)
    assert stretches.bounds.tolist() == [[3, 6], [9, 10], [20, 22]]
    assert len(stretches) == 6
    np.testing.assert_array_equal(np.asarray(stretches), rows)


@pytest.mark.parametrize("rows", [None, np.delete(np.arange(100), slice(30, 50)), np.arange(7)])
def test_rows_of_a_file_are_read_by_blocks_in_random_order_each_once_in_a_pass(rows, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_ROWS", 8)
    data = in_file() if rows is None else in_file().select(rows)
    expected, order, seen = np.arange(100) if rows is None else rows, data.order(), []
    assert data.n_rows == len(expected)
    for _ in range(2):
        batches.shuffle(order, rng := np.random.RandomState(len(seen)))
        drawn = np.concatenate([order[k : min(k + 5, len(expected))] for k in range(0, len(expected), 5)])
        np.testing.assert_array_equal(np.sort(drawn), expected)
        np.testing.assert_array_equal(order[3:6], drawn[3:6])  # again
        assert rng.randint(100) != np.random.RandomState(len(seen)).randint(100)
        seen.append(drawn)
        bounds = order._bounds.tolist()
        assert all(stop - start <= 8 for start, stop in bounds)
        assert len(bounds) < 3 or bounds != sorted(bounds)
        first = bounds[0]
        assert set(drawn[: first[1] - first[0]]) == set(range(*first))
    assert not (seen[0] == seen[1]).all()


def test_a_copy_of_an_order_goes_on_as_the_order():
    order = in_file().order()
    batches.shuffle(order, np.random.RandomState(0))
    np.testing.assert_array_equal(copy.deepcopy(order)[10:60], order[10:60])


def test_only_rows_in_a_file_are_released():
    data = in_file()
    before = InFile.n_released
    data.release()
    assert InFile.n_released == before + 1
    Data(np.zeros((3, 2)), np.zeros((3, 1))).release()
