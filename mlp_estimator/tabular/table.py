"""A raw table as the network reads it: numbers of unit scale, and codes of categories.

All statistics come from all training rows; none uses the target. Recipe and figures: ``docs/tabular.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from ..engine.layers import Piecewise
from ..engine.members import Array
from ..fitting.reading import is_missing
from .columns import Columns

LARGE = 10_000
"""Rows from which on a table is large: batches of 256 rows instead of 128, and finer encodings."""

MAX_BINS, MAX_COLUMNS = 32, 512
"""Bins of a numeric column, and columns of the whole encoding."""

MAX_EXACT = 128
"""Bins of a column with few distinct values in a table of many rows: each distinct value is an edge."""

SMALLEST = 1e-30
"""Transformed values below it are 0: the distance of two edges is a divisor in float32."""


@dataclass
class NumericColumn:
    """Median and scale of a column, the edges of its encoding, and whether values were missing in training."""

    median: float
    scale: float
    edges: NDArray[np.float32]  # of transformed values
    had_missing: bool
    means: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # of the encoding

    @classmethod
    def learn(cls, values: NDArray[Any], n_bins: int, n_exact: int) -> NumericColumn | None:
        """Learn a column, None if it is constant without missing values."""
        present = values[~np.isnan(values)].astype(np.float64) if values.dtype.kind == "f" else values.astype(float)
        had_missing = len(present) < len(values)
        if len(present) == 0:
            return None
        median = float(np.median(present))
        low, quarter, three_quarters, high = np.percentile(present, [0, 25, 75, 100])
        with np.errstate(over="ignore"):
            scale = min(three_quarters - quarter or (high - low) / 2, np.finfo(float).max)
        if not scale > 0.0:
            return cls(median, 1.0, np.empty(0, np.float32), True) if had_missing else None
        column = cls(median, float(scale), np.empty(0, np.float32), had_missing)
        column.edges = _edges(column.transform(present), n_bins, n_exact)
        if len(column.edges):
            column.means = _encoding_means(column.transform(values), column.edges)
        return column

    def transform(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return u / sqrt(1 + (u / 3)^2) of u = (x - median) / scale: outliers stay within (-3, 3); NaN becomes 0."""
        with np.errstate(over="ignore"):
            u = (values.astype(np.float64) - self.median) / self.scale
        u.clip(-1e100, 1e100, out=u)  # whose square is finite
        squashed = u / np.sqrt(1.0 + (u / 3.0) ** 2)
        return np.where(np.abs(squashed) >= SMALLEST, squashed, 0.0).astype(np.float32)


def _edges(values: NDArray[np.float32], n_bins: int, n_exact: int) -> NDArray[np.float32]:
    """Return the distinct values where these make at most ``n_exact`` bins, otherwise quantiles for ``n_bins``."""
    distinct = np.unique(values)
    if len(distinct) < 3:
        return np.empty(0, np.float32)
    if len(distinct) <= n_exact + 1:
        return distinct
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, n_bins + 1)).astype(np.float32))
    if len(edges) < 0.75 * (n_bins + 1):  # many ties
        more = np.quantile(distinct, np.linspace(0.0, 1.0, n_bins + 1)).astype(np.float32)
        edges = np.unique(np.concatenate([edges, more]))
        counts = np.histogram(values, edges)[0].astype(float)
        while len(edges) > n_bins + 1:  # merge the emptiest bins
            k = int(np.argmin(counts[:-1] + counts[1:]))
            counts[k] += counts[k + 1]
            counts = np.delete(counts, k + 1)
            edges = np.delete(edges, k + 1)
    return edges


