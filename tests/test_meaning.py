"""What the values of a raw table mean: the same in every container, in `fit` and in predictions.

`CONTAINERS` makes tables of all kinds of columns. `FORMS` writes the values of one column in many types.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache, partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, r2_score

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor

FAST = {"settings": [{"hidden_layer_sizes": (16,)}], "n_folds": 3, "max_iter": 16, "random_state": 0}
QUICK = FAST | {"n_folds": 2}
NAMES_ON_ONE_SIDE = pytest.mark.filterwarnings(
    "ignore:X has feature names, but TabularMLPRegressor was fitted without feature names:UserWarning",
    "ignore:X does not have valid feature names, but TabularMLPRegressor was fitted with feature names:UserWarning",
)


def error_of(call, *arguments, **options):
    """Return the message of the error of a call. It must be a sentence."""
    with pytest.raises((ValueError, TypeError)) as raised:
        call(*arguments, **options)
    assert len(str(raised.value).split()) >= 5
    return str(raised.value)


def in_cents(value):
    """Return a decimal of two places. Early versions of polars have no columns of decimals of different places."""
    return Decimal(value).quantize(Decimal("0.01"))


# Kinds of columns: a value for each of `n` codes, and whether the column is a category.

TOWNS = ["Bonn", "Cork", "Dax", "Aachen"]
KINDS = {
    "integers": (lambda k: 3 * k - 40, 40, False),
    "floats": (lambda k: k / 4 - 3, 40, False),
    "decimals": (lambda k: in_cents(Decimal(k) / 4 + 100), 40, False),
    "booleans": (bool, 2, True),
    "texts": (lambda k: TOWNS[k], 4, True),
    "codes": (lambda k: [70, 3, 11, 5][k], 4, True),  # named by `categorical_features`
    "bytes": (lambda k: TOWNS[k].encode(), 4, True),
    "dates": (lambda k: date(2021, 12, 30) + timedelta(days=20 * k), 40, False),
    "datetimes": (lambda k: datetime(2021, 12, 30, 9) + timedelta(hours=123 * k), 40, False),  # multiples of 1/8 day
    "instants": (lambda k: datetime(2021, 12, 30, 9, tzinfo=UTC) + timedelta(hours=123 * k), 40, False),
    "durations": (lambda k: timedelta(minutes=15 * k), 40, False),
}
CATEGORIES = [name for name, (_, _, is_category) in KINDS.items() if is_category]
N_ROWS = 160


def make_columns():
    """Return columns of all kinds with missing values, and how much each adds to the target."""
    rng = np.random.default_rng(0)
    columns, effects = {}, {}
    for name, (value, n, is_category) in KINDS.items():
        codes, gaps = rng.integers(0, n, N_ROWS), rng.random(N_ROWS) < 0.1
        effect = rng.permutation(n) if is_category else np.arange(n)
        columns[name] = [None if gap else value(int(k)) for k, gap in zip(codes, gaps, strict=True)]
        effects[name] = np.where(gaps, 2.0, 2.0 * effect[codes] / (n - 1) - 1.0)
    return columns, effects


COLUMNS, EFFECTS = make_columns()
TARGET = sum(EFFECTS.values())


# Containers: functions of a dict of lists of Python values.


def nullable_frame(columns):
    return pd.DataFrame(columns).convert_dtypes()


def arrow_frame(columns):
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def converted_arrow_frame(columns):
    return pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow")


def category_frame(columns):
    """Return a frame whose categories have the category dtype."""
    frame = pd.DataFrame(columns)
    return frame.astype({name: "category" for name in frame if name in CATEGORIES})


def polars_category_frame(columns):
    return pl.DataFrame(columns).with_columns(pl.col(pl.String).cast(pl.Categorical))


def lazy_frame(columns):
    return pl.DataFrame(columns).lazy()


def dask_frame(columns):
    """Return a Dask frame of Arrow dtypes. Dask turns Python objects into text."""
    return pytest.importorskip("dask.dataframe").from_pandas(arrow_frame(columns), npartitions=2)


def object_array(columns):
    array = np.empty((len(next(iter(columns.values()))), len(columns)), dtype=object)
    for k, values in enumerate(columns.values()):
        for row, value in enumerate(values):
            array[row, k] = value
    return array


def list_of_rows(columns):
    return [list(row) for row in zip(*columns.values(), strict=True)]


NAMED = {
    "NumPy dtypes": pd.DataFrame,
    "nullable dtypes": nullable_frame,
    "Arrow dtypes": arrow_frame,
    "converted to Arrow dtypes": converted_arrow_frame,
    "object dtype": partial(pd.DataFrame, dtype=object),
    "category dtypes": category_frame,
    "polars": pl.DataFrame,
    "polars categories": polars_category_frame,
    "LazyFrame": lazy_frame,
    "pyarrow": pa.table,
    "Dask": dask_frame,
}
CONTAINERS = {**NAMED, "array of objects": object_array, "list of rows": list_of_rows}
PREDICTED = {**CONTAINERS, "all of category dtype": lambda columns: pd.DataFrame(columns).astype("category")}
"""A number column of category dtype is a category in `fit`; afterwards it is read as the number column of `fit`."""


@cache
def model_of(container):
    return TabularMLPRegressor(**QUICK, categorical_features=[list(COLUMNS).index("codes")]).fit(
        CONTAINERS[container](COLUMNS), TARGET
    )


@cache
def predictions():
    return model_of("NumPy dtypes").predict(pd.DataFrame(COLUMNS))


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize("predicted", PREDICTED)
@pytest.mark.parametrize("fitted", CONTAINERS)
def test_containers_of_fit_and_of_predict_do_not_matter(fitted, predicted):
    assert_array_equal(model_of(fitted).predict(PREDICTED[predicted](COLUMNS)), predictions())


@pytest.mark.parametrize("container", CONTAINERS)
def test_kinds_of_all_columns_of_a_container(container):
    model = model_of(container)
    assert len(model.categories_) == len(CATEGORIES)
    assert model.n_features_in_ == len(COLUMNS)
    assert getattr(model, "feature_names_in_", np.empty(0)).tolist() == (list(COLUMNS) if container in NAMED else [])


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize("container", ["LazyFrame", "pyarrow", "Dask"])
def test_all_methods_read_containers(container):
    X, frame = CONTAINERS[container](COLUMNS), pd.DataFrame(COLUMNS)
    model = model_of("NumPy dtypes")
    assert_array_equal(model.predict_interval(X), model.predict_interval(frame))
    assert_array_equal(model.predict_members(X), model.predict_members(frame))
    assert model.score(X, TARGET) == model.score(frame, TARGET)


def test_the_classifier_reads_containers_too():
    y = np.where(np.median(TARGET) < TARGET, "high", "low")
    model = TabularMLPClassifier(**QUICK, categorical_features=["codes"]).fit(pa.table(COLUMNS), y)
    expected = model.predict_proba(pd.DataFrame(COLUMNS))
    assert model.score(pd.DataFrame(COLUMNS), y) > 0.8
    for container in ("nullable dtypes", "polars", "LazyFrame", "pyarrow"):
        assert_array_equal(model.predict_proba(NAMED[container](COLUMNS)), expected, err_msg=container)


# Kinds, decided in `fit`.


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_a_column(kind):
    options = {"categorical_features": [kind]} if kind == "codes" else {}
    X = pd.DataFrame({kind: COLUMNS[kind]}, dtype=object)
    model = TabularMLPRegressor(**QUICK, **options).fit(X, EFFECTS[kind])
    assert len(model.categories_) == (kind in CATEGORIES)
    assert model.oof_score_ > 0.8


def pandas(dtype, convert=lambda value: value):
    """Return a function that makes a frame of one column from Python values."""

    def frame(values):
        return pd.DataFrame({"c": pd.Series(map_present(convert, values), dtype=dtype)})

    return frame


def polars(dtype, convert=lambda value: value):
    return lambda values: pl.DataFrame({"c": pl.Series(map_present(convert, values), dtype=dtype)})


def arrow(dtype, convert=lambda value: value):
    return lambda values: pa.table({"c": pa.array(map_present(convert, values), type=dtype)})


def pandas_categories(convert=lambda value: value, **options):
    return lambda values: pd.DataFrame({"c": pd.Categorical(map_present(convert, values), **options)})


def map_present(convert, values):
    return [None if value is None else convert(value) for value in values]


SIZES = ["M", "S", "X", "L", None]
MORE_KINDS = {
    "text and numbers": (["a", 1, 2.5, None, "b"], pandas(object), 1),
    "text of digits": (["4", "8", "3", None, "1"], pandas(None), 1),
    "categories of dates": ([date(2024, 1, k) for k in (4, 8, 3, 9, 1)], pandas_categories(), 1),
    "categories of floats": ([0.5, 2.5, -1.0, None, 7.0], pandas_categories(), 1),
    "categories of intervals": ([4, 8, 3, 9, 1], lambda k: pd.DataFrame({"c": pd.cut(k, [0, 1, 3, 4, 8, 9])}), 1),
    "ordered categories": (SIZES, pandas_categories(categories=["S", "M", "L", "X", "Y"], ordered=True), 1),
    "Enum": (SIZES, polars(pl.Enum(["S", "M", "L", "X", "Y"])), 1),
    "dictionary": (SIZES, arrow(pa.dictionary(pa.int8(), pa.string())), 1),
    "booleans as objects": ([True, False, None, True, False], pandas(object), 1),
    "numbers of many types": ([4, 8.5, Decimal("3.25"), np.int8(9), np.float32(1)], pandas(object), 0),
    "huge integers": ([k * 10**30 for k in (4, 8, 3, 9, 1)], pandas(object), 0),
    "dates and datetimes": (
        [date(2024, 1, 4), datetime(2024, 1, 8, 12), None, date(2024, 1, 9), date(2024, 1, 1)],
        pandas(object),
        0,
    ),
}


@pytest.mark.parametrize(("values", "make", "n_categories"), MORE_KINDS.values(), ids=MORE_KINDS)
def test_kind_of_an_unusual_column(values, make, n_categories):
    y = dict(zip(values, [1.0, -2.0, 0.0, 2.0, -1.0], strict=True))
    X = make(24 * values)
    model = TabularMLPRegressor(**QUICK).fit(X, [y[value] for value in 24 * values])
    assert len(model.categories_) == n_categories
    assert model.oof_score_ > 0.9


REFUSED = {
    "lists": ([71, 72], None, "71"),
    "dicts": ({"a": 71}, None, "71"),
    "sets": ({71}, None, "71"),
    "complex numbers": (71j, 2.5, "71j"),
    "times of day": (time(7, 31), None, "31"),
    "dates and text": (date(2024, 7, 31), "Cork", "31|Cork"),
    "other objects": (object(), None, "object"),
}


@pytest.mark.parametrize(
    ("case", "container"),
    [(case, name) for case in REFUSED for name in ("object dtype", "array of objects", "list of rows")]
    + [(case, name) for case in ("lists", "dicts", "times of day") for name in ("polars", "pyarrow", "LazyFrame")],
)
def test_refused_columns(case, container):
    entry, other, example = REFUSED[case]
    X = CONTAINERS[container]({"size": [1.5, 2.5, None] * 8, "odd": [entry, other, entry] * 8})
    message = error_of(TabularMLPRegressor(**QUICK).fit, X, np.arange(24.0))
    assert ("'odd'" if container in NAMED else "'x1'") in message
    assert any(word in message for word in example.split("|"))


def test_a_refused_dtype_names_its_column():
    X = pd.DataFrame({"size": np.arange(24.0), "odd": 71j * np.arange(24)})
    message = error_of(TabularMLPRegressor(**QUICK).fit, X, np.arange(24.0))
    assert "'odd'" in message
    assert "71j" in message or "0j" in message


# Values of one column in many types. The first form of each kind is the reference.


def rows(values):
    return [[value] for value in values]


def array_of(dtype):
    return lambda values: np.array(values, dtype=dtype)[:, None]


def object_array_of(convert):
    """Return a function that makes an array of objects, such as scalars of NumPy."""
    return lambda values: object_array({"c": map_present(convert, values)})


def as_masked(values):
    return np.ma.masked_invalid(np.array([np.nan if value is None else value for value in values]))[:, None]


def text_of_float(value):
    return str(float(value))


def in_zone(hours):
    return lambda instant: instant.astimezone(timezone(timedelta(hours=hours)))


def in_many_zones(values):
    zones = [in_zone(k % 5 - 2) for k in range(len(values))]
    return object_array({"c": [None if v is None else zone(v) for v, zone in zip(values, zones, strict=True)]})


FORMS = {
    "levels": {
        "int64": pandas("int64"),
        "int8": pandas("int8"),
        "float64": pandas("float64"),
        "nullable Int64": pandas("Int64"),
        "Arrow int32": pandas("int32[pyarrow]"),
        "categories of integers": pandas_categories(),
        "categories of floats": pandas_categories(float),
        "categories of text": pandas_categories(str),
        "integers as objects": pandas(object),
        "floats as objects": pandas(object, float),
        "decimals": pandas(object, Decimal),
        "text": pandas(None, str),
        "text of floats": pandas("string", text_of_float),
        "text in bytes": pandas(object, lambda value: str(value).encode()),
        "polars Int8": polars(pl.Int8),
        "polars Float32": polars(pl.Float32),
        "polars String": polars(pl.String, str),
        "polars Categorical": polars(pl.Categorical, str),
        "polars Enum": polars(pl.Enum(["9", "3", "1", "0"]), str),
        "pyarrow uint8": arrow(pa.uint8()),
        "pyarrow dictionary": arrow(pa.dictionary(pa.int8(), pa.string()), str),
        "pyarrow dictionary of integers": lambda values: pa.table({"c": pa.array(values).dictionary_encode()}),
        "array of integers": array_of("int16"),
        "array of text": array_of(str),
        "rows": rows,
    },
    "booleans": {
        "bool": pandas("bool"),
        "nullable boolean": pandas("boolean"),
        "Arrow bool": pandas("bool[pyarrow]"),
        "objects": pandas(object),
        "scalars of NumPy": pandas(object, np.bool_),
        "categories of booleans": pandas_categories(),
        "float64": pandas("float64"),
        "text of digits": pandas(object, lambda value: str(int(value))),
        "polars Boolean": polars(pl.Boolean),
        "pyarrow bool": arrow(pa.bool_()),
        "array of booleans": array_of(bool),
        "rows": rows,
    },
    "integers beyond 2^53": {
        "objects": pandas(object),
        "nullable Int64": pandas("Int64"),
        "Arrow int64": pandas("int64[pyarrow]"),
        "categories of integers": lambda values: pd.DataFrame(
            {"c": pd.Series(values, dtype="Int64").astype("category")}
        ),
        "text": pandas(object, str),
        "decimals": pandas(object, Decimal),
        "polars Int64": polars(pl.Int64),
        "polars String": polars(pl.String, str),
        "pyarrow int64": arrow(pa.int64()),
        "pyarrow decimal": arrow(pa.decimal128(30, 2), Decimal),
        "array of objects": object_array_of(int),
        "rows": rows,
    },
    "integers beyond 64 bits": {
        "objects": pandas(object),
        "text": pandas(object, str),
        "decimals": pandas(object, Decimal),
        "pyarrow decimal": arrow(pa.decimal128(38, 0), Decimal),
        "rows": rows,
    },
    "text": {
        "objects": pandas(object),
        "str": pandas(None),
        "string": pandas("string"),
        "Arrow string": pandas(pd.ArrowDtype(pa.string())),
        "categories": pandas_categories(),
        "ordered categories": pandas_categories(categories=["Dax", "Bonn", "Cork", "Elba"], ordered=True),
        "bytes": pandas(object, str.encode),
        "polars String": polars(pl.String),
        "polars Categorical": polars(pl.Categorical),
        "polars Enum": polars(pl.Enum(["Dax", "Bonn", "Cork", "Elba"])),
        "polars Binary": polars(pl.Binary, str.encode),
        "pyarrow string": arrow(pa.string()),
        "pyarrow dictionary": arrow(pa.dictionary(pa.int32(), pa.string())),
        "pyarrow binary": arrow(pa.binary(), str.encode),
        "array of objects": object_array_of(str),
        "rows": rows,
    },
    "numbers": {
        "float64": pandas("float64"),
        "float32": pandas("float32"),
        "nullable Float64": pandas("Float64"),
        "Arrow double": pandas("double[pyarrow]"),
        "objects": pandas(object),
        "decimals": pandas(object, Decimal),
        "scalars of NumPy": pandas(object, np.float32),
        "polars Float32": polars(pl.Float32),
        "polars Decimal": polars(pl.Decimal(9, 2), in_cents),
        "polars NaN": lambda values: polars(pl.Float64)([np.nan if value is None else value for value in values]),
        "pyarrow float": arrow(pa.float32()),
        "pyarrow decimal": arrow(pa.decimal128(9, 2), Decimal),
        "array of floats": array_of("float64"),
        "masked array": as_masked,
        "rows": rows,
        "categories of floats": pandas_categories(),
    },
    "dates": {
        "dates": pandas(object),
        "datetimes": pandas(object, lambda value: datetime.combine(value, time())),
        "Timestamps": pandas(object, pd.Timestamp),
        "scalars of NumPy": pandas(object, np.datetime64),
        "datetime64[ns]": pandas("datetime64[ns]"),
        "datetime64[s]": pandas("datetime64[s]"),
        "Arrow date32": pandas(pd.ArrowDtype(pa.date32())),
        "Arrow timestamp": pandas(pd.ArrowDtype(pa.timestamp("ms")), lambda value: datetime.combine(value, time())),
        "polars Date": polars(pl.Date),
        "polars Datetime": lambda values: polars(pl.Date)(values).cast(pl.Datetime("ms")),
        "pyarrow date64": arrow(pa.date64()),
        "pyarrow timestamp": arrow(pa.timestamp("ns"), lambda value: datetime.combine(value, time())),
        "array of datetime64[D]": array_of("datetime64[D]"),
        "array of objects": object_array_of(pd.Timestamp),
        "rows": rows,
        "categories of dates": pandas_categories(),
    },
    "instants": {
        "datetimes": pandas(object),
        "datetimes of another zone": pandas(object, in_zone(9)),
        "Timestamps": pandas(object, lambda value: pd.Timestamp(value).tz_convert(timezone(timedelta(hours=-3)))),
        "datetime64[ns, UTC]": pandas("datetime64[ns, UTC]"),
        "datetime64[s, UTC]": pandas("datetime64[s, UTC]"),
        "datetime64 of another zone": pandas(pd.DatetimeTZDtype("us", timezone(timedelta(hours=9)))),
        "Arrow timestamp": pandas(pd.ArrowDtype(pa.timestamp("us", "UTC"))),
        "polars UTC": polars(pl.Datetime("us", "UTC")),
        "polars of another zone": lambda values: polars(pl.Datetime("us", "UTC"))(values).select(
            pl.col("c").dt.convert_time_zone("Asia/Tokyo")
        ),
        "pyarrow of another zone": arrow(pa.timestamp("ms", "+09:00")),
        "array of many zones": in_many_zones,
    },
    "durations": {
        "timedeltas": pandas(object),
        "Timedeltas": pandas(object, pd.Timedelta),
        "scalars of NumPy": pandas(object, np.timedelta64),
        "timedelta64[ns]": pandas("timedelta64[ns]"),
        "timedelta64[s]": pandas("timedelta64[s]"),
        "Arrow duration": pandas(pd.ArrowDtype(pa.duration("ms"))),
        "polars Duration": polars(pl.Duration("us")),
        "pyarrow duration": arrow(pa.duration("s")),
        "array of timedelta64[s]": array_of("timedelta64[s]"),
        "array of objects": object_array_of(pd.Timedelta),
        "rows": rows,
        "categories of durations": pandas_categories(),
    },
}
VALUES = {
    "levels": [0, 1, 3, 9],
    "booleans": [False, True],
    "integers beyond 2^53": [2**53, 2**53 + 1, 2**53 + 2, None],
    "integers beyond 64 bits": [10**30, 10**30 + 1, 10**30 + 2, None],
    "text": ["Bonn", "Cork", "Dax", None],
    "numbers": [-2.5, 0.25, 1.0, 3.75, 8.0, None],
    "dates": [date(2023, 12, 24), date(2024, 2, 29), date(2024, 3, 1), date(2024, 12, 31), None],
    "instants": [datetime(2024, 2, day, 3 * day, tzinfo=UTC) for day in (1, 3, 4, 7)] + [None],
    "durations": [timedelta(days=-1), timedelta(minutes=1), timedelta(hours=3), timedelta(days=2, seconds=1), None],
}
UNKNOWN = {
    "levels": 77,
    "integers beyond 2^53": 2**53 + 77,
    "integers beyond 64 bits": 10**30 + 77,
    "text": "Elba",
}
IN_FIT = {
    "text": ("objects", "string", "ordered categories", "bytes", "polars Enum", "pyarrow dictionary"),
    "numbers": ("float64", "float32", "scalars of NumPy", "polars Float32", "polars NaN", "masked array"),
    "dates": ("dates", "Timestamps", "scalars of NumPy", "datetime64[s]", "pyarrow date64", "array of datetime64[D]"),
    "instants": ("datetimes", "datetime64 of another zone", "polars of another zone", "array of many zones"),
    "durations": ("timedeltas", "scalars of NumPy", "timedelta64[s]", "array of timedelta64[s]"),
}
"""Forms in `fit`, where they are not all. `CONTAINERS` have the others. Numbers of category dtype are categories."""
FITTED = [(kind, form) for kind, forms in FORMS.items() for form in IN_FIT.get(kind, forms)]
WITH_OTHERS = [(kind, form) for kind in UNKNOWN for form in FORMS[kind] if form != "polars Enum"]
EFFECTS_OF_VALUES = [2.0, -1.0, 1.0, -2.0, 0.0, 1.5]


@cache
def model_of_form(kind, form):
    """Fit a table of one column. Each value has another effect."""
    values = VALUES[kind]
    options = {"categorical_features": [0]} if kind in UNKNOWN or kind == "booleans" else {}
    y = np.tile(EFFECTS_OF_VALUES[: len(values)], 20)
    y[:2] = 4.0, -4.0  # predictions stay within the range of the targets
    return TabularMLPRegressor(**QUICK, **options).fit(FORMS[kind][form](20 * values), y)


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize(("kind", "fitted"), FITTED)
def test_types_of_a_value_in_fit_and_in_predict_do_not_matter(kind, fitted):
    forms, values = FORMS[kind], VALUES[kind]
    reference = next(iter(forms))
    expected = model_of_form(kind, reference).predict(forms[reference](values))
    model = model_of_form(kind, fitted)
    assert [form for form, make in forms.items() if not np.array_equal(model.predict(make(values)), expected)] == []


@pytest.mark.parametrize("kind", FORMS)
def test_values_are_told_apart(kind):
    form = next(iter(FORMS[kind]))
    prediction = model_of_form(kind, form).predict(FORMS[kind][form](VALUES[kind]))
    order = np.argsort(EFFECTS_OF_VALUES[: len(prediction)])
    assert np.diff(prediction[order]).min() > 0.1


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize(("kind", "form"), WITH_OTHERS)
def test_a_category_that_was_never_seen_is_unknown(kind, form):
    values = VALUES[kind]
    model, make = model_of_form(kind, next(iter(FORMS[kind]))), FORMS[kind][form]
    known, mixed = model.predict(make(values)), model.predict(make([*values[:3], UNKNOWN[kind]]))
    assert_array_equal(mixed[:3], known[:3])
    assert np.isfinite(mixed).all()
    assert np.abs(mixed[3] - known).min() > 0.01
    if kind != "text":
        other = model.predict(pd.DataFrame({"c": [*map(str, values[:3]), "another"]}))
        assert_array_equal(other, mixed)


def test_booleans_and_numbers_meet_in_one_column():
    """True is 1, also in an integer column, and 1 is True in a column of booleans."""
    X = pd.DataFrame({"c": [0, 1, 2, 3] * 20})
    model = TabularMLPRegressor(**QUICK, categorical_features=["c"]).fit(X, [3.0, -1.0, 2.0, 0.0] * 20)
    expected = model.predict(X[:2])
    for values in ([False, True], [0.0, 1.0], ["0", "1"], [False, "1"], [0, True]):
        assert_array_equal(model.predict(pd.DataFrame({"c": values})), expected)
        assert_array_equal(model.predict(pd.DataFrame({"c": values}, dtype=object)), expected)


@pytest.mark.parametrize("container", ["object dtype", "array of objects", "list of rows"])
def test_text_and_numbers_in_one_column(container):
    make = CONTAINERS[container]
    X = make({"c": ["a", 1, 2.5, None, "7"] * 20})
    model = TabularMLPRegressor(**QUICK).fit(X, [2.0, -1.0, 1.0, -2.0, 0.0] * 20)
    expected = model.predict(make({"c": ["a", 1, 2.5, None, "7", "new"]}))
    assert_allclose(expected[:5], [2.0, -1.0, 1.0, -2.0, 0.0], atol=0.4)
    other = model.predict(make({"c": [b"a", "1", Decimal("2.5"), np.nan, 7.0, 99]}))
    assert_array_equal(other, expected)


# Arrays of one dtype, without missing values: equal to lists of the same values.

ARRAYS = {
    "bool": np.arange(60)[:, None] % 3 == 0,
    "int8": np.arange(60, dtype="int8")[:, None] - 30,
    ">f8": np.arange(60, dtype=">f8")[:, None],
    "text": np.array(["Bonn", "Cork", "Dax"])[np.arange(60) % 3][:, None],
    "bytes": np.array([b"Bonn", b"Cork", b"Dax"])[np.arange(60) % 3][:, None],
    "datetime64[D]": (np.datetime64("2024-01-01") + np.arange(60))[:, None],
    "datetime64[m]": (np.datetime64("2024-01-01T00:30") + 180 * np.arange(60))[:, None],
    "timedelta64[s]": np.arange(60).astype("timedelta64[s]")[:, None],
    "masked datetime64[ns]": np.ma.array(
        np.datetime64("2024-01-01", "ns") + 86_400_000_000_000 * np.arange(60)[:, None],
        mask=np.arange(60)[:, None] == 2,
    ),
    "masked timedelta64[s]": np.ma.array(
        np.arange(60).astype("timedelta64[s]")[:, None], mask=np.arange(60)[:, None] % 7 == 2
    ),
    "float32": np.float32([0.1, 0.2, 0.3])[np.arange(60) % 3][:, None],
    "masked": np.ma.array(np.arange(60)[:, None], mask=np.arange(60)[:, None] % 7 == 2),
    "masked objects": np.ma.array(np.arange(60)[:, None].astype(object), mask=np.arange(60)[:, None] % 7 == 2),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_lists_of_their_values(name):
    X, y = ARRAYS[name], np.arange(60) % 3 + np.arange(60) / 30
    values = X.astype(str(X.dtype).replace("ns", "us")).tolist()  # NumPy makes integers of nanoseconds
    array, lists = TabularMLPRegressor(**QUICK).fit(X, y), TabularMLPRegressor(**QUICK).fit(values, y)
    assert len(array.categories_) == len(lists.categories_) == (name in ("bool", "text", "bytes"))
    expected = array.predict(X)
    assert_array_equal(lists.predict(X), expected)
    assert_array_equal(array.predict(values), expected)


def test_a_category_of_32_bits_is_the_decimal_that_it_prints_as():
    doses = np.tile(np.float32([0.1, 0.2, 0.3]), 20)
    model = TabularMLPRegressor(**QUICK, categorical_features=["dose"])
    for frame in (pd.DataFrame, pl.DataFrame, lambda table: pd.DataFrame(table).astype("category")):
        model.fit(frame({"dose": doses}), np.tile([0.0, 1.0, 2.0], 20))
        assert model.categories_[0].tolist() == [0.1, 0.2, 0.3]
        expected = model.predict(frame({"dose": doses[:3]}))
        for values in ([0.1, 0.2, 0.3], ["0.1", "0.2", "0.3"], np.float32([0.1, 0.2, 0.3])):
            assert_array_equal(model.predict(pd.DataFrame({"dose": values})), expected)


# Missing values, in one row and among many.

MARKERS = {
    "None": None,
    "NaN": np.nan,
    "NaN of NumPy": np.float32("nan"),
    "NaN of decimals": Decimal("NaN"),
    "NA": pd.NA,
    "NaT": pd.NaT,
    "NaT of NumPy": np.datetime64("NaT"),
}
UNTYPED = {
    "frame": lambda row: pd.DataFrame([row]),
    "frame of objects": lambda row: pd.DataFrame([row], dtype=object),
    "array": lambda row: object_array({name: [value] for name, value in row.items()}),
    "list": lambda row: [list(row.values())],
}
ONE_ROW = {
    **UNTYPED,
    "row of a frame": lambda row: pd.DataFrame(2 * [row]).iloc[1].to_frame().T,
    "nullable frame": lambda row: pd.DataFrame([row]).convert_dtypes(),
    "Arrow frame": lambda row: arrow_frame({name: [value] for name, value in row.items()}),
    "polars": lambda row: pl.DataFrame([row]),
    "LazyFrame": lambda row: pl.DataFrame([row]).lazy(),
    "pyarrow": lambda row: pa.Table.from_pylist([row]),
    "Dask": lambda row: dask_frame({name: [value] for name, value in row.items()}),
    "masked array": lambda row: np.ma.array(
        [[5 if value is None else value for value in row.values()]],
        mask=[[value is None for value in row.values()]],
        dtype=object,
    ),
}


def make_people():
    """Return a table in which missing values have large effects, and its target."""
    rng = np.random.default_rng(0)
    gaps = rng.random((N_ROWS, 3)) < 0.2
    age, town, day = rng.integers(20, 61, N_ROWS), rng.integers(0, 4, N_ROWS), rng.integers(0, 60, N_ROWS)
    people = pd.DataFrame(
        {
            "age": np.where(gaps[:, 0], np.nan, age),
            "town": np.where(gaps[:, 1], None, np.array(TOWNS, dtype=object)[town]),
            "day": np.where(gaps[:, 2], None, [date(2024, 1, 1) + timedelta(days=int(k)) for k in day]),
            "size": rng.integers(0, 9, N_ROWS),
        }
    )
    return people, gaps @ [4.0, -3.0, 5.0] + 0.02 * age + 0.2 * town


PEOPLE, HAPPINESS = make_people()
PERSON = {"age": 40, "town": "Cork", "day": date(2024, 1, 31), "size": 4}


@cache
def model_of_people():
    return TabularMLPRegressor(**QUICK).fit(PEOPLE, HAPPINESS)


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize("form", ONE_ROW)
@pytest.mark.parametrize("column", PERSON)
def test_a_missing_value_in_one_row(column, form):
    row = PERSON | {column: None}
    model = model_of_people()
    expected = model.predict(pd.concat([PEOPLE.astype(object), pd.DataFrame([row], dtype=object)]))[-1]
    prediction = model.predict(ONE_ROW[form](row))
    assert_allclose(prediction, [expected], rtol=1e-5)
    if column != "size":  # which is never missing in `fit`
        assert abs(prediction[0] - model.predict(ONE_ROW[form](PERSON))[0]) > 1.5


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize("form", UNTYPED)
@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("column", PERSON)
def test_markers_of_missing_values(column, marker, form):
    if (marker, form) == ("NaT of NumPy", "frame"):
        form = "frame of objects"  # pandas has no column of a NaT without unit
    expected = model_of_people().predict(UNTYPED["frame of objects"](PERSON | {column: None}))
    prediction = model_of_people().predict(UNTYPED[form](PERSON | {column: MARKERS[marker]}))
    assert_array_equal(prediction, expected)


@pytest.mark.parametrize("marker", MARKERS)
def test_markers_of_missing_values_in_fit(marker):
    X = PEOPLE.astype(object)
    X = X.where(PEOPLE.notna(), MARKERS[marker])
    model = TabularMLPRegressor(**QUICK).fit(X, HAPPINESS)
    assert_array_equal(model.predict(PEOPLE), model_of_people().predict(PEOPLE))


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize("form", ONE_ROW)
def test_one_row_means_what_it_means_among_many(form):
    model, expected = model_of("NumPy dtypes"), predictions()
    for k in range(0, N_ROWS, 16):
        row = {name: values[k] for name, values in COLUMNS.items()}
        assert_allclose(model.predict(ONE_ROW[form](row)), expected[[k]], rtol=1e-5, atol=1e-5, err_msg=f"row {k}")


@pytest.mark.parametrize("container", ["NumPy dtypes", "object dtype", "polars", "pyarrow"])
def test_rows_of_a_frame(container):
    model, X = model_of(container), pd.DataFrame(COLUMNS)
    for k in range(0, N_ROWS, 16):
        expected = model.predict(X.iloc[[k]])
        assert_array_equal(model.predict(X.iloc[k].to_frame().T), expected)
        assert_array_equal(model.predict(pd.DataFrame([X.iloc[k].to_dict()])), expected)


# Names.


@pytest.mark.parametrize("predicted", NAMED)
def test_names_give_the_order_of_columns(predicted):
    X = NAMED[predicted](dict(reversed(COLUMNS.items())))
    assert_array_equal(model_of("pyarrow").predict(X), predictions())


SMALL = {"age": [20.5, 40.5, None, 61.0] * 10, "town": ["Bonn", "Cork", None, "Dax"] * 10, "size": [1, 2, 3, 4] * 10}
WRONG_NAMES = {
    "renamed": ({"age": "Age"}, ["Age"], ["age"]),
    "added": ({"new": "new"}, ["new"], []),
    "dropped": ({"town": None}, [], ["town"]),
    "renamed and dropped": ({"age": "years", "size": None}, ["years"], ["age", "size"]),
}


def with_names(changes):
    columns = SMALL | {name: SMALL["size"] for name in changes if name not in SMALL}
    return {changes.get(name, name): values for name, values in columns.items() if changes.get(name, name)}


@cache
def small_model(container="NumPy dtypes"):
    return TabularMLPRegressor(**QUICK).fit(CONTAINERS[container](SMALL), np.arange(40.0))


@pytest.mark.parametrize("container", NAMED)
@pytest.mark.parametrize("case", WRONG_NAMES)
def test_other_names_than_those_of_fit(case, container):
    changes, unseen, missing = WRONG_NAMES[case]
    with pytest.raises(
        ValueError, match=r"The feature names should match those that were passed during fit\."
    ) as raised:
        small_model().predict(NAMED[container](with_names(changes)))
    lines = str(raised.value).splitlines()
    assert ("Feature names unseen at fit time:" in lines) == bool(unseen)
    assert ("Feature names seen at fit time, yet now missing:" in lines) == bool(missing)
    assert [line[2:] for line in lines if line.startswith("- ")] == unseen + missing


def test_names_of_a_validation_set():
    X, y = pd.DataFrame(SMALL), np.arange(40.0)
    expected = TabularMLPRegressor(**QUICK).fit(X, y, X_val=X[::2], y_val=y[::2]).predict(X)
    other_order = pl.DataFrame(SMALL)[::2].select(X.columns[::-1])
    assert_array_equal(TabularMLPRegressor(**QUICK).fit(X, y, X_val=other_order, y_val=y[::2]).predict(X), expected)
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*unseen at fit time:.*yet now missing:"):
        TabularMLPRegressor(**QUICK).fit(X, y, X_val=X[::2].rename(columns={"age": "Age"}), y_val=y[::2])


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize(
    ("fitted", "container"),
    [("list of rows", name) for name in CONTAINERS]
    + [("NumPy dtypes", name) for name in CONTAINERS if name not in NAMED],
)
def test_another_number_of_columns(fitted, container):
    X = CONTAINERS[container]({"new": SMALL["size"], **SMALL})
    with pytest.raises(ValueError, match="X has 4 features, but TabularMLPRegressor is expecting 3 features"):
        small_model(fitted).predict(X)


@pytest.mark.parametrize("container", NAMED)
def test_a_warning_says_that_only_one_table_has_names(container):
    X = NAMED[container](SMALL)
    with pytest.warns(UserWarning, match="X has feature names, but TabularMLPRegressor was fitted without"):
        prediction = small_model("list of rows").predict(X)
    with pytest.warns(
        UserWarning, match="X does not have valid feature names, but TabularMLPRegressor was fitted with"
    ):
        assert_array_equal(small_model(container).predict(list_of_rows(SMALL)), prediction)


def test_numbers_as_names_are_positions():
    X = pd.DataFrame(list_of_rows(SMALL))
    model = TabularMLPRegressor(**QUICK).fit(X, np.arange(40.0))
    assert not hasattr(model, "feature_names_in_")
    expected = model.predict(X)
    assert_array_equal(model.predict(list_of_rows(SMALL)), expected)
    assert_array_equal(small_model("array of objects").predict(X), expected)


def test_numbers_as_names_in_another_order():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)))
    model = TabularMLPRegressor(**QUICK).fit(X[[2, 0, 1]], np.arange(40.0))
    assert_array_equal(model.predict(X), model.predict(X[[2, 0, 1]]))
    assert "sort them so" in error_of(TabularMLPRegressor(**QUICK).fit(X, np.arange(40.0)).predict, X[[2, 0, 1]])


def test_a_number_as_weight_is_no_name():
    X = pd.DataFrame({1: np.arange(40.0), 2: np.arange(40.0) % 3})
    assert TabularMLPRegressor(**QUICK).fit(X, np.arange(40.0), sample_weight=2).column_names_ == ["1", "2"]


def test_text_codes_in_a_file_of_numerals(tmp_path):
    codes, y = np.array(["01", "1", "A7"])[np.arange(60) % 3], np.arange(60) % 3 * 1.0
    model = TabularMLPRegressor(**FAST).fit(pd.DataFrame({"code": codes}), y)
    later = pd.DataFrame({"code": codes, "y": y})[codes != "A7"]
    later.to_csv(tmp_path / "later.csv", index=False)
    expected = model.predict(later[["code"]])
    later[["code"]].to_csv(tmp_path / "codes.csv", index=False)
    assert_array_equal(model.predict(tmp_path / "codes.csv"), expected)
    assert model.score(tmp_path / "later.csv", "y") == model.score(later, "y")
    model.fit(pd.DataFrame({"code": codes}), y, X_val=tmp_path / "later.csv", y_val="y")
    assert max(max(curve) for curve in model.validation_scores_[0]) > -0.1


def test_arrow_dictionaries_in_a_frame_of_pandas():
    towns = pd.Series(["Bonn", "Cork"] * 20).astype(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string())))
    model = TabularMLPRegressor(**QUICK).fit(pd.DataFrame({"town": towns}), np.arange(40.0) % 2)
    assert model.categories_[0].tolist() == ["Bonn", "Cork"]


def test_names_that_are_numbers_can_be_named_by_numbers():
    X = pd.DataFrame({1999: np.arange(40.0), 2000: [1, 2] * 20, 2001: np.arange(40.0)})
    model = TabularMLPRegressor(**QUICK, categorical_features=[2000]).fit(X, y=2001)
    assert model.column_names_ == ["1999", "2000"]
    assert len(model.categories_) == 1
    low, high = model.predict_interval(X, 0.5, by=2000)
    assert (low < high).all()
    assert model.score(X, 2001) == model.score(X, X[2001])
    assert TabularMLPRegressor(**QUICK).fit(X, y=2001, groups=2000).column_names_ == ["1999"]


# Values that a column cannot hold.


@pytest.mark.parametrize("container", ["object dtype", "array of objects", "list of rows"])
@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("many", "many"),
        ("3", "'3'"),
        (b"many", "many"),
        ([71, 72], "[71, 72]"),
        ({"a": 71}, "{'a': 71}"),
        (71j, "71j"),
        (date(2026, 1, 31), "2026"),
    ],
)
def test_a_column_of_numbers_that_holds_another_entry(entry, text, container):
    X = SMALL | {"size": [*SMALL["size"][:20], entry, *SMALL["size"][21:]]}
    message = error_of(small_model(container).predict, CONTAINERS[container](X))
    assert ("'size'" if container in NAMED else "'x2'") in message
    assert text in message


@pytest.mark.parametrize("container", [name for name in NAMED if name != "object dtype"])
@pytest.mark.parametrize("text", ["many", "3"])
def test_a_column_of_numbers_that_holds_text(text, container):
    X = NAMED[container](SMALL | {"age": [None] + 39 * [text]})
    with pytest.raises(ValueError, match="'age'") as raised:
        small_model().predict(X)
    assert repr(text) in str(raised.value)


@cache
def model_of_days(has_names):
    X = {"size": SMALL["size"], "day": [date(2024, 1, 1) + timedelta(days=k) for k in range(40)]}
    return TabularMLPRegressor(**QUICK).fit(pd.DataFrame(X) if has_names else list_of_rows(X), np.arange(40.0))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("text", ["soon", "2024-01-31"])
def test_a_column_of_dates_that_holds_text(text, container):
    X = CONTAINERS[container]({"size": SMALL["size"], "day": [None] + 39 * [text]})
    message = error_of(model_of_days(container in NAMED).predict, X)
    assert ("'day'" if container in NAMED else "'x1'") in message
    assert text in message


# Extreme numbers, and tables of many columns.


@cache
def model_of_usual_numbers():
    return TabularMLPRegressor(**QUICK).fit(pandas(float)([*range(20)] * 4), np.arange(80) % 20)


@NAMES_ON_ONE_SIDE
@pytest.mark.parametrize("form", ["float64", "objects", "decimals", "integers", "polars", "pyarrow", "rows"])
def test_numbers_of_1e308(form):
    numbers = [1e308, -1e308, None, 1.0, 2.0, 3.0, 4.0, 5.0] * 10
    make = {
        "float64": pandas("float64"),
        "objects": pandas(object),
        "decimals": pandas(object, Decimal),
        "integers": pandas(object, int),
        "polars": polars(pl.Float64),
        "pyarrow": arrow(pa.float64()),
        "rows": rows,
    }[form]
    y = [4.0, -4.0, 0.0, 1.0, 2.0, 3.0, 2.0, 1.0] * 10
    model = TabularMLPRegressor(**QUICK).fit(make(numbers), y)
    assert model.score(make(numbers), y) > 0.9
    high, low = model_of_usual_numbers().predict(make([1e308, -1e308]))
    assert low < 2.0 < 17.0 < high


WIDE = {f"c{k}": [k, k] for k in range(5000)} | {"c7": [1, 2], "c4000": ["Bonn", "Cork"]}


@cache
def model_of_many_columns():
    """Fit 5,000 columns, nearly all of them constant."""
    X = pd.DataFrame({name: 10 * values for name, values in WIDE.items()})
    model = TabularMLPRegressor(**QUICK).fit(X, 10 * [0.0, 1.0])
    return model, model.predict(X)[0]


@pytest.mark.parametrize("container", ["NumPy dtypes", "LazyFrame", "pyarrow"])
def test_one_row_of_many_columns(container):
    model, expected = model_of_many_columns()
    row = {name: values[:1] for name, values in reversed(WIDE.items())}
    assert_allclose(model.predict(NAMED[container](row)), [expected], rtol=1e-5, atol=1e-6)  # of targets around 1


@pytest.mark.parametrize("values", ["floats", "integers"])
def test_objects_are_as_good_as_floats(values):
    """Decimals come from databases, objects from rows of Python values."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 10_000, (N_ROWS, 3)) / (1 if values == "integers" else 100)
    y = X @ [3.0, -2.0, 1.0]
    floats = TabularMLPRegressor(**QUICK).fit(pd.DataFrame(X), y)
    assert floats.oof_score_ > 0.95
    for convert in (float, np.float64, lambda value: Decimal(str(value))):
        objects = pd.DataFrame(X).map(convert).astype(object)
        model = TabularMLPRegressor(**QUICK).fit(objects, y)
        assert len(model.categories_) == 0
        assert model.oof_score_ == floats.oof_score_
        assert_array_equal(model.predict(X), floats.predict(objects))


