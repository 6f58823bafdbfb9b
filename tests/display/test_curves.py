"""Loss and validation curves show what was fitted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import LossCurveDisplay, MLPClassifier, MLPGridSearchCV, MLPRegressor, TabularMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
NETWORK = MLPClassifier((5,), max_iter=20, random_state=0)


def test_a_fit_is_its_loss_curve():
    network = MLPClassifier((5,), max_iter=20, random_state=0).fit(X, Y)
    display = LossCurveDisplay.from_estimator(network, log=True)
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_ydata(), network.loss_curve_)
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 21))
    assert line.get_label() == "MLPClassifier"
    assert display.axes_[0].get_yscale() == "log"
    assert len(display.axes_) == 1


def test_validation_scores_stand_below_with_the_epoch_that_was_kept():
    network = MLPClassifier((5,), learning_rate_init=0.01, early_stopping=True, random_state=0).fit(X, Y)
    display = LossCurveDisplay.from_estimator(network, name="mine")
    losses, scores = display.lines_
    np.testing.assert_array_equal(scores.get_ydata(), network.validation_scores_)
    (mark,) = [line for line in display.axes_[1].lines if line.get_marker() == "o"]
    assert mark.get_ydata()[0] == network.best_validation_score_
    assert mark.get_xdata()[0] == 1 + np.argmax(network.validation_scores_)
    assert losses.get_label() == "mine"


def test_several_fits_members_pipelines_and_searches():
    ensemble = MLPClassifier((5,), max_iter=20, n_members=3, random_state=0).fit(X, Y)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=20, random_state=0)).fit(X, Y)
    search = MLPGridSearchCV(NETWORK, {"alpha": [1.0, 0.1]}, cv=2).fit(X, Y)
    early = MLPClassifier((5,), max_iter=20, n_members=2, early_stopping=True, random_state=0).fit(X, Y)
    display = LossCurveDisplay.from_estimators({"three": ensemble, "p": pipeline, "s": search, "early": early})
    assert len(display.lines_) == 3 + 1 + 1 + 2 + 2
    shown = [line.get_label() for line in display.lines_ if not line.get_label().startswith("_")]
    assert shown == ["three", "p", "s", "early", "early"]
    np.testing.assert_array_equal(display.lines_[4].get_ydata(), search.best_estimator_.loss_curve_)
    assert len(LossCurveDisplay.from_estimators([ensemble, pipeline]).axes_) == 1


def test_the_network_inside_a_transformed_target_regressor():
    network = MLPRegressor((5,), max_iter=20, random_state=0)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler()).fit(X, Y)
    (line,) = LossCurveDisplay.from_estimator(model).lines_
    np.testing.assert_array_equal(line.get_ydata(), model.regressor_[-1].loss_curve_)


def test_a_warm_start_marks_the_kept_epoch_only():
    network = MLPClassifier((5,), max_iter=10, early_stopping=True, warm_start=True, random_state=0).fit(X, Y)
    network.set_params(scoring="loss").fit(X, Y)
    display = LossCurveDisplay.from_estimator(network)
    marks = [line for line in display.axes_[1].lines if line.get_marker() == "o"]
    assert all(mark.get_ydata()[0] == network.best_validation_score_ for mark in marks)


def test_an_unfitted_estimator_has_no_curve():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(ValueError, match="TabularMLPRegressor has no loss curve: the curves are those of networks"):
        LossCurveDisplay.from_estimator(
            TabularMLPRegressor(settings=[{"hidden_layer_sizes": (4,)}], max_iter=2).fit([[0.0], [1.0]] * 9, [0, 1] * 9)
        )
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(NETWORK)
