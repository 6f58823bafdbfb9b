"""Pictures of fits and searches show what was fitted and searched."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import LossCurveDisplay, MLPClassifier, MLPGridSearchCV, MLPRegressor, ValidationHeatmapDisplay

mpl.use("Agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
NETWORK = MLPClassifier((5,), max_iter=20, random_state=0)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


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


def test_a_transformed_target_is_looked_through():
    network = MLPRegressor((5,), max_iter=20, random_state=0)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler()).fit(X, Y)
    (line,) = LossCurveDisplay.from_estimator(model).lines_
    np.testing.assert_array_equal(line.get_ydata(), model.regressor_[-1].loss_curve_)


def test_a_warm_start_marks_what_it_has_kept_only():
    network = MLPClassifier((5,), max_iter=10, early_stopping=True, warm_start=True, random_state=0).fit(X, Y)
    network.set_params(scoring="loss").fit(X, Y)
    display = LossCurveDisplay.from_estimator(network)
    marks = [line for line in display.axes_[1].lines if line.get_marker() == "o"]
    assert all(mark.get_ydata()[0] == network.best_validation_score_ for mark in marks)


def test_into_given_axes():
    network = MLPClassifier((5,), max_iter=20, early_stopping=True, random_state=0).fit(X, Y)
    figure, axes = plt.subplots(2)
    display = LossCurveDisplay.from_estimator(network, ax=axes)
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="needs 2 axes, one for losses and one for scores, but ax has 1"):
        LossCurveDisplay.from_estimator(network, ax=axes[0])


def test_what_is_not_fitted_has_no_curve():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(NETWORK)


@pytest.mark.parametrize("Search", [MLPGridSearchCV, GridSearchCV])
def test_a_heat_map_has_the_scores_of_the_search(Search):
    grid = {"alpha": [0.01, 1.0, 100.0], "hidden_layer_sizes": [(3,), (5,)]}
    search = Search(NETWORK, grid, cv=2).fit(X, Y)
    display = ValidationHeatmapDisplay.from_search(search)
    assert display.names == ("alpha", "hidden_layer_sizes")
    for one, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        row = grid["alpha"].index(one["alpha"])
        assert display.scores[row, grid["hidden_layer_sizes"].index(one["hidden_layer_sizes"])] == score
    texts = [text.get_text() for text in display.ax_.texts]
    assert len(texts) == 6
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["(3,)", "(5,)"]
    np.testing.assert_array_equal(display.image_.get_array(), display.scores)


def test_over_further_parameters_a_cell_has_the_best():
    grid = {"alpha": [0.01, 1.0], "beta_1": [0.9, 0.5], "learning_rate_init": [1e-3, 1e-2]}
    search = MLPGridSearchCV(NETWORK, grid, cv=2, scoring=["accuracy", "neg_log_loss"], refit=False).fit(X, Y)
    params = ("learning_rate_init", "alpha")
    display = ValidationHeatmapDisplay.from_search(search, params=params, metric="neg_log_loss")
    scores = search.cv_results_["mean_test_neg_log_loss"].reshape(2, 2, 2)  # alpha, beta_1, learning rate
    np.testing.assert_array_equal(display.scores, scores.max(axis=1).T)
    with pytest.raises(ValueError, match=r"two parameters, but params=\('alpha', 'beta_1', 'learning_rate_init'\)"):
        ValidationHeatmapDisplay.from_search(search, metric="accuracy")
    with pytest.raises(ValueError, match="metric='score' is not a score of this search: choose among"):
        ValidationHeatmapDisplay.from_search(search, params=params)


def test_without_matplotlib_there_is_a_sentence():
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from mlp_estimator import LossCurveDisplay\n"
        "try: LossCurveDisplay(losses={'a': [[1.0]]}, scores={}, kept={}).plot()\n"
        "except ImportError as error: assert 'mlp-estimator[plot]' in str(error), error\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
