"""What both estimators share: hidden activations, and use in pipelines, searches and meta-estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from samples import X_IRIS, Y_IRIS
from scipy.special import log_softmax
from scipy.stats import norm
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.base import MultilayerPerceptron

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = X_IRIS, Y_IRIS


def test_each_hidden_layer_has_its_activation():
    model = MLPClassifier((6, 4), activation=["gelu", "tanh"], max_iter=3, random_state=0).fit(X_IRIS, Y_IRIS)
    z = X_IRIS @ model.coefs_[0] + model.intercepts_[0]
    first = z * norm.cdf(z)
    second = np.tanh(first @ model.coefs_[1] + model.intercepts_[1])
    raw = second @ model.coefs_[2] + model.intercepts_[2]
    np.testing.assert_allclose(model.hidden_activations(X_IRIS, 0), first, atol=1e-12)
    np.testing.assert_allclose(model.hidden_activations(X_IRIS, 1), second, atol=1e-12)
    np.testing.assert_array_equal(model.hidden_activations(X_IRIS), model.hidden_activations(X_IRIS, 1))
    np.testing.assert_allclose(model.predict_log_proba(X_IRIS), log_softmax(raw, axis=1), atol=1e-12)


def test_pipeline_search_and_cross_validation():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=30, learning_rate_init=0.01))
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(5,), (10, 5)]}, n_jobs=2, cv=3).fit(X, y)
    assert search.best_score_ > 0.95
    assert cross_val_score(search.best_estimator_, X, y, cv=3, n_jobs=2).mean() > 0.95


def test_meta_estimators():
    X, y = load_diabetes(return_X_y=True)
    network = MLPRegressor((10,), solver="lbfgs", alpha=5.0, random_state=0, max_iter=200)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    assert model.fit(X, y).score(X, y) > 0.5
    assert (
        OneVsRestClassifier(MLPClassifier((5,), max_iter=100, learning_rate_init=0.03, random_state=0))
        .fit(X_IRIS, Y_IRIS)
        .score(X_IRIS, Y_IRIS)
        > 0.8
    )


def test_mixed_columns():
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 10, "kind": ["a", "b", "a", "b"] * 10})
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["kind"]))
    model = make_pipeline(columns, MLPClassifier((10,), random_state=0, max_iter=300, learning_rate_init=0.01))
    assert model.fit(frame, frame["kind"]).score(frame, frame["kind"]) == 1.0


def test_layers_that_do_not_exist():
    with pytest.raises(ValueError, match=r"layer=1 does not exist: the network has 1 hidden layer\(s\)"):
        MLPRegressor((5,), max_iter=2).fit(X, Y).hidden_activations(X, 1)
    with pytest.raises(ValueError, match="the network has 0 hidden"):
        MLPRegressor((), max_iter=2).fit(X, Y).hidden_activations(X)


def test_the_base_is_that_of_both_networks_and_not_for_direct_use():
    assert MLPClassifier.fit is MLPRegressor.fit is MultilayerPerceptron.fit
    with pytest.raises(TypeError, match="abstract"):
        MultilayerPerceptron()
