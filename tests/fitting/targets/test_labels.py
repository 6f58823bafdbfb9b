"""Labels of any kind come back as they were given, and later targets must agree with the first."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from samples import SPECIES, X_IRIS, Y_IRIS
from sklearn.datasets import make_multilabel_classification
from sklearn.preprocessing import scale

from mlp_estimator import MLPClassifier
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.fitting.targets.contract import Encoded
from mlp_estimator.fitting.targets.labels import Labels, log_odds

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = X_IRIS, Y_IRIS


@pytest.mark.parametrize(
    "labels",
    [
        SPECIES,
        SPECIES.astype(object),
        SPECIES.tolist(),
        pd.Series(SPECIES),
        pd.Series(SPECIES, dtype="string"),
        pd.Series(SPECIES, dtype="category"),
        pl.Series(SPECIES.tolist()),
        Y_IRIS * 10 - 3,
        Y_IRIS.astype(float),
        Y_IRIS == 1,
        (Y_IRIS == 1).astype(int)[:, None].ravel(),
    ],
    ids=["str", "object", "list", "pandas", "string", "category", "polars", "ints", "floats", "bool", "binary"],
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_labels_come_back(labels, early_stopping):
    model = MLPClassifier(
        (20,), random_state=0, max_iter=300, early_stopping=early_stopping, learning_rate_init=0.03
    ).fit(X_IRIS, labels)
    prediction = model.predict(X_IRIS)
    assert set(prediction) <= set(np.unique(np.asarray(labels)))
    assert model.score(X_IRIS, np.asarray(labels)) > 0.8
    assert model.predict_proba(X_IRIS).shape == (150, len(model.classes_))


def test_one_class_is_learned():
    model = MLPClassifier((5,), max_iter=5).fit(X_IRIS, np.full(150, "only"))
    assert set(model.predict(X_IRIS)) == {"only"}


def test_multilabel():
    X, Y = make_multilabel_classification(200, n_classes=4, random_state=0)
    model = MLPClassifier((30,), solver="lbfgs", max_iter=300, random_state=0).fit(scale(X), Y)
    assert model.predict(scale(X)).shape == Y.shape
    assert model.score(scale(X), Y) > 0.9
    assert model.out_activation_ == "logistic"


def test_classes_of_a_stream():
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        MLPClassifier().partial_fit(X, Y)
    model = MLPClassifier((5,)).partial_fit(X[:50], Y[:50], classes=[0, 1])
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`")):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X[:50], Y[:50], classes=[0, 2])


def test_the_kind_of_target_cannot_change():
    model = MLPClassifier((5,), max_iter=2, warm_start=True).fit(X, Y > 0)
    with pytest.raises(ValueError, match="is multilabel-indicator, but training so far was on a binary target"):
        model.fit(X, np.column_stack([Y > 0, Y == 0]).astype(int))


# Encoding and decoding, without a fit.

WORDS = np.array(["b", "c", "a", "b"])


def labels(loss, classes="abc", **options):
    return Labels(np.array(list(classes)), LOSSES[loss](), **options)


def test_classes_are_codes_or_the_probability_of_the_second_of_two():
    several, binary = labels("softmax_cross_entropy"), labels("sigmoid_cross_entropy", "bc")
    np.testing.assert_array_equal(several.encode(WORDS, np.dtype("float32")), [[1], [2], [0], [1]])
    coded = binary.encode(np.array(["b", "c"]), np.dtype("float32"))
    assert coded.dtype == np.float32
    assert coded.tolist() == [[0.0], [1.0]]
    assert (several.n_outputs, binary.n_outputs) == (3, 1)
    smoothed = labels("sigmoid_cross_entropy", "bc", smoothing=0.2)
    np.testing.assert_allclose(smoothed.encode(np.array(["b", "c"]), np.dtype("float64")), [[0.1], [0.9]])


def test_the_most_probable_class_is_decided_and_decoded():
    p = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]])
    several, binary = labels("softmax_cross_entropy"), labels("sigmoid_cross_entropy", "bc")
    assert several.decoded(several.decide(p)).tolist() == ["b", "a"]
    assert several.decide(np.stack([p, p])).shape == (2, 2, 1)
    assert binary.decoded(binary.decide(np.array([[0.4], [0.6]]))).tolist() == ["b", "c"]
    assert labels("sigmoid_cross_entropy", "b").decoded(np.array([[1], [0]])).tolist() == ["b", "b"]


def test_means_by_category_are_those_of_an_indicator_for_each_class_but_the_first():
    targets = labels("softmax_cross_entropy")
    Y = targets.encode(WORDS, np.dtype("float64"))
    np.testing.assert_array_equal(targets.columns(Y), [[1, 0], [0, 1], [0, 0], [1, 0]])
    assert targets.n_columns == 2
    assert targets.strata(Y).tolist() == [1, 2, 0, 1]


def test_scores_of_out_of_fold_predictions_count_the_users_weights_only():
    targets = labels("softmax_cross_entropy")
    Y, p = targets.encode(WORDS, np.dtype("float64")), np.eye(3)[[1, 1, 0, 2]] * 0.8 + 0.2 / 3
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    attributes = targets.out_of_fold(p, Encoded(Y, 9.0 * weight[::-1], weight), [np.array([0, 3]), np.array([1, 2])])
    assert attributes["oof_score_"] == pytest.approx(0.4)
    assert attributes["oof_target_"].tolist() == [1, 2, 0, 1]
    np.testing.assert_allclose(attributes["_residuals"][0][0].values, [0.4 / 3, 1 - 0.2 / 3])
    assert [residuals.total for residuals in attributes["_residuals"][0]] == [5.0, 5.0]


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_log_odds_are_exact_also_of_certain_classes(scale):
    score = scale * np.random.default_rng(0).normal(size=(50, 4))
    odds = log_odds(score)
    assert np.isfinite(odds).all()
    for k in range(4):
        others = np.logaddexp.reduce(np.delete(score, k, axis=1), axis=1)
        np.testing.assert_allclose(odds[:, k], score[:, k] - others, rtol=1e-9, atol=1e-9)