# Dates.


def days_at(places):
    """Return a table of times, which are numbers of days since the start of 2020."""
    return pd.DataFrame({"day": [datetime(2020, 1, 1) + timedelta(days=float(place)) for place in places]})


def test_a_trend_over_days_is_learned_and_goes_on():
    rng = np.random.default_rng(0)
    places = rng.integers(0, 10_000, N_ROWS)
    model = TabularMLPRegressor(**QUICK).fit(days_at(places), places / 1000 + rng.normal(size=N_ROWS) / 2)
    assert model.oof_score_ > 0.9
    later = model.predict(days_at([20_000, 100_000]))
    assert (later > 8.0).all()
    classifier = TabularMLPClassifier(**QUICK).fit(days_at(places), places + 3000 * rng.normal(size=N_ROWS) > 5000)
    # All phases return after 28 years. What differs is the number of days.
    probability = classifier.predict_proba(days_at([9900, 9900 + 10_227, 9900 + 2 * 10_227]))[:, 1]
    assert np.isfinite(probability).all()
    assert np.abs(np.diff(probability)).min() > 1e-4


PHASES = {"a year": (30 * 365.25, 365.25), "a week": (500, 7), "a day": (90, 1)}


@pytest.mark.parametrize(("span", "period"), PHASES.values(), ids=PHASES)
def test_phases_are_learned_where_the_span_allows_it(span, period):
    """The bins of the encoding of a number are longer than the period."""
    rng = np.random.default_rng(0)
    places = np.round(24 * rng.uniform(0, span, 400)) / 24
    y = np.sin(2 * np.pi * (places / period + 0.2)) + 0.1 * rng.normal(size=400)
    model = TabularMLPRegressor(**QUICK).fit(days_at(places[::2]), y[::2])
    assert model.score(days_at(places[1::2]), y[1::2]) > 0.8


