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
