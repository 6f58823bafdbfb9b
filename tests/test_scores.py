"""The default scores: of labels, of numbers, and of several quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS, Expectiles
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.neural_network import MLPRegressor as Theirs

from mlp_estimator import MLPClassifier, MLPGridSearchCV, MLPRegressor, TabularMLPRegressor
from mlp_estimator.engine.losses import Quantile
from mlp_estimator.scores import ScoredClassifier, ScoredRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LEVELS = [0.1, 0.5, 0.9]
SETTINGS = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.02, "max_iter": 40, "random_state": 0}
QUANTILES = SETTINGS | {"loss": "quantile", "quantile": LEVELS}
WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, 442)


def d2(y, prediction, weight=None):
    columns = zip(LEVELS, prediction.T, strict=True)
    return np.mean([d2_pinball_score(y, column, sample_weight=weight, alpha=q) for q, column in columns])


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_several_quantiles_have_the_mean_of_their_d2(weight):
    model = MLPRegressor(**QUANTILES).fit(X_DIAB, Y_DIAB)
    score = model.score(X_DIAB, Y_DIAB, sample_weight=weight)
    assert score == pytest.approx(d2(Y_DIAB, model.predict(X_DIAB), weight))
    assert 0.2 < score < 0.6


def test_several_quantiles_work_wherever_the_score_is_the_default():
    model = MLPRegressor(**QUANTILES)
    X, y = X_DIAB[:200], Y_DIAB[:200]
    assert np.isfinite(cross_val_score(model, X, y, cv=3, error_score="raise")).all()
    assert np.isfinite(learning_curve(model, X, y, cv=3, train_sizes=[0.5, 1.0], error_score="raise")[2]).all()
    theirs, ours = (
        Search(model, {"alpha": [1e-4, 1.0]}, cv=3, error_score="raise").fit(X, y)
        for Search in (GridSearchCV, MLPGridSearchCV)
    )
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    stopped = MLPRegressor(early_stopping=True, **QUANTILES).fit(X, y, X_val=X_DIAB[200:], y_val=Y_DIAB[200:])
    assert stopped.best_validation_score_ == pytest.approx(stopped.score(X_DIAB[200:], Y_DIAB[200:]))


def test_a_table_has_the_d2_of_its_out_of_fold_quantiles():
    settings = [{"hidden_layer_sizes": (8,), "encoding": False}]
    model = TabularMLPRegressor(loss="quantile", quantile=LEVELS, settings=settings, max_iter=10, random_state=0)
    model.fit(X_DIAB, Y_DIAB)
    assert model.oof_score_ == pytest.approx(d2(Y_DIAB, model.oof_prediction_), rel=1e-5)
    assert model.score(X_DIAB, Y_DIAB) == pytest.approx(d2(Y_DIAB, model.predict(X_DIAB)))
    with pytest.raises(ValueError, match="or a loss that predicts one value"):
        model.predict_interval(X_DIAB)


def test_outputs_without_a_default_score_get_one_sentence():
    message = "Expectiles predicts 2 numbers per target, for which there is no default score"
    model = MLPRegressor(**SETTINGS, loss=Expectiles()).fit(X_DIAB, Y_DIAB)
    with pytest.raises(ValueError, match=message):
        model.score(X_DIAB, Y_DIAB)
    with pytest.raises(ValueError, match=message):
        model.set_params(early_stopping=True).fit(X_DIAB, Y_DIAB)
    model.set_params(scoring="loss").fit(X_DIAB, Y_DIAB)


@pytest.mark.parametrize(
    "loss", [{}, {"loss": "quantile", "quantile": 0.9}, {"loss": "quantile", "quantile": [0.9]},
             {"loss": Quantile(0.3)}, {"loss": "gaussian_nll"}]
)  # fmt: skip
def test_one_number_per_target_has_r2(loss):
    model = MLPRegressor(**SETTINGS, **loss).fit(X_DIAB, Y_DIAB)
    assert model.score(X_DIAB, Y_DIAB, WEIGHT) == r2_score(Y_DIAB, model.predict(X_DIAB), sample_weight=WEIGHT)


def test_several_targets_have_scikit_learns_r2():
    Y = np.column_stack([Y_DIAB, X_DIAB[:, 0]])
    options = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}
    ours, theirs = (Class(**options).fit(X_DIAB, Y).score(X_DIAB, Y) for Class in (MLPRegressor, Theirs))
    assert ours == pytest.approx(theirs)


def test_labels_have_the_accuracy():
    model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X_IRIS, Y_IRIS)
    weight = WEIGHT[:150]
    expected = accuracy_score(Y_IRIS, model.predict(X_IRIS), sample_weight=weight)
    assert model.score(X_IRIS, Y_IRIS, weight) == expected
    assert model.score(X_IRIS, Y_IRIS.astype(object), weight.tolist()) == expected


@pytest.mark.parametrize("y", [["a", "b", "b"], np.array(["a", "b", "b"], dtype=object)])
def test_labels_are_read_as_by_fit(y):
    class Constant(ScoredClassifier):
        def predict(self, X):
            return np.full(len(X), "b")

        def _taken_out(self, X, **arguments):
            return X, list(arguments.values())

    assert Constant().score(np.zeros((3, 1)), y) == pytest.approx(2 / 3)
    assert Constant().score(np.zeros((3, 1)), y, [2.0, 1.0, 1.0]) == 0.5
    with pytest.raises(ValueError, match="missing label"):
        Constant().score(np.zeros((3, 1)), ["a", None, "b"])


def test_all_estimators_score_by_these_mixins():
    assert issubclass(MLPClassifier, ScoredClassifier)
    assert {Estimator.score for Estimator in (MLPRegressor, TabularMLPRegressor)} == {ScoredRegressor.score}
