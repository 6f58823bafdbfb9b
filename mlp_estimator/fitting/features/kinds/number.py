"""Numbers: median and scale, and the edges of a piecewise-linear encoding. Recipe and figures: ``docs/tabular.md``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ....engine.layers import Piecewise
from ..blocks import ENCODED, MISSING, NUMBERS, Feature
from ..frames import Column, EntryError
from .contract import Kind, Resolution

SMALLEST = 1e-30
"""Transformed values below it are 0: the distance of two edges is a divisor in float32."""

MAX_SAMPLE = 2**20
"""Values of a column whose quantiles are learned: of more rows a random sample, whose median is off by 0.0005 of the
rows (one standard error)."""


class Number(Kind):
    """A column of numbers.

    Its value is u / sqrt(1 + (u / 3)^2) of u = (x - median) / scale, so that outliers stay within (-3, 3). A missing
    value is 0, and has an indicator if values were missing in ``fit``.
    """

    n_numbers = 1

    def __init__(self, name: str):
        super().__init__(name)
        self.n_rows = self.n_missing = 0
        self.low, self.high = np.inf, -np.inf
        self.median, self.scale = 0.0, 1.0
        self.constant = False
        self.edges = np.empty(0, np.float32)  # of transformed values
        self.encoding_means = np.empty(0, np.float32)
        self._sample = np.empty(0)

    @classmethod
    def takes(cls, holds: frozenset[str]) -> bool:
        """Take numbers, columns without any value, and booleans among numbers."""
        return holds <= {"number", "boolean"} and holds != {"boolean"}

    def learn(self, column: Column) -> None:
        """Learn from rows of the training table."""
        self.learn_values(self._read(column))

    def learn_values(self, values: NDArray[Any]) -> None:
        """Learn numbers, NaN where they are missing."""
        values = values.astype(np.float64)
        present = values[~np.isnan(values)]
        self._add(present, len(present), len(values))

    def merge(self, other: Self) -> None:
        """Take over what another object learned from other rows."""
        self._add(other._sample, other.n_rows - other.n_missing, other.n_rows)

    def _add(self, sample: NDArray[np.float64], n_present: int, n_rows: int) -> None:
        before = self.n_rows - self.n_missing
        self.n_rows += n_rows
        self.n_missing += n_rows - n_present
        if len(sample):
            self.low, self.high = min(self.low, sample.min()), max(self.high, sample.max())
        together = before + n_present
        if together > MAX_SAMPLE:
            rng = np.random.default_rng(together)
            n_other = round(MAX_SAMPLE * n_present / together)
            sample = rng.choice(sample, min(n_other, len(sample)), replace=False)
            n_own = min(MAX_SAMPLE - len(sample), len(self._sample))
            self._sample = rng.choice(self._sample, n_own, replace=False)
        self._sample = np.concatenate([self._sample, sample])

    def finish(self, resolution: Resolution) -> None:
        """Fix median, scale and edges."""
        present, self._sample = np.sort(self._sample), np.empty(0)
        if len(present) == 0:
            self.constant = True
            return
        self.median = float(np.median(present))
        quarter, three_quarters = np.percentile(present, [25, 75])
        with np.errstate(over="ignore"):
            scale = min(three_quarters - quarter or (self.high - self.low) / 2, np.finfo(float).max)
        if not scale > 0.0:
            self.constant = True
            return
        self.scale = float(scale)
        transformed = self.transform(present)
        self.edges = _edges(transformed, resolution.n_bins, resolution.n_exact)
        if len(self.edges):
            missing = self.n_missing / self.n_rows  # they are 0
            of_zero = _encode(np.zeros(1, np.float32), self.edges)[:, 0]
            mean = _encode(transformed, self.edges).mean(axis=1, dtype=np.float64)
            self.encoding_means = ((1.0 - missing) * mean + missing * of_zero).astype(np.float32)

    @property
    def was_missing(self) -> bool:
        """Whether values were missing in training, among others."""
        return 0 < self.n_missing < self.n_rows

    def features(self) -> list[Feature]:
        """Return the number, unless it is constant, and an indicator where values were missing."""
        features = []
        if len(self.edges):
            features.append(Feature(self.name, ENCODED, self.edges, self.encoding_means))
        elif not self.constant or self.was_missing:
            features.append(Feature(self.name, NUMBERS))
        if self.was_missing:
            features.append(Feature(f"{self.name} is missing", MISSING))
        return features

    def code(self, column: Column) -> Sequence[NDArray[Any]]:
        """Return the values, and the indicator."""
        return self.code_values(self._read(column))

    def code_values(self, values: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return numbers as ``features`` lists them."""
        arrays = [] if self.constant and not self.was_missing else [self.transform(values)]
        return [*arrays, np.isnan(values)] if self.was_missing else arrays

    def transform(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the squashed values; NaN becomes 0."""
        with np.errstate(over="ignore"):
            u = (values.astype(np.float64) - self.median) / self.scale
        u.clip(-1e100, 1e100, out=u)  # whose square is finite
        squashed = u / np.sqrt(1.0 + (u / 3.0) ** 2)
        return np.where(np.abs(squashed) >= SMALLEST, squashed, 0.0).astype(np.float32)

    def _read(self, column: Column) -> NDArray[Any]:
        try:
            values = column.numbers()
        except EntryError as entry:
            raise ValueError(
                f"Column {column.name!r} was numeric in fit, and now has an entry that is no number: {entry}. Convert "
                "it to a number, or to NaN if it is missing."
            ) from None
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise ValueError(
                f"Input X contains infinity or a value too large in column {column.name!r}: replace it by a number, or "
                "by NaN if it is missing."
            )
        return values


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


def _encode(values: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the encoding of numbers (n_components, n)."""
    encoded = np.empty((1, len(edges) - 1, len(values)), np.float32)
    Piecewise([edges]).encode(values[None, None], encoded)
    components: NDArray[np.float32] = encoded[0]
    return components
