"""ONNX Runtime predicts from raw rows what the tabular estimators predict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS, Expectiles

from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.onnx import to_onnx

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

SMALL = {
    "settings": [
        {"hidden_layer_sizes": (8,), "n_left_out": 2},
        {"hidden_layer_sizes": (6, 5), "activation": "mish", "encoding": False, "dropout": 0.1},
    ],
    "n_folds": 4,
    "max_iter": 4,
    "random_state": 0,
}
SPECIES = np.array(["setosa", "versicolor", "virginica"])
CODES = np.random.default_rng(1).integers(0, 3, 300)
POSITIVE = np.exp(0.5 * CODES + np.random.default_rng(2).normal(size=300))
CLASSES = {
    "text": SPECIES[CODES],
    "booleans": CODES > 0,
    "integers": CODES,
    "integers of 8 bits": CODES.astype(np.int8),
    "unsigned integers": CODES.astype(np.uint64),
    "floats": CODES * 2.0,
    "floats of 32 bits": (CODES * 2.0).astype(np.float32),
    "indicators": np.eye(3, dtype=int)[CODES],
}
NUMBERS = {
    "squared_error": POSITIVE,
    "gamma": POSITIVE,
    "quantile": POSITIVE,
    "gaussian_nll": POSITIVE,
    "huber": np.column_stack([POSITIVE, 1e9 + 50.0 * CODES]),
}


def rows(n=300, seed=0):
    """A frame with a column of each kind, with missing values and many levels."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 40, n)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "single": rng.normal(size=n).astype(np.float32),
            "constant": 3,
            "count": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 9, n)),
            "text": rng.choice(["a", "b", "ü"], n),
            "spelled": [str(k) for k in level],
            "level": pd.Categorical(level % 7),
            "yes": rng.random(n) < 0.4,
            "maybe": rng.choice(np.array([True, False, None]), n),
            "when": pd.Timestamp("2019-03-01", tz="Europe/Berlin") + pd.to_timedelta(rng.integers(0, 7e7, n), unit="s"),
            "took": pd.to_timedelta(rng.integers(0, 9000, n), unit="s"),
            "nothing": np.nan,
        }
    )
    frame["text"] = frame["text"].astype(object)
    for k, name in enumerate(["text", "when", "took", "spelled"]):
        frame.loc[k :: 9 + k, name] = None
    return frame


def inputs(graph, X):
    """The columns of a frame as the graph reads them."""
    strings = {c.name for c in graph.graph.input if c.type.tensor_type.elem_type == onnx.TensorProto.STRING}
    types = {c.name: onnx.helper.tensor_dtype_to_np_dtype(c.type.tensor_type.elem_type) for c in graph.graph.input}
    columns = {}
    for name in types:
        column = X[name]
        if name in strings:
            values = np.array(["" if pd.isna(value) else str(value) for value in column], dtype=object)
        elif column.dtype.kind == "M" or hasattr(column.dtype, "tz"):
            utc = column if column.dt.tz is not None else column.dt.tz_localize("UTC")
            values = (utc - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        elif column.dtype.kind == "m":
            values = column.dt.total_seconds()
        else:
            values = column.astype(types[name])
        columns[name] = np.asarray(values, object if name in strings else types[name])[:, None]
    return columns


def run(graph, X):
    """The outputs of a graph by name, by ONNX Runtime."""
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs(graph, X)), strict=True))


def agree(found, expected, unit=1.0):
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found / unit, expected / unit, rtol=1e-5, atol=1e-5)


