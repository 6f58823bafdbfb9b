"""Numbers of categories, read from a table by the level and a key of the row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..members import Array
from .contract import Encoding, Layer, Params, Scratch, Step


class LevelNumbers(Encoding):
    """The inputs but codes of categories and a key, then numbers of some categories, then the codes.

    The last input is the key, and the inputs before it are codes. A member reads the numbers of a category from its
    table by key and code, where the first row is that of code -1, an unknown level. A larger key than the table has
    reads the last one. The layer has no parameters and stands at the bottom of a network.

    Parameters
    ----------
    n_codes : int
        Number of inputs that are codes.

    columns : sequence of int
        The codes that have numbers, by their position among all.

    tables : sequence of ndarray of shape (n_members, n_keys, 1 + n_levels, n_numbers)
        The numbers of each of these, in the type of the computation.
    """

    def __init__(self, n_codes: int, columns: Sequence[int], tables: Sequence[Array]):
        self.n_codes, self.columns, self.tables = n_codes, tuple(columns), list(tables)
        n_members, n_keys, _, n_numbers = tables[0].shape
        self.n_numbers = int(n_numbers)
        n_rows = [table.shape[2] for table in tables]
        self._last_key, self._last_codes = n_keys - 1, np.array(n_rows) - 2
        self._starts, self._n_rows = np.cumsum([1, *n_rows[:-1]]), sum(n_rows)
        self._of_member = np.arange(n_members)[:, None, None] * n_keys
        rows = np.concatenate(tables, axis=2).reshape(-1, self.n_numbers)  # by member, key, column and code
        self._numbers = [np.ascontiguousarray(column) for column in rows.T]
        self.splits = n_members > 1

    @property
    def kind(self) -> Hashable:
        return ("level_numbers", self.n_codes, self.columns, *[table.shape[1:] for table in self.tables])

    def n_out(self, n_in: int) -> int:
        return n_in - 1 + len(self.columns) * self.n_numbers

    def sources(self, inputs: NDArray[Any]) -> NDArray[Any]:
        n = len(inputs) - 1 - self.n_codes
        of_numbers = np.repeat(inputs[n + np.array(self.columns)], self.n_numbers)
        return np.concatenate([inputs[:n], of_numbers, inputs[n:-1]])

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        n = len(self.columns)
        return (Scratch("places", 2 * n), Scratch("keys", 2), Scratch("numbers", n))

    def joined(self, layers: Sequence[Self]) -> Layer:
        of_members = zip(*(layer.tables for layer in layers), strict=True)
        return LevelNumbers(self.n_codes, self.columns, [np.concatenate(tables) for tables in of_members])

    def forward(self, step: Step) -> None:
        x, out, n = step.x, step.out, step.x.shape[1] - 1 - self.n_codes
        stop = n + len(self.columns) * self.n_numbers
        np.copyto(out[:, :n], x[:, :n])
        np.copyto(out[:, stop:], x[:, n:-1])
        places, keys, numbers = self._memory(step.scratch, len(out))
        np.copyto(keys[:, :, 0], x[:, -1], casting="unsafe")
        np.clip(keys, 0, self._last_key, out=keys)
        np.add(keys, self._of_member, out=keys)
        np.multiply(keys, self._n_rows, out=keys)
        for j, column in enumerate(self.columns):
            np.copyto(places[:, :, j], x[:, n + column], casting="unsafe")
        np.clip(places, -1, self._last_codes, out=places)
        np.add(places, self._starts, out=places)
        np.add(places, keys, out=places)
        for k, of_all in enumerate(self._numbers):
            of_all.take(places, out=numbers, mode="clip")
            np.copyto(out[:, n + k : stop : self.n_numbers], numbers.swapaxes(1, 2))

    def _memory(self, scratch: Params, n_members: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Return memory for integers (M, B, n_columns) and (M, B, 1), and for numbers (M, B, n_columns)."""
        places, keys, numbers = (array[:n_members].swapaxes(1, 2) for array in scratch)
        size = 8 // numbers.itemsize  # floats that an integer takes
        integers: Any = (places[:, :, : len(self.columns) * size].view(np.int64), keys[:, :, :size].view(np.int64))
        return (*integers, numbers)
