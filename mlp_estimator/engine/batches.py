"""Rows of X as the bottom layer reads them, a batch at a time, out of X as it lies in the user's memory.

X is never copied, converted or densified as a whole: a batch is gathered into a buffer in the order X has, cast there
to the type of the computation, and handed to the layers as ``x``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .layout import Array

Rows = np.ndarray | slice  # (B,) row numbers, or a stretch of rows


class DenseRows:
    """Batches of a dense X of any real dtype, in C or Fortran order, memory-mapped or not.

    ``x`` (1, n_features, B) is a view of the buffer that ``gather`` fills; BLAS reads either order as it is.
    """

    def __init__(self, X: np.ndarray, n_rows: int, dtype: np.dtype[Any]):
        # np.take copies the whole of what is not one plain C-ordered block, at each call. A Fortran-ordered
        # X (most DataFrames) is such a block when read by columns; only a strided or byte-swapped X is copied, once.
        by_columns = X.flags.f_contiguous and not X.flags.c_contiguous
        self._axis = 1 if by_columns else 0
        self._source = X.T if by_columns else X
        flags = self._source.flags
        if not (flags.c_contiguous and flags.aligned and X.dtype.isnative):
            self._source = np.require(self._source, X.dtype.newbyteorder("="), ["C", "A"])
        shape = (X.shape[1], n_rows) if by_columns else (n_rows, X.shape[1])
        self._batch = np.empty(shape, dtype)
        self._taken = self._batch if self._source.dtype == dtype else np.empty(shape, self._source.dtype)
        self.x: Array = (self._batch if by_columns else self._batch.T)[None]

    def gather(self, rows: Rows) -> None:
        if isinstance(rows, slice):
            stretch = self._source[:, rows] if self._axis else self._source[rows]
            np.copyto(self._batch, stretch, casting="unsafe")
            return
        # With mode="raise" np.take fills a buffer of its own first; row numbers here are our own.
        np.take(self._source, rows, axis=self._axis, out=self._taken, mode="clip")
        if self._taken is not self._batch:
            np.copyto(self._batch, self._taken, casting="unsafe")


class SparseRows:
    """Batches of a CSR or CSC X; ``x`` is this object, and ``batch`` the rows in it, still sparse."""

    def __init__(self, X: Any, n_rows: int, dtype: np.dtype[Any]):
        self._source = X.tocsr()
        self._dtype = dtype
        self.batch = self._source[:0]

    @property
    def x(self) -> SparseRows:
        return self

    def gather(self, rows: Rows) -> None:
        self.batch = self._source[rows].astype(self._dtype, copy=False)


class DensifiedRows:
    """Batches of a sparse X for layers that read dense rows."""

    def __init__(self, X: Any, n_rows: int, dtype: np.dtype[Any]):
        self._source = X.tocsr()
        self._batch = np.empty((n_rows, X.shape[1]), dtype)
        self.x: Array = self._batch.T[None]

    def gather(self, rows: Rows) -> None:
        np.copyto(self._batch, self._source[rows].toarray())


Batches = DenseRows | SparseRows | DensifiedRows


def batches_of(X: Any, n_rows: int, dtype: np.dtype[Any], reads_sparse: bool = True) -> Batches:
    """The reader of batches of ``n_rows`` rows that suits X and the layer that reads them."""
    if not sparse.issparse(X):
        return DenseRows(X, n_rows, dtype)
    return (SparseRows if reads_sparse else DensifiedRows)(X, n_rows, dtype)