def _encoding_means(x: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each component of the encoding."""
    layer = Piecewise([edges])
    encoded = np.empty((1, len(edges) - 1, len(x)), np.float32)
    layer.encode(x[None, None, :], encoded)
    means: NDArray[np.float32] = encoded[0].mean(axis=1, dtype=np.float64).astype(np.float32)
    return means


@dataclass
class Table:
    """Reads tables of one kind into arrays (n, n_numbers + n_codes) of float32: numbers first, then codes."""

    numeric: dict[int, NumericColumn] = field(default_factory=dict)  # by the place of the column
    categorical: list[int] = field(default_factory=list)
    encoder: OrdinalEncoder | None = None
    n_levels: list[int] = field(default_factory=list)  # of the categorical columns; a missing value is a level
    missing_codes: list[float] = field(default_factory=list)  # of the categorical columns, -1 where none was missing

    @classmethod
    def learn(cls, columns: Columns, categorical: NDArray[np.bool_], max_categories: int, n_bins: int | str) -> Table:
        """Learn the columns from training rows."""
        table, numeric = cls(), np.flatnonzero(~categorical)
        n_exact = n_bins
        if n_bins == "auto":
            n_bins = n_exact = min(MAX_BINS, max(4, MAX_COLUMNS // max(len(numeric), 1)))
            if n_bins == MAX_BINS and columns.n_rows >= LARGE:
                n_exact = MAX_EXACT
        for k in numeric:
            column = NumericColumn.learn(columns.values[k], int(n_bins), int(n_exact))
            if column is not None:
                table.numeric[int(k)] = column
        table.categorical = [int(k) for k in np.flatnonzero(categorical)]
        if table.categorical:
            table.encoder = OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1, max_categories=max_categories, dtype=np.float32
            )
            codes = table.encoder.fit_transform(table._objects(columns))
            for column_codes in codes.T:
                n = int(np.nanmax(column_codes)) + 1 if not np.isnan(column_codes).all() else 0
                has_missing = bool(np.isnan(column_codes).any())
                table.missing_codes.append(float(n) if has_missing else -1.0)
                table.n_levels.append(n + has_missing)
        return table

    def _objects(self, columns: Columns) -> NDArray[Any]:
        """Return the categorical columns: text as text, numbers as numbers, anything else by its text."""
        objects = np.empty((columns.n_rows, len(self.categorical)), dtype=object)
        for j, k in enumerate(self.categorical):
            values = columns.values[k]
            if values.dtype.kind in "biuf":
                numbers = values.astype(np.float64)
                objects[:, j] = [None if number != number else number for number in numbers.tolist()]
            else:
                objects[:, j] = [None if is_missing(value) else str(value) for value in values]
        return objects

    @property
    def n_indicators(self) -> int:
        """Number of columns with an indicator of missing values."""
        return sum(column.had_missing for column in self.numeric.values())

    @property
    def edges(self) -> list[NDArray[np.float32]]:
        """The edges of the columns that are encoded; these are the first columns of the array."""
        return [column.edges for column in self.numeric.values() if len(column.edges)]

    @property
    def categories(self) -> list[NDArray[Any]]:
        """The levels of the categorical columns."""
        return [] if self.encoder is None else list(self.encoder.categories_)

    @property
    def piecewise(self) -> Piecewise:
        """The layer that encodes these columns."""
        columns = [column for column in self.numeric.values() if len(column.edges)]
        return Piecewise(self.edges, np.concatenate([column.means for column in columns]))

    def transform(self, columns: Columns) -> tuple[Array, Array]:
        """Return the numbers, those with an encoding first, and the codes."""
        with_edges = [k for k, column in self.numeric.items() if len(column.edges)]
        without = [k for k, column in self.numeric.items() if not len(column.edges)]
        n_numbers = len(self.numeric) + self.n_indicators
        if not n_numbers and not self.categorical:  # all columns are constant: the network reads a zero
            return np.zeros((columns.n_rows, 1), np.float32), np.empty((columns.n_rows, 0), np.float32)
        numbers = np.empty((columns.n_rows, n_numbers), np.float32)
        for j, k in enumerate([*with_edges, *without]):
            try:
                numbers[:, j] = self.numeric[k].transform(columns.values[k])
            except (TypeError, ValueError) as error:  # a column of objects
                name = f"x{k}" if columns.names is None else columns.names[k]
                raise ValueError(
                    f"Column {name!r} was numeric in fit, and now has an entry that is no number: {error}."
                ) from None
        flagged = [k for k, column in self.numeric.items() if column.had_missing]
        for j, k in enumerate(flagged, start=len(self.numeric)):
            values = columns.values[k]
            numbers[:, j] = np.isnan(values) if values.dtype.kind == "f" else 0.0
        codes = np.empty((columns.n_rows, len(self.categorical)), np.float32)
        if self.encoder is not None:
            codes = self.encoder.transform(self._objects(columns))
            codes = np.where(np.isnan(codes), np.array(self.missing_codes, np.float32), codes)
        return numbers, codes
