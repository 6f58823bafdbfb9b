"""Tables in chunks of rows: one in memory is one chunk; files, datasets and lazy frames are read in several.

Their own libraries read them: pyarrow files and datasets, polars and Dask their lazy frames. Each pass over the rows
reads them again, so that memory does not grow with their number.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from .frames import Frame, read_frame, require_rows

CHUNK_ROWS = 2**16
"""Rows of a chunk, unless the source has parts of its own."""

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".csv.gz": "csv", ".arrow": "ipc", ".feather": "ipc"}
"""Formats of files, by the end of their names."""

SAME_ROWS = "A table that is read in chunks is gone through several times, and has to yield the same rows each time."

TableLike: TypeAlias = Any
"""What the tabular estimators accept as X: a table, or a source of tables."""

Pieces = Iterator[tuple[str, Any]]
"""Tables of any container, each with its place in the source, "" where there is only one."""


@dataclass(eq=False)
class Chunks:
    """A table that is gone through chunk by chunk, as often as needed.

    Each pass has to have the same names, number of rows and values, the latter as far as sums over columns tell.
    """

    read: Callable[[Sequence[str] | None], Pieces]  # some of the columns, or all of them
    names: list[str] | None = None  # of the columns, where they are known beforehand
    n_read: int | None = None  # rows, where their number is known
    left_out: tuple[str, ...] = ()  # columns
    chosen: NDArray[np.bool_] | None = None  # rows
    arrange: Callable[[Frame], Frame] | None = None  # of the columns of a chunk
    report: Callable[[int], object] | None = None  # is told how many rows of a pass are read
    _totals: list[NDArray[np.float64]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Frame]:
        start, totals, names = 0, np.zeros(0), None
        for place, table in self.read(None):
            with located(place):
                frame = read_frame(table).without(self.left_out)
                frame = frame if self.arrange is None else self.arrange(frame)
                names = names or frame.names
                frame = frame.in_order(names)
                frame.place, stop = place, start + frame.n_rows
                if stop > (self.n_read or stop):
                    raise ValueError(f"X has more rows than y or an earlier pass, {self.n_read}. {SAME_ROWS}")
                if place and self.n_read is not None:
                    totals = frame.totals() + (totals if len(totals) else 0.0)
                if self.chosen is not None and frame.n_rows:
                    frame = frame.where(self.chosen[start:stop])
            start = stop
            if self.report is not None and place:
                self.report(stop)
            if frame.n_rows:
                yield frame
        if not start:
            require_rows(None)
        self._compare(start, totals)

    @property
    def n_rows(self) -> int | None:
        """The number of rows that a pass yields, where it is known."""
        return self.n_read if self.chosen is None else int(self.chosen.sum())

    def first(self) -> Frame:
        """Return the first chunk.

        Raises
        ------
        ValueError
            If the table has no rows, or no columns.
        """
        return require_rows(next(iter(self)))

    def where(self, chosen: NDArray[np.bool_]) -> Chunks:
        """Return the table of the rows that a mask chooses."""
        return replace(self, chosen=chosen, n_read=len(chosen))

    def take_out(self, **arguments: Any) -> tuple[Chunks, list[Any]]:
        """Return the table without the columns that arguments name, and the arguments, with the values of these.

        Raises
        ------
        ValueError
            If there is no column of the name.
        """
        named = {argument: name for argument, name in arguments.items() if isinstance(name, str)}
        if not named:
            return self, list(arguments.values())
        for argument, name in named.items():
            _require_name(argument, name, self.names)
        parts: dict[str, list[NDArray[Any]]] = {argument: [] for argument in named}
        n_rows, columns = 0, list(dict.fromkeys(named.values()))
        kept: dict[Any, Any] = {}  # of equal labels only one is
        for place, table in self.read(columns):
            with located(place):
                frame = read_frame(table)
                for argument, name in named.items():
                    _require_name(argument, name, frame.names)
                    values = frame.values(name)
                    if place and values.dtype.kind == "O":
                        equal, values = [kept.setdefault(value, value) for value in values], np.empty_like(values)
                        values[:] = equal
                    parts[argument].append(values)
            n_rows += frame.n_rows
        joined = {argument: np.concatenate(of_chunks) for argument, of_chunks in parts.items() if of_chunks}
        return replace(self, left_out=tuple(columns), n_read=n_rows), list({**arguments, **joined}.values())

    def _compare(self, n_rows: int, totals: NDArray[np.float64]) -> None:
        """Raise an error if this pass has had other rows than expected."""
        if n_rows < (self.n_read or 0):
            raise ValueError(f"X has {n_rows} rows, fewer than y or an earlier pass, {self.n_read}. {SAME_ROWS}")
        before = self._totals[0] if self._totals else totals
        self._totals[:] = [before]
        if len(totals) and not np.allclose(totals, before, rtol=1e-9, atol=0.0, equal_nan=True):
            raise ValueError(f"X has other values than in the pass before. {SAME_ROWS}")


@contextmanager
def located(place: str) -> Iterator[None]:
    """Name the chunk in errors."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if not place:
            raise
        raise type(error)(f"{place}: {error}") from None


