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

BLOCK_ROWS = 2**16
"""Rows of a file that are read in one place before others are."""


class Stretches:
    """Increasing row numbers as stretches: the first row and the end of each."""

    def __init__(self, rows: NDArray[np.integer[Any]]):
        gaps = np.flatnonzero(np.diff(rows) != 1) + 1
        first, last = np.append(0, gaps), np.append(gaps, len(rows)) - 1
        self.bounds = np.column_stack([rows[first], rows[last] + 1])
        self._n_rows = len(rows)

    def __len__(self) -> int:
        return self._n_rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.concatenate([np.arange(start, stop, dtype=dtype) for start, stop in self.bounds.tolist()])


class BlockOrder:
    """An order of the rows of a file: of blocks, and within a block of rows, drawn when these are asked for."""

    def __init__(self, stretches: Stretches):
        blocks = [range(start, stop, BLOCK_ROWS) for start, stop in stretches.bounds.tolist()]
        ends = [[*block[1:], stop] for block, (_, stop) in zip(blocks, stretches.bounds.tolist(), strict=True)]
        self._bounds = np.column_stack([np.concatenate(blocks), np.concatenate(ends)])
        self._seed = 0

    def shuffle(self, rng: np.random.RandomState) -> None:
        """Draw the order of the blocks, and a seed for the orders within them."""
        rng.shuffle(self._bounds)
        self._seed = rng.randint(2**31)

    def __getitem__(self, part: slice) -> NDArray[np.integer[Any]]:
        ends = np.cumsum(self._bounds[:, 1] - self._bounds[:, 0])
        first, last = np.searchsorted(ends, [part.start, part.stop - 1], side="right")
        rows = [
            np.random.default_rng((self._seed, start)).permutation(np.arange(start, stop))
            for start, stop in self._bounds[first : last + 1].tolist()
        ]
        begin = part.start - int(ends[first - 1] if first else 0)
        return np.concatenate(rows)[begin : begin + part.stop - part.start]


Order = NDArray[np.integer[Any]] | BlockOrder


def shuffle(order: Order, rng: np.random.RandomState) -> None:
    """Draw an order anew, in place."""
    if isinstance(order, BlockOrder):
        order.shuffle(rng)
    else:
        rng.shuffle(order)


@dataclass(eq=False)
class Data:
    """The training or validation data of a network: all rows of X with targets and weights, or those in ``rows``.

    X may have a method ``release``, called after each epoch: its rows are in a file then, and are read by blocks.
    """

    X: Any  # (n, n_features), an array or a sparse matrix
    Y: NDArray[Any]  # (n, K), or (n, 1) class codes
    weight: NDArray[Any] | None = None  # (n,)
    rows: NDArray[np.integer[Any]] | Stretches | None = None
    n_rows: int = field(init=False)
    total_weight: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.in_file and isinstance(self.rows, np.ndarray) and len(self.rows) > BLOCK_ROWS:
            self.rows = Stretches(self.rows)
        weight = self.weight if self.rows is None or self.weight is None else self.weight[np.asarray(self.rows)]
        self.n_rows = self.X.shape[0] if self.rows is None else len(self.rows)
        self.total_weight = float(self.n_rows if weight is None else weight.sum())

    def select(self, rows: NDArray[np.integer[Any]]) -> Data:
        """Return some of all rows of X."""
        return Data(self.X, self.Y, self.weight, rows)

    @property
    def in_file(self) -> bool:
        """Whether the rows of X are in a file."""
        return hasattr(self.X, "release")

    def order(self) -> Order:
        """Return the numbers of the rows in an order for the caller to shuffle."""
        rows = np.arange(self.n_rows) if self.rows is None else self.rows
        if self.in_file:
            return BlockOrder(rows if isinstance(rows, Stretches) else Stretches(rows))
        return np.array(rows)

    def stretch(self, start: int, stop: int) -> Rows:
        """Return consecutive rows."""
        return slice(start, stop) if self.rows is None else np.asarray(self.rows)[start:stop]

    def release(self) -> None:
        """Let go of what was read of a file."""
        if self.in_file:
            self.X.release()


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


def as_readable(X: Any) -> Any:
    """Return X for several readers: X itself, unless each of them would have to copy it."""
    if sparse.issparse(X):
        return X.tocsr()
    return X if X.flags.c_contiguous or X.flags.f_contiguous else _one_block(X)


def _one_block(X: NDArray[Any]) -> NDArray[Any]:
    """Return X itself where it is one C-ordered block of native numbers, otherwise a copy that is."""
    return np.require(X, X.dtype.newbyteorder("="), ["C", "A"])
