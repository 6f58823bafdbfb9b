"""Batches of rows, gathered out of the user's memory.

X is never copied, converted or densified as a whole. A batch is gathered into a buffer in the order that X has, cast
there to the type of the computation, and handed to the bottom layer as ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .members import Array

Rows = NDArray[np.integer[Any]] | slice  # (B,) row numbers, or a stretch of rows


@dataclass(eq=False)
class Data:
    """The training or validation data of a network: all rows of X with targets and weights, or those in ``rows``."""

    X: Any  # (n, n_features), an array or a sparse matrix
    Y: NDArray[Any]  # (n, K), or (n, 1) class codes
    weight: NDArray[Any] | None = None  # (n,)
    rows: NDArray[np.integer[Any]] | None = None
    n_rows: int = field(init=False)
    total_weight: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        weight = self.weight if self.rows is None or self.weight is None else self.weight[self.rows]
        self.n_rows = self.X.shape[0] if self.rows is None else len(self.rows)
        self.total_weight = float(self.n_rows if weight is None else weight.sum())

    def select(self, rows: NDArray[np.integer[Any]]) -> Data:
        """Return some of all rows of X."""
        return Data(self.X, self.Y, self.weight, rows)

    def order(self) -> NDArray[np.integer[Any]]:
        """Return the numbers of the rows, in an array for the caller to shuffle."""
        return np.arange(self.n_rows) if self.rows is None else self.rows.copy()

    def stretch(self, start: int, stop: int) -> Rows:
        """Return consecutive rows."""
        return slice(start, stop) if self.rows is None else self.rows[start:stop]


class Batches(Protocol):
    """A reader of batches of a fixed number of rows."""

    @property
    def x(self) -> Any:
        """The batch as the bottom layer reads it; ``gather`` fills it."""

    def gather(self, rows: Sequence[Rows]) -> None:
        """Read these rows of each X."""


class DenseRows:
    """Batches of dense arrays of any real dtype, in C or Fortran order, memory-mapped or not.

    ``x`` (1 or M, n_features, B) is a view of the buffer that ``gather`` fills, one X behind the other; BLAS reads
    either order as it is.
    """

    def __init__(self, Xs: Sequence[NDArray[Any]], n_rows: int, dtype: np.dtype[Any]):
        # np.take copies all of a source that is not one plain C-ordered block, at each call. A Fortran-ordered
        # X (most DataFrames) is such a block when it is read by columns; only a strided or byte-swapped X is copied,
        # once.
        by_columns = all(X.flags.f_contiguous and not X.flags.c_contiguous for X in Xs)
        self._axis = 1 if by_columns else 0
        blocks = {id(X): _one_block(X.T if by_columns else X) for X in Xs}
        n_features = Xs[0].shape[1]
        shape = (n_features, n_rows) if by_columns else (n_rows, n_features)
        buffer = np.empty((len(Xs), *shape), dtype)
        uncast = {X.dtype: np.empty(shape, X.dtype.newbyteorder("=")) for X in Xs if X.dtype != dtype}
        self._parts = [(blocks[id(X)], batch, uncast.get(X.dtype, batch)) for X, batch in zip(Xs, buffer, strict=True)]
        self.x: NDArray[Any] = buffer if by_columns else buffer.swapaxes(1, 2)

    def gather(self, rows: Sequence[Rows]) -> None:
        for (source, batch, taken), chosen in zip(self._parts, rows, strict=True):
            if isinstance(chosen, slice):
                np.copyto(batch, source[:, chosen] if self._axis else source[chosen], casting="unsafe")
                continue
            # With mode="raise" take fills a buffer of its own first; these row numbers are valid.
            source.take(chosen, self._axis, taken, "clip")
            if taken is not batch:
                np.copyto(batch, taken, casting="unsafe")


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
        """Return the batch (B, n_features) of each member."""
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


def dense_batches(Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any]) -> Batches:
    """Return the reader for layers that read dense rows, of one X or of one for each member."""
    return (DensifiedRows if sparse.issparse(Xs[0]) else DenseRows)(Xs, n_rows, dtype)


def sparse_batches(Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any]) -> Batches:
    """Return the reader for layers that read sparse rows."""
    return SparseRows(Xs, n_rows, dtype)


def as_readable(X: Any) -> Any:
    """Return X for several readers: X itself, unless each of them would have to copy it."""
    if sparse.issparse(X):
        return X.tocsr()
    return X if X.flags.c_contiguous or X.flags.f_contiguous else _one_block(X)


def _one_block(X: NDArray[Any]) -> NDArray[Any]:
    """Return X itself where it is one C-ordered block of native numbers, otherwise a copy that is."""
    return np.require(X, X.dtype.newbyteorder("="), ["C", "A"])
