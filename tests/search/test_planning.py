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
from mlp_estimator.search.planning import ENOUGH_MEMBERS, candidate_of, cells_of, network_in

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


# Candidates and cells, without a look at data.


def candidates(estimator, *settings):
    return {c: candidate_of(estimator, params, {}) for c, params in enumerate(settings)}


@pytest.mark.parametrize(
    ("estimator", "network", "prefix"),
    [
        (NETWORK, NETWORK, ""),
        (Pipeline([("scale", StandardScaler()), ("last", NETWORK)]), NETWORK, "last__"),
        (LogisticRegression(), None, ""),
        (Pipeline([("last", LogisticRegression())]), None, ""),
        (Pipeline([]), None, ""),
        (Pipeline([("last", NETWORK)], transform_input=["X_val"]), None, ""),
        (MLPClassifier, None, ""),
    ],
)
def test_the_network_is_the_estimator_or_the_end_of_a_pipeline(estimator, network, prefix):
    assert network_in(estimator) == (network, prefix)


@pytest.mark.parametrize(
    ("params", "fit_params"),
    [
        ({"solver": "lbfgs"}, {}),
        ({"max_time": 1.0}, {}),
        ({"alpha": -1.0}, {}),
        ({"nonsense": 1}, {}),
        ({}, {"X_val": X_IRIS}),
    ],
)
def test_scikit_learn_fits_what_jobs_cannot_replace(params, fit_params):
    assert candidate_of(NETWORK, params, fit_params) is None
    assert candidate_of(NETWORK, {}, {"sample_weight": np.ones(150)}) is not None


def test_a_cell_has_candidates_of_one_shape():
    found = candidates(
        NETWORK, {"alpha": 1.0}, {"hidden_layer_sizes": (3,)}, {"alpha": 2.0}, {"dropout": 0.5}, {"dropout": 0.1}
    )
    cells = cells_of(found, 2)
    assert [sorted(cell.candidates) for cell in cells] == [[0, 2], [1], [3, 4]]  # masks are drawn with dropout only
    assert all(cell.first is cell.candidates[min(cell.candidates)] for cell in cells)


@pytest.mark.parametrize(
    ("n_candidates", "n_splits", "splits"),
    [
        (ENOUGH_MEMBERS, 3, [[0], [1], [2]]),
        (ENOUGH_MEMBERS // 2, 3, [[0, 1], [2]]),
        (1, 5, [[0, 1, 2, 3, 4]]),
    ],
)
def test_a_cell_has_as_many_splits_as_make_enough_members(n_candidates, n_splits, splits):
    found = candidates(NETWORK, *({"alpha": float(alpha)} for alpha in range(n_candidates)))
    assert [list(cell.splits) for cell in cells_of(found, n_splits)] == splits


def test_cells_of_a_pipeline_have_the_same_earlier_steps():
    pipeline = Pipeline([("scale", StandardScaler()), ("last", NETWORK)])
    found = candidates(
        pipeline, {"last__alpha": 1.0}, {"scale__with_mean": False, "last__alpha": 1.0}, {"last__alpha": 2.0}
    )
    assert [sorted(cell.candidates) for cell in cells_of(found, 2)] == [[0, 2], [1]]
