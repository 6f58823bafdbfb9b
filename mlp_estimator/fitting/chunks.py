"""Tables in chunks of rows: one in memory is one chunk; files, datasets and lazy frames are read in several.

Their own libraries read them: pyarrow files and datasets, polars and Dask their lazy frames. Each pass over the rows
reads them again, so that memory does not grow with their number. Files and partitions are parts of a table, which
processes or the workers of a cluster read side by side.
"""

from __future__ import annotations

import glob
import itertools
import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Integral
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from .frames import Frame, index_columns, read_frame, require_rows

CHUNK_ROWS = 2**16
"""Rows of a chunk, unless the source has parts of its own."""

PART_ROWS, MANY_PARTS = 2**18, 64
"""Row groups of a Parquet file make parts of about so many rows, where there are fewer files than many."""

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".csv.gz": "csv", ".arrow": "ipc", ".feather": "ipc"}
"""Formats of files, by the end of their names."""

SAME_ROWS = (
    "A table that is read in chunks is gone through several times, and has to yield the same rows in the same order "
    "each time."
)

ONE_TYPE = (
    "Files are read with the types of the first one: make each column of one type in all files, or pass a "
    "pyarrow.dataset with a schema, and of CSV with separators or decimal signs of its own with a format."
)

TableLike: TypeAlias = Any
"""What the tabular estimators accept as X: a table, or a source of tables."""

Pieces = Iterator[tuple[str, Any]]
"""Tables of any container, each with its place in the source, "" where there is only one."""

Read: TypeAlias = Callable[[Any, Sequence[str] | None], Pieces]
"""Reads what a source holds: some of the columns, or all of them."""


