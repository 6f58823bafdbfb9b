"""Containers: what users pass as a table, read column by column. Sources of tables are those of ``chunks.py``.

Frames of all libraries come through narwhals; arrays and lists through NumPy.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from numbers import Complex, Real
from typing import Any, cast

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray
from scipy import sparse

Objects = list[Any]
"""The values of a column as Python objects. Missing values are whatever ``is_missing`` calls so."""

_CONTENTS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("boolean", (bool, np.bool_)),
    ("date", (date, np.datetime64)),
    ("duration", (timedelta, np.timedelta64)),
    ("number", (Real, Decimal)),
    ("complex", (Complex,)),
    ("text", (str, bytes)),
)
"""What values of a type are; ``timedelta64`` is an integer of NumPy, and booleans are integers of Python."""

FEW_ROWS = 4
"""Rows for which single levels of a category are looked up, in 3 us each: up to a thousand are listed in 5 to 35 us."""

N_ROW_WEIGHTS = 997
"""After so many rows their weights in ``Frame.totals`` repeat: a prime, since chunks have round numbers of rows."""

_MISSING_TYPES = {"NoneType", "NAType", "NaTType"}


def as_array(name: str, values: Any) -> NDArray[Any]:
    """Return values as NumPy reads them."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # the last one of arrays in the memory of another device
        if isinstance(values, list | tuple) and "inhomogeneous" in str(error):
            raise ValueError(
                f"The entries of {name} differ in length: each needs as many values as the others."
            ) from None
        raise
    except Exception as error:  # of polars, for integers of 128 bits
        raise TypeError(f"{name} cannot be read by NumPy: {error}.") from None


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas.NA."""
    same = value == value  # false of NaN, and pandas.NA itself of pandas.NA
    return value is None or (not same if isinstance(same, bool | np.bool_) else np.ndim(same) == 0)


def missing_entries(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which entries of an array of objects are missing."""
    return np.array([is_missing(value) for value in array.ravel()], dtype=bool).reshape(array.shape)


def odd_columns(values: Any, kinds: str) -> list[tuple[Any, Any]] | None:
    """Return names and columns of a frame whose types are of other kinds of NumPy, None for what is no frame."""
    dtypes = getattr(values, "dtypes", None)  # pandas makes them anew at each look, in 25 us
    if dtypes is None or not hasattr(values, "columns"):
        return None
    if all(getattr(dtype, "kind", "O") in kinds for dtype in set(dtypes)):
        return []
    by_place = hasattr(values, "iloc")  # names may occur twice
    return [
        (name, values.iloc[:, k] if by_place else values[name])
        for k, (name, dtype) in enumerate(zip(values.columns, dtypes, strict=True))
        if getattr(dtype, "kind", "O") not in kinds
    ]


class EntryError(ValueError):
    """A column has an entry that cannot be read as asked for; the message is that entry."""