NEW = pd.concat([rows(seed=3), rows(40, seed=4).assign(text="unknown", spelled="01", level=99.0, number=1e6)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CLASSES)
def test_classifiers(case, dtype):
    model = TabularMLPClassifier(**SMALL, dtype=dtype).fit(rows(), CLASSES[case])
    coverage = None if case == "indicators" else 0.8
    graph = to_onnx(model, rows(), coverage=coverage, members=True)
    for X in (NEW, NEW[:3]):  # the first layer is a product, and a lookup
        found = run(graph, X)
        agree(found["probabilities"], model.predict_proba(X))
        agree(found["members"], model.predict_members(X))
        np.testing.assert_array_equal(found["label"], model.predict(X))
        if coverage is not None:
            np.testing.assert_array_equal(found["belongs"], model.predict_set(X, coverage))
    assert found["probabilities"].dtype == dtype


@pytest.mark.parametrize("case", NUMBERS)
def test_regressors(case):
    quantile = {"quantile": [0.1, 0.5, 0.9]} if case == "quantile" else {}
    y = NUMBERS[case]
    model = TabularMLPRegressor(**SMALL, loss=case, **quantile).fit(rows(), y)
    single = y.ndim == 1 and case != "quantile"
    graph = to_onnx(model, rows(), coverage=0.8 if single else None, members=True)
    unit = y.std(axis=0)
    for X in (NEW, NEW[:3]):
        found = run(graph, X)
        agree(found["prediction"], model.predict(X), unit)
        agree(found["members"], model.predict_members(X), unit)
        if single:
            for end, expected in zip(("low", "high"), model.predict_interval(X, 0.8), strict=True):
                agree(found[end], expected, unit)


def test_days_without_a_time():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"when": pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 900, 400), unit="D")})
    y = X["when"].dt.day_of_week + rng.normal(size=400)
    model = TabularMLPRegressor(**SMALL).fit(X, y)
    new = pd.DataFrame({"when": pd.Timestamp("2018-01-01") + pd.to_timedelta(np.arange(2000), unit="D")})
    agree(run(to_onnx(model, X), new)["prediction"], model.predict(new), y.std())


def test_rare_levels_share_an_indicator():
    model = TabularMLPRegressor(**SMALL, max_categories=5).fit(rows(), POSITIVE)
    agree(run(to_onnx(model, rows()), NEW)["prediction"], model.predict(NEW), POSITIVE.std())


def test_types_of_inputs():
    model = TabularMLPClassifier(**SMALL).fit(rows(), CODES)
    types = {c.name: c.type.tensor_type.elem_type for c in to_onnx(model, rows()[:30]).graph.input}
    T = onnx.TensorProto
    assert types == {
        **{"number": T.DOUBLE, "single": T.FLOAT, "constant": T.DOUBLE, "count": T.DOUBLE, "text": T.STRING},
        **{"spelled": T.STRING, "level": T.DOUBLE, "yes": T.BOOL, "maybe": T.DOUBLE, "when": T.DOUBLE},
        **{"took": T.DOUBLE, "nothing": T.DOUBLE},
    }
    missing = rows()[:1].assign(text=None)  # the levels tell what the row does not
    assert to_onnx(model, missing).graph.input[4].type.tensor_type.elem_type == T.STRING


@pytest.mark.parametrize("levels", [["1", "2", "x", "01"], ["2.1", "2.10", "10.00", "1e-07"], [0.5, "a", 1e-07, 12.5]])
def test_text_that_spells_a_number_is_that_number(levels):
    X, y = pd.DataFrame({"zip": levels * 30}, dtype=object), [0.0, 1.0, 2.0, 3.0] * 30
    model = TabularMLPRegressor(**SMALL).fit(X, y)
    texts = ["1", "1.0", "1.00", "1.000", "2", "x", "01", "y", None, "2.1", "2.10", "2.100", "2.1000", "10", "10.00",
             "-0", "-0.0", "1e+16", "10000000000000000", "0.10000000000000001",
             "0.50", "12.500", "1e-07", "0.0000001", "0.00000010", ".5"]  # fmt: skip
    new = pd.DataFrame({"zip": texts})
    agree(run(to_onnx(model, X), new)["prediction"], model.predict(new))


def test_categories_of_32_bits():
    X = pd.DataFrame({"dose": np.tile(np.float32([0.1, 0.2, 0.3]), 40)})
    model = TabularMLPRegressor(**SMALL, categorical_features=["dose"]).fit(X, np.tile([0.0, 1.0, 2.0], 40))
    for rows in (X[:3], X[:3].astype(float).round(1)):
        agree(run(to_onnx(model, rows), rows)["prediction"], model.predict(rows))


