"""X as a raw table: columns of any kind, coded into one array. Recipe and figures: ``docs/tabular.md``.

All statistics come from all training rows; none but the means by category uses the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..chunks import CHUNK_ROWS, Chunks, Part, located, read_chunks
from ..frames import ArrayColumn, Column, Frame
from ..store import is_shared, release
from .blocks import CODES, KEY, NUMBERS, Feature, TableLayout
from .codes import are_codes
from .contract import Features, Validate
from .kinds import KINDS, Category, Counts, Kind, Resolution
from .target_means import Stretch, TargetMeans

LARGE = 10_000
"""Rows from which on a table is large: larger batches, and finer encodings."""

MIN_BINS, MAX_BINS, ROWS_PER_BIN = 32, 128, 160
"""Bins of a number: so many rows for each, within bounds."""

PART_ROWS = 1024
"""Rows whose encoding is in memory at once while its means are learned."""

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
        resolve = partial(resolution_for, n_counted, n_bins, max_categories)
        n_alone = n_rows if len(chunks.sources) == 1 else None
        learned = Learned([])
        for _, of_part in chunks.each(partial(Learned.of, categorical, resolve, n_alone), counts):
            if of_part.learners:  # the part has rows
                learned.merge(of_part)
        kinds = [learner.known for learner in learned.learners]
        if not learned.is_finished:
            resolution = resolve(kinds)
            for kind in kinds:
                kind.finish(resolution)
        features = [feature for kind in kinds for feature in kind.features()]
        means = TargetMeans.of([feature.n_levels for feature in features if feature.block == CODES], n_targets)
        return cls(learned.names, kinds, dtype, means, left_out=chunks.left_out)

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
        # Another process would write to an array of its own, and on another machine to another copy of a page.
        in_place = not chunks.side_by_side or (chunks.n_local_processes > 0 and is_shared(out))
        file, given = (None, out) if places is None else (out, None)
        code = partial(self.code_part, file if in_place else None)
        for rows, coded in chunks.each(code, folds, places, given if in_place else None):
            if coded is not None:
                out[rows if places is None else places[rows]] = coded
                release(out)

    def code_part(
        self,
        file: NDArray[Any] | None,
        part: Part,
        folds: NDArray[np.integer[Any]],
        places: NDArray[Any] | None,
        out: NDArray[Any] | None,
    ) -> NDArray[Any] | None:
        """Write a part of the rows to their places in a file, or to ``out``; return them if neither is given."""
        start, of_chunks, key = 0, [], self.layout.block(KEY)
        for frame in part:
            rows = slice(start, start + frame.n_rows)
            with located(frame.place):
                coded = self.code(frame, None if out is None else out[rows])
            if self.means.columns:
                coded[:, key] = folds[rows, None] + 1
            if file is not None:
                file[cast(Any, places)[rows]] = coded
                release(file)
            elif out is None:
                of_chunks.append(coded)
            start = rows.stop
        return _together(of_chunks) if of_chunks else None

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
        some = self._some_rows(coded)

        def parts() -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
            for start in range(0, len(some), PART_ROWS):
                rows = some[start : start + PART_ROWS]
                yield np.asarray(coded[rows]), np.ones(len(rows)) if counts is None else counts[rows]
                release(coded)

        layout.learn_encoding_means(parts())
        self.encoding_means = layout.encoding_means
        if self.means.columns:
            n_levels = [feature.n_levels for feature in layout.features[layout.block(CODES)]]
            self.means.learn(len(coded), n_folds, n_levels, partial(self._stretch, coded, columns, counts))
        release(coded)

    def like_codes(self, coded: NDArray[Any], columns: Callable[[NDArray[np.intp]], NDArray[np.float64]]) -> list[str]:
        """Return the names of the columns of numbers that behave as codes, of coded training rows."""
        columns_of = self.columns.tolist()  # the number of a column is before its indicator
        places = {kind.name: columns_of.index(k) for k, kind in enumerate(self.kinds) if kind.may_be_codes}
        some = self._some_rows(coded)
        Y = columns(some) if places else np.empty((0, 0))
        alike = [name for name, place in places.items() if are_codes(np.asarray(coded[some, place]), Y)]
        release(coded)
        return alike

    @staticmethod
    def _some_rows(coded: NDArray[Any]) -> NDArray[np.intp]:
        """Return at least ``MAX_MEANS`` rows if there are so many, evenly."""
        return np.arange(0, len(coded), max(1, len(coded) // MAX_MEANS))

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
        """Return the place of a category among the codes, by the name of its column."""
        names = [feature.name for feature in self.layout.features[self.layout.block(CODES)]]
        if isinstance(name, int | np.integer):
            name = f"x{name}" if self.names is None else str(name)
        if name not in names:
            raise ValueError(
                f"by={name!r} is no column of categories: choose among {names}, or fit with "
                f"categorical_features=[{name!r}]."
            )
        return names.index(name)

    def read(self, X: Any, validate: Validate) -> Chunks:
        """Read a table with the columns of ``fit``: by name if both have names, in any order, otherwise by position."""
        chunks = read_chunks(X, self.text_columns)
        left_out = (*chunks.left_out, *self.left_out)
        return replace(chunks, left_out=left_out, arrange=partial(self._arranged, validate))

    @property
    def text_columns(self) -> list[str]:
        """The names of the categories with text among their levels."""
        return [kind.name for kind in self.kinds if isinstance(kind, Category) and kind.has_text]

    def _arranged(self, validate: Validate, frame: Frame) -> Frame:
        if frame.labels is not None and self.names is not None and set(frame.labels) == set(self.names):
            return frame.in_order(self.names, "the fit")
        if self.names is None and frame.names is not None and set(frame.names) == {*map(str, range(len(frame)))}:
            raise ValueError(
                f"X has the columns {frame.names}, and those of fit had no names but their numbers in order: sort "
                "them so, or pass an array."
            )
        validate(frame.native, skip_check_array=True)
        return frame if frame.names is None or self.names is None else frame.in_order(self.names, "the fit")

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
class Learned:
    """What is learned of some rows: of their columns, the names of these, and where the rows begin."""

    learners: list[Learner]
    names: list[str] | None = None
    place: str = ""
    is_finished: bool = False

    @classmethod
    def of(
        cls,
        categorical: Any,
        resolve: Callable[[list[Kind]], Resolution],
        n_rows: int | None,
        part: Part,
        counts: Counts,
    ) -> Learned:
        """Learn from the chunks of a part; one of ``n_rows`` rows is the whole table, and is finished."""
        learned, start = cls([]), 0
        for frame in part:
            stop = start + frame.n_rows
            of_rows = None if counts is None else counts[start:stop]
            with located(frame.place):
                columns = frame.columns
                if not learned.learners:
                    chosen = named_columns(frame, categorical)
                    learned = cls([Learner(k in chosen) for k in range(len(columns))], frame.names, frame.place)
                if len(columns) != len(learned.learners):
                    raise ValueError(
                        f"X has {len(columns)} column(s), and {len(learned.learners)} in the chunks before."
                    )
                pairs = list(zip(learned.learners, columns, strict=True))
                resolution = resolve([learner.decide(column) for learner, column in pairs])
                learned.is_finished = stop == n_rows
                for learner, column in pairs:
                    learner.learn(column, frame.n_rows, of_rows)
                    if learned.is_finished:  # values are let go column by column
                        learner.known.finish(resolution)
            start = stop
        if not learned.is_finished:
            for learner in learned.learners:
                learner.known.thin(part.n_total or 0)
        return learned

    def merge(self, other: Learned) -> None:
        """Take over what was learned of later rows."""
        if not self.learners:
            vars(self).update(vars(other))
            return
        with located(other.place):
            for learner, later in zip(self.learners, other.learners, strict=True):
                learner.merge(later)


@dataclass
class Learner:
    """The kind of a column, as far as chunks have told it, or a category where users have chosen it."""

    is_chosen: bool = False
    kind: Kind | None = None
    holds: frozenset[str] = frozenset()
    n_counted: float = 0.0  # how often the rows count

    @property
    def known(self) -> Kind:
        """The kind, after the first chunk."""
        assert self.kind is not None
        return self.kind

    def decide(self, column: Column) -> Kind:
        """Return the kind, decided by a chunk, or by earlier ones.

        A column without a value is one of numbers, until a chunk has values.
        """
        if self.is_chosen:
            self.kind = self.kind or Category(column.name)
            return self.kind
        holds = column.holds()
        if self.kind is None:
            self.kind = kind_of(column, holds)(column.name)
        elif holds and not self.holds:
            self.merge(Learner(False, kind_of(column, holds)(column.name), holds))
        else:
            self._require(holds, self.kind.takes(self.holds | holds))
        self.holds |= holds
        return self.kind

    def learn(self, column: Column, n_rows: int, counts: Counts) -> None:
        """Learn a chunk of rows."""
        self.known.learn(column, counts)
        self.n_counted += n_rows if counts is None else float(counts.sum())

    def merge(self, other: Learner) -> None:
        """Take over what another object has learned of later rows."""
        kind, later = self.known, other.known
        if type(kind) is type(later):
            self._require(other.holds, self.is_chosen or kind.takes(self.holds | other.holds))
            kind.merge(later)
        else:
            self._require(other.holds, not (self.holds and other.holds))
            first, without_value = (self, other) if self.holds else (other, self)
            self.kind = first.known
            if without_value.n_counted:  # one missing row that counts as often as all of them
                missing = ArrayColumn(self.kind.name, np.array([None]))
                self.kind.learn(missing, np.array([without_value.n_counted]))
        self.holds |= other.holds
        self.n_counted += other.n_counted

    def _require(self, holds: frozenset[str], is_same_kind: bool) -> None:
        """Raise an error if what a chunk holds is of another kind."""
        if not is_same_kind:
            before = " and ".join(sorted(self.holds))
            raise ValueError(
                f"Column {self.known.name!r} holds {' and '.join(sorted(holds))}, and {before} in the chunks before: "
                "make it of one type in all of them."
            )


def kind_of(column: Column, holds: frozenset[str]) -> type[Kind]:
    """Return the kind of a column, by what it holds."""
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
    """Return the positions of the columns that ``chosen`` (names, positions, a mask) names."""
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
        elif str(name) in place:  # names may be numbers, such as years
            found.add(place[str(name)])
        else:
            raise ValueError(
                f"categorical_features has the entry {name!r}: give names, indices below {len(frame)}, or a mask."
            )
    return found


def resolution_for(n_rows: float, n_bins: int | str, max_categories: int, kinds: Sequence[Kind]) -> Resolution:
    """Return how finely columns are coded: fewer bins for many numbers, more for many rows.

    In a large table, a number with few distinct values has each of them as an edge.
    """
    if not isinstance(n_bins, str):
        return Resolution(int(n_bins), int(n_bins), max_categories)
    is_large, n_numbers = n_rows >= LARGE, sum(kind.n_numbers for kind in kinds)
    most = (MAX_COLUMNS_LARGE if is_large else MAX_COLUMNS) // max(n_numbers, 1)
    n_bins = max(4, min(most, MAX_BINS, max(MIN_BINS, int(n_rows // ROWS_PER_BIN) if is_large else 0)))
    return Resolution(n_bins, MAX_BINS if is_large and n_bins >= MIN_BINS else n_bins, max_categories)
