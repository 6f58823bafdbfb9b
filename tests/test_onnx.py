"""ONNX Runtime predicts what the estimators predict."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from samples import X_CANCER, X_DIAB, X_IRIS, Y_CANCER, Y_DIAB, Y_IRIS
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)  # fmt: skip
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlp_estimator.onnx
from mlp_estimator import (
    Activation,
    Loss,
    MLPClassifier,
    MLPGridSearchCV,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.losses import REGRESSION

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"max_iter": 20, "random_state": 0, "learning_rate_init": 0.01}
LABELS = np.array(["setosa", "versicolor", "virginica"])[Y_IRIS]
QUANTILES = {"loss": "quantile", "quantile": [0.1, 0.3, 0.5, 0.9]}
POSITIVE = np.exp(Y_DIAB / 2)
TWO = np.column_stack([Y_DIAB, X_DIAB[:, 0]])
CLASSIFIERS = {
    "two classes": ({}, X_CANCER, Y_CANCER),
    "two classes of text": ({}, X_CANCER, np.array(["malignant", "benign"])[Y_CANCER]),
    "booleans": ({}, X_CANCER, Y_CANCER == 1),
    "floats": ({}, X_CANCER, Y_CANCER * 2.0 - 1.0),
    "one class": ({}, X_IRIS, np.full(150, 7)),
    "classes": ({}, X_IRIS, Y_IRIS),
    "classes of text": ({}, X_IRIS, LABELS),
    "multilabel": ({}, X_IRIS, np.eye(3, dtype=int)[Y_IRIS]),
    "ensemble": ({"n_members": 3}, X_IRIS, LABELS),
    "ensemble of two classes": ({"n_members": 3}, X_CANCER, Y_CANCER),
    "ensemble of labels": ({"n_members": 2}, X_IRIS, np.eye(3, dtype=int)[Y_IRIS]),
    "float32": ({"dtype": "float32", "dropout": 0.1}, X_IRIS, LABELS),
    "without hidden layers": ({"hidden_layer_sizes": ()}, X_IRIS, LABELS),
}
REGRESSORS = {
    **{f"activation {name}": ({"activation": name}, Y_DIAB) for name in ACTIVATIONS},
    **{f"loss {name}": ({"loss": name}, POSITIVE) for name in REGRESSION},
    "an activation per layer": ({"hidden_layer_sizes": (6, 5, 4), "activation": ["gelu", "mish", "tanh"]}, Y_DIAB),
    "several quantiles": (QUANTILES, Y_DIAB),
    "quantiles that cross": ({**QUANTILES, "max_iter": 1}, Y_DIAB),
    "ensemble of quantiles": ({**QUANTILES, "max_iter": 1, "n_members": 4}, Y_DIAB),
    "ensemble of variances": ({"loss": "gaussian_nll", "n_members": 3}, Y_DIAB),
    "several targets": ({}, TWO),
    "several targets and variances": ({"loss": "gaussian_nll", "n_members": 2}, TWO),
    "ensemble of counts": ({"loss": "poisson", "n_members": 2}, POSITIVE),
    "linear model": ({"hidden_layer_sizes": ()}, Y_DIAB),
    "least squares": ({"hidden_layer_sizes": (4,), "activation": "tanh", "solver": "lm", "alpha": "auto"}, Y_DIAB),
}
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.fixture
def to_onnx():
    """The function of skl2onnx, with the converters."""
    skl2onnx = pytest.importorskip("skl2onnx")
    mlp_estimator.onnx.register()
    return skl2onnx.to_onnx


def run(graph, X):
    """The outputs of a graph, by ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def agree(found, expected, dtype, rtol=None):
    rtol = rtol or TOLERANCE[dtype]
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_classifiers(case, dtype, to_onnx):
    parameters, X, y = CLASSIFIERS[case]
    model = MLPClassifier(**{"hidden_layer_sizes": (6,), **SHORT, **parameters}).fit(X, y)
    X = X.astype(dtype)
    label, probability = run(to_onnx(model, X[:1], options={"zipmap": False}), X)
    agree(probability, model.predict_proba(X.astype(np.float64)), dtype, rtol=1e-5 if "float32" in case else None)
    predicted = model.predict(X)
    assert label.shape == predicted.shape or label.shape == (*predicted.shape, 1)
    np.testing.assert_array_equal(label.reshape(predicted.shape), predicted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", REGRESSORS)
def test_regressors(case, dtype, to_onnx):
    parameters, y = REGRESSORS[case]
    model = MLPRegressor(**{"hidden_layer_sizes": (6,), **SHORT, **parameters}).fit(X_DIAB, y)
    X = X_DIAB.astype(dtype)
    (prediction,) = run(to_onnx(model, X[:1]), X)
    expected = model.predict(X.astype(np.float64))
    assert prediction.shape == (len(X), 1 if expected.ndim == 1 else expected.shape[1])
    # ONNX Runtime has the error function in float32 only.
    agree(prediction, expected, dtype, rtol=1e-6 if "gelu" in str(parameters) and dtype is np.float64 else None)
    if "cross" in case:
        raw = X_DIAB @ model.coefs_[0] + model.intercepts_[0]
        raw = np.maximum(raw, 0) @ model.coefs_[1] + model.intercepts_[1]
        assert (np.diff(raw, axis=1) < 0).any()


CLASSIFIER, ENSEMBLE = (MLPClassifier((6,), n_members=n, **SHORT) for n in (1, 2))
REGRESSOR = MLPRegressor((6,), **SHORT)
LINEAR, RIDGE = LogisticRegression(), Ridge()
META_CLASSIFIERS = {
    "calibration": lambda model: CalibratedClassifierCV(model, cv=2),
    "one against the rest": OneVsRestClassifier,
    "stacking of probabilities": lambda model: StackingClassifier([("a", model), ("b", LINEAR)], cv=2),
    "stacking of scores": lambda model: StackingClassifier(
        [("a", model), ("b", LINEAR)], stack_method="decision_function", cv=2
    ),
    "bagging": lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
    "boosting": lambda model: AdaBoostClassifier(model, n_estimators=2, random_state=0),
    "search": lambda model: GridSearchCV(model, {"alpha": [1e-4]}, cv=2),
    "vote": lambda model: VotingClassifier([("a", model), ("b", LINEAR)], voting="soft", flatten_transform=False),
}
META_REGRESSORS = {
    "stacking": StackingRegressor([("a", REGRESSOR), ("b", RIDGE)], cv=2),
    "bagging": BaggingRegressor(REGRESSOR, n_estimators=2, random_state=0),
    "bagging of variances": BaggingRegressor(clone(REGRESSOR).set_params(loss="gaussian_nll"), n_estimators=2),
    "boosting": AdaBoostRegressor(REGRESSOR, n_estimators=2, random_state=0),
    "vote": VotingRegressor([("a", REGRESSOR), ("b", RIDGE)]),
    "outliers": RANSACRegressor(REGRESSOR, min_samples=100, random_state=0),
    "search": GridSearchCV(REGRESSOR, {"alpha": [1e-4]}, cv=2),
}


@pytest.mark.parametrize("model", [CLASSIFIER, ENSEMBLE], ids=["network", "ensemble"])
@pytest.mark.parametrize(("X", "y"), [(X_CANCER, Y_CANCER), (X_IRIS, LABELS)], ids=["two classes", "three"])
@pytest.mark.parametrize("case", META_CLASSIFIERS)
def test_classifiers_inside_others(case, X, y, model, to_onnx):
    if case == "stacking of scores" and len(set(y)) == 2:
        pytest.skip("skl2onnx makes a graph of it that ONNX Runtime refuses")
    X = X.astype(np.float32)
    meta = META_CLASSIFIERS[case](model).fit(X, y)
    label, probability, *_ = run(to_onnx(meta, X[:1], options={id(meta): {"zipmap": False}}), X)
    np.testing.assert_allclose(probability, meta.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(label.ravel(), meta.predict(X))


@pytest.mark.parametrize("case", META_REGRESSORS)
def test_regressors_inside_others(case, to_onnx):
    X = X_DIAB.astype(np.float32)
    meta = META_REGRESSORS[case].fit(X, Y_DIAB)
    (prediction,) = run(to_onnx(meta, X[:1]), X)
    agree(prediction, meta.predict(X), np.float32)


@pytest.mark.parametrize(
    ("meta", "sentence"),
    [
        (TunedThresholdClassifierCV(CLASSIFIER, cv=2), "skl2onnx ignores the threshold. Convert `estimator_`"),
        (
            CalibratedClassifierCV(CLASSIFIER, method="isotonic", cv=2),
            "takes steps for method='isotonic'. Use method='s",
        ),
        (CalibratedClassifierCV(make_pipeline(CLASSIFIER), cv=2), "Put the calibration into the pipeline."),
    ],
)
def test_what_would_be_another_classifier_is_refused(meta, sentence, to_onnx):
    X = X_CANCER.astype(np.float32)
    with pytest.raises(NotImplementedError, match=f"cannot be converted around MLPClassifier: .*{sentence}"):
        to_onnx(meta.fit(X, Y_CANCER), X[:1])
    other = CalibratedClassifierCV(LINEAR, method="isotonic", cv=2).fit(X, Y_CANCER)
    assert to_onnx(other, X[:1]).graph.node  # what is not of this package is not its affair


@pytest.mark.parametrize("target_opset", [13, 15, 18, 21])
def test_older_graphs(target_opset, to_onnx):
    X = X_DIAB.astype(np.float32)
    model = MLPRegressor((6,), "selu", n_members=3, **QUANTILES, **SHORT).fit(X_DIAB, Y_DIAB)
    (prediction,) = run(to_onnx(model, X[:1], target_opset=target_opset), X)
    agree(prediction, model.predict(X_DIAB), np.float32)


def test_a_pipeline_and_a_map_of_probabilities(to_onnx):
    X = (5.0 + 3.0 * X_IRIS).astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((6,), **SHORT)).fit(X, LABELS)
    label, maps = run(to_onnx(pipeline, X[:1]), X)
    np.testing.assert_array_equal(label, pipeline.predict(X))
    probability = np.array([[row[name] for name in pipeline.classes_] for row in maps])
    np.testing.assert_allclose(probability, pipeline.predict_proba(X), rtol=1e-5, atol=1e-5)
    numbers = (10 * X).astype(np.int64)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor((6,), **SHORT)).fit(numbers, Y_IRIS)
    (prediction,) = run(to_onnx(pipeline, numbers[:1]), numbers)
    agree(prediction, pipeline.predict(numbers), np.float32)