@dataclass(eq=False)
class Part:
    """Chunks that one process reads, one after the other. After a pass, it has counted rows and sums over columns."""

    source: Any
    read: Read
    columns: Sequence[str] | None = None  # None for all
    names: list[str] | None = None  # of the columns in their order, where they are known beforehand
    left_out: tuple[str, ...] = ()
    start: int = 0  # rows before it
    end: int | None = None  # where their number is known
    n_total: int | None = None  # rows of all parts
    chosen: NDArray[np.bool_] | None = None  # rows
    arrange: Callable[[Frame], Frame] | None = None  # of the columns of a chunk
    report: Callable[[int], object] | None = None  # is told how many rows are read
    n_rows: int = 0
    totals: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __iter__(self) -> Iterator[Frame]:
        names, n_rows, totals = self.names, 0, np.zeros(0)
        for place, table in self.read(self.source, self.columns):
            with located(place):
                frame = read_frame(table).without(self.left_out)
                frame = frame if self.arrange is None else self.arrange(frame)
                names = names or frame.names
                frame = frame.in_order(names)
                frame.place, stop = place, n_rows + frame.n_rows
                if self.end is not None and self.start + stop > self.end:
                    raise ValueError(f"X has more rows than y or an earlier pass, {self.n_total}. {SAME_ROWS}")
                if place and self.end is not None:
                    totals = frame.totals(n_rows) + (totals if len(totals) else 0.0)
                if self.chosen is not None and frame.n_rows:
                    frame = frame.where(self.chosen[n_rows:stop])
                    frame.place = place
            n_rows = stop
            if self.report is not None and place:
                self.report(self.start + stop)
            if frame.n_rows:
                yield frame
        self.n_rows, self.totals = n_rows, totals

    def require(self, end: int | None) -> None:
        """Raise an error if a pass had fewer rows than expected."""
        if end is not None and self.start + self.n_rows < end:
            raise ValueError(
                f"X has {self.start + self.n_rows} rows, fewer than y or an earlier pass, {self.n_total}. {SAME_ROWS}"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs, which reports nothing."""
        return vars(self) | {"report": None}


@dataclass
class Call:
    """A function of a part of a table, and of values of its rows."""

    function: Callable[..., Any]
    part: Part
    values: tuple[Any, ...]

    def make(self) -> tuple[Any, Part]:
        """Return the result, and the part as far as it has counted."""
        result = self.function(self.part, *self.values)
        return result, replace(self.part, source=None, chosen=None, arrange=None)


Results: TypeAlias = Iterator[tuple[Any, Part]]


def in_processes(calls: Iterable[Call], n_jobs: int | None) -> Results:
    """Yield the results of calls in their order, made in several processes where ``n_jobs`` asks for it."""
    is_over = False
    tasks = (delayed(Call.make)(call) for call in itertools.takewhile(lambda call: not is_over, calls))
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    try:
        for result in results:  # noqa: UP028 - "yield from" would end them before the lines below
            yield result
    finally:  # at an error elsewhere: joblib warns of calls under way whose results nobody takes
        is_over = True
        with suppress(Exception):
            deque(results, maxlen=0)


@dataclass(eq=False)
class Chunks:
    """A table that is gone through chunk by chunk, as often as needed.

    Each pass has to have the same names, number of rows and values, the latter as far as sums over columns tell.
    """

    sources: Sequence[Any]  # of the parts: of several each is a tuple that begins with its place
    read: Read
    names: list[str] | None = None  # of the columns, where they are known beforehand
    n_read: int | None = None  # rows, where their number is known
    left_out: tuple[str, ...] = ()  # columns
    chosen: NDArray[np.bool_] | None = None  # rows
    arrange: Callable[[Frame], Frame] | None = None  # of the columns of a chunk
    report: Callable[[int], object] | None = None  # is told how many rows of a pass are read
    n_jobs: int | None = None  # processes
    run: Callable[[Iterable[Call], int | None], Results] = in_processes
    _sizes: list[int] = field(default_factory=list)  # rows of the parts
    _totals: list[NDArray[np.float64]] = field(default_factory=list)  # of the parts, in the first pass

    def __iter__(self) -> Iterator[Frame]:
        start, parts = 0, []
        for source in self.sources:
            parts.append(self._part(source, start, self.n_read))
            yield from parts[-1]
            start += parts[-1].n_rows
        self._compare(parts)

    def each(self, function: Callable[..., Any], *arrays: Any) -> Iterator[tuple[slice, Any]]:
        """Yield for each part its rows among those that are chosen, and what ``function(part, *values)`` returns.

        ``values`` are those of its rows in arrays (n_rows, ...), of which some may be None. The function has to go
        through the part once.
        """
        ends: list[Any] = [self.n_read] if len(self.sources) == 1 else np.cumsum(self._counted()).tolist()
        if self.n_read is not None and ends[-1] > self.n_read:
            raise ValueError(f"X has {ends[-1]} rows, more than y or an earlier pass, {self.n_read}. {SAME_ROWS}")
        places = ends if self.chosen is None else np.r_[0, np.cumsum(self.chosen)][ends].tolist()
        rows = [slice(*pair) for pair in itertools.pairwise([0, *places])]
        parts = map(self._part, self.sources, [0, *ends], ends)
        calls = (
            Call(function, part, tuple(None if array is None else array[of_part] for array in arrays))
            for part, of_part in zip(parts, rows, strict=True)
        )
        done: list[Part] = []
        for of_part, end, (result, part) in zip(rows, ends, self._made(calls), strict=True):
            with located(self._place(len(done))):
                part.require(end)
            done.append(part)
            if self.report is not None and len(rows) > 1:
                self.report(part.start + part.n_rows)
            yield of_part, result
        self._compare(done)

    @property
    def is_on_cluster(self) -> bool:
        """Whether the workers of a cluster have the parts."""
        return self.run is on_cluster and cluster() is not None

    @property
    def n_local_processes(self) -> int:
        """The number of processes on this machine that work on the table; 0 where they may be on others."""
        return 0 if self.is_on_cluster or not processes_are_local() else effective_n_jobs(self.n_jobs)

    @property
    def side_by_side(self) -> bool:
        """Whether parts are read in other processes."""
        are_sent = self.is_on_cluster if self.run is on_cluster else effective_n_jobs(self.n_jobs) > 1
        return len(self.sources) > 1 and are_sent

    def _made(self, calls: Iterable[Call]) -> Results:
        """Return the results of a call for each part."""
        return map(Call.make, calls) if len(self.sources) == 1 else self.run(calls, self.n_jobs)

    def _part(self, source: Any, start: int, end: int | None) -> Part:
        """Return a part of the rows from ``start`` to at most ``end``."""
        names = self.names if self.arrange is None else None
        return Part(
            source,
            self.read,
            names=None if names is None else [name for name in names if name not in self.left_out],
            left_out=self.left_out,
            start=start,
            end=end,
            n_total=self.n_read,
            chosen=None if self.chosen is None else self.chosen[start:end],
            arrange=self.arrange,
            report=self.report,
        )

    def _counted(self) -> list[int]:
        """Return the number of rows of each part."""
        if not self._sizes:
            self._values({})
        return self._sizes

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
        return require_rows(next(iter(self), None))

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
        named = {
            argument: str(name)
            for argument, name in arguments.items()
            if isinstance(name, str)
            or (isinstance(name, Integral) and str(name) in (self.names or ()) and "weight" not in argument)
        }  # names may be numbers; one number as weight is that of all rows
        for argument, names in arguments.items():
            is_short = isinstance(names, list | tuple) and 0 < len(names) != self.n_read
            if is_short and {*map(str, names)} <= {*(self.names or ())}:
                raise ValueError(
                    f"{argument}={names!r} names several columns: name one, or pass the values of several."
                )
        if not named:
            return self, list(arguments.values())
        for argument, name in named.items():
            _require_name(argument, name, self.names)
        values = self._values(named)
        found = {argument: values[name] for argument, name in named.items() if name in values}
        left_out = (*self.left_out, *dict.fromkeys(named.values()))
        return replace(self, left_out=left_out, n_read=sum(self._sizes)), list({**arguments, **found}.values())

    def _values(self, named: Mapping[str, str]) -> dict[str, NDArray[Any]]:
        """Return the values of the columns that arguments name, and count the rows of the parts."""
        columns = list(dict.fromkeys(named.values())) or (self.names and self.names[:1])  # one of them to count
        calls = (Call(_values_of, Part(source, self.read, columns), (named,)) for source in self.sources)
        of_parts: dict[str, list[NDArray[Any]]] = {}
        sizes = []
        kept: dict[Any, Any] = {}  # of equal labels only one is
        for of_part, part in self._made(calls):
            sizes.append(part.n_rows)
            for place, name, values in of_part:
                if place and values.dtype.kind == "O":
                    with located(place):
                        equal, values = [kept.setdefault(value, value) for value in values], np.empty_like(values)
                    values[:] = equal
                of_parts.setdefault(name, []).append(values)
        self._sizes[:] = sizes
        return {name: np.concatenate(values) for name, values in of_parts.items()}

    def _place(self, k: int) -> str:
        """Return the name of a part, "" where there is only one."""
        return self.sources[k][0] if len(self.sources) > 1 else ""

    def _compare(self, parts: Sequence[Part]) -> None:
        """Raise an error if this pass has had other rows than expected."""
        n_rows, totals = sum(part.n_rows for part in parts), [part.totals for part in parts]
        if not n_rows and self.n_read:
            raise ValueError(f"X has no rows in this pass. {SAME_ROWS} A function has to return a new iterator.")
        if not n_rows:
            require_rows(None)
        parts[-1].require(self.n_read)
        self._totals[:] = self._totals or totals
        for k, (now, before) in enumerate(zip(totals, self._totals, strict=True)):
            if len(now) and not np.allclose(now, before, rtol=1e-9, atol=0.0, equal_nan=True):
                with located(self._place(k)):
                    raise ValueError(f"X has other values than in the pass before, or another order. {SAME_ROWS}")


def _values_of(part: Part, named: Mapping[str, str]) -> list[tuple[str, str, NDArray[Any]]]:
    """Return the values of the columns that arguments name, with their place, chunk by chunk."""
    values = []
    for frame in part:
        with located(frame.place):
            for argument, name in named.items():
                _require_name(argument, name, frame.names)
            values += [(frame.place, name, frame.values(name)) for name in dict.fromkeys(named.values())]
    return values


@contextmanager
def located(place: str) -> Iterator[None]:
    """Name the chunk in errors."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if not place:
            raise
        raise type(error)(f"{place}: {error}") from None


def read_chunks(X: Any, text: Sequence[str] = ()) -> Chunks:
    """Return a table of any container, or of one of the sources that are read in chunks.

    ``text`` are columns that files without types hold as text: those of a CSV file may all look like numbers.

    Raises
    ------
    ValueError, TypeError
        If X is neither a table of two dimensions nor a source of such tables.
    """
    if isinstance(X, Chunks):
        return X
    if isinstance(X, str | os.PathLike):
        return _of_dataset(_files(os.fspath(X), text), same_columns=True)
    if callable(X):
        return Chunks([X], _of_function)
    if nw.dependencies.is_dask_dataframe(X):
        partitions = [(f"partition {k}", X.partitions[k]) for k in range(X.npartitions)]
        names = None if [*X.columns] == [*range(len(X.columns))] else [*map(str, X.columns)]
        return Chunks(partitions, _partition, names, run=on_cluster)
    if nw.dependencies.is_polars_lazyframe(X) and hasattr(X, "collect_batches"):  # from polars 1.34 on
        return Chunks([X], _batches, X.collect_schema().names())
    if type(X).__module__.startswith("pyarrow._dataset"):
        return _of_dataset(X)
    if isinstance(X, Iterator):
        raise TypeError(f"X is a {type(X).__name__}, which can be gone through once: pass a function that returns it.")
    frame = require_rows(read_frame(X))
    return Chunks([frame], _whole, frame.names, frame.n_rows)


def taken_out(X: Any, text: Sequence[str], **arguments: Any) -> tuple[Any, list[Any]]:
    """Return a table without the columns that arguments name, and the arguments, with the values of these.

    ``text`` is as for ``read_chunks``.
    """
    is_named = any(isinstance(value, str | Integral) for value in arguments.values())
    return read_chunks(X, text).take_out(**arguments) if is_named else (X, list(arguments.values()))


def _whole(table: Any, columns: Sequence[str] | None) -> Pieces:
    yield "", table


def _of_function(function: Callable[[], Any], columns: Sequence[str] | None) -> Pieces:
    tables = function()
    if not isinstance(tables, Iterator | Sequence):
        raise TypeError(
            f"X is a function that returns a {type(tables).__name__}: it has to return an iterator of tables."
        )
    yield from _numbered(tables)


def _numbered(tables: Iterable[Any]) -> Pieces:
    yield from ((f"chunk {k}", table) for k, table in enumerate(tables))


def _batches(X: Any, columns: Sequence[str] | None) -> Pieces:
    X = X if columns is None else X.select(columns)
    yield from _numbered(X.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True))