def test_days_count_from_the_first_one():
    """After 100 weeks all weekdays return. The span has no phase of the year, and dates have none of the day."""
    places = np.random.default_rng(0).permutation(np.arange(0, 300, 2))
    y = np.sin(places / 30)
    model = TabularMLPRegressor(**QUICK).fit(days_at(places), y)
    later = TabularMLPRegressor(**QUICK).fit(days_at(places + 700), y)
    places = np.arange(0, 2000, 7)
    assert_allclose(later.predict(days_at(places + 700)), model.predict(days_at(places)), atol=1e-5)


def test_dates_of_a_few_hours_are_numbers_of_days():
    """No phase fits into the span, so the table is that of the number of days since the first date."""
    places = np.random.default_rng(0).permutation(np.arange(64)) / 128
    y = np.sin(6 * places)
    later = np.array([0.0, 0.3, 0.5, 0.7, 2.0, 1000.0])
    dates = TabularMLPRegressor(**QUICK).fit(days_at(places), y)
    numbers = TabularMLPRegressor(**QUICK).fit(pd.DataFrame({"day": places}), y)
    assert_allclose(dates.predict(days_at(later)), numbers.predict(pd.DataFrame({"day": later})), atol=1e-5)
    assert_allclose(dates.predict(days_at(-later)), numbers.predict(pd.DataFrame({"day": -later})), atol=1e-5)