def test_raw_scores_far_from_zero(to_onnx):
    model = MLPClassifier((), **SHORT).fit(X_CANCER, Y_CANCER)
    model.coefs_[0] *= 1e6
    for X in (X_CANCER.astype(np.float32), X_CANCER):
        _, probability = run(to_onnx(model, X[:1], options={"zipmap": False}), X)
        agree(probability, model.predict_proba(X), X.dtype.type)
        assert ((probability > 0.0) & (probability <= 1.0)).all()
    counts = MLPRegressor((), loss="poisson", **SHORT).fit(X_DIAB, POSITIVE)
    counts.coefs_[0] *= 1e6
    (prediction,) = run(to_onnx(counts, X_DIAB[:1]), X_DIAB)
    agree(prediction, counts.predict(X_DIAB), np.float64)


class Doubled(Loss):
    """A loss with an inverse link of its own."""

    def value_and_grad(self, y, raw, weight, d_raw, work):
        np.subtract(2 * raw, y, out=d_raw)
        return (d_raw**2).sum(axis=(1, 2)) / 4

    def predict(self, raw, out):
        np.multiply(raw, 2, out=out)


class DoubledWithNodes(Doubled):
    """The same, which can be converted."""

    def predict(self, raw, out):
        super().predict(raw, out)

    def nodes(self, g, raw):
        return g("Mul", raw, 2.0)


