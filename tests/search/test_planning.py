"""Which candidates train in populations, and what a failing or unusual candidate does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS, Expectiles
from searches import GRID, NETWORK, REGRESSOR, agree, compare
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import Activation, MLPClassifier, MLPGridSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_WINE, Y_WINE = load_wine(return_X_y=True)


def test_a_step_may_be_searched():
    pipeline = Pipeline([("scale", StandardScaler()), ("last", NETWORK)])
    grid = [
        {"last": [LogisticRegression(), MLPClassifier((3,), max_iter=5, random_state=1)]},
        {"last__alpha": [1.0], "scale": ["passthrough", StandardScaler(with_mean=False)]},
    ]
    ours = MLPGridSearchCV(pipeline, grid, cv=3, refit=False).fit(X_WINE, Y_WINE)
    agree(ours, GridSearchCV(pipeline, grid, cv=3, refit=False).fit(X_WINE, Y_WINE))


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_a_failing_candidate_does_not_affect_the_others():
    grid = {"solver": ["sgd"], "learning_rate_init": [1e-3, 1e300]}
    with pytest.warns(FitFailedWarning, match=r"3 fits failed out of a total of 6(.|\n)*non-finite"):
        ours = MLPGridSearchCV(NETWORK, grid, cv=3).fit(X_IRIS, Y_IRIS)
    assert np.isnan(ours.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert ours.best_params_["learning_rate_init"] == 1e-3
    with pytest.raises(ValueError, match="non-finite"):
        MLPGridSearchCV(NETWORK, grid, cv=3, error_score="raise").fit(X_IRIS, Y_IRIS)


@pytest.mark.parametrize(("grid", "message"), [
    ({"alpha": [-1.0, 1.0]}, "alpha"),
    ({"hidden_layer_sizes": [(0,), (3,)]}, "hidden_layer_sizes must be > 0"),
    ({"nonsense": [1, 2]}, "Invalid parameter 'nonsense'"),
    ({"dropout": [[0.1, 0.2], 0.1]}, "dropout has 2 entries"),
    ({"activation": [["relu", "tanh"], "tanh"]}, "activation has 2 entries"),
    ({"scoring": ["loss", None]}, "scoring is only used with early_stopping=True"),
], ids=str)  # fmt: skip
def test_bad_candidates_raise_the_error_of_an_ordinary_fit(grid, message):
    answers = []
    for Search in (MLPGridSearchCV, GridSearchCV):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                scores = Search(NETWORK, grid, cv=3, refit=False).fit(X_IRIS, Y_IRIS).cv_results_["mean_test_score"]
            except ValueError as error:
                scores = str(error)
        assert message in str([scores, *(one.message for one in said)])
        answers.append(scores)
    np.testing.assert_array_equal(*answers)


def test_bad_data_raise_the_error_of_an_ordinary_fit():
    with pytest.raises(ValueError, match=r"All the 12 fits failed(.|\n)*Input X contains NaN"):
        MLPGridSearchCV(NETWORK, GRID, cv=3).fit(np.where(X_IRIS > 2, np.nan, X_IRIS), Y_IRIS)
    search = MLPGridSearchCV(NETWORK, GRID)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        search.fit(X_IRIS, Y_IRIS[:10])
    with pytest.raises(ValueError, match="max_memory"):
        MLPGridSearchCV(NETWORK, GRID, max_memory=0).fit(X_IRIS, Y_IRIS)
    assert vars(search) == vars(MLPGridSearchCV(NETWORK, GRID)) | {"estimator": NETWORK}


class Own(MLPClassifier):
    """A subclass that overrides fit."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight)


class Renamed(MLPClassifier):
    """A subclass that inherits fit, which populations may train."""


def test_other_estimators_get_ordinary_fits(trained_together):
    y = (Y_IRIS == 0).astype(int)
    ours = MLPGridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}).fit(X_IRIS, y)
    agree_but_for_networks = GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}).fit(X_IRIS, y)
    np.testing.assert_array_equal(
        ours.cv_results_["mean_test_score"], agree_but_for_networks.cv_results_["mean_test_score"]
    )
    compare(Own((5,), max_iter=5, random_state=0), GRID, X_IRIS, Y_IRIS, cv=3)
    compare(clone(NETWORK).set_params(solver="lbfgs"), {"alpha": [1.0, 2.0]}, X_IRIS, Y_IRIS, cv=3)
    compare(clone(NETWORK).set_params(max_time=100.0), {"alpha": [1.0, 2.0]}, X_IRIS, Y_IRIS, cv=3)
    assert trained_together() == (0, 0)


def test_a_subclass_with_the_inherited_fit_trains_in_populations(trained_together):
    compare(Renamed((5,), max_iter=5, random_state=0), GRID, X_IRIS, Y_IRIS, cv=3)
    assert trained_together() == (12, 1)


def test_a_network_with_callbacks_gets_ordinary_fits(trained_together):
    monitor = pytest.importorskip("sklearn.callback").ScoringMonitor(scoring="accuracy")
    network = clone(NETWORK).set_callbacks(monitor)
    MLPGridSearchCV(network, GRID, cv=2, refit=False).fit(X_IRIS, Y_IRIS)
    logs = monitor.get_logs(select="all")
    assert sum((log.data_as_pandas["task_name"] == "epoch").sum() for log in logs) == 15 * 4 * 2
    assert trained_together() == (0, 0)


def broken(z, out):
    raise RuntimeError("activation broken")


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_a_user_defined_function_that_fails_affects_its_candidate_only():
    grid = {"activation": ["tanh", Activation(broken, broken)], "alpha": [1.0, 2.0]}
    with pytest.warns(FitFailedWarning, match=r"6 fits failed(.|\n)*activation broken"):
        search = MLPGridSearchCV(NETWORK, grid, cv=3).fit(X_IRIS, Y_IRIS)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 2


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_each_candidate_is_checked_as_an_ordinary_fit_would_be():
    network = clone(REGRESSOR).set_params(loss=Expectiles(), early_stopping=True)
    scorer = make_scorer(lambda y, p: float(p.mean()))
    with pytest.warns(FitFailedWarning, match="for which there is no default score"):
        search = MLPGridSearchCV(network, {"scoring": ["loss", None]}, cv=3, scoring=scorer).fit(X_DIAB, Y_DIAB)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]


class Halving(MLPGridSearchCV):
    """A search strategy that evaluates candidates twice."""

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        first = evaluate_candidates([{"alpha": 1.0}, {"alpha": 2.0}])
        evaluate_candidates([{"alpha": 3.0 if first["mean_test_score"][0] > 0.5 else 4.0}])


def test_a_user_defined_search_strategy_gets_ordinary_fits():
    search = Halving(NETWORK, {}, cv=2).fit(X_IRIS, Y_IRIS)
    assert [params["alpha"] for params in search.cv_results_["params"]][:2] == [1.0, 2.0]
