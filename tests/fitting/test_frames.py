"""Containers as tables: the columns, rows and names of each, and what the values of a column are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from mlp_estimator.fitting.frames import EntryError, content, contents, read_frame, require_rows

NAN, NAT = np.nan, np.datetime64("NaT", "us")
TABLES = {
    "pandas": lambda values: pd.DataFrame({"c": values}),
    "polars": lambda values: pl.DataFrame({"c": values}, strict=False),
    "polars, lazy": lambda values: pl.LazyFrame({"c": values}, strict=False),
    "pyarrow": lambda values: pa.table({"c": values}),
    "array": lambda values: np.array([[value] for value in values], dtype=object),
    "rows": lambda values: [[value] for value in values],
}
each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def column(X):
    """Return the first column of a table."""
    return read_frame(X).columns[0]


def objects(*values):
    """Return a column of Python objects."""
    return column([[value] for value in values])


# What a column holds.

HELD = {
    "integers": ([1, None, 3], "number"),
    "floats": ([1.5, None, NAN], "number"),
    "booleans": ([True, None, False], "boolean"),
    "text": (["a", None, "b"], "text"),
    "dates": ([date(2024, 1, 1), None], "date"),
    "datetimes": ([datetime(2024, 1, 1, 12), None], "date"),
    "durations": ([timedelta(days=1), None], "duration"),
}


@each_table
@pytest.mark.parametrize(("values", "what"), HELD.values(), ids=HELD)
def test_a_column_holds_the_same_in_any_table(values, what, table):
    if what != "boolean" or table is not TABLES["pandas"]:  # pandas makes objects of booleans with a gap
        assert column(table(values)).holds() == {what}


@pytest.mark.parametrize(
    ("X", "what"),
    [
        (pd.DataFrame({"c": pd.Categorical([1, 2])}), "category"),
        (pl.DataFrame({"c": ["a"]}, schema={"c": pl.Enum(["a"])}), "category"),
        (pa.table({"c": pa.array(["a"]).dictionary_encode()}), "category"),
        (pl.DataFrame({"c": [Decimal("1.5")]}), "number"),
        (np.array([["a"]]), "text"),
        (np.array([[1]], dtype="m8[s]"), "duration"),
        (np.array([[True]]), "boolean"),
    ],
)
def test_a_type_tells_what_a_column_holds(X, what):
    assert column(X).holds() == {what}


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"c": pd.Series([None, None], dtype="string")}),
        pd.DataFrame({"c": pd.Categorical([None, None], categories=["a"])}),
        pd.DataFrame({"c": pd.Series([pd.NaT, pd.NaT])}),
        pl.DataFrame({"c": [None, None]}, schema={"c": pl.String}),
        pl.DataFrame({"c": [None, None]}, schema={"c": pl.Boolean}),
        pl.DataFrame({"c": [None, None]}),
        pa.table({"c": pa.array([None, None], pa.date32())}),
        [[None], [None]],
    ],
)
def test_a_column_of_nulls_holds_nothing_whatever_its_type(X):
    assert column(X).holds() == set()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([], set()),
        ([None, pd.NA, pd.NaT], set()),
        ([1, "a", None], {"number", "text"}),
        ([True, 2.5], {"boolean", "number"}),
        ([pd.NaT, date(2024, 1, 1)], {"date"}),
        ([NAN, "a"], {"text"}),
        ([Decimal(1), Fraction(1, 2), np.int8(1)], {"number"}),
        ([b"a", np.str_("b")], {"text"}),
        ([1j], {"complex"}),
        ([[1]], {"list"}),
    ],
)
def test_contents_of_objects_leave_missing_values_out(values, what):
    assert contents(values) == what


def test_booleans_and_durations_are_no_numbers():
    # bool is a subclass of int, and NumPy's timedelta64 one of its integers.
    kinds = [content(type_) for type_ in (bool, np.bool_, np.timedelta64, timedelta, int, np.float32)]
    assert kinds == ["boolean", "boolean", "duration", "duration", "number", "number"]


def test_an_example_is_the_first_value_that_is_wanted():
    assert objects(None, 2.5, "a", "b").example(lambda what: what == "text") == "a"


# Values as numbers, instants and seconds.


@each_table
def test_numbers_are_floats_and_nan_where_missing(table):
    np.testing.assert_array_equal(column(table([1.5, None, 3.0])).numbers().astype(float), [1.5, NAN, 3.0])


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"c": pd.array([1, None, 0], dtype="Int64")}),
        pd.DataFrame({"c": pd.array([True, None, False], dtype="boolean")}),
        pd.DataFrame({"c": [Decimal(1), pd.NA, False]}),
        pl.DataFrame({"c": [Decimal(1), None, Decimal(0)]}),
        pl.DataFrame({"c": [True, None, False]}),
        pa.table({"c": pa.array([1, None, 0], pa.int8())}),
        np.ma.masked_array([[1.0], [5.0], [0.0]], [[False], [True], [False]]),
    ],
    ids=["Int64", "boolean", "objects", "decimals", "polars booleans", "int8", "masked"],
)
def test_numbers_of_any_type(X):
    np.testing.assert_array_equal(column(X).numbers().astype(float), [1.0, NAN, 0.0])


def test_numbers_of_an_array_stay_in_its_memory():
    X = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(read_frame(X).columns[1].numbers(), X)


INSTANTS = {
    "dates": [date(2024, 1, 1), None],
    "datetimes": [datetime(2024, 1, 1), None],
    "UTC": [datetime(2024, 1, 1, tzinfo=UTC), None],
    "scalars of NumPy": [np.datetime64("2024-01-01", "s"), NAT],
}


@pytest.mark.parametrize("values", INSTANTS.values(), ids=INSTANTS)
def test_instants_are_microseconds_and_nat_where_missing(values):
    expected = np.array(["2024-01-01", "NaT"], "datetime64[us]")
    for X in ([[value] for value in values], pd.DataFrame({"c": values})):
        instants = column(X).instants()
        assert instants.dtype == expected.dtype
        np.testing.assert_array_equal(instants, expected)


def test_an_instant_of_another_zone_is_the_same_in_utc():
    here = datetime(2024, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    zoned = pl.DataFrame({"c": [here]}).with_columns(pl.col("c").dt.convert_time_zone("Asia/Tokyo"))
    for X in ([[here]], pd.DataFrame({"c": [here]}), zoned, zoned.to_arrow()):
        np.testing.assert_array_equal(column(X).instants(), [np.datetime64("2024-01-01T00:00")])


@each_table
def test_durations_are_seconds_and_nan_where_missing(table):
    np.testing.assert_array_equal(column(table([timedelta(minutes=2), None])).seconds(), [120.0, NAN])


@pytest.mark.parametrize("missing", [None, NAN, pd.NA, pd.NaT], ids=str)
def test_missing_values_are_missing_as_what_they_are_read(missing):
    np.testing.assert_array_equal(objects(1, missing).numbers(), [1.0, NAN])
    assert np.isnat(objects(date(2024, 1, 1), missing).instants()).tolist() == [False, True]
    assert np.isnan(objects(timedelta(1), missing).seconds()).tolist() == [False, True]


@pytest.mark.parametrize(
    ("read", "entry"),
    [
        ("numbers", "many"),
        ("numbers", date(2024, 1, 1)),
        ("numbers", 1j),
        ("instants", "2024-01-01"),
        ("instants", 3.5),
        ("seconds", 3.5),
        ("seconds", date(2024, 1, 1)),
    ],
)
def test_an_entry_of_another_kind_is_named(read, entry):
    with pytest.raises(EntryError) as raised:
        getattr(objects(None, entry), read)()
    assert str(raised.value) == repr(entry)


def test_an_integer_beyond_float64_is_refused_with_its_column():
    with pytest.raises(ValueError, match="an integer too large for float64 in column 'x0': scale it"):
        objects(10**400).numbers()


# Tables.


@each_table
def test_tables_have_rows_columns_and_names(table):
    X = table([1.0, 2.0, 3.0])
    frame = read_frame(X)
    assert (frame.n_rows, len(frame), frame.shape) == (3, 1, (3, 1))
    named = isinstance(X, pd.DataFrame | pl.DataFrame | pl.LazyFrame | pa.Table)
    assert frame.names == (["c"] if named else None)
    assert frame.columns[0].name == ("c" if named else "x0")


def test_names_are_text_and_the_numbers_of_columns_are_none():
    frame = read_frame(pd.DataFrame([[1.0, 2.0]], columns=[2024, 2025]))
    assert frame.names == [column.name for column in frame.columns] == ["2024", "2025"]
    assert frame.values("2025").tolist() == [2.0]
    assert frame.without(["2024", "a"]).names == ["2025"]
    assert read_frame(pd.DataFrame([[1.0, 2.0]])).names is None


def test_rows_that_differ_in_length_are_named():
    with pytest.raises(ValueError, match="The rows of X differ in length"):
        read_frame([[1, 2], [3]])


TWO = {
    "pandas": pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}),
    "polars": pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}),
    "pyarrow": pa.table({"a": [1, 2, 3], "b": [4, 5, 6]}),
    "array": np.array([[1, 4], [2, 5], [3, 6]]),
}


@pytest.mark.parametrize("X", TWO.values(), ids=TWO)
def test_rows_and_order_are_chosen_together(X):
    frame = read_frame(X).reordered([1, 0])
    for part, expected in (
        (frame.rows(slice(1, 9)), [[5, 6], [2, 3]]),
        (frame.rows(slice(0, 2)), [[4, 5], [1, 2]]),
        (frame.where(np.array([True, False, True])), [[4, 6], [1, 3]]),
    ):
        assert part.n_rows == 2
        assert [column.numbers().tolist() for column in part.columns] == expected
        assert part.names == (None if isinstance(X, np.ndarray) else ["b", "a"])
    assert frame.rows(slice(0, 3)) is frame


@pytest.mark.parametrize("X", TWO.values(), ids=TWO)
def test_the_native_table_is_the_users_own(X):
    assert read_frame(X).native is X


def test_a_lazy_table_is_collected_once():
    assert isinstance(read_frame(pl.LazyFrame({"a": [1]})).native, pl.DataFrame)


def test_lists_keep_the_types_of_their_values():
    columns = read_frame([[1, "a", True], [2, "b", None]]).columns
    assert [column.objects() for column in columns] == [[1, 2], ["a", "b"], [True, None]]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (sparse.csr_array(np.eye(2)), TypeError, "Sparse data was passed.*use MLPClassifier or MLPRegressor"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, r"several columns of the name\(s\) \['a'\]: rename"),
        (np.empty((0, 2)), ValueError, r"0 sample\(s\) and 2 feature\(s\)"),
        (np.empty((2, 0)), ValueError, r"2 sample\(s\) and 0 feature\(s\)"),
        ([], ValueError, r"0 sample\(s\)"),
        (pl.DataFrame(), ValueError, r"0 sample\(s\) and 0 feature\(s\)"),
        ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((1, 1, 1)), ValueError, "Expected 2D array, got 3D array"),
        (np.array([[1j]]), ValueError, "Complex data not supported"),
        (3.0, ValueError, "Expected 2D array, got 0D array"),
    ],
    ids=["sparse", "names", "no rows", "no columns", "no list", "no frame", "1D", "3D", "complex", "number"],
)
def test_what_is_no_table_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        require_rows(read_frame(X))