def _partition(source: tuple[str, Any], columns: Sequence[str] | None) -> Pieces:
    """Read a partition of a frame of Dask, or one that is computed."""
    place, table = source
    table = _selected(table, columns)
    yield place, table.compute() if hasattr(table, "compute") else table


def _selected(table: Any, columns: Sequence[str] | None) -> Any:
    """Return some columns of a frame of pandas or Dask, whose names may be numbers."""
    return table if columns is None else table[[name for name in table.columns if str(name) in columns]]


def on_cluster(calls: Iterable[Call], n_jobs: int | None) -> Results:
    """Yield the results of calls in their order, made where a cluster of Dask has the partitions, if there is one.

    Dask makes a call again whose worker is lost.
    """
    client = cluster()
    if client is None:  # Dask has threads of its own
        yield from map(Call.make, calls)
        return
    import dask

    waiting: deque[Any] = deque()
    for call in calls:
        place, table = call.part.source
        columns = call.part.columns
        (partition,) = _selected(table, columns).to_delayed()
        without_table = replace(call, part=replace(call.part, source=None))
        waiting.append(client.compute(dask.delayed(partial(_with_table, without_table, place), pure=False)(partition)))
        if len(waiting) > 2 * len(client.ncores()):
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def _with_table(call: Call, place: str, table: Any) -> tuple[Any, Part]:
    return replace(call, part=replace(call.part, source=(place, table))).make()


