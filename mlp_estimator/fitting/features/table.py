"""X as a raw table: columns of any kind, coded into one array. Recipe and figures: ``docs/tabular.md``.

All statistics come from all training rows; none but the means by category uses the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..chunks import CHUNK_ROWS, Chunks, located, read_chunks
from ..frames import ArrayColumn, Column, Frame
from ..store import release
from .blocks import CODES, KEY, NUMBERS, Feature, TableLayout
from .contract import Features, Validate
from .kinds import KINDS, Category, Counts, Kind, Resolution
from .target_means import Stretch, TargetMeans

LARGE = 10_000
"""Rows from which on a table is large: larger batches, and finer encodings."""

MIN_BINS, MAX_BINS, ROWS_PER_BIN = 32, 128, 160
"""Bins of a number: so many rows for each, within bounds."""

MAX_MEANS = 2**16
"""Rows from which the means of the encoding are learned; of many more rows every second one, or third, and so on."""

MAX_COLUMNS, MAX_COLUMNS_LARGE = 512, 2048
"""Columns of the whole encoding, from which fewer bins follow."""


@dataclass
class Table(Features):
    """The columns of a table, and the means of the target by category."""

    names: list[str] | None
    kinds: list[Kind]
    dtype: str
    means: TargetMeans = field(default_factory=TargetMeans)
    encoding_means: NDArray[np.float32] | None = None
    left_out: tuple[str, ...] = ()
    """Columns of the training table that were targets, weights or groups, and are passed over in predictions."""

    @classmethod
    def learn(
        cls,
        chunks: Chunks,
        n_rows: int,
        *,
        categorical: Any,
        max_categories: int,
        n_bins: int | Literal["auto"],
        dtype: str,
        n_targets: int,
        counts: Counts = None,
    ) -> Table:
        """Decide the kind of each column, and learn it; ``counts`` are how often each of the ``n_rows`` counts.

        ``categorical`` names further categories: names, positions or a mask. ``n_targets`` is the number of targets
        whose means by category ``learn_means`` will learn.

        Raises
        ------
        ValueError, TypeError
            If ``categorical`` has an entry that is no column, a column is of no kind, or of several in several chunks.
        """
        n_counted = float(n_rows if counts is None else counts.sum())
        learners: list[Learner] = []
        features: list[Feature] = []
        names, start = None, 0
        for frame in chunks:
            with located(frame.place):
                columns = frame.columns
                if not learners:
                    chosen, names = named_columns(frame, categorical), frame.names
                    learners = [
                        Learner(Category(column.name), is_chosen=True) if k in chosen else Learner()
                        for k, column in enumerate(columns)
                    ]
                kinds = [
                    learner.decide(column, start, counts) for learner, column in zip(learners, columns, strict=True)
                ]
                stop, n_numbers = start + frame.n_rows, sum([kind.n_numbers for kind in kinds])
                resolution = resolution_for(n_counted, n_numbers, n_bins, max_categories)
                for kind, column in zip(kinds, columns, strict=True):
                    kind.learn(column, None if counts is None else counts[start:stop])
                    if stop == n_rows:  # the last chunk: let go of what is no longer needed
                        kind.finish(resolution)
                        features += kind.features()
                start = stop
        means = TargetMeans.of([feature.n_levels for feature in features if feature.block == CODES], n_targets)
        return cls(names, kinds, dtype, means, left_out=chunks.left_out)

    @property
    def layout(self) -> TableLayout:
        """The places of the features: the same object each time, by which networks are found again."""
        if "_layout" not in vars(self):  # it is no field, and so not in files
            features = [feature for kind in self.kinds for feature in kind.features()]
            features += [Feature("fold", KEY)] if self.means.columns else []
            features = features or [Feature("nothing", NUMBERS)]  # all columns are constant
            vars(self)["_layout"] = TableLayout(features, self.encoding_means, self.means, self.dtype)
        layout: TableLayout = vars(self)["_layout"]
        return layout

    @property
    def columns(self) -> NDArray[np.intp]:
        """The column of the table that each feature of the coded table comes from, -1 for the key."""
        given = [k for k, kind in enumerate(self.kinds) for _ in kind.features()]
        columns = np.full(len(self.layout.features), -1)
        columns[self.layout.places[: len(given)]] = given
        return columns

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the layout, which is made again: predictions do not change what is pickled."""
        return {name: value for name, value in vars(self).items() if name != "_layout"}

    def code_all(
        self, chunks: Chunks, out: NDArray[Any], folds: NDArray[np.integer[Any]], places: NDArray[Any] | None = None
    ) -> None:
        """Write all training rows to ``out`` (n, n_features) of zeros, as the bottom layers read them.

        The key of a row is its fold, counted from 1. ``places`` (n,) say where rows go if not in their order; then
        ``out`` is in a file.
        """
        start, key = 0, self.layout.block(KEY)
        for frame in chunks:
            rows = slice(start, start + frame.n_rows)
            with located(frame.place):
                coded = self.code(frame, out[rows] if places is None else None)
            if self.means.columns:
                coded[:, key] = folds[rows, None] + 1
            if places is not None:
                out[places[rows]] = coded
                release(out)
            start = rows.stop

    def code(self, frame: Frame, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the rows as the bottom layers read them, in ``out`` if it is given: an array of zeros."""
        array = np.zeros(self.shape(frame.n_rows), self.dtype) if out is None else out
        places = iter(self.layout.places)
        for kind, column in zip(self.kinds, frame.columns, strict=True):
            for values in kind.code(column):
                array[:, next(places)] = values
        return array

    def shape(self, n_rows: int) -> tuple[int, int]:
        """Return the shape of so many coded rows."""
        return n_rows, len(self.layout.features)

    def learn_means(
        self,
        coded: NDArray[Any],
        n_folds: int,
        columns: Callable[[slice], NDArray[np.float64]],
        counts: Counts = None,
    ) -> None:
        """Learn the means of the encoding, and of the targets by category, from coded training rows.

        ``columns`` returns the targets (n, K) of a stretch of rows as numbers.
        """
        layout = self.layout
        some, parts = np.arange(0, len(coded), max(1, len(coded) // MAX_MEANS)), []
        for start in range(0, len(some), CHUNK_ROWS // 4):
            parts.append(np.asarray(coded[some[start : start + CHUNK_ROWS // 4]]))
            release(coded)
        layout.learn_encoding_means(np.concatenate(parts), None if counts is None else counts[some])
        self.encoding_means = layout.encoding_means
        if self.means.columns:
            n_levels = [feature.n_levels for feature in layout.features[layout.block(CODES)]]
            self.means.learn(len(coded), n_folds, n_levels, partial(self._stretch, coded, columns, counts))
        release(coded)

    def _stretch(
        self, coded: NDArray[Any], columns: Callable[[slice], NDArray[np.float64]], counts: Counts, rows: slice
    ) -> Stretch:
        part = np.asarray(coded[rows])
        folds = part[:, self.layout.block(KEY)][:, 0].astype(np.intp) - 1
        release(coded)
        return Stretch(self.codes(part), folds, columns(rows), np.ones(len(part)) if counts is None else counts[rows])

    def codes(self, coded: NDArray[Any]) -> NDArray[np.int32]:
        """Return the codes of categories of coded rows (n, n_categories), as integers."""
        return coded[:, self.layout.block(CODES)].astype(np.int32)

    def place_among_codes(self, name: Any) -> int:
        """Return the place of a category among the codes, by the name of its column.

        Raises
        ------
        ValueError
            If no category has the name.
        """
        names = [feature.name for feature in self.layout.features[self.layout.block(CODES)]]
        if isinstance(name, int | np.integer) and self.names is None:
            name = f"x{name}"
        if name not in names:
            raise ValueError(f"by={name!r} is no column of categories: choose among {names}.")
        return names.index(name)

    def read(self, X: Any, validate: Validate) -> Chunks:
        """Read a table with the columns of ``fit``: by name if both have names, in any order, otherwise by position."""
        chunks = read_chunks(X)
        left_out = (*chunks.left_out, *self.left_out)
        return replace(chunks, left_out=left_out, arrange=partial(self._arranged, validate))

    def _arranged(self, validate: Validate, frame: Frame) -> Frame:
        if frame.names is None or self.names is None or set(frame.names) != set(self.names):
            validate(frame.native, skip_check_array=True)
            return frame
        return frame.in_order(self.names)

    def pieces(self, rows: Chunks) -> Iterator[NDArray[Any]]:
        """Yield coded rows, of small chunks several together."""
        waiting: list[NDArray[Any]] = []
        n_waiting = 0
        for frame in rows:
            for start in range(0, frame.n_rows, CHUNK_ROWS):
                with located(frame.place):
                    coded = self.code(frame.rows(slice(start, start + CHUNK_ROWS)))
                if waiting and n_waiting + len(coded) > CHUNK_ROWS:
                    yield _together(waiting)
                    waiting, n_waiting = [], 0
                waiting.append(coded)
                n_waiting += len(coded)
        yield _together(waiting)

    @property
    def categories(self) -> list[NDArray[Any]]:
        """The levels of the categories, None for missing."""
        return [kind.categories for kind in self.kinds if isinstance(kind, Category)]


def _together(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass
class Learner:
    """The kind of a column, as far as chunks have told it, or as users have chosen it."""

    kind: Kind | None = None
    holds: frozenset[str] = frozenset()  # of all chunks so far
    is_chosen: bool = False

    def decide(self, column: Column, start: int, counts: Counts) -> Kind:
        """Return the kind, decided by a chunk that begins at row ``start``, or by earlier ones.

        A column without a value is one of numbers, until a chunk has values.

        Raises
        ------
        ValueError, TypeError
            If the column is of no kind, or if earlier chunks are of another kind.
        """
        if self.kind is not None and self.is_chosen:
            return self.kind
        before, holds = self.holds, column.holds()
        self.holds = before | holds
        if self.kind is None:
            self.kind = kind_of(column, holds)(column.name)
        elif holds and not before and type(self.kind) is not kind_of(column, holds):  # until now without a value
            self.kind, missing = kind_of(column, holds)(column.name), ArrayColumn(column.name, np.full(start, None))
            self.kind.learn(missing, None if counts is None else counts[:start])
        elif not self.kind.takes(self.holds):
            raise ValueError(
                f"Column {column.name!r} holds {' and '.join(sorted(holds))}, and {' and '.join(sorted(before))} in "
                "the chunks before: make it of one type in all of them."
            )
        return self.kind


def kind_of(column: Column, holds: frozenset[str]) -> type[Kind]:
    """Return the kind of a column, by what it holds.

    Raises
    ------
    TypeError
        If the column holds something that no kind takes.
    """
    for kind in KINDS.values():
        if kind.takes(holds):
            return kind
    readable = {what for what in holds if any(kind.takes(frozenset({what})) for kind in KINDS.values())}
    example = column.example(lambda what: what not in readable or readable == holds)
    raise TypeError(
        f"Column {column.name!r} holds {' and '.join(sorted(holds))}, for example {example!r}. A column is "
        f"{', '.join(KINDS)}, text or booleans: make it one of these, or leave it out."
    )


def named_columns(frame: Frame, chosen: Any) -> set[int]:
    """Return the positions of the columns that ``chosen`` (names, positions, a mask) names.

    Raises
    ------
    ValueError
        If an entry of ``chosen`` is no column.
    """
    if chosen is None or isinstance(chosen, str):
        return set()
    chosen = np.asarray(chosen)
    if chosen.dtype.kind == "b":
        if chosen.shape != (len(frame),):
            raise ValueError(
                f"categorical_features set as a boolean mask should have shape (n_features,), got: {chosen.shape}"
            )
        return set(np.flatnonzero(chosen).tolist())
    place = {name: k for k, name in enumerate(frame.names or ())}
    found = set()
    for name in chosen.tolist():
        if isinstance(name, str):
            if name not in place:
                raise ValueError(
                    f"categorical_features has an item value '{name}' which is not a feature name of X: {list(place)}."
                )
            found.add(place[name])
        elif isinstance(name, int) and 0 <= name < len(frame):
            found.add(name)
        else:
            raise ValueError(f"categorical_features has the entry {name!r}: give names, indices or a mask.")
    return found


def resolution_for(n_rows: float, n_numbers: int, n_bins: int | str, max_categories: int) -> Resolution:
    """Return how finely columns are coded: fewer bins for many numbers, more for many rows.

    In a large table, a number with few distinct values has each of them as an edge.
    """
    if isinstance(n_bins, int):
        return Resolution(n_bins, n_bins, max_categories)
    is_large = n_rows >= LARGE
    most = (MAX_COLUMNS_LARGE if is_large else MAX_COLUMNS) // max(n_numbers, 1)
    n_bins = max(4, min(most, MAX_BINS, max(MIN_BINS, int(n_rows // ROWS_PER_BIN) if is_large else 0)))
    return Resolution(n_bins, MAX_BINS if is_large and n_bins >= MIN_BINS else n_bins, max_categories)
