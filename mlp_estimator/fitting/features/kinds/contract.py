"""What a table asks of a kind of column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ....engine.graph import Graph
from ...frames import Column
from ..blocks import Feature

Counts: TypeAlias = NDArray[np.float64] | None
"""How often each row counts, None where all count once: see ``row_counts``."""


@dataclass(frozen=True)
class Resolution:
    """How finely columns are coded."""

    n_bins: int  # of the encoding of a number
    n_exact: int  # where distinct values make at most so many bins, each is an edge
    max_categories: int


class Kind(ABC):
    """One column of a table: what was learned from it, and how its values become features.

    A new object learns chunks of rows and merges with others that did. ``finish`` then fixes how values are coded.
    """

    n_numbers: ClassVar[int] = 0
    """Maximum number of numbers that a column brings, which share the bins of a table."""

    may_be_codes = False
    """Whether the values are whole numbers of which not each one has an edge, after ``finish``."""

    def __init__(self, name: str):
        self.name = name

    @classmethod
    @abstractmethod
    def takes(cls, holds: frozenset[str]) -> bool:
        """Tell whether a column that holds this is of the kind; see ``Column.holds``."""

    @abstractmethod
    def learn(self, column: Column, counts: Counts) -> None:
        """Learn from rows of the training table; ``counts`` are how often each counts."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take over what another object learned from other rows. The order does not matter."""

    def thin(self, n_total: int) -> None:
        """Let go of values that are not needed of these rows, which are some of ``n_total``."""
        return

    @abstractmethod
    def finish(self, resolution: Resolution) -> None:
        """Fix how values are coded, after the last row."""

    @abstractmethod
    def features(self) -> list[Feature]:
        """Return the features that the column brings, after ``finish``."""

    @abstractmethod
    def code(self, column: Column) -> Sequence[NDArray[Any]]:
        """Return an array (n,) for each feature."""

    @property
    def advice(self) -> str:
        """What is better done to the column before, after ``finish``; an empty string if nothing is known."""
        return ""

    @property
    def parts(self) -> Sequence[Kind]:
        """The kinds that the values are, as ``nodes`` orders them; none where the column is not read."""
        return [self]

    def input_type(self, column: Column) -> type:
        """Return the type of the column in an ONNX graph; ``column`` has rows as those of ``fit``."""
        return np.float64

    def nodes(self, g: Graph, x: str, given: type) -> str:
        """Return the values (n, number of parts) in an ONNX graph: numbers before they are transformed, or codes.

        ``x`` (n, 1) is text, or float64 where another type was ``given``.
        """
        return x
