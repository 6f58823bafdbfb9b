"""Trained fits stand in for clones: nothing of them is left behind, and errors travel between processes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS
from searches import GRID, NETWORK
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from mlp_estimator import MLPClassifier, MLPGridSearchCV
from mlp_estimator.search.prefitted import Prefitted
from mlp_estimator.search.training import Finished

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_search_does_not_change_its_estimator():
    network = clone(NETWORK)
    before = dict(vars(network))
    search = MLPGridSearchCV(network, GRID, cv=2).fit(X_IRIS, Y_IRIS)
    assert search.estimator is network
    assert vars(network) == before
    twin = clone(search).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(twin.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


@pytest.mark.parametrize(
    "options", [{}, {"refit": False}, {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"}]
)
def test_a_search_has_the_attributes_of_scikit_learns(options):
    ours = MLPGridSearchCV(NETWORK, GRID, cv=2, **options).fit(X_IRIS, Y_IRIS)
    theirs = GridSearchCV(NETWORK, GRID, cv=2, **options).fit(X_IRIS, Y_IRIS)
    assert vars(ours).keys() == vars(theirs).keys() | {"max_memory"}


def test_nothing_is_left_of_how_fits_reached_the_search():
    search = MLPGridSearchCV(NETWORK, GRID, cv=2).fit(X_IRIS, Y_IRIS)
    fitted = search.best_estimator_
    assert type(fitted) is type(search.estimator) is type(search.scorer_._estimator) is MLPClassifier
    assert vars(fitted).keys() == vars(clone(NETWORK).fit(X_IRIS, Y_IRIS)).keys()
    with pytest.raises(ValueError, match="y"):
        search.fit(X_IRIS, None)
    assert vars(search).keys() == vars(clone(search).fit(X_IRIS, Y_IRIS)).keys()


def test_a_finished_fit_stands_in_for_one_clone():
    model = clone(NETWORK).fit(X_IRIS, Y_IRIS)
    stand_in = Prefitted(Finished(model)).set_params(alpha=0.1)
    weights = stand_in.coefs_
    assert stand_in.fit(3 * X_IRIS, Y_IRIS) is stand_in
    assert stand_in.coefs_ is weights
    assert type(stand_in) is MLPClassifier
    assert stand_in.fit(3 * X_IRIS, Y_IRIS).coefs_ is not weights
    with pytest.raises(ValueError, match="of the fit"):
        Prefitted(Finished(model, ValueError("of the fit"))).set_params().fit(X_IRIS, Y_IRIS)


class Keeping:
    """A scorer that keeps its estimators."""

    def __init__(self):
        self.kept = []

    def __call__(self, estimator, X, y):
        self.kept.append(estimator)
        return estimator.score(X, y)


def test_an_estimator_that_a_scorer_keeps_can_be_fitted():
    scorer = Keeping()
    MLPGridSearchCV(NETWORK, GRID, cv=2, scoring=scorer, refit=False).fit(X_IRIS, Y_IRIS)
    for estimator in scorer.kept:
        before = estimator.coefs_[0]
        assert set(vars(estimator)) <= set(vars(clone(NETWORK).fit(X_IRIS, Y_IRIS)))
        estimator.fit(3 * X_IRIS, Y_IRIS)
        assert not np.array_equal(before, estimator.coefs_[0])


def test_fits_are_freed_after_the_search():
    scorer = Keeping()
    MLPGridSearchCV(NETWORK, GRID, cv=2, scoring=scorer, refit=False).fit(X_IRIS, Y_IRIS)
    left = [weakref.ref(estimator) for estimator in scorer.kept]
    gc.disable()
    try:
        scorer.kept.clear()
        assert not any(ref() for ref in left)
    finally:
        gc.enable()


class UnpicklableError(Exception):
    """An error that cannot be pickled."""

    def __reduce__(self):
        raise TypeError("not to be pickled")


def unpicklable(estimator, X, y):
    raise UnpicklableError("this very word")


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_an_error_that_cannot_be_pickled_is_replaced_by_its_message():
    network = clone(NETWORK).set_params(early_stopping=True)
    grid = {"scoring": ["loss", unpicklable]}
    with pytest.warns(FitFailedWarning, match="this very word"):
        search = MLPGridSearchCV(network, grid, cv=2, n_jobs=2).fit(X_IRIS, Y_IRIS)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
