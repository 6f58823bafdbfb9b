"""What is not a number, or too large a number, gets one sentence in every container and on every road."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from samples import SPECIES, X_IRIS, Y_IRIS, fitted_attributes
from scipy import sparse
from sklearn.base import is_regressor

from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.fitting.frames import is_missing
from mlp_estimator.fitting.reading import check_range, check_total, read_groups, read_numbers

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "error::RuntimeWarning", "error::UserWarning:mlp_estimator"
)
N = 50
X, Y, Y_REAL = X_IRIS[::3], Y_IRIS[::3], X_IRIS[::3, 2]
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
FAST = {"settings": [{"hidden_layer_sizes": (4,), "encoding": False}], "max_iter": 2, "n_folds": 2, "random_state": 0}
ESTIMATORS = [MLPClassifier, MLPRegressor]
TABULAR = [TabularMLPClassifier, TabularMLPRegressor]


def made(Estimator, **options):
    return Estimator(**(FAST if Estimator in TABULAR else SMALL) | options)


def target(model):
    return Y_REAL if is_regressor(model) else Y


# Text that looks like numbers.

COLUMNS = {
    "str": lambda a: a.astype(str),
    "bytes": lambda a: a.astype(str).astype("S"),
    "object": lambda a: a.astype(str).astype(object),
    "one object": lambda a: np.array([*a[:-1].tolist(), str(a[-1])], dtype=object),
    "list": lambda a: a.astype(str).tolist(),
    "mixed list": lambda a: [*a[:-1].tolist(), str(a[-1])],
    "pandas object": lambda a: pd.Series(a.astype(str), dtype=object),
    "pandas str": lambda a: pd.Series(a.astype(str), dtype="str"),
    "pandas string": lambda a: pd.Series(a.astype(str), dtype="string"),
    "pandas category": lambda a: pd.Series(a.astype(str), dtype="category"),
    "polars": lambda a: pl.Series(a.astype(str).tolist()),
    "polars categorical": lambda a: pl.Series(a.astype(str).tolist(), dtype=pl.Categorical),
}
TABLES = {
    "str": lambda a: a.astype(str),
    "object": lambda a: a.astype(str).astype(object),
    "list": lambda a: a.astype(str).tolist(),
    "list of tuples": lambda a: [(*row[:-1], str(row[-1])) for row in a.tolist()],
    "pandas object": lambda a: pd.DataFrame(a, columns=list("abcd")).astype({"c": str}).astype({"c": object}),
    "pandas str": lambda a: pd.DataFrame(a, columns=list("abcd")).astype({"c": "str"}),
    "pandas string": lambda a: pd.DataFrame(a, columns=list("abcd")).astype({"c": "string"}),
    "pandas category": lambda a: pd.DataFrame(a, columns=list("abcd")).astype({"c": str}).astype({"c": "category"}),
    "polars": lambda a: pl.DataFrame(a, schema=list("abcd")).with_columns(pl.col("c").cast(pl.String)),
}


@pytest.mark.parametrize("container", TABLES)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_text_in_x(Estimator, container):
    model = made(Estimator)
    y, text = target(model), TABLES[container](X)
    with pytest.raises(ValueError, match=r"X is not numeric, it contains text .*OneHotEncoder.*TabularMLPClassifier"):
        model.fit(text, y)
    assert not fitted_attributes(model).keys() & {"coefs_", "n_features_in_"}
    model.fit(X, y)
    for method in ("predict", "hidden_activations", "score"):
        with pytest.raises(ValueError, match="X is not numeric, it contains text"):
            getattr(model, method)(text, *([y] if method == "score" else []))


def test_the_columns_of_text_are_named():
    frame = pd.DataFrame(X, columns=list("abcd")).astype({"b": str, "d": str})
    with pytest.raises(ValueError, match=r"column\(s\) 'b', 'd': '"):
        MLPClassifier().fit(frame, Y)
    with pytest.raises(ValueError, match=r"column\(s\) 'b', 'd': '"):
        MLPClassifier().fit(pl.DataFrame(frame), Y)
    array = np.array([[1.0, "red"], [2.0, 3.0]], dtype=object)
    with pytest.raises(ValueError, match=r"column\(s\) 1: 'red'"):
        MLPClassifier().fit(array, [0, 1])


@pytest.mark.parametrize("container", COLUMNS)
@pytest.mark.parametrize("Estimator", [MLPRegressor, TabularMLPRegressor])
def test_text_in_y(Estimator, container):
    text = COLUMNS[container](Y_REAL)
    with pytest.raises(ValueError, match="y is not numeric, it contains text"):
        made(Estimator).fit(X, text)
    with pytest.raises(ValueError, match="y is not numeric, it contains text"):
        made(Estimator).fit(X, Y_REAL).score(X, text)


@pytest.mark.parametrize("container", COLUMNS)
@pytest.mark.parametrize("Estimator", [*ESTIMATORS, *TABULAR])
def test_text_as_weights(Estimator, container):
    model, text = made(Estimator), COLUMNS[container](np.ones(N))
    y = target(model)
    with pytest.raises(ValueError, match="sample_weight is not numeric, it contains text"):
        model.fit(X, y, text)
    with pytest.raises(ValueError, match="sample_weight is not numeric, it contains text"):
        model.fit(X, y).score(X, y, sample_weight=text)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_text_in_a_validation_set_and_a_chunk(Estimator):
    model, y = made(Estimator, early_stopping=True), target(made(Estimator))
    with pytest.raises(ValueError, match="X is not numeric"):
        model.fit(X, y, X_val=X.astype(str).astype(object), y_val=y)
    with pytest.raises(ValueError, match="sample_weight is not numeric"):
        model.fit(X, y, X_val=X, y_val=y, sample_weight_val=["1"] * N)
    with pytest.raises(ValueError, match="X is not numeric"):
        made(Estimator).partial_fit(
            X.astype(str).tolist(), y, **({} if is_regressor(model) else {"classes": [0, 1, 2]})
        )


def test_numbers_in_any_container_stay_numbers():
    plain = made(MLPRegressor).fit(X, Y_REAL).predict(X)
    for convert in (
        lambda a: a.astype(object),
        np.ndarray.tolist,
        lambda a: pd.DataFrame(a).astype(object) if a.ndim == 2 else pd.Series(a, dtype=object),
        lambda a: pd.DataFrame(a).astype("Float64") if a.ndim == 2 else pd.Series(a, dtype="Float64"),
        lambda a: pl.DataFrame(a) if a.ndim == 2 else pl.Series(a),
    ):
        model = made(MLPRegressor).fit(convert(X), convert(Y_REAL), convert(np.ones(N)))
        np.testing.assert_allclose(model.predict(convert(X)), plain)
        assert read_numbers("X", X) is X


# Numbers too large for the type of the computation.


def large(value=1e39):
    array = X.copy()
    array[1, 2] = value
    return array


FLOAT32 = {"dtype": "float32"}


@pytest.mark.parametrize("value", [1e39, -1e300, np.float64(3.5e38)])
@pytest.mark.parametrize("form", ["C", "F", "strided", "sparse", "frame", "list", "object"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_x_beyond_float32(Estimator, form, value):
    forms = {
        "C": lambda a: a,
        "F": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
        "sparse": sparse.csr_array,
        "frame": pd.DataFrame,
        "list": np.ndarray.tolist,
        "object": lambda a: np.array([[int(v) for v in row] for row in a.tolist()], dtype=object),
    }
    model = made(Estimator, activation="tanh", **FLOAT32)  # whose hidden units saturate: predictions would be finite
    y, bad = target(model), forms[form](large(value))
    message = r"X contains a value too large for float32 .*scale X, or fit with dtype='float64'"
    with pytest.raises(ValueError, match=message):
        model.fit(bad, y)
    with pytest.raises(ValueError, match=message):
        made(Estimator, **FLOAT32).partial_fit(bad, y, **({} if is_regressor(model) else {"classes": [0, 1, 2]}))
    model.fit(X, y)
    before = pickle.dumps(model)
    for method in ("predict", "hidden_activations", "predict_proba", "decision_function", "predict_members"):
        if hasattr(model, method):
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(bad)
    with pytest.raises(ValueError, match=message):
        model.score(bad, y)
    assert pickle.dumps(model) == before
    made(Estimator, **FLOAT32).fit(large(1e5), y)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_validation_sets_weights_and_coefficients_beyond_float32(Estimator):
    model = made(Estimator, early_stopping=True, **FLOAT32)
    y, huge = target(model), np.full(N, 1e39)
    with pytest.raises(ValueError, match="X_val contains a value too large for float32"):
        model.fit(X, y, X_val=large(), y_val=y)
    with pytest.raises(ValueError, match="sample_weight contains a value too large for float32"):
        model.fit(X, y, huge)
    with pytest.raises(ValueError, match="sample_weight contains a value too large for float32"):
        model.fit(X, y, X_val=X, y_val=y, sample_weight_val=huge)
    model = made(Estimator, **FLOAT32).fit(X, y)
    model.coefs_[1] = model.coefs_[1].astype(float) + 1e39
    with pytest.raises(ValueError, match="coefs_ or intercepts_ contains a value too large for float32"):
        model.predict(X)


@pytest.mark.parametrize("container", [np.asarray, list, pd.Series, lambda y: np.array([int(v) for v in y], object)])
def test_y_beyond_float32(container):
    y = Y_REAL.copy()
    y[3] = -1e39
    with pytest.raises(ValueError, match="y contains a value too large for float32"):
        made(MLPRegressor, **FLOAT32).fit(X, container(y))
    for Estimator, options in ((MLPRegressor, {"early_stopping": True}), (TabularMLPRegressor, {})):
        with pytest.raises(ValueError, match="y contains a value too large for float32"):
            made(Estimator, **FLOAT32, **options).fit(X, Y_REAL, X_val=X, y_val=container(y))
    assert made(TabularMLPRegressor, **FLOAT32).fit(X, container(y)).predict(X).min() < -1e36  # in float64


@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        np.ndarray.tolist,
        pd.DataFrame,
        lambda a: pl.DataFrame({"a": pl.Series(a[:, 0].tolist(), dtype=pl.Object)}),
    ],
)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_integers_beyond_float64(Estimator, container):
    model = made(Estimator)
    y, integers = target(model), np.array([[k] for k in range(N)], dtype=object)
    integers[3, 0] = 10**400
    with pytest.raises(ValueError, match="X contains an integer too large for float64"):
        model.fit(container(integers), y)
    if container is not np.asarray:
        return
    with pytest.raises(ValueError, match="sample_weight contains an integer too large for float64"):
        model.fit(X, y, integers[:, 0])
    with pytest.raises(ValueError, match=r"y contains an integer too large|labels of the type"):
        model.fit(X, integers[:, 0])


def test_integers_beyond_float64_in_a_table():
    rows = [[k, -k] for k in range(N)]
    rows[3][1] = 10**400
    with pytest.raises(ValueError, match="X contains an integer too large for float64 in column 'x1'"):
        made(TabularMLPRegressor).fit(rows, Y_REAL)


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="long double is float64 here")
def test_long_doubles_beyond_float64():
    with pytest.raises(ValueError, match="X contains a value too large for float64"):
        made(MLPClassifier).fit(X.astype(np.longdouble) * np.longdouble("1e400"), Y)
    with pytest.raises(ValueError, match="y contains a value too large for float64"):
        made(MLPRegressor).fit(X, Y_REAL.astype(np.longdouble) * np.longdouble("1e400"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("Estimator", [*ESTIMATORS, *TABULAR])
def test_weights_whose_sum_is_too_large(Estimator, dtype):
    model = made(Estimator, dtype=dtype)
    weight = np.full(N, float(np.finfo(dtype).max) / 10)
    with pytest.raises(
        ValueError, match=r"The weights of the samples add up to .*divide sample_weight and class_weight"
    ):
        model.fit(X, target(model), weight)
    model.fit(X, target(model), np.full(N, 1e20))
    if hasattr(model, "class_weight"):
        with pytest.raises(ValueError, match="The weights of the samples add up to"):
            model.set_params(class_weight={0: float(np.finfo(dtype).max) / 10}).fit(X, Y)


def test_a_table_saturates_where_the_square_of_a_number_is_not_finite():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(N, 2))
    model = made(TabularMLPRegressor).fit(table, table[:, 0])
    far = np.array([[1e30, 0.0], [1e200, 0.0], [1.7e308, 0.0]])
    np.testing.assert_allclose(model.predict(far), model.predict(far)[0])
    np.testing.assert_allclose(model.predict(-far), model.predict(-far)[0])
    assert model.predict(far)[0] != model.predict(-far)[0]
    table[::2] = np.sign(table[::2]) * 1.7e308
    assert np.isfinite(made(TabularMLPRegressor).fit(table, Y_REAL).predict(table)).all()


def test_many_large_numbers_that_fit_are_no_error():
    array = np.full((1000, 10), 3e38)  # whose sum of squares is beyond float64, too
    check_range("X", array * 1e-2, np.dtype(np.float32))
    check_range("X", array, np.dtype(np.float32))
    check_range("X", np.full((1000, 10), np.finfo(np.float32).max, np.longdouble), np.dtype(np.float32))
    check_total(np.ones(3), np.dtype(np.float32))


# Missing values among objects, and labels.


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, float("nan")])
def test_missing_values_are_named(missing):
    assert is_missing(missing)
    values = Y_REAL.astype(object)
    values[3] = missing
    for container in (np.asarray, list, lambda v: pd.Series(v, dtype=object)):
        with pytest.raises(ValueError, match=r"Input y contains NaN: \d+ missing value\(s\), the first in row \d+"):
            made(MLPRegressor).fit(X, container(values))
    words, codes = SPECIES[::3].astype(object), Y.astype(object)
    for labels in (words, codes):
        labels[3] = missing
        for container in (np.asarray, list, lambda v: pd.Series(v, dtype=object)):
            for Estimator in (MLPClassifier, TabularMLPClassifier):
                with pytest.raises(ValueError, match="Input y contains NaN"):
                    made(Estimator).fit(X, container(labels))
    with pytest.raises(ValueError, match=r"NaN or None: 1 missing label\(s\), the first in row 3. Remove these rows"):
        made(MLPClassifier).fit(X, words.tolist())
    with pytest.raises(ValueError, match="The entries of y differ in length"):
        made(MLPRegressor).fit(X[:2], [[1.0], [1.0, 2.0]])
    floats = Y.astype(float)
    floats[3] = np.nan
    for labels in (floats, floats.tolist(), pd.Series(floats)):
        with pytest.raises(ValueError, match=r"Input y contains NaN: 1 missing value\(s\), the first in row 3"):
            made(TabularMLPClassifier).fit(X, labels)
    table = X.astype(object)
    table[3, 1] = missing
    with pytest.raises(ValueError, match="Input X contains NaN"):
        made(MLPRegressor).fit(table, Y_REAL)
    assert np.isfinite(made(TabularMLPRegressor).fit(table, Y_REAL).predict(table)).all()


@pytest.mark.parametrize("value", [0, "a", 1.5, True, np.float64(2), np.array([1, 2])])
def test_values_that_are_there(value):
    assert not is_missing(value)


@pytest.mark.parametrize("Estimator", [MLPClassifier, TabularMLPClassifier])
@pytest.mark.parametrize("convert", [int, np.int64, float, lambda v: v > 0])
def test_objects_of_one_type_are_labels(Estimator, convert):
    labels = np.empty(N, object)
    labels[:] = [convert(v) for v in Y.tolist()]
    model, plain = made(Estimator).fit(X, labels), made(Estimator).fit(X, np.array(labels.tolist()))
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    assert model.score(X, labels) == plain.score(X, np.array(labels.tolist()))
    assert model.classes_.dtype.kind in "bif"


def test_objects_name_the_classes_of_a_stream():
    model = made(MLPClassifier).partial_fit(X, Y.astype(object), classes=np.array([0, 1, 2], dtype=object))
    assert model.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "labels", [[1, "a"], [(1, 2), (3, 4)], [10**30, 0], [1j, 2], [pd.Timestamp(0), pd.Timestamp(1)]]
)
def test_labels_of_other_types(labels):
    y = np.empty(N, object)
    y[:] = [labels[v % 2] for v in Y.tolist()]
    with pytest.raises(ValueError, match=r"y has labels of the type\(s\) .*Labels must be all text, or all integers"):
        made(MLPClassifier).fit(X, y)


def test_sparse_labels_of_one_dimension_are_named():
    y = sparse.coo_array(np.array([0, 1] * 6))
    if y.ndim == 2:
        pytest.skip("sparse arrays have two dimensions before SciPy 1.13")
    with pytest.raises(ValueError, match=r"y is sparse and has one dimension: pass y\.toarray\(\)"):
        MLPClassifier().fit(np.arange(12.0)[:, None], y)


def test_entries_that_are_sequences():
    X = np.empty((2, 1), object)
    X[:, 0] = [np.zeros(2), np.ones(2)]
    with pytest.raises(ValueError, match="X has an entry that is no number: setting an array element with a sequence"):
        MLPRegressor().fit(X, [0.0, 1.0])


def test_numbers_that_numpy_does_not_have():
    pl = pytest.importorskip("polars", minversion="1.40", reason="earlier versions panic")
    y = pl.Series([10**30, 0], dtype=pl.Int128)
    with pytest.raises(TypeError, match=r"y cannot be read by NumPy: .*128"):
        MLPClassifier().fit([[0.0], [1.0]], y)
    with pytest.raises(TypeError, match=r"X cannot be read by NumPy: .*128"):
        MLPClassifier().fit(pl.DataFrame({"a": y}), [0, 1])
    model = made(TabularMLPRegressor).fit(pl.DataFrame({"a": pl.concat([y, y])}), [1.0, 0.0, 1.0, 0.0])
    assert np.isfinite(model.predict(pl.DataFrame({"a": y}))).all()


@pytest.mark.parametrize("n_rows", [1, 8])
def test_a_sparse_column_of_labels_gets_the_sentence_of_scikit_learn(n_rows):
    y = sparse.csc_array(np.arange(n_rows)[:, None] % 2)
    with pytest.raises(TypeError, match=r"Sparse data was passed for y, but dense data is required"):
        MLPClassifier().fit(np.ones((n_rows, 1)), y)


def test_a_missing_label_alone_is_named():
    with pytest.raises(ValueError, match=r"y contains NaN or None: 1 missing label"):
        MLPClassifier().fit([[0.0]], np.array(None))


def test_empty_text_and_objects_that_are_no_numbers():
    with pytest.raises(ValueError, match=r"arrays of bytes/strings"):
        MLPRegressor().fit(np.empty((0, 3), "U1"), [])
    for other in (2, None):
        with pytest.raises(TypeError, match=r"y has an entry that is no number: .*'complex'"):
            MLPRegressor().fit([[0.0], [1.0]], np.array([1j, other], dtype=object))


def test_dates_and_durations_are_no_weights():
    for weights in (pd.date_range("2020-01-01", periods=len(X)), np.arange(len(X)).astype("timedelta64[s]")):
        for Estimator in (MLPRegressor, TabularMLPRegressor):
            with pytest.raises(ValueError, match=r"sample_weight has dtype .* which is not numeric"):
                made(Estimator).fit(X, Y_REAL, sample_weight=weights)


def test_equal_objects_are_one_group():
    numbers = np.arange(12) // 3
    mixed = np.array([float(k) if i % 2 else k for i, k in enumerate(numbers.tolist())], dtype=object)
    assert_array_equal(read_groups(mixed, 12), read_groups(numbers, 12))
    assert_array_equal(read_groups(np.array(["a", 1, 1.0], dtype=object), 3), [1, 0, 0])
    assert_array_equal(read_groups(pd.Series([[1], [2], [1]]), 3), [0, 1, 0])