def read_chunks(X: Any) -> Chunks:
    """Return a table of any container, or of one of the sources that are read in chunks.

    Raises
    ------
    ValueError, TypeError
        If X is neither a table of two dimensions nor a source of such tables.
    """
    if isinstance(X, Chunks):
        return X
    if isinstance(X, str | os.PathLike):
        return _of_dataset(_files(os.fspath(X)))
    if callable(X):
        return Chunks(lambda columns: _numbered(X()))
    if nw.dependencies.is_dask_dataframe(X):
        return Chunks(lambda columns: _partitions(X if columns is None else X[list(columns)]), list(X.columns))
    if nw.dependencies.is_polars_lazyframe(X) and hasattr(X, "collect_batches"):  # from polars 1.34 on
        return Chunks(lambda columns: _batches(X if columns is None else X.select(columns)), X.collect_schema().names())
    if type(X).__module__.startswith("pyarrow._dataset"):
        return _of_dataset(X)
    if isinstance(X, Iterator):
        raise TypeError(f"X is a {type(X).__name__}, which can be gone through once: pass a function that returns it.")
    frame = require_rows(read_frame(X))
    return Chunks(lambda columns: iter([("", frame)]), frame.names, frame.n_rows)


def taken_out(X: Any, **arguments: Any) -> tuple[Any, list[Any]]:
    """Return a table without the columns that arguments name, and the arguments, with the values of these."""
    is_named = any(isinstance(value, str) for value in arguments.values())
    return read_chunks(X).take_out(**arguments) if is_named else (X, list(arguments.values()))


def _numbered(tables: Any) -> Pieces:
    if not isinstance(tables, Iterator | Sequence):
        raise TypeError(
            f"X is a function that returns a {type(tables).__name__}: it has to return an iterator of tables."
        )
    yield from ((f"chunk {k}", table) for k, table in enumerate(tables))


def _partitions(X: Any) -> Pieces:
    yield from ((f"partition {k}", X.partitions[k].compute()) for k in range(X.npartitions))


def _batches(X: Any) -> Pieces:
    yield from _numbered(X.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True))


def _of_dataset(dataset: Any) -> Chunks:
    """Return the batches of a dataset of pyarrow."""
    return Chunks(lambda columns: _arrow_batches(dataset, columns), dataset.schema.names)


def _arrow_batches(dataset: Any, columns: Sequence[str] | None) -> Pieces:
    import pyarrow as pa

    options = {"columns": columns, "batch_size": CHUNK_ROWS, "batch_readahead": 1, "fragment_readahead": 1}
    try:
        parts = [(getattr(part, "path", ""), part, {"schema": dataset.schema}) for part in dataset.get_fragments()]
    except ValueError:  # of a dataset with a filter
        parts = [("", dataset, {})]
    for path, part, schema in parts:
        place = path or "the dataset"
        try:
            for k, batch in enumerate(part.to_batches(**options, **schema)):
                yield f"{place}, chunk {k}", pa.Table.from_batches([batch])
        except (OSError, pa.ArrowException) as error:
            raise ValueError(f"{place} cannot be read: {error}") from None


def _files(path: str) -> Any:
    """Return the files of a path, of a folder, or of a pattern such as "sales/*.parquet", as a dataset of pyarrow."""
    try:
        import pyarrow.csv
        import pyarrow.dataset
    except ImportError:
        raise ImportError(f"pyarrow reads the files {path!r}: pip install pyarrow.") from None
    pattern = os.path.join(glob.escape(path), "**", "*") if os.path.isdir(path) else path
    found = sorted({name for name in [*glob.glob(pattern, recursive=True), path] if os.path.isfile(name)})
    formats = {name: kind for name in found for end, kind in FORMATS.items() if name.endswith(end)}
    if len(set(formats.values())) != 1:
        what = "files of several formats" if formats else "no file"
        raise ValueError(f"X={path!r} names {what}: it has to name files that all end in one of {sorted(FORMATS)}.")
    (kind,) = set(formats.values())
    # An empty field is missing, as pandas reads it.
    as_missing = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    reader = pyarrow.dataset.CsvFileFormat(convert_options=as_missing) if kind == "csv" else kind
    try:
        return pyarrow.dataset.dataset(list(formats), format=reader, partitioning="hive")
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"X={path!r} cannot be read: {error}") from None


def _require_name(argument: str, name: str, names: list[str] | None) -> None:
    if names is not None and name not in names:
        raise ValueError(f"{argument}={name!r} is no column of X: choose among {names}, or pass the values.")