def processes_are_local() -> bool:
    """Tell whether joblib has processes or threads of its own, not those of a backend that may be on other machines."""
    return type(get_active_backend()[0]).__module__.startswith("joblib._parallel_backends")


def cluster() -> Any:
    """Return the client of a cluster of Dask, None where there is none."""
    distributed = sys.modules.get("distributed")  # which a program imports to have one
    try:
        return None if distributed is None else distributed.default_client()
    except ValueError:
        return None


def _of_dataset(dataset: Any, *, same_columns: bool = False) -> Chunks:
    """Return the batches of a dataset of pyarrow: its files are parts, or some row groups of each of a few.

    A dataset of the user may fill in columns that a file does not have; with ``same_columns`` that is an error.
    """
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # of a dataset with a filter
        fragments = []
    names = _without_index(dataset.schema)
    if not fragments or not all(getattr(fragment, "filesystem", None) for fragment in fragments):  # in memory
        return Chunks([("the dataset", dataset, None, False)], _arrow_batches, names)
    parts = [part for fragment in fragments for part in _row_groups(fragment, split=len(fragments) < MANY_PARTS)]
    sources = [(*part, dataset.schema, same_columns) for part in parts]
    return Chunks(sources, _arrow_batches, names)


def _without_index(schema: Any) -> list[str]:
    index = index_columns(schema)
    return [name for name in schema.names if name not in index]


