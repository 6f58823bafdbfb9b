"""Dates, times with dates, and durations: as the numbers that a network can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ....engine.graph import Graph
from ...frames import Column, EntryError
from ..blocks import Feature
from .contract import Counts, Kind, Resolution
from .number import Number

DAY = np.timedelta64(86_400_000_000, "us")
PERIODS = {"year": 365.2425, "week": 7.0, "day": 1.0}
"""Lengths in days. The phase of a period is a feature where the dates of ``fit`` span it."""

SHIFTS = {"sine": 0.0, "cosine": np.pi / 2.0}
DECIMALS = 6
"""Of sines and cosines: equal phases of days are equal numbers then, whatever computes them, and not two edges."""


class Date(Kind):
    """A column of dates: days, and sine and cosine of the phase of year, week and day.

    A column of durations is a number of seconds. Each of these is a number like those of other columns: the days are
    counted from the median, and later days than those of ``fit`` are extrapolated. Dates with a time zone are read in
    UTC, so that an instant means the same in any zone.
    """

    n_numbers = 1 + 2 * len(PERIODS)

    def __init__(self, name: str):
        super().__init__(name)
        self.durations = False
        self.n_empty = 0.0  # rows of chunks without any value
        self.numbers: dict[str, Number] = {}

    @classmethod
    def takes(cls, holds: frozenset[str]) -> bool:
        """Take dates, or durations."""
        return holds in ({"date"}, {"duration"})

    @property
    def _used(self) -> list[str]:
        """The numbers that vary, the phases of periods that the dates span."""
        first = next(iter(self.numbers.values()))
        span = first.high - first.low  # of the days
        return [
            what
            for what, number in self.numbers.items()
            if number.high > number.low and PERIODS.get(what.split(" ")[-1], 0.0) <= span
        ]

    def learn(self, column: Column, counts: Counts) -> None:
        holds = column.holds()
        if not holds:
            self.n_empty += len(column.objects()) if counts is None else counts.sum()
            return
        self.durations = holds == {"duration"}
        for what, values in self._read(column).items():
            self.numbers.setdefault(what, Number(f"{self.name}: {what}")).learn_values(values, counts)

    def merge(self, other: Self) -> None:
        self.durations |= other.durations
        self.n_empty += other.n_empty
        for what, number in other.numbers.items():
            self.numbers.setdefault(what, Number(number.name)).merge(number)

    def thin(self, n_total: int) -> None:
        for number in self.numbers.values():
            number.thin(n_total)

    def finish(self, resolution: Resolution) -> None:
        """Fix how the numbers are coded; missing values have one indicator, that of the first number."""
        if not self.numbers:
            return
        first = next(iter(self.numbers))
        used = dict.fromkeys([first, *self._used])
        self.numbers = {what: self.numbers[what] for what in used}
        for what, number in self.numbers.items():
            number.n_rows += self.n_empty
            number.n_missing += self.n_empty
            number.finish(resolution)
            if what != first:
                number.n_missing = 0

    def features(self) -> list[Feature]:
        return [feature for number in self.numbers.values() for feature in number.features()]

    def code(self, column: Column) -> Sequence[NDArray[Any]]:
        """Return the values of each number."""
        values = self._read(column)
        return [array for what, number in self.numbers.items() for array in number.code_values(values[what])]

    @property
    def parts(self) -> Sequence[Kind]:
        """The numbers, unless the column had no value in ``fit``."""
        return [part for number in self.numbers.values() for part in number.parts]

    def nodes(self, g: Graph, x: str, given: type) -> str:
        """Return the numbers of a column of seconds, those since 1970 in UTC where it is one of dates."""
        if self.durations:
            return x
        days = g("Div", x, float(DAY / np.timedelta64(1, "s")))
        values = {"days": days}
        for name, period in PERIODS.items():
            turns = g("Div", days, period)
            angle = g("Mul", g("Sub", turns, g("Floor", turns)), 2.0 * np.pi)
            for what, shift in SHIFTS.items():
                scaled = g("Round", g("Mul", g("Sin", g("Add", angle, shift)), 10.0**DECIMALS))
                values[f"{what} of the {name}"] = g("Div", scaled, 10.0**DECIMALS)
        return g("Concat", *(values[what] for what in self.numbers), axis=1)

    def _read(self, column: Column) -> dict[str, NDArray[np.float64]]:
        """Return the numbers of the column, NaN where the date is missing."""
        try:
            if self.durations:
                return {"seconds": column.seconds()}
            days = (column.instants() - np.datetime64(0, "us")) / DAY
        except EntryError as entry:
            held, kind = ("durations", "duration") if self.durations else ("dates", "date")
            raise ValueError(
                f"Column {column.name!r} held {held} in fit, and now has an entry that is no {kind}: {entry}. Convert "
                f"it, for example with pandas.to_{'timedelta' if self.durations else 'datetime'}."
            ) from None
        numbers: dict[str, NDArray[Any]] = {"days": days}
        for name, period in PERIODS.items():
            angle = 2.0 * np.pi * np.mod(days, period) / period
            for what, shift in SHIFTS.items():
                numbers[f"{what} of the {name}"] = np.round(np.sin(angle + shift), DECIMALS)
        return numbers
