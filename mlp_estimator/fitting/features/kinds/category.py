"""Categories: values of a limited number of levels, compared as values and not as types."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ....engine.graph import Graph
from ...frames import Column, instant_of, is_missing
from ..blocks import CODES, Feature
from .contract import Counts, Kind, Resolution

NUMERAL = re.compile(r"-?(0|[1-9]\d*)(\.00?|\.\d*[1-9])?")
"""Text that spells a number. "01" is a code, such as that of a post office, and "2.10" a version other than 2.1."""

PADDED = re.compile(r"-?(0|[1-9]\d*)\.\d*[1-9]00?")
"""Text that is the level of a number, too, unless it is a level of its own."""

WRITTEN_DECIMAL = re.compile(r"-?\d+\.\d+")
"""A number with decimals in text that ``NUMERAL`` does not take."""

UNKNOWN = -1

MAX_DIGITS = 300
"""Text of so many digits is no number."""

MAX_EXACT = 2**53
"""Integers up to it are numbers of float64."""

MIN_KEY_ROWS, KEY_SHARE = 50, 0.95
"""Rows, and levels for each of them, from which on a column is taken for a key or free text."""

MIN_WRITTEN = 20
"""Levels from which on a column of written dates or numbers is named."""

_DAY = r"\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}\.\d{1,2}\.\d{2,4}|\d{1,2}/\d{1,2}/\d{2,4}"
WRITTEN_DATE = re.compile(rf"({_DAY})([ T]\d.*)?|\d{{4}}-\d{{1,2}}")

Level = int | float | str


class Category(Kind):
    """A column of categories.

    Levels are numbers, or text: booleans are 0 and 1, and text that spells a number is that number. Missing is a level
    of its own if values were missing in ``fit``. The codes of the rarest levels are the last ones.
    """

    def __init__(self, name: str):
        super().__init__(name)
        self.counts: dict[Level, float] = {}
        self.n_missing = self.n_known = 0.0  # rows
        self.has_text = False
        self.codes: dict[Level, int] = {}  # by level
        self.missing_code = UNKNOWN
        self.n_levels = 0  # missing included
        self.n_indicators = 0

    @classmethod
    def takes(cls, holds: frozenset[str]) -> bool:
        """Take category types, booleans, and text, also among numbers."""
        return (
            "category" in holds or holds == {"boolean"} or ("text" in holds and holds <= {"text", "number", "boolean"})
        )

    def learn(self, column: Column, counts: Counts) -> None:
        values = _hashable(column)
        self.has_text |= any(isinstance(value, str) for value in values)
        found: dict[Any, float] = dict(Counter(values))
        if counts is not None:
            found = dict.fromkeys(values, 0.0)
            for value, count in zip(values, counts.tolist(), strict=True):
                found[value] += count
        for value, count in found.items():
            self._count(level_of(value), count)

    def merge(self, other: Self) -> None:
        self.n_missing += other.n_missing
        self.has_text |= other.has_text
        for level, count in other.counts.items():
            self._count(level, count)

    def _count(self, level: Level | None, count: float) -> None:
        if level is None:
            self.n_missing += count
        else:
            self.counts[level] = self.counts.get(level, 0) + count

    def finish(self, resolution: Resolution) -> None:
        """Give codes to levels: in order, missing last; with too many of them the rarest ones behind all others."""
        levels = sorted(self.counts, key=lambda level: (isinstance(level, str), level))
        room = resolution.max_categories - (self.n_missing > 0)
        rare: set[Level] = set()
        if len(levels) > room:
            # Of equally frequent levels the last ones are kept, as by scikit-learn's encoders.
            ranked = sorted(range(len(levels)), key=lambda k: (self.counts[levels[k]], k))
            rare = {levels[k] for k in ranked[: len(levels) - room + 1]}
        ordered: list[Level | None] = [level for level in levels if level not in rare]
        ordered += [None] * (self.n_missing > 0)
        self.n_levels, self.n_indicators = len(ordered) + len(rare), len(ordered) + bool(rare)
        ordered += [level for level in levels if level in rare]
        codes = {level: code for code, level in enumerate(ordered)}
        self.codes = {level: codes[level] for level in levels}
        self.n_known = sum(self.counts.values())
        self.missing_code = codes.get(None, UNKNOWN)
        self.counts = {}

    @property
    def advice(self) -> str:
        texts = [level for level in self.codes if isinstance(level, str)]
        n_dates = sum(WRITTEN_DATE.fullmatch(level.strip()) is not None for level in texts)
        n_decimals = sum(isinstance(level, float) for level in self.codes)
        n_decimals += sum(WRITTEN_DECIMAL.fullmatch(text) is not None for text in texts)
        if self.has_text and n_dates >= MIN_WRITTEN and n_dates > 0.9 * len(self.codes):
            return f"Column {self.name!r} has dates written as text: make it dates, as pandas.to_datetime does."
        if self.has_text and n_decimals > max(MIN_WRITTEN, len(self.codes) / 2):  # whole numbers may be codes
            return (
                f"Column {self.name!r} has numbers written as text: make it numbers, as pandas.to_numeric(column, "
                "errors='coerce') does."
            )
        if self.n_known >= MIN_KEY_ROWS and len(self.codes) > KEY_SHARE * self.n_known:
            return (
                f"Column {self.name!r} has nearly as many levels as rows, as names and texts have: what a level has in "
                "training tells nothing of new rows. Leave it out, or make features of it."
            )
        return ""

    @property
    def categories(self) -> NDArray[Any]:
        """The levels in order, numbers before text, and None for missing."""
        return np.array([*self.codes, *[None] * (self.missing_code != UNKNOWN)], dtype=object)

    def features(self) -> list[Feature]:
        """Return the codes."""
        return [Feature(self.name, CODES, n_levels=self.n_levels, n_indicators=self.n_indicators)]

    def code(self, column: Column) -> Sequence[NDArray[Any]]:
        """Return the codes, -1 for levels that were not in ``fit``."""
        values = _hashable(column)
        known = {value: self._code(level_of(value)) for value in set(values)}
        return [np.fromiter(map(known.__getitem__, values), np.float32, len(values))]

    def input_type(self, column: Column) -> type:
        """Return text where the column or a level is text, otherwise booleans where none was missing, or numbers."""
        values = [value for value in column.objects() if not is_missing(value)] or list(self.codes)
        if any(isinstance(value, str | bytes) for value in (*values, *self.codes)):
            return str
        if all(isinstance(value, bool | np.bool_) for value in values) and self.missing_code == UNKNOWN:
            return bool
        return np.float32 if column.numbers().dtype == np.float32 else np.float64

    def nodes(self, g: Graph, x: str, given: type) -> str:
        """Return the codes; text is every spelling of a level that ``code`` takes for it."""
        codes: dict[Any, int] = {np.nan: self.missing_code, **self.codes}
        if given is str:
            texts = {text: code for text, code in self.codes.items() if isinstance(text, str)}
            numbers = {text: code for level, code in self.codes.items() for text in _spellings(level)}
            codes = numbers | texts | ({} if "" in texts and self.missing_code == UNKNOWN else {"": self.missing_code})
        elif any(isinstance(level, int) and abs(level) > MAX_EXACT for level in self.codes):
            raise NotImplementedError(
                f"Column {self.name!r} has categories of integers beyond 2^53, which numbers of a graph do not tell "
                "apart: make them text before the fit."
            )
        keys: dict[str, Any] = (
            {"keys_strings": list(codes)}
            if given is str
            else {"keys_tensor": np.array(list(codes), np.float32 if given is np.float32 else None).astype(np.float64)}
        )
        keys |= {"values_tensor": np.array(list(codes.values())), "default_tensor": np.array([UNKNOWN])}
        return g("LabelEncoder", x, **keys)

    def _code(self, level: Level | None) -> int:
        if level is None:
            return self.missing_code
        if isinstance(level, str) and level not in self.codes and PADDED.fullmatch(level):
            level = _spelled(level.rstrip("0"))
        return self.codes.get(level, UNKNOWN)


def level_of(value: Any) -> Level | None:
    """Return the level that a value is, None if it is missing."""
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    if isinstance(value, str):
        return _spelled(str.__str__(value))  # of a member of an Enum it is the text that it equals
    if is_missing(value):
        return None
    if isinstance(value, timedelta | np.timedelta64):
        return level_of(float(np.timedelta64(value, "us") / np.timedelta64(1, "s")))
    if isinstance(value, bool | np.bool_ | Integral):
        return int(value)
    if isinstance(value, np.float16 | np.float32):
        return level_of(float(str(value)))
    if isinstance(value, Real | Decimal):
        number = value if isinstance(value, Decimal) else float(value)
        return int(number) if math.isfinite(number) and number == int(number) else float(number)
    if isinstance(value, np.datetime64 | datetime):
        instant = instant_of(value)
        value = instant.item() if isinstance(instant.item(), datetime) else str(instant)  # beyond the dates of Python
    if isinstance(value, datetime) and value == datetime.combine(value, datetime.min.time()):
        value = value.date()
    return value.isoformat() if isinstance(value, date) else str(value)


def _spelled(text: str) -> Level:
    """Return the number that a text spells, otherwise the text: also one of more digits than a number keeps."""
    whole, _, fraction = text.partition(".")
    if NUMERAL.fullmatch(text) and not fraction.strip("0"):
        return int(whole) if len(whole) < MAX_DIGITS else text
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number) or text not in (repr(number), np.format_float_positional(number, trim="-")):
        return text
    return int(number) if number == int(number) else number


def _spellings(level: Level) -> list[str]:
    """Return the texts that are read as a number."""
    if isinstance(level, str):
        return []
    if isinstance(level, int):
        texts = [f"{sign}{level}{ending}" for ending in ("", ".0", ".00") for sign in ("", *["-"] * (level == 0))]
        is_float = abs(level) < 10**MAX_DIGITS and int(float(level)) == level
        return [*texts, repr(float(level))] if is_float else texts
    plain = np.format_float_positional(level)
    return [repr(level), *(f"{plain}{ending}" for ending in ("", "0", "00"))]


def _hashable(column: Column) -> list[Any]:
    """Return the values of a column; ValueError for one that is no value, such as a list."""
    values = column.objects()
    try:
        hash(tuple(values))
    except TypeError:
        example = next(value for value in values if not _is_hashable(value))
        raise ValueError(
            f"Column {column.name!r} has the entry {example!r}, a {type(example).__name__}: a category is a number or "
            "text. Convert it first."
        ) from None
    return values


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