def _row_groups(fragment: Any, *, split: bool) -> Iterator[tuple[str, Any]]:
    """Yield parts of a file with their names."""
    path = fragment.path
    if not split or not hasattr(fragment, "split_by_row_group"):
        yield path, fragment
        return
    # A fragment keeps the metadata that it has read, and would take them for those of a file that changes later.
    copied = pickle.loads(pickle.dumps(fragment))
    with read_errors(path):
        groups = copied.row_groups
    first_rows = np.cumsum([0, *(group.num_rows for group in groups)])[:-1]
    of_part = first_rows // PART_ROWS
    for k in np.unique(of_part):
        chosen = [groups[j].id for j in np.flatnonzero(of_part == k)]
        if len(chosen) == len(groups):
            yield path, fragment
        else:
            yield f"{path}, row groups {chosen[0]} to {chosen[-1]}", copied.subset(row_group_ids=chosen)


def _arrow_batches(source: tuple[str, Any, Any, bool], columns: Sequence[str] | None) -> Pieces:
    import pyarrow as pa

    place, data, schema, same_columns = source
    options = {"columns": columns, "batch_size": CHUNK_ROWS, "batch_readahead": 1, "fragment_readahead": 1}
    options |= {} if schema is None else {"schema": schema}
    with read_errors(place):
        if same_columns:
            _require_columns(place, pickle.loads(pickle.dumps(data)), _without_index(schema))
        for k, batch in enumerate(data.to_batches(**options)):
            yield f"{place}, chunk {k}", pa.Table.from_batches([batch])


def _require_columns(place: str, file: Any, names: list[str]) -> None:
    """Raise an error for a file with other columns than the first one; the order may differ."""
    from pyarrow.dataset import get_partition_keys

    found = {*_without_index(file.physical_schema), *get_partition_keys(file.partition_expression)}
    if found != set(names):
        missing, new = sorted(set(names) - found), sorted(found - set(names))
        raise ValueError(
            f"{place} has other columns than the first file, without {missing} and with {new}: make them the same, or "
            "pass a pyarrow.dataset with a schema."
        )


@contextmanager
def read_errors(place: str) -> Iterator[None]:
    """Name the file in errors of pyarrow."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        advice = "" if isinstance(error, OSError) else f" {ONE_TYPE}"
        raise ValueError(f"{place} cannot be read: {str(error).rstrip('.')}.{advice}") from None


def _files(path: str, text: Sequence[str]) -> Any:
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
    types = dict.fromkeys(text, pyarrow.string())
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=True, column_types=types)
    reader = pyarrow.dataset.CsvFileFormat(convert_options=options) if kind == "csv" else kind
    try:
        return pyarrow.dataset.dataset(list(formats), format=reader, partitioning="hive")
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"X={path!r} cannot be read: {error}") from None


def _require_name(argument: str, name: str, names: list[str] | None) -> None:
    if names is not None and name not in names:
        of = "X_val" if argument.endswith("_val") else "X"
        raise ValueError(f"{argument}={name!r} is no column of {of}: choose among {names}, or pass the values.")
