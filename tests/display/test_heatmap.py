"""A heat map shows the scores of a search."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from mlp_estimator import MLPClassifier, MLPGridSearchCV, ValidationHeatmapDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
NETWORK = MLPClassifier((5,), max_iter=20, random_state=0)


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


def test_a_cell_has_the_best_score_over_other_parameters():
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