class Column:
    """One column of a table: ``holds`` tells what is in it, the other methods read its values.

    Methods that read values as a kind raise ``EntryError`` for an entry of another kind. Columns without a name are
    called x0, x1 and so on.
    """

    def __init__(self, name: str):
        self.name = name

    def holds(self) -> frozenset[str]:
        """Return what the column holds: 'number', 'boolean', 'text', 'date', 'duration', 'category', or other types.

        Missing values do not count.
        """
        return contents(self.objects())

    def objects(self) -> Objects:
        """Return the values as Python objects."""
        raise NotImplementedError

    def numbers(self) -> NDArray[Any]:
        """Return the values as an array of numbers, NaN where they are missing."""
        values = self.objects()
        try:
            return _floats(values)
        except OverflowError:
            raise ValueError(
                f"Input X contains an integer too large for float64 in column {self.name!r}: scale it."
            ) from None

    def instants(self) -> NDArray[np.datetime64]:
        """Return the values as instants in UTC, in microseconds; without a time zone they are taken as UTC."""
        return np.array(
            [None if is_missing(value) else instant_of(value) for value in self.objects()], "datetime64[us]"
        )

    def seconds(self) -> NDArray[np.float64]:
        """Return durations in seconds."""
        values = [None if is_missing(value) else _duration(value) for value in self.objects()]
        return _in_seconds(np.array(values, "timedelta64[us]"))

    def in_microseconds(self, instants: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """Return instants in microseconds, whose 64 bits end in the year 294246."""
        converted: NDArray[np.datetime64] = instants.astype("datetime64[us]")
        before, after = instants.astype("datetime64[s]"), converted.astype("datetime64[s]")
        wrapped = (before != after) & ~np.isnat(instants)
        if wrapped.any():
            raise ValueError(
                f"Column {self.name!r} has the date {instants[wrapped][0]}, too far away for 64 bits of microseconds: "
                "make it a nearer one, or a missing value."
            )
        return converted

    def example(self, wanted: Callable[[str], bool]) -> Any:
        """Return the first value that holds what is wanted."""
        return next(v for v in self.objects() if not is_missing(v) and wanted(content(type(v))))


class ArrayColumn(Column):
    """A column of an array of NumPy."""

    def __init__(self, name: str, values: NDArray[Any]):
        super().__init__(name)
        self._values = values

    def holds(self) -> frozenset[str]:
        """Return what the column holds, by the type of the array where that tells it."""
        known = {"b": "boolean", "i": "number", "u": "number", "f": "number", "M": "date", "m": "duration"}
        kind = self._values.dtype.kind
        if kind not in known:
            return contents(self.objects())
        return frozenset() if (self._values != self._values).all() else frozenset({known[kind]})  # NaN and NaT are not

    def objects(self) -> Objects:
        """Return the values as Python objects."""
        return objects_of(self._values)

    def numbers(self) -> NDArray[Any]:
        """Return the values as an array of numbers."""
        return self._values if self._values.dtype.kind in "biuf" else super().numbers()

    def instants(self) -> NDArray[np.datetime64]:
        """Return the values as instants in microseconds."""
        return self.in_microseconds(self._values) if self._values.dtype.kind == "M" else super().instants()

    def seconds(self) -> NDArray[np.float64]:
        """Return durations in seconds."""
        if self._values.dtype.kind != "m":
            return super().seconds()
        if np.datetime_data(self._values.dtype)[0] in "YM":
            raise ValueError(
                f"Column {self.name!r} has durations in months or years, which differ in length: make them days."
            )
        return _in_seconds(self._values)


class SeriesColumn(Column):
    """A column of a frame."""

    def __init__(self, name: str, series: nw.Series[Any]):
        super().__init__(name)
        self._series, self._dtype = series, series.dtype

    def holds(self) -> frozenset[str]:
        """Return what the column holds, by its type where that tells it."""
        dtype = self._dtype
        # narwhals takes a column of objects for text by its first rows.
        native = getattr(self._series.to_native(), "dtype", None)
        if isinstance(native, np.dtype) and native.kind == "O":
            return contents(self.objects())
        if self._series.is_null().all():
            return frozenset()
        for what, types in (
            ("boolean", nw.Boolean),
            ("text", nw.String),
            ("category", (nw.Categorical, nw.Enum)),
            ("date", (nw.Date, nw.Datetime)),
            ("duration", nw.Duration),
        ):
            if isinstance(dtype, types):
                return frozenset({what})
        return frozenset({"number"}) if dtype.is_numeric() else contents(self.objects())

    def objects(self) -> Objects:
        """Return the values as Python objects."""
        native = self._series.to_native()
        if type(getattr(native, "array", None)).__name__ == "Categorical":
            # pandas makes an object for each row, in 30 us for one; the level of a row is at hand.
            levels, codes = native.array.categories, native.array.codes
            if len(codes) >= FEW_ROWS:  # list those that occur
                occurring = np.unique(codes[codes >= 0])
                codes, levels = np.where(codes < 0, -1, np.searchsorted(occurring, codes)), levels.take(occurring)
                levels = objects_of(levels.to_numpy()) if is_short(levels.dtype) else levels.tolist()
            return [None if code < 0 else levels[code] for code in codes.tolist()]
        short = self._dtype == nw.Float32 or is_short(getattr(native, "dtype", None))
        return objects_of(self._series.to_numpy()) if short else self._series.to_list()

    def numbers(self) -> NDArray[Any]:
        """Return the values as an array of numbers."""
        if not (self._dtype.is_numeric() or isinstance(self._dtype, nw.Boolean)):
            return super().numbers()
        series = self._series
        if isinstance(self._dtype, nw.Decimal | nw.Boolean | nw.Int128 | nw.UInt128):
            series = series.cast(nw.Float64)
        return series.to_numpy()

    def instants(self) -> NDArray[np.datetime64]:
        """Return the values as instants in microseconds."""
        if not isinstance(self._dtype, nw.Date | nw.Datetime):
            return super().instants()
        series = self._series
        if isinstance(self._dtype, nw.Datetime) and self._dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        values = series.to_numpy()  # an array of objects for some of Arrow
        return self.in_microseconds(values) if values.dtype.kind == "M" else super().instants()

    def seconds(self) -> NDArray[np.float64]:
        """Return durations in seconds."""
        return _in_seconds(self._series.to_numpy()) if isinstance(self._dtype, nw.Duration) else super().seconds()


class Frame:
    """A table of any container: rows, columns in an order, and their names as text, where these are not 0, 1, 2 ..."""

    def __init__(self, source: nw.DataFrame[Any] | NDArray[Any], order: Sequence[int] | None = None):
        self._source, self._order = source, order
        self.place = ""  # in a source that is read in chunks
        self.n_rows = len(source)
        self.names: list[str] | None = None
        if isinstance(source, nw.DataFrame):
            self._labels: list[Any] = [*source.columns]
            self._series: list[Any] = list(source.iter_columns())
            self._texts = list(map(str, self._labels))
            if self._labels != [*range(len(self._labels))]:  # as pandas numbers columns without names
                self.names = [self._texts[k] for k in order] if order is not None else self._texts

    def __len__(self) -> int:
        return self.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self._source.shape

    @property
    def native(self) -> Any:
        """The table as scikit-learn's validation reads it; of a lazy one the rows that it stands for."""
        return self._source.to_native() if isinstance(self._source, nw.DataFrame) else self._source

    @property
    def columns(self) -> list[Column]:
        """The columns in order."""
        order = range(len(self)) if self._order is None else self._order
        if isinstance(self._source, nw.DataFrame):
            return [SeriesColumn(str(self._labels[k]), self._series[k]) for k in order]
        return [ArrayColumn(f"x{k}", self._source[:, k]) for k in order]

    def reordered(self, order: Sequence[int]) -> Frame:
        """Return the table with its columns in another order."""
        frame = copy.copy(self)  # which has its columns at hand: to list them takes half of a prediction of one row
        frame._order = order
        if self.names is not None:
            frame.names = [self._texts[k] for k in order]
        return frame

    @property
    def labels(self) -> list[str] | None:
        """The names of the columns of a frame, also where they are 0, 1, 2 ..."""
        return self._texts if self.names is None and isinstance(self._source, nw.DataFrame) else self.names

    def in_order(self, names: list[str] | None, of: str = "the chunks before") -> Frame:
        """Return the table with its columns in the order of the names, which are those of another table.

        Raises
        ------
        ValueError
            If it has other names.
        """
        if self.names == names:
            return self
        if self.labels is None or names is None or set(self.labels) != set(names):
            raise ValueError(f"The columns are {self.names}, and those of {of} are {names}.")
        place = {name: k for k, name in enumerate(self.labels)}
        return self.reordered([place[name] for name in names])

    def without(self, names: Sequence[str]) -> Frame:
        """Return the table without the columns of these names, as far as it has them."""
        if not isinstance(self._source, nw.DataFrame) or not set(names).intersection(self.names or ()):
            return self
        return Frame(self._source.drop([self._labels[k] for k, text in enumerate(self._texts) if text in names]))

    def values(self, name: str) -> NDArray[Any]:
        """Return the values of a column as NumPy reads them."""
        if self.names is None:
            raise ValueError(f"{name!r} is no column of X, whose columns have no names: pass the values.")
        values: NDArray[Any] = self._series[self._texts.index(name)].to_numpy()
        return values

    def objects(self) -> NDArray[Any]:
        """Return the values (n_rows, n_columns) as Python objects."""
        table = np.empty(self.shape, object)
        for k, column in enumerate(self.columns):
            table[:, k] = column.objects()
        return table

    def totals(self, start: int) -> NDArray[np.float64]:
        """Return a sum over the values of each column, as far as these are numbers or text, weighted by the row.

        It tells whether two tables differ, or have their rows in another order. ``start`` is the first row's number.
        """
        order = range(len(self)) if self._order is None else self._order
        weights = (1 + np.arange(start, start + self.n_rows) % N_ROW_WEIGHTS).astype(np.float64)
        if isinstance(self._source, nw.DataFrame):
            return np.array([_total(self._series[k], weights) for k in order])
        is_numeric = self._source.dtype.kind in "biuf"
        return weights @ np.abs(self._source).astype(np.float64) if is_numeric else np.zeros(len(self))

    def rows(self, rows: slice) -> Frame:
        """Return a stretch of the rows."""
        return self if rows.start == 0 and rows.stop >= self.n_rows else Frame(self._source[rows], self._order)

    def where(self, chosen: NDArray[np.bool_]) -> Frame:
        """Return the rows that a mask chooses."""
        if isinstance(self._source, nw.DataFrame):
            return Frame(self._source.filter(chosen.tolist()), self._order)
        return Frame(self._source[chosen], self._order)


def read_frame(X: Any) -> Frame:
    """Read a table of any container.

    Raises
    ------
    ValueError, TypeError
        If X is no table of two dimensions, is sparse, or repeats a name.
    """
    if isinstance(X, Frame):
        return X
    if sparse.issparse(X):
        raise TypeError(
            "Sparse data was passed, but dense data is required: use MLPClassifier or MLPRegressor for sparse X."
        )
    try:
        source = _eager(X)
        return Frame(source if isinstance(source, nw.DataFrame) else _array(source))
    except DuplicateError as error:
        names = re.findall(r"- (.+) \d+ times", str(error))
        raise ValueError(f"X has several columns of the name(s) [{', '.join(names)}]: rename them.") from None


def require_rows(frame: Frame | None) -> Frame:
    """Return a table that has rows and columns, or raise an error."""
    n_rows, n_columns = (0, 0) if frame is None else frame.shape
    if frame is None or n_rows == 0 or n_columns == 0:
        raise ValueError(
            f"Found array with {n_rows} sample(s) and {n_columns} feature(s) (shape=({n_rows}, {n_columns})) while a "
            "minimum of 1 is required."
        )
    return frame


def _eager(X: Any) -> Any:
    """Return a frame of narwhals, or X itself where it is none."""
    pyarrow = nw.dependencies.get_pyarrow()
    if pyarrow is not None and isinstance(X, pyarrow.RecordBatch):
        X = pyarrow.Table.from_batches([X])
    if pyarrow is not None and isinstance(X, pyarrow.Table):
        X = X.drop_columns(index_columns(X.schema))
    X = nw.from_native(X, pass_through=True)
    return X.collect() if isinstance(X, nw.LazyFrame) else X


def index_columns(schema: Any) -> list[str]:
    """Return the columns of a schema of pyarrow that were the index of a frame of pandas: they are none there."""
    named = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in named if isinstance(name, str) and name in schema.names]  # a range is a dict


