"""How X is read: the seam between a table and the bottom of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..engine.batches import as_readable
from ..engine.layers import Layer


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, n_features)."""

    def tocsr(self) -> Any:
        """Return it in CSR format."""


MatrixLike: TypeAlias = ArrayLike | SparseMatrix
"""What the estimators accept as X."""


class Features(Protocol):
    """What an estimator asks of the object that reads its X."""

    @property
    def validation(self) -> Mapping[str, Any]:
        """Options of scikit-learn's ``validate_data`` for X."""

    def fit(self, X: Any) -> Self:
        """Learn from validated training data what ``transform`` needs."""

    def transform(self, X: Any) -> Any:
        """Return validated X as the bottom layer reads it: an array or a CSR matrix (n, n_in)."""

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in front of the first affine one."""


class NumericFeatures:
    """X as numbers: arrays, frames and sparse matrices, read in the user's memory and never copied as a whole.

    ``bottom`` are layers in front of the first affine one.
    """

    # dtype="numeric" leaves integers, float16 and memory maps unchanged: batches are cast, not X.
    validation: Mapping[str, Any] = {"accept_sparse": "csr", "dtype": "numeric"}

    def __init__(self, bottom: tuple[Layer, ...] = ()):
        self.bottom = bottom

    def fit(self, X: Any) -> Self:
        """Learn nothing: numbers are read as they are."""
        return self

    def transform(self, X: Any) -> Any:
        """Return X in one block of memory."""
        check_numeric("X", X)
        return as_readable(X)

    def layers(self) -> tuple[Layer, ...]:
        """Return ``bottom``."""
        return self.bottom


def check_numeric(name: str, array: Any) -> None:
    """Raise an error for dtypes that scikit-learn accepts as numbers: dates, durations, strings of digits."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}, which is not numeric: convert it to numbers first.")


def float_type(array: Any) -> np.dtype[Any]:
    """Return float32 or float64: the type of an array of one of them, and float64 for any other."""
    return array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float64)
