"""Rows of X as the bottom layer reads them, a batch at a time, out of X as it lies in the user's memory.

X is never copied, converted or densified as a whole: a batch is gathered into a buffer in the order X has, cast there
to the type of the computation, and handed to the layers as ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from .layout import Array

Rows = np.ndarray | slice  # (B,) row numbers, or a stretch of rows


@dataclass(frozen=True, eq=False)
class Data:
    """What a network is trained on: all rows of X with their targets and weights, or those named by ``rows``."""

    X: Any  # (n, n_features), dense or sparse
    Y: np.ndarray  # (n, K), or (n, 1) class codes
    weight: np.ndarray | None = None  # (n,)
    rows: np.ndarray | None = None

    @cached_property
    def order(self) -> np.ndarray:
        """The numbers of the rows."""
        return np.arange(self.X.shape[0]) if self.rows is None else self.rows

    def __len__(self) -> int:
        return self.X.shape[0] if self.rows is None else len(self.rows)

    @property
    def total_weight(self) -> float:
        return float(len(self) if self.weight is None else self.weight[self.order].sum())

    def stretch(self, start: int, stop: int) -> Rows:
        return slice(start, stop) if self.rows is None else self.rows[start:stop]


class DenseRows:
    """Batches of dense X of any real dtype, in C or Fortran order, memory-mapped or not; and of targets and weights.

    ``x`` (1 or M, n_features, B) is a view of the buffer that ``gather`` fills, one X behind the other; BLAS reads
    either order as it is.
    """

    def __init__(self, Xs: Sequence[np.ndarray], n_rows: int, dtype: np.dtype[Any]):
        # np.take copies the whole of what is not one plain C-ordered block, at each call. A Fortran-ordered
        # X (most DataFrames) is such a block when read by columns; only a strided or byte-swapped X is copied, once.
        by_columns = all(X.flags.f_contiguous and not X.flags.c_contiguous for X in Xs)
        self._axis = 1 if by_columns else 0
        blocks = {id(X): _one_block(X.T if by_columns else X) for X in Xs}
        n_features = Xs[0].shape[1]
        shape = (n_features, n_rows) if by_columns else (n_rows, n_features)
        batch = np.empty((len(Xs), *shape), dtype)
        between = {X.dtype: np.empty(shape, X.dtype.newbyteorder("=")) for X in Xs if X.dtype != dtype}
        self._parts = [(blocks[id(X)], part, between.get(X.dtype, part)) for X, part in zip(Xs, batch, strict=True)]
        self.x: Array = batch if by_columns else batch.swapaxes(1, 2)

    def gather(self, rows: Sequence[Rows]) -> None:
        for (source, batch, taken), chosen in zip(self._parts, rows, strict=True):
            if isinstance(chosen, slice):
                stretch = source[:, chosen] if self._axis else source[chosen]
                np.copyto(batch, stretch, casting="unsafe")
                continue
            # With mode="raise" take fills a buffer of its own first; row numbers here are our own.
            source.take(chosen, self._axis, taken, "clip")
            if taken is not batch:
                np.copyto(batch, taken, casting="unsafe")


def readable(X: Any) -> Any:
    """X for several readers: itself, unless each of them would have to make a copy."""
    if sparse.issparse(X):
        return X.tocsr()
    return X if X.flags.c_contiguous or X.flags.f_contiguous else _one_block(X)


def _one_block(X: np.ndarray) -> np.ndarray:
    """X itself where it is one C-ordered block of native numbers, else a copy that is."""
    return np.require(X, X.dtype.newbyteorder("="), ["C", "A"])


class SparseRows:
    """Batches of CSR or CSC X; ``x`` is this object, which knows the rows of each member, still sparse."""

    def __init__(self, Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any]):
        self._sources = [X.tocsr() for X in Xs]
        self._dtype = dtype
        self._batches = [source[:0] for source in self._sources]

    @property
    def x(self) -> SparseRows:
        return self

    def gather(self, rows: Sequence[Rows]) -> None:
        pairs = zip(self._sources, rows, strict=True)
        self._batches = [source[chosen].astype(self._dtype, copy=False) for source, chosen in pairs]

    def of_members(self, n_members: int) -> list[Any]:
        """The batch (B, n_features) of each member."""
        return self._batches * (n_members // len(self._batches))


class DensifiedRows:
    """Batches of sparse X for layers that read dense rows."""

    def __init__(self, Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any]):
        self._sources = [X.tocsr() for X in Xs]
        self._batch = np.empty((len(Xs), n_rows, Xs[0].shape[1]), dtype)
        self.x: Array = self._batch.swapaxes(1, 2)

    def gather(self, rows: Sequence[Rows]) -> None:
        for source, batch, chosen in zip(self._sources, self._batch, rows, strict=True):
            np.copyto(batch, source[chosen].toarray())


Batches = DenseRows | SparseRows | DensifiedRows


def batches_of(Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any], reads_sparse: bool = True) -> Batches:
    """The reader of batches of ``n_rows`` rows, of one X or of one for each member, that suits the layer that reads."""
    if not sparse.issparse(Xs[0]):
        return DenseRows(Xs, n_rows, dtype)
    return (SparseRows if reads_sparse else DensifiedRows)(Xs, n_rows, dtype)