def test_durations_are_numbers_of_seconds():
    seconds = np.random.default_rng(0).integers(-1000, 100_000, 100) / 4
    y = np.sin(seconds / 5000)
    numbers = pd.DataFrame({"c": seconds})
    durations = pd.DataFrame({"c": pd.to_timedelta(seconds, unit="s")})
    model = TabularMLPRegressor(**QUICK).fit(durations, y)
    of_numbers = TabularMLPRegressor(**QUICK).fit(numbers, y)
    assert_allclose(model.predict(durations), of_numbers.predict(numbers), atol=1e-5)
    later = pd.DataFrame({"c": pd.to_timedelta([1e6, -1e6], unit="s")})
    assert_allclose(model.predict(later), of_numbers.predict(pd.DataFrame({"c": [1e6, -1e6]})), atol=1e-5)


def test_dates_that_microseconds_cannot_count_are_named():
    late = pd.DataFrame({"d": np.tile(np.array(["2000-01-01", "300000-01-01"], "M8[s]"), 20)})
    assert "Column 'd' has the date 300000-01-01" in error_of(TabularMLPRegressor(**QUICK).fit, late, np.arange(40.0))
    last = [datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=5)))] * 20
    objects = pd.DataFrame({"d": pd.Series(last, dtype=object)})
    model = TabularMLPRegressor(**QUICK).fit(objects, np.arange(40.0) % 2)
    assert_array_equal(model.predict(pl.DataFrame({"d": last})), model.predict(objects))
    objects = pd.DataFrame({"d": pd.Series(list(late["d"].to_numpy()), dtype=object)})
    assert "300000" in error_of(TabularMLPRegressor(**QUICK).fit, objects, np.arange(40.0))
    months = np.arange(40).astype("m8[M]")[:, None]
    for values in (months, [[value] for value in months[:, 0]]):
        assert "x0" in error_of(TabularMLPRegressor(**QUICK).fit, values, np.arange(40.0))


