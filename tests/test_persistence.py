"""Estimators in files: what they hold, which versions wrote them, and that they predict and train as before."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from samples import X_CANCER, X_DIAB, X_IRIS, Y_CANCER, Y_DIAB, Y_IRIS
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlp_estimator
from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.engine.losses import REGRESSION
from mlp_estimator.persistence import STORED_TYPES, _plain, restored

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
FAST = {"n_folds": 3, "max_iter": 4, "random_state": 0, "settings": [{"hidden_layer_sizes": (4,)}]}
LABELS = np.array(["setosa", "versicolor", "virginica"])[Y_IRIS]
MIXED = np.column_stack([X_IRIS.astype(object), LABELS])


def stream(model, X, y, **options):
    """A model in the middle of incremental learning."""
    return model.partial_fit(X, y, **options).partial_fit(X, y)


KINDS = {
    "two classes": lambda: MLPClassifier(**SHORT).fit(X_CANCER, Y_CANCER),
    "labels of text": lambda: MLPClassifier(**SHORT).fit(X_IRIS, LABELS),
    "label smoothing": lambda: MLPClassifier(label_smoothing=0.1, **SHORT).fit(X_IRIS, LABELS),
    "multilabel": lambda: MLPClassifier(**SHORT).fit(X_IRIS, np.eye(3, dtype=int)[Y_IRIS]),
    "ensemble": lambda: MLPClassifier(n_members=3, **SHORT).fit(X_IRIS, LABELS),
    "float32": lambda: MLPClassifier(dtype="float32", early_stopping=True, **SHORT).fit(X_CANCER, Y_CANCER),
    **{
        loss: lambda loss=loss: MLPRegressor(loss=loss, **SHORT).fit(X_DIAB, np.exp(Y_DIAB / 2)) for loss in REGRESSION
    },
    "several quantiles": lambda: MLPRegressor(loss="quantile", quantile=[0.1, 0.9], **SHORT).fit(X_DIAB, Y_DIAB),
    "several targets": lambda: MLPRegressor(**SHORT).fit(X_DIAB, np.column_stack([Y_DIAB, -Y_DIAB])),
    "evidence": lambda: MLPRegressor(activation="tanh", solver="lm", alpha="auto", **SHORT).fit(X_DIAB, Y_DIAB),
    "a generator": lambda: MLPRegressor((3,), max_iter=2, random_state=np.random.RandomState(0)).fit(X_DIAB, Y_DIAB),
    "a stream of classes": lambda: stream(MLPClassifier(dropout=0.2, **SHORT), X_IRIS, LABELS, classes=[*set(LABELS)]),
    "a stream of numbers": lambda: stream(MLPRegressor(solver="sgd", n_members=2, **SHORT), X_DIAB, Y_DIAB),
    "a raw table": lambda: TabularMLPClassifier(**FAST).fit(MIXED, Y_IRIS),
    "a raw table of numbers": lambda: TabularMLPRegressor(**FAST).fit(X_DIAB, Y_DIAB),
}  # fmt: skip


@cache
def fitted(kind):
    """A fitted model, which no test may change."""
    return KINDS[kind]()


def same_predictions(one, other):
    X = {3: MIXED, 4: X_IRIS, 5: MIXED, 10: X_DIAB, 30: X_CANCER}[one.n_features_in_]
    for method in ("predict", "predict_proba"):
        if hasattr(one, method):
            np.testing.assert_array_equal(getattr(one, method)(X), getattr(other, method)(X))


@pytest.mark.parametrize("kind", KINDS)
def test_skops_trusts_the_estimators_class_and_no_other(kind):
    skops = pytest.importorskip("skops.io")
    model = fitted(kind)
    file = skops.dumps(model)
    name = f"{type(model).__module__}.{type(model).__name__}"
    assert skops.get_untrusted_types(data=file) == [name]
    same_predictions(model, skops.loads(file, trusted=[name]))


def test_skops_loads_a_pipeline_and_a_stream_that_goes_on():
    skops = pytest.importorskip("skops.io")
    trusted = ["mlp_estimator.classifier.MLPClassifier"]
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SHORT)).fit(X_IRIS, LABELS)
    same_predictions(pipeline, skops.loads(skops.dumps(pipeline), trusted=trusted))
    model = KINDS["a stream of classes"]()
    loaded = skops.loads(skops.dumps(model), trusted=trusted)
    same_predictions(model.partial_fit(X_IRIS, LABELS), loaded.partial_fit(X_IRIS, LABELS))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_predict_alike_and_have_attributes_of_the_same_types(kind, copier):
    model = fitted(kind)
    copied = copier(model)
    same_predictions(model, copied)
    before = {name: type(value) for name, value in vars(model).items() if name != "_run_state"}
    assert {name: type(value) for name, value in vars(copied).items() if name != "_run_state"} == before


@pytest.mark.filterwarnings("error")
def test_a_file_of_another_version_warns(monkeypatch):
    model = MLPClassifier(**SHORT).fit(X_IRIS, LABELS)
    saved = pickle.dumps(model)
    pickle.loads(saved)
    monkeypatch.setattr(mlp_estimator, "__version__", "77.0")
    with pytest.warns(
        InconsistentVersionWarning, match="MLPClassifier was saved by mlp_estimator .*, and 77.0 is"
    ) as found:
        loaded = pickle.loads(saved)
    assert found[0].filename == __file__
    same_predictions(model, loaded)
    pickle.loads(pickle.dumps(loaded))  # it is of this version now


def test_clones_and_parameters_know_no_version():
    model = MLPClassifier(**SHORT)
    assert vars(clone(model)) == vars(MLPClassifier(**SHORT)) == vars(pickle.loads(pickle.dumps(model)))


@pytest.mark.filterwarnings("ignore:Trying to unpickle estimator LabelBinarizer")
def test_a_file_of_version_0_1_predicts_and_trains_on():
    # Written by version 0.1.0 with scikit-learn 1.9 and NumPy 1.26.
    with pytest.warns(InconsistentVersionWarning, match=r"saved by mlp_estimator 0\.1, and"):
        saved = pickle.loads((Path(__file__).parent / "files" / "saved_by_0_1.pickle").read_bytes())
    assert len(saved["models"]) == 8
    for name, model in saved["models"].items():
        predict = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        np.testing.assert_allclose(predict(saved["X"]), saved["predictions"][name], rtol=1e-5, err_msg=name)
    streams = [
        saved["models"]["stream"].partial_fit(saved["X"], saved["labels"]),
        saved["models"]["adam stream"].partial_fit(saved["X"], saved["X"][:, 1]),
    ]
    for stream, coefs in zip(streams, saved["streams go on"], strict=True):
        for ours, theirs in zip(stream.coefs_, coefs, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:Trying to unpickle estimator (LabelBinarizer|OrdinalEncoder)")
def test_a_file_of_version_0_2_predicts_and_trains_on():
    # Written by version 0.2.0 with scikit-learn 1.7 and NumPy 1.26.
    with pytest.warns(InconsistentVersionWarning, match=r"saved by mlp_estimator 0\.2\.0, and"):
        saved = pickle.loads((Path(__file__).parent / "files" / "saved_by_0_2.pickle").read_bytes())
    table, models = pd.DataFrame(saved["table"]), saved["models"]
    assert len(models) == 12
    for name, expected in saved["predictions"].items():
        model, X = models[name], saved["X"] if models[name].n_features_in_ == 4 else table
        X = table[list(model.feature_names_in_)] if hasattr(model, "feature_names_in_") else X
        predict = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        np.testing.assert_allclose(predict(X), expected, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    np.testing.assert_allclose(models["table of numbers"].predict_interval(table), saved["intervals"], rtol=1e-5)
    np.testing.assert_array_equal(models["table of classes"].predict_set(table), saved["sets"])
    with pytest.raises(
        ValueError, match=r"by needs the categories of the training rows, which files of version 0\.2 lack"
    ):
        models["table of classes"].predict_set(table, by="town")
    assert "town" in models["table of classes"]._fitted.features.text_columns
    stream = models["stream"].partial_fit(saved["X"], saved["labels"])
    for ours, theirs in zip(stream.coefs_, saved["streams"][0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    models["unfitted"].fit(table, saved["labels"])


def test_joblib_writes_the_same():
    model = MLPRegressor(**SHORT).fit(X_DIAB, Y_DIAB)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same_predictions(model, joblib.load(file))


@pytest.mark.parametrize("kind", KINDS)
def test_dask_tells_networks_with_the_same_parameters_apart(kind):
    tokenize = pytest.importorskip("dask.base").tokenize
    model = fitted(kind)
    assert tokenize(copy.deepcopy(model)) == tokenize(model)
    assert tokenize(clone(model)) != tokenize(model)
    other = copy.deepcopy(model)
    for weights in other._fitted.groups[0].arrays["W"] if kind.startswith("a raw table") else other.coefs_:
        weights += 1
    assert tokenize(other) != tokenize(model)


def objects_in(value):
    """The types of all values in nested lists and dicts."""
    if type(value) in (list, tuple):
        return set().union(*map(objects_in, value))
    if type(value) is dict:
        return set().union(*map(objects_in, value.values()))
    return {type(value)}


@pytest.mark.parametrize("kind", KINDS)
def test_objects_of_the_package_are_stored_as_dicts_and_come_back(kind):
    attributes = {name: value for name, value in vars(fitted(kind)).items() if name.startswith("_")}
    plain = _plain(attributes)
    assert not objects_in(plain) & set(STORED_TYPES.values())
    again = restored(plain)
    assert {name: type(value) for name, value in again.items()} == {
        name: type(value) for name, value in attributes.items()
    }
    assert repr(_plain(again)) == repr(plain)
