"""X in every form gives the numbers of an array, and is never copied as a whole."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from problems import CLASSIFIER_SOLVERS
from samples import X_IRIS, Y_IRIS
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits

from mlp_estimator import MLPClassifier
from mlp_estimator.engine.layers import Dropout
from mlp_estimator.fitting.features.matrix import Coded, Matrix

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FRAMES = {
    "list": np.ndarray.tolist,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcd")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")),
    "fortran": np.asfortranarray,
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("solver", CLASSIFIER_SOLVERS)
def test_frames_give_the_numbers_of_arrays(frame, solver):
    model = MLPClassifier((10,), solver=solver, batch_size=32, max_iter=5, random_state=0)
    plain = clone(model).fit(X_IRIS, Y_IRIS)
    X = FRAMES[frame](X_IRIS)
    model.fit(X, Y_IRIS)
    np.testing.assert_allclose(model.coefs_[0], plain.coefs_[0], rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X_IRIS), rtol=1e-6)
    if frame in ("pandas", "polars"):
        assert list(model.feature_names_in_) == list("abcd")


def test_memory_mapped_x_is_read_in_place(tmp_path):
    X, y = load_digits(return_X_y=True)
    path = tmp_path / "X.npy"
    np.save(path, X.astype(np.uint8))
    model = MLPClassifier((20,), random_state=0, max_iter=5)
    mapped = clone(model).fit(np.load(path, mmap_mode="r"), y)
    np.testing.assert_allclose(mapped.coefs_[0], model.fit(X, y).coefs_[0])


def peak_memory(run):
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("form", ["C", "F", "uint8", "memmap", "sparse", "float64 to float32"])
def test_x_is_never_copied_as_a_whole(form, tmp_path):
    n, d = 50_000, 100
    X = np.random.default_rng(0).integers(0, 2, (n, d)).astype(np.float32)
    y = X[:, 0].astype(int)
    model = MLPClassifier((10,), max_iter=1, random_state=0, dtype="float32")
    if form == "F":
        X = np.asfortranarray(X)
    elif form == "uint8":
        X = X.astype(np.uint8)
    elif form == "memmap":
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    elif form == "sparse":
        X = sparse.csr_array(X * (np.random.default_rng(1).uniform(size=(n, d)) < 0.02))
    elif form == "float64 to float32":
        X = X.astype(float)
    assert peak_memory(lambda: model.fit(X, y)) < 4e6  # a copy of X would be 5 to 40 MB
    assert peak_memory(lambda: model.predict(X)) < 4e6


# The reader itself.


def accept(X, **options):
    assert options["dtype"] == "numeric"
    return X


def test_a_matrix_is_read_in_the_users_memory_and_in_one_piece():
    X = np.arange(6, dtype=np.int8).reshape(3, 2)
    rows = Matrix().read(X, accept)
    assert rows is X
    assert [piece is rows for piece in Matrix().pieces(rows)] == [True]


@pytest.mark.parametrize(
    ("X", "dtype", "message"),
    [
        (np.array([["a"]]), "", "X is not numeric, it contains text"),
        (np.array([["2024-01-01"]], "M8[s]"), "", "X has dtype datetime64.* which is not numeric"),
        (np.array([[1e300]]), "float32", "Input X contains a value too large for float32"),
    ],
)
def test_a_matrix_holds_numbers_that_fit_into_the_type_of_the_network(X, dtype, message):
    with pytest.raises(ValueError, match=message):
        Matrix(dtype=dtype).read(X, accept)


def test_the_layers_of_a_matrix_stand_in_front_of_the_first_affine_one():
    layer = Dropout(0.5)
    assert Matrix((layer,)).bottom() == (layer,)
    assert Matrix().bottom() == ()


def test_coded_rows_are_read_as_they_are():
    class Table:
        layout = object()

    rows, coded = np.zeros((2, 1)), Coded(Table())
    assert coded.read(rows, accept) is rows
    assert [piece is rows for piece in coded.pieces(rows)] == [True]
    assert coded.layout is Table.layout