def _array(table: Any) -> NDArray[Any]:
    if isinstance(table, np.ma.MaskedArray):
        has_missing = np.ma.is_masked(table) and table.dtype.kind not in "mM"  # which have NaT
        values = np.array(table.data, dtype=object if has_missing else None)
        values[np.ma.getmaskarray(table)] = None
        table = values
    if isinstance(table, list | tuple):  # NumPy would make one type of all columns
        X = np.empty((len(table), 0), object) if not table else np.array(table, dtype=object)
    else:
        X = as_array("X", table)
    if X.ndim == 1 and len({len(row) if isinstance(row, list | tuple) else -1 for row in X}) > 1:
        raise ValueError("The rows of X differ in length: each has to have an entry for each column, None if missing.")
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead. Reshape your data to (n_samples, n_features): of a "
            "frame, one row is frame.iloc[[0]], and one column frame[['name']]; of a dict, pandas.DataFrame([row])."
        )
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported.")
    return X


def _total(series: nw.Series[Any], weights: NDArray[np.float64]) -> float:
    if series.dtype.is_numeric():
        numbers = np.abs(SeriesColumn("", series).numbers().astype(np.float64))
    else:
        texts = series.str.len_chars() if series.dtype == nw.String else series.is_null()
        numbers = texts.cast(nw.Float64).to_numpy()
    with np.errstate(over="ignore"):
        return float(np.nansum(numbers * weights))