def test_column_names_as_those_of_nodes():
    X = pd.DataFrame({name: np.linspace(0, 1, 60) for name in ("constant:1", "sub:1", "matmul:1")})
    model = TabularMLPRegressor(**SMALL).fit(X, X["sub:1"])
    agree(run(to_onnx(model, X), X)["prediction"], model.predict(X))


def test_rows_that_tell_the_types_are_read_as_by_predict():
    X = pd.DataFrame({"note": [None] * 60, "x": np.linspace(0, 1, 60)})
    model = TabularMLPRegressor(**SMALL).fit(X, X["x"])
    new = X[:3].assign(note="hello")
    agree(run(to_onnx(model, new), new)["prediction"], model.predict(new))
    with pytest.raises(ValueError, match="Column 'x' was numeric in fit, and now has an entry that is no number"):
        to_onnx(model, X[:1].assign(x="many"))


def test_what_a_graph_cannot_tell_apart_is_refused():
    y = [0.0, 1.0] * 30
    model = TabularMLPRegressor(**SMALL, categorical_features=["id"])
    X = pd.DataFrame({"id": [2**53 + 1, 2**53 + 2] * 30})
    with pytest.raises(NotImplementedError, match=r"Column 'id' has categories of integers beyond 2\^53"):
        to_onnx(model.fit(X, y), X)
    X = pd.DataFrame({"prediction": np.linspace(0, 1, 60)})
    with pytest.raises(ValueError, match="A column is called 'prediction', as an output of the graph: rename it"):
        to_onnx(TabularMLPRegressor(**SMALL).fit(X, y), X)
    with pytest.raises(ValueError, match="A column has an empty name"):
        to_onnx(TabularMLPRegressor(**SMALL).fit(X.set_axis([""], axis=1), y), X.set_axis([""], axis=1))
    days = np.array(["2026-01-01", "2026-01-02"] * 30, "datetime64[D]")
    with pytest.raises(NotImplementedError, match=r"ONNX has no type for labels of datetime64\[D\]"):
        to_onnx(TabularMLPClassifier(**SMALL).fit(X, days), X)


def test_empty_text_is_missing_unless_only_the_level_was_seen():
    for levels, other in ((["a", "", "b", ""], ["a", ""]), (["a", None, "b", ""], ["a", None])):
        model = TabularMLPRegressor(**SMALL).fit(pd.DataFrame({"text": levels * 30}), [0.0, 1.0, 2.0, 3.0] * 30)
        graph = to_onnx(model, pd.DataFrame({"text": ["a"]}))
        found = run(graph, pd.DataFrame({"text": ["a", ""]}))["prediction"]
        agree(found, model.predict(pd.DataFrame({"text": other})))


@pytest.mark.parametrize("X", [X_IRIS, pd.DataFrame(X_IRIS[:, :1]), [["a", None], ["b", True]] * 75])
def test_tables_without_names(X):
    model = TabularMLPClassifier(**SMALL).fit(X, Y_IRIS)
    frame = pd.DataFrame(X)
    frame.columns = [column.name for column in to_onnx(model, X).graph.input]
    assert frame.columns[0] in ("x0", "0")
    agree(run(to_onnx(model, X), frame)["probabilities"], model.predict_proba(X))


def test_fits_with_a_validation_set_and_with_weights():
    weight = np.arange(300) % 3
    model = TabularMLPRegressor(**SMALL).fit(rows(), POSITIVE, sample_weight=weight)
    agree(run(to_onnx(model, rows()), NEW)["prediction"], model.predict(NEW), POSITIVE.std())
    with pytest.raises(NotImplementedError, match="need rows of equal weight: use predict_interval"):
        to_onnx(model, rows(), coverage=0.8)
    model = TabularMLPRegressor(**SMALL).fit(rows()[:200], POSITIVE[:200], X_val=rows()[200:], y_val=POSITIVE[200:])
    agree(run(to_onnx(model, rows()), NEW)["prediction"], model.predict(NEW), POSITIVE.std())
    found = run(to_onnx(model, rows(), coverage=0.8), NEW)
    for end, expected in zip(("low", "high"), model.predict_interval(NEW, 0.8), strict=True):
        agree(found[end], expected, POSITIVE.std())
    validation = {"X_val": rows()[200:], "y_val": CODES[200:]}
    classifier = TabularMLPClassifier(**SMALL).fit(rows()[:200], CODES[:200], **validation)
    found = run(to_onnx(classifier, rows(), coverage=0.8), NEW)
    np.testing.assert_array_equal(found["belongs"], classifier.predict_set(NEW, 0.8))