class Halved(Doubled):
    """A loss without one."""

    predict = Loss.predict


def test_functions_of_the_user(to_onnx):
    relu = ACTIVATIONS["relu"]
    own = Activation(lambda z, out: relu.apply(z, out), relu.slope)
    X = X_DIAB.astype(np.float32)
    with pytest.raises(NotImplementedError, match=r"activation=.* is a function of your own"):
        to_onnx(MLPRegressor((6,), own, **SHORT).fit(X, Y_DIAB), X[:1])
    with pytest.raises(NotImplementedError, match="The inverse link of Doubled is a function of your own"):
        to_onnx(MLPRegressor((6,), loss=Doubled(), **SHORT).fit(X, Y_DIAB), X[:1])
    doubled = MLPRegressor((6,), loss=DoubledWithNodes(), **SHORT).fit(X, Y_DIAB)
    agree(run(to_onnx(doubled, X[:1]), X)[0], doubled.predict(X), np.float32)
    nodes = MLPRegressor((6,), Activation(own.apply, own.slope, nodes=relu.nodes), **SHORT).fit(X, Y_DIAB)
    agree(run(to_onnx(nodes, X[:1]), X)[0], nodes.predict(X), np.float32)
    for kept in ({"loss": Halved()}, {"activation": Activation(relu.apply, relu.slope, init=lambda n, m: 0.1)}):
        model = MLPRegressor((6,), **SHORT, **kept).fit(X, Y_DIAB)
        agree(run(to_onnx(model, X[:1]), X)[0], model.predict(X), np.float32)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (MLPGridSearchCV(MLPClassifier(), {}), "MLPGridSearchCV has no ONNX converter: convert its `best_estimator_`."),
        (
            TabularMLPClassifier(),
            "TabularMLPClassifier has no ONNX converter: use mlp_estimator.onnx.to_onnx on it alone.",
        ),
        (
            TabularMLPRegressor(),
            "TabularMLPRegressor has no ONNX converter: use mlp_estimator.onnx.to_onnx on it alone.",
        ),
    ],
)
def test_what_cannot_be_converted_says_so(model, sentence, to_onnx):
    X = X_IRIS.astype(np.float32)
    for estimator in (model, make_pipeline(StandardScaler(), model)):
        with pytest.raises(NotImplementedError, match=f"^{sentence}$"):
            to_onnx(estimator, X[:1])


def test_converters_are_registered_once():
    from skl2onnx import _parse

    before = None
    for _ in range(3):
        mlp_estimator.onnx.register()
        parser = _parse.sklearn_parsers_map[CalibratedClassifierCV]
        assert before is None or parser is before
        before = parser


def test_without_skl2onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install skl2onnx"):
        mlp_estimator.onnx.register()