def content(type_: type) -> str:
    """Return what values of a type are, the name of the type where that is nothing known."""
    return next((what for what, types in _CONTENTS if issubclass(type_, types)), type_.__name__)


def contents(values: Objects) -> frozenset[str]:
    """Return what Python objects hold, missing ones aside."""
    found = {content(type_) for type_ in set(map(type, values)) if type_.__name__ not in _MISSING_TYPES}
    if len(found) > 1 or all(map(is_missing, values)):  # NaN and NaT have the types of numbers and dates
        found = {content(type(value)) for value in values if not is_missing(value)}
    return frozenset(found)


def is_short(dtype: Any) -> bool:
    """Tell whether a type is one of NumPy's for floats of 32 bits or less."""
    return isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 4


def objects_of(values: NDArray[Any]) -> Objects:
    """Return the values of an array as Python objects; a number of 32 bits or less is the decimal that it prints as."""
    if values.dtype.kind in "mM":
        return list(values)
    if is_short(values.dtype):
        distinct, places = np.unique(values, return_inverse=True)
        decimals = [float(str(value)) for value in distinct]
        return [decimals[place] for place in places.tolist()]
    objects: Objects = values.tolist()
    return objects


def _floats(values: Objects) -> NDArray[np.float64]:
    """Return numbers and booleans as float64, missing values as NaN."""
    types = {type_ for type_ in set(map(type, values)) if type_ is not type(None)}
    if not all(content(type_) in ("number", "boolean") for type_ in types):
        values = [None if is_missing(value) else value for value in values]
        for value in values:
            if value is not None and content(type(value)) not in ("number", "boolean"):
                raise EntryError(repr(value))
    return np.array(values, dtype=np.float64)