def test_intervals_of_several_and_of_positive_targets():
    both = np.column_stack([POSITIVE, 1e6 - 20.0 * POSITIVE])
    for model, y in (
        (TabularMLPRegressor(**SMALL).fit(rows(), both), both),
        (TabularMLPRegressor(**SMALL, loss="gamma").fit(rows(), POSITIVE), POSITIVE),
    ):
        found = run(to_onnx(model, rows(), coverage=0.9), NEW)
        for end, expected in zip(("low", "high"), model.predict_interval(NEW, 0.9), strict=True):
            agree(found[end], expected, y.std(axis=0))
    assert found["low"].min() == 0.0


def test_what_cannot_be_a_graph():
    model = TabularMLPRegressor(**SMALL).fit(X_DIAB[:8], Y_DIAB[:8])
    with pytest.raises(ValueError, match=r"coverage=0\.95 gives infinite intervals"):
        to_onnx(model, X_DIAB, coverage=0.95)
    with pytest.raises(ValueError, match="coverage=2: must be one number between 0 and 1"):
        to_onnx(model, X_DIAB, coverage=2)
    nothing = TabularMLPRegressor(**SMALL).fit(np.ones((8, 2)), Y_DIAB[:8])
    with pytest.raises(NotImplementedError, match="All columns of the training table were constant"):
        to_onnx(nothing, np.ones((8, 2)))
    with pytest.raises(NotImplementedError, match="The inverse link of Bounded is a function of your own"):
        to_onnx(TabularMLPRegressor(**SMALL, loss=Bounded()).fit(X_DIAB, Y_DIAB), X_DIAB)
    with pytest.raises(ValueError, match="features"):
        to_onnx(model, X_DIAB[:, :3])


class Bounded(Expectiles):
    """A loss with an inverse link of its own."""

    def predict(self, raw, out):
        np.clip(raw, -2.0, 2.0, out=out)


def test_networks_go_the_same_way():
    pytest.importorskip("skl2onnx")
    options = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 5000}
    for model in (MLPClassifier((4,), **options), MLPRegressor((4,), **options)):
        graph = to_onnx(model.fit(X_IRIS, Y_IRIS), X_IRIS)
        session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        found = session.run(None, {"X": X_IRIS})[-1]
        expected = getattr(model, "predict_proba", model.predict)(X_IRIS)
        agree(found.reshape(expected.shape), expected)
        with pytest.raises(ValueError, match="coverage and members are for tabular estimators"):
            to_onnx(model, X_IRIS, coverage=0.9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adult", "titanic", "telco_churn", "diamonds", "insurance", "bike_sharing"])
def test_many_rows_of_real_tables(name, tables):
    X, y, *_ = tables.load(name)
    has_labels = y.dtype.kind == "O" or len(np.unique(y)) < 10
    some, rng = np.random.default_rng(0).permutation(len(X))[:3000], np.random.default_rng(1)
    model = (TabularMLPClassifier if has_labels else TabularMLPRegressor)(**SMALL).fit(X.iloc[some], y[some])
    new = X.iloc[rng.integers(0, len(X), 100_000)].reset_index(drop=True)
    for column in new:  # unknown and missing levels, and missing numbers
        is_text = new[column].dtype.kind not in "biuf"
        new[column] = new[column].astype(object if is_text else float)
        new.loc[rng.random(len(new)) < 0.02, column] = None
        if is_text:
            new.loc[rng.random(len(new)) < 0.02, column] = "never seen"
    graph = to_onnx(model, X)
    found = [run(graph, new[start : start + 5000]) for start in range(0, len(new), 5000)]
    what, expected = ("probabilities", model.predict_proba(new)) if has_labels else ("prediction", model.predict(new))
    agree(np.concatenate([part[what] for part in found]), expected, 1.0 if has_labels else y.std())
