"""Numbers: median and scale, and the edges of a piecewise-linear encoding. Recipe and figures: ``docs/tabular.md``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ....engine.graph import Graph
from ...frames import Column, EntryError
from ..blocks import ENCODED, MISSING, NUMBERS, Feature
from ..codes import may_be_codes
from .contract import Counts, Kind, Resolution

SMALLEST = 1e-30
"""Transformed values below it are 0: the distance of two edges is a divisor in float32."""

MAX_SAMPLE = 2**19
"""Values of a column whose quantiles are learned: beyond, a random sample of about half as many, whose median is off by
0.001 of the rows (one standard error)."""


class Number(Kind):
    """A column of numbers.

    Its value is u / sqrt(1 + (u / 3)^2) of u = (x - median) / scale, so that outliers stay within (-3, 3). A missing
    value is 0, and has an indicator if values were missing in ``fit``.
    """

    n_numbers = 1

    def __init__(self, name: str):
        super().__init__(name)
        self.n_rows = self.n_missing = 0.0
        self.low, self.high = np.inf, -np.inf
        self.median, self.scale = 0.0, 1.0
        self.constant = False
        self.edges = np.empty(0, np.float32)  # of transformed values
        self._chunks: list[Sample] = []

    @classmethod
    def takes(cls, holds: frozenset[str]) -> bool:
        """Take numbers, columns without any value, and booleans among numbers."""
        return holds <= {"number", "boolean"} and holds != {"boolean"}

    def learn(self, column: Column, counts: Counts) -> None:
        self.learn_values(self._read(column), counts)

    def learn_values(self, values: NDArray[Any], counts: Counts) -> None:
        """Learn numbers, NaN where they are missing."""
        values = values.astype(np.float64)
        is_missing = np.isnan(values)
        sample, missing = (
            Sample(values[rows], None if counts is None else counts[rows]) for rows in (~is_missing, is_missing)
        )
        self.n_rows += sample.total + missing.total
        self.n_missing += missing.total
        if len(sample.values):
            self.low, self.high = min(self.low, sample.values.min()), max(self.high, sample.values.max())
            self._chunks = Sample.limited([*self._chunks, sample])

    def merge(self, other: Self) -> None:
        self.n_rows += other.n_rows
        self.n_missing += other.n_missing
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self._chunks = Sample.limited([*self._chunks, *other._chunks])

    def thin(self, n_total: int) -> None:
        """Keep as many values as these rows have in a sample of all rows."""
        n_values = self.n_rows - self.n_missing
        if n_total > MAX_SAMPLE and n_values:
            share = MAX_SAMPLE / 2 / n_total * self.n_rows / n_values
            self._chunks = [Sample.thinned(self._chunks, min(1.0, share))]

    def finish(self, resolution: Resolution) -> None:
        """Fix median, scale and edges."""
        sample, self._chunks = Sample.joined(self._chunks), []
        if len(sample.values) == 0:
            self.constant = True
            return
        self.median, quarter, three_quarters = sample.quantiles([0.5, 0.25, 0.75]).tolist()
        with np.errstate(over="ignore"):
            scale = min(three_quarters - quarter or (self.high - self.low) / 2, np.finfo(float).max)
        if not scale > 0.0:
            self.constant = True
            return
        self.scale = float(scale)
        transformed = Sample(self.transform(sample.values), sample.counts)
        self.edges = _edges(transformed, resolution.n_bins, resolution.n_exact)
        self.may_be_codes = may_be_codes(sample.values, len(self.edges))

    @property
    def was_missing(self) -> bool:
        """Whether values were missing in training, among others."""
        return 0 < self.n_missing < self.n_rows

    def features(self) -> list[Feature]:
        """Return the number, unless it is constant, and an indicator where values were missing."""
        features = []
        if len(self.edges):
            features.append(Feature(self.name, ENCODED, self.edges))
        elif not self.constant or self.was_missing:
            features.append(Feature(self.name, NUMBERS))
        if self.was_missing:
            features.append(Feature(f"{self.name} is missing", MISSING))
        return features

    def code(self, column: Column) -> Sequence[NDArray[Any]]:
        """Return the values, and the indicator; a column that had no value in ``fit`` is not read."""
        return self.code_values(self._read(column)) if self.n_missing < self.n_rows else []

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

    @property
    def parts(self) -> Sequence[Kind]:
        """The number, unless it had no value in ``fit``."""
        return [self] if self.n_missing < self.n_rows else []

    def input_type(self, column: Column) -> type:
        """Return the type of the numbers; a column that is not read may be text."""
        if not self.parts:
            return np.float64 if column.holds() <= {"number", "boolean"} else str
        return np.float32 if self._read(column).dtype == np.float32 else np.float64

    @staticmethod
    def transform_nodes(g: Graph, x: str, numbers: Sequence[Number]) -> str:
        """Return what ``transform`` does to a column of x for each number."""
        medians, scales = (np.array([getattr(one, name) for one in numbers]) for name in ("median", "scale"))
        u = g("Clip", g("Div", g("Sub", x, medians), scales), -1e100, 1e100)
        third = g("Div", u, 3.0)
        squashed = g("Div", u, g("Sqrt", g("Add", g("Mul", third, third), 1.0)))
        is_number = g("GreaterOrEqual", g("Abs", squashed), SMALLEST)  # false of NaN
        return g("Where", is_number, squashed, 0.0)

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


@dataclass
class Sample:
    """Values and how often each counts, None where all count once; each was kept with the probability ``share``."""

    values: NDArray[Any]
    counts: Counts
    share: float = 1.0

    @classmethod
    def joined(cls, chunks: Sequence[Sample]) -> Sample:
        """Return the values of all chunks in order, the same share of each."""
        if not chunks:
            return cls(np.empty(0), None)
        sample = cls.thinned(chunks, 1.0)
        order = np.argsort(sample.values, kind="stable")
        return cls(sample.values[order], None if sample.counts is None else sample.counts[order])

    @classmethod
    def limited(cls, chunks: Sequence[Sample]) -> list[Sample]:
        """Return the chunks, or where they have too many values one with a random sample of all."""
        if sum(len(chunk.values) for chunk in chunks) <= MAX_SAMPLE:
            return list(chunks)
        return [cls.thinned(chunks, MAX_SAMPLE / 2 / sum(len(chunk.values) / chunk.share for chunk in chunks))]

    @classmethod
    def thinned(cls, chunks: Sequence[Sample], share: float) -> Sample:
        """Return a random sample, the same share of all values; it is that of a chunk that has less of them."""
        share = min(share, *(chunk.share for chunk in chunks))
        rng = np.random.default_rng(sum(len(chunk.values) for chunk in chunks))
        values, counts = [], []
        for chunk in chunks:
            chosen = slice(None) if chunk.share <= share else rng.random(len(chunk.values)) < share / chunk.share
            values.append(chunk.values[chosen])
            counts.append(np.ones(len(values[-1])) if chunk.counts is None else chunk.counts[chosen])
        once = all(chunk.counts is None for chunk in chunks)
        return cls(np.concatenate(values), None if once else np.concatenate(counts), share)

    @property
    def total(self) -> float:
        """How often all values count."""
        return float(len(self.values) if self.counts is None else self.counts.sum())

    def quantiles(self, levels: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return quantiles of sorted values, each repeated as often as it counts, with linear interpolation."""
        if self.counts is None:
            with np.errstate(over="ignore", invalid="ignore"):
                quantiles: NDArray[np.float64] = np.quantile(self.values, levels)
            # The difference of two neighbours may overflow.
            return quantiles if np.isfinite(quantiles).all() else 4.0 * np.quantile(self.values / 4.0, levels)
        places = np.asarray(levels) * max(self.total - 1.0, 0.0)
        ends = np.cumsum(self.counts)
        low, high = (
            self.values[np.searchsorted(ends, place, side="right").clip(max=len(ends) - 1)].astype(np.float64)
            for place in (np.floor(places), np.floor(places) + 1.0)
        )
        part = places - np.floor(places)
        weighted: NDArray[np.float64] = low * (1.0 - part) + high * part
        return weighted


def _edges(sample: Sample, n_bins: int, n_exact: int) -> NDArray[np.float32]:
    """Return the distinct values where these make at most ``n_exact`` bins, otherwise quantiles for ``n_bins``."""
    distinct, levels = np.unique(sample.values), np.linspace(0.0, 1.0, n_bins + 1)
    if len(distinct) < 3:
        return np.empty(0, np.float32)
    if len(distinct) <= n_exact + 1:
        return distinct
    edges = np.unique(sample.quantiles(levels).astype(np.float32))
    if len(edges) < 0.75 * (n_bins + 1):  # many ties
        more = np.quantile(distinct, levels).astype(np.float32)
        edges = np.unique(np.concatenate([edges, more]))
        counts = np.histogram(sample.values, edges, weights=sample.counts)[0].astype(float)
        while len(edges) > n_bins + 1:  # merge the emptiest bins
            k = int(np.argmin(counts[:-1] + counts[1:]))
            counts[k] += counts[k + 1]
            counts = np.delete(counts, k + 1)
            edges = np.delete(edges, k + 1)
    return edges