def instant_of(value: Any) -> np.datetime64[Any]:
    """Return a date or a time as an instant."""
    instant: np.datetime64[Any]
    if isinstance(value, datetime) and value.tzinfo is not None:
        offset = value.utcoffset() or timedelta()  # its difference may be beyond the dates of Python
        instant = np.datetime64(value.replace(tzinfo=None), "us") - np.timedelta64(offset, "us")
        return instant
    if not isinstance(value, date | np.datetime64):
        raise EntryError(repr(value))
    instant = np.datetime64(cast(Any, value), "us")
    if instant.astype("datetime64[s]") != np.datetime64(cast(Any, value), "s") and instant == instant:
        raise ValueError(f"The date {value} is too far away for 64 bits of microseconds: make it a nearer one.")
    return instant


def _duration(value: Any) -> np.timedelta64:
    is_duration = isinstance(value, timedelta | np.timedelta64)
    if not is_duration or (isinstance(value, np.timedelta64) and np.datetime_data(value.dtype)[0] in "YM"):
        raise EntryError(repr(value))
    return np.timedelta64(value, "us")


def _in_seconds(durations: NDArray[np.timedelta64]) -> NDArray[np.float64]:
    seconds: NDArray[np.float64] = durations / np.timedelta64(1, "s")
    return seconds
