"""Rows of X are gathered from every form and dtype of X."""

from __future__ import annotations

import numpy as np
import pytest
from problems import network_of, objective, same, values
from scipy import sparse

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
