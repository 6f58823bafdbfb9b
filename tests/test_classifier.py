"""MLPClassifier: raw scores, probabilities and smoothed labels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from problems import CLASSIFIER_SOLVERS
from samples import SHORT, X_IRIS, Y_IRIS
from scipy.special import expit
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from mlp_estimator import MLPClassifier
from mlp_estimator.engine.solvers import SOLVERS
from mlp_estimator.fitting.targets.labels import log_odds

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_is_cross_entropy_with_softened_targets(n_classes):
    s, y = 0.2, Y_IRIS % n_classes
    model = MLPClassifier((), label_smoothing=s, solver="lbfgs", alpha=1e-3, tol=1e-9, max_iter=3000, random_state=0)
    model.fit(X_IRIS, y)
    target = np.eye(n_classes)[y] * (1 - s) + s / n_classes
    loss = -np.mean(np.sum(target * model.predict_log_proba(X_IRIS), axis=1))
    assert model.loss_ == pytest.approx(loss + 0.5e-3 / 150 * (model.coefs_[0] ** 2).sum())
    # At the optimum the gradient vanishes: the mean residual of each class is 0, since biases are not penalised.
    np.testing.assert_allclose(model.predict_proba(X_IRIS).mean(axis=0), target.mean(axis=0), atol=1e-4)


MULTILABEL = np.column_stack([Y_IRIS == 0, Y_IRIS > 0]).astype(int)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("y", [Y_IRIS == 1, Y_IRIS, np.arange(150) % 7, MULTILABEL], ids=["2", "3", "7", "labels"])
def test_scores_are_the_log_odds_of_the_probabilities(y, n_members):
    model = MLPClassifier(**SHORT, n_members=n_members).fit(X_IRIS, y)
    score, p = model.decision_function(X_IRIS), model.predict_proba(X_IRIS)
    p = p[:, 1] if score.ndim == 1 else p
    assert score.shape == p.shape
    np.testing.assert_allclose(expit(score), p)
    decided = score > 0 if y.ndim == 2 or len(model.classes_) == 2 else model.classes_[score.argmax(axis=1)]
    np.testing.assert_array_equal(decided, model.predict(X_IRIS))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 3])
def test_scores_are_finite_and_ordered_where_probabilities_saturate(n_members, dtype):
    for y in (Y_IRIS == 1, Y_IRIS, MULTILABEL):
        model = MLPClassifier((), max_iter=100, n_members=n_members, dtype=dtype, random_state=0).fit(X_IRIS, y)
        with np.errstate(all="raise", under="ignore"):
            far = model.decision_function(X_IRIS * 1e4)
        assert far.dtype == dtype
        assert np.isfinite(far).all()
        assert np.abs(far).max() > 80


def test_the_score_of_a_certain_class_keeps_its_digits():
    raw = np.array([[40.0, 1.0, 0.0], [900.0, 0.0, -1.0], [5.0, 5.0, 0.0]])
    expected = [[40 - np.log1p(np.e), 1 - 40, -40], [900 - np.log1p(np.exp(-1)), -900, -901]]
    np.testing.assert_allclose(log_odds(raw)[:2], expected, rtol=1e-15)
    np.testing.assert_allclose(log_odds(raw)[2, :2], -np.log1p(np.exp(-5)))


def test_many_classes_are_predicted_in_the_memory_of_a_chunk():
    n_classes, n = 3000, 20_000
    X = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    model = MLPClassifier((2,), max_iter=1, random_state=0).fit(X[: 2 * n_classes], np.arange(2 * n_classes) // 2)
    expected = np.concatenate([model.predict_proba(part).argmax(axis=1) for part in np.split(X, 20)])
    tracemalloc.start()
    predicted = model.predict(X)
    model.score(X, predicted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(predicted, expected)
    assert peak < 40e6  # all probabilities are 240 MB


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("label", ["only", 7, True])
def test_a_single_class_is_certain(label, n_members):
    model = MLPClassifier((3,), max_iter=3, n_members=n_members, random_state=0).fit(X_IRIS, np.full(150, label))
    assert model.classes_.tolist() == [label]
    np.testing.assert_array_equal(model.predict_proba(X_IRIS), np.ones((150, 1)))
    np.testing.assert_array_equal(model.predict_log_proba(X_IRIS), np.zeros((150, 1)))
    assert model.predict_members(X_IRIS).shape == (n_members, 150, 1)
    assert model.decision_function(X_IRIS).shape == (150,)
    assert model.score(X_IRIS, np.full(150, label)) == 1.0


@pytest.mark.filterwarnings("ignore:Number of classes in training fold")
def test_folds_of_a_single_class_are_scikit_learns():
    y, folds = np.repeat([0, 1], 75), KFold(2)
    ours, theirs = MLPClassifier((3,), max_iter=3), DecisionTreeClassifier()
    for method in ("predict", "predict_proba", "predict_log_proba"):
        a, b = (cross_val_predict(model, X_IRIS, y, cv=folds, method=method) for model in (ours, theirs))
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="Only 1 class/es in training fold, but 2 in overall dataset"):
        cross_val_predict(ours, X_IRIS, y, cv=folds, method="decision_function")


def test_solvers_are_those_that_can_train_a_classifier():
    with pytest.raises(ValueError, match="'solver' parameter of MLPClassifier must be a str among") as error:
        MLPClassifier(solver="lm").fit(X_IRIS, Y_IRIS)
    offered = str(error.value).split("Got")[0]
    assert all((repr(name) in offered) == (name in CLASSIFIER_SOLVERS) for name in SOLVERS)
    with pytest.raises(ValueError, match="'alpha' parameter of MLPClassifier must be a float"):
        MLPClassifier(alpha="auto").fit(X_IRIS, Y_IRIS)