def test_first_and_last_dates_of_the_calendar():
    model = TabularMLPRegressor(**QUICK).fit(days_at(np.arange(60)), np.arange(60))
    values = [date.min, date(2020, 1, 31), date.max, None]
    expected = model.predict(pd.DataFrame({"day": values}, dtype=object))
    assert expected[0] < expected[1] < expected[2]
    for make in (pl.DataFrame, pa.table, arrow_frame, lambda columns: pd.DataFrame(columns).astype("datetime64[s]")):
        assert_array_equal(model.predict(make({"day": values})), expected)


@pytest.mark.parametrize("values", [[date(2024, 1, 1)], [date(2024, 1, 1), None], [pd.NaT], [timedelta(1)]], ids=repr)
def test_constant_dates(values):
    X = pd.DataFrame({"size": np.arange(40.0), "day": pd.Series(values * (40 // len(values)))})
    model = TabularMLPRegressor(**QUICK).fit(X, np.arange(40.0))
    assert model.score(X, np.arange(40.0)) > 0.8


# Weights.

BASE = {
    "size": [float(k % 10) for k in range(90)],
    "town": [TOWNS[k % 3] for k in range(90)],
    "code": [k % 4 for k in range(90)],
    "day": [datetime(2024, 1, 1) + timedelta(hours=3 * k) for k in range(90)],
}
IGNORED = {
    "usual rows": {"size": 3.0, "town": "Bonn", "code": 1, "day": datetime(2024, 1, 3)},
    "an outlier": {"size": 1e9},
    "a missing number": {"size": None},
    "a level": {"town": "Elba"},
    "a missing level": {"town": None},
    "a code": {"code": 9},
    "a date long ago": {"day": datetime(1950, 1, 1)},
    "a missing date": {"day": None},
}


@cache
def weighted_rows(case):
    """Return a table, targets and weights. Every third row has the entries of a case, and weight 0."""
    rng = np.random.default_rng(0)
    X, y, sample_weight = [], [], []
    for k, row in enumerate(pd.DataFrame(BASE).to_dict("records")):
        X.append(row)
        y.append(row["size"] / 3 + 2 * (row["town"] == "Cork") - row["code"])
        sample_weight.append(rng.uniform(0.5, 2.0))
        if k % 2:
            X.append(IGNORED["usual rows"] | IGNORED[case])
            y.append(-50.0)
            sample_weight.append(0.0)
    return pd.DataFrame(X), np.array(y), np.array(sample_weight)


def labelled(y):
    return np.select([y == -50.0, y > 0.0], ["never", "high"], "low")


def outcomes(model, X):
    """Return what a fitted model says of a table."""
    if isinstance(model, TabularMLPClassifier):
        of_rows = [model.predict_proba(X), model.predict_set(X, coverage=0.8)]
        return [*of_rows, model.predict_members(X), model.oof_score_, model.temperature_]
    return [model.predict(X), *model.predict_interval(X, coverage=0.8), model.predict_members(X), model.oof_score_]


@cache
def model_of_weights(Estimator, case):
    """Fit all rows of a case, or, if the case is None, only the rows with weight."""
    X, y, weight = weighted_rows(case or "usual rows")
    y = labelled(y) if Estimator is TabularMLPClassifier else y
    kept = np.ones(len(y), bool) if case else weight > 0.0
    return Estimator(**FAST, categorical_features=["code"]).fit(X[kept], y[kept], weight[kept])


@pytest.mark.parametrize(
    ("Estimator", "case"),
    [(TabularMLPRegressor, case) for case in IGNORED]
    + [(TabularMLPClassifier, case) for case in ("usual rows", "an outlier", "a level")],
)
def test_rows_of_weight_0_are_not_there(Estimator, case):
    model, without = model_of_weights(Estimator, case), model_of_weights(Estimator, None)
    X = weighted_rows(case)[0]
    for outcome, expected in zip(outcomes(model, X), outcomes(without, X), strict=True):
        assert_array_equal(outcome, expected)
    assert [len(levels) for levels in model.categories_] == [3, 4]


def test_a_class_that_has_only_rows_of_weight_0_does_not_exist():
    model = model_of_weights(TabularMLPClassifier, "usual rows")
    assert model.classes_.tolist() == ["high", "low"]
    assert model.predict_proba(pd.DataFrame(BASE)).shape == (90, 2)


def test_a_level_that_has_only_rows_of_weight_0_is_unknown():
    model = model_of_weights(TabularMLPRegressor, "a level")
    X = pd.DataFrame(BASE)
    assert_array_equal(model.predict(X.assign(town="Elba")), model.predict(X.assign(town="unknown")))


def test_rows_of_weight_0_in_a_validation_set():
    X, y, weight = weighted_rows("an outlier")
    kept = weight > 0.0
    model = TabularMLPRegressor(**FAST)
    model.fit(X[kept], y[kept], weight[kept], X_val=X, y_val=y, sample_weight_val=weight)
    expected = model.predict(X)
    model.fit(X[kept], y[kept], weight[kept], X_val=X[kept], y_val=y[kept], sample_weight_val=weight[kept])
    assert_array_equal(model.predict(X), expected)


FULL_BATCH = QUICK | {"settings": [{"hidden_layer_sizes": (16,), "learning_rate_init": 1e-3, "dropout": 0.0}]}
FULL_BATCH |= {"batch_size": 10_000, "dtype": "float64"}
"""Weighted rows and repeated rows have the same gradient in one batch of all rows."""


def repeated(X, counts):
    places = np.repeat(np.arange(len(X)), counts)
    return X.iloc[places] if isinstance(X, pd.DataFrame | pd.Series) else X[places]


@pytest.mark.parametrize(("Estimator", "max_categories"), [(TabularMLPRegressor, 64), (TabularMLPClassifier, 3)])
def test_integer_weights_are_repeated_rows_in_all_statistics(Estimator, max_categories):
    """Medians, scales, edges, levels, means. Groups keep equal rows in one fold, of which means take no account."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(BASE).assign(number=rng.lognormal(size=90))
    X.loc[::7, "size"] = np.nan
    y = X["size"].fillna(5.0) / 3 + 2 * (X["town"] == "Cork") - X["code"] + X["number"] + rng.normal(size=90)
    counts = rng.integers(1, 4, 90) * np.where(X["code"] == 2, 3, 1)
    if Estimator is TabularMLPClassifier:
        y = y > y.median()
    validation, groups = {"X_val": X[::2], "y_val": y[::2]}, np.arange(90)
    options = FULL_BATCH | {"n_folds": 3, "max_categories": max_categories, "categorical_features": ["code"]}
    model = Estimator(**options)
    weighted = model.fit(X, y, counts, groups=groups, **validation).predict_members(X)
    rows = {"groups": repeated(groups, counts), **validation}
    of_repeated = model.fit(repeated(X, counts), repeated(y, counts), **rows).predict_members(X)
    assert_allclose(weighted, of_repeated, atol=1e-6)


def test_integer_weights_are_repeated_rows_out_of_fold():
    """Groups keep equal rows in one fold. The test covers means of levels, residuals and scores."""
    X, y, _ = (rows[:45] for rows in weighted_rows("usual rows"))  # too few to learn the size of residuals
    rng = np.random.default_rng(0)
    y, groups = rng.normal(size=len(y)) + y / 10, np.arange(len(y))
    model = TabularMLPRegressor(**(FULL_BATCH | {"n_folds": 3}), categorical_features=["code"])  # of equal sizes
    weighted = outcomes(model.fit(X, y, np.full(len(y), 2), groups=groups), X)
    of_repeated = outcomes(model.fit(repeated(X, 2), repeated(y, 2), groups=repeated(groups, 2)), X)
    for one, other in zip(weighted, of_repeated, strict=True):
        assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("class_weight", [None, "balanced", {"low": 30.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_out_of_fold_score_of_the_classifier(weighted, class_weight):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = np.where(X[:, 0] + rng.normal(size=120) > 1.0, "high", "low")
    weight = rng.uniform(0.1, 3.0, 120) if weighted else None
    model = TabularMLPClassifier(**FAST, class_weight=class_weight).fit(X, y, weight)
    labels = model.classes_[model.oof_prediction_.argmax(axis=1)]
    assert model.oof_score_ == pytest.approx(accuracy_score(y, labels, sample_weight=weight), rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_out_of_fold_score_of_the_regressor(weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = X[:, 0] + rng.normal(size=120)
    weight = rng.uniform(0.1, 3.0, 120) if weighted else None
    model = TabularMLPRegressor(**FAST).fit(X, y, weight)
    assert model.oof_score_ == pytest.approx(r2_score(y, model.oof_prediction_, sample_weight=weight), rel=1e-6)


# Targets.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "gaussian_nll"])
def test_predictions_keep_the_precision_of_y(loss, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 2))
    y = 1.7e9 + 50.0 * (X[:, 0] + 0.3 * rng.normal(size=N_ROWS))
    model = TabularMLPRegressor(**QUICK, loss=loss, dtype=dtype).fit(X, y)
    prediction, deviation = model.predict(X, return_std=True)
    members, target = model.predict_members(X), model.oof_target_
    for array in (prediction, deviation, members, model.oof_prediction_, target):
        assert array.dtype == np.float64
    assert len(np.unique(prediction)) > 0.9 * N_ROWS
    assert r2_score(y, prediction) > 0.8
    assert model.score(X, y) == pytest.approx(r2_score(y, prediction))
    out_of_fold = model.oof_prediction_.reshape(N_ROWS, -1)[:, 0]
    assert r2_score(y, out_of_fold) == pytest.approx(model.oof_score_, abs=1e-4)
    assert_allclose(target, y, rtol=1e-12)
    assert_allclose(members.mean(axis=0), prediction, rtol=1e-12)


def test_intervals_and_many_targets_keep_the_precision_of_y():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 2))
    y = 1.7e9 + 50.0 * X[:, 0]
    model = TabularMLPRegressor(**QUICK).fit(X, y)
    low, high = model.predict_interval(X)
    assert ((low < high) & (high - low < 100.0)).all()
    assert low.dtype == high.dtype == np.float64
    both = TabularMLPRegressor(**QUICK).fit(X, np.column_stack([y, -y])).predict(X)
    assert both.dtype == np.float64
    assert r2_score(y, both[:, 0]) > 0.8
    assert r2_score(-y, both[:, 1]) > 0.8


PLACES = np.arange(90) % 3
WORDS = np.array(["low", "mid", "top"])[PLACES]
LABELS = {
    "integers": (PLACES, [0, 1, 2]),
    "list of integers": (PLACES.tolist(), [0, 1, 2]),
    "int8": (PLACES.astype("int8") - 1, [-1, 0, 1]),
    "large integers": (PLACES + 2**53, [2**53, 2**53 + 1, 2**53 + 2]),
    "whole floats": (PLACES + 1.0, [1.0, 2.0, 3.0]),
    "nullable integers": (pd.Series(PLACES, dtype="Int64"), [0, 1, 2]),
    "Arrow integers": (pd.Series(PLACES, dtype="int64[pyarrow]"), [0, 1, 2]),
    "polars integers": (pl.Series(PLACES), [0, 1, 2]),
    "text": (WORDS, ["low", "mid", "top"]),
    "list of text": (WORDS.tolist(), ["low", "mid", "top"]),
    "text as objects": (WORDS.astype(object), ["low", "mid", "top"]),
    "series of text": (pd.Series(WORDS), ["low", "mid", "top"]),
    "string": (pd.Series(WORDS, dtype="string"), ["low", "mid", "top"]),
    "Arrow string": (pd.Series(WORDS, dtype=pd.ArrowDtype(pa.string())), ["low", "mid", "top"]),
    "categories": (pd.Series(WORDS, dtype="category"), ["low", "mid", "top"]),
    "more categories": (pd.Series(pd.Categorical(WORDS, ["top", "none", "mid", "low"])), ["low", "mid", "top"]),
    "categories of integers": (pd.Categorical(PLACES), [0, 1, 2]),
    "polars String": (pl.Series(WORDS), ["low", "mid", "top"]),
    "polars Categorical": (pl.Series(WORDS, dtype=pl.Categorical), ["low", "mid", "top"]),
    "polars Enum": (pl.Series(WORDS, dtype=pl.Enum(["top", "mid", "low"])), ["low", "mid", "top"]),
    "pyarrow": (pa.array(WORDS.tolist()), ["low", "mid", "top"]),
    "pyarrow column": (pa.table({"y": WORDS.tolist()})["y"], ["low", "mid", "top"]),
    "booleans": (PLACES > 0, [False, True]),
    "list of booleans": ((PLACES > 0).tolist(), [False, True]),
    "nullable booleans": (pd.Series(PLACES > 0, dtype="boolean"), [False, True]),
    "booleans as objects": ((PLACES > 0).astype(object), [False, True]),
    "polars Boolean": (pl.Series(PLACES > 0), [False, True]),
}


@cache
def model_of_places(n_classes):
    return TabularMLPClassifier(**QUICK).fit(PLACES[:, None], np.minimum(PLACES, n_classes - 1))


@pytest.mark.parametrize(("y", "classes"), LABELS.values(), ids=LABELS)
def test_labels_of_any_kind(y, classes):
    X, reference = PLACES[:, None], model_of_places(len(classes))
    model = TabularMLPClassifier(**QUICK).fit(X, y)
    assert model.classes_.tolist() == classes
    assert_array_equal(model.predict_proba(X), reference.predict_proba(X))
    assert model.predict(X).tolist() == [classes[min(place, len(classes) - 1)] for place in PLACES]


@pytest.mark.parametrize("n_first", [0, 100, 150])
def test_all_rows_decide_what_a_column_of_objects_holds(n_first):
    y = np.arange(160.0)
    for first, then in ((None, list(range(60))), (None, [datetime(2024, 1, 1)] * 60)):
        X = pd.DataFrame({"c": pd.Series([first] * n_first + (then * 3)[: 160 - n_first], dtype=object), "b": y})
        assert not TabularMLPRegressor(**FAST).fit(X, y).categories_
    for first, then in (("a", datetime(2024, 1, 1)), (None, [1])):
        X = pd.DataFrame({"c": pd.Series([first] * 155 + [then] * 5, dtype=object), "b": y})
        with pytest.raises(TypeError, match="Column 'c' holds"):
            TabularMLPRegressor(**FAST).fit(X, y)
