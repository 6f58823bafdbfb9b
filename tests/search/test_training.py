"""The fits of a cell: steps fitted once, population sizes, processes, memory and times."""

from __future__ import annotations

import time
import tracemalloc

import joblib
import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS
from scipy import sparse
from searches import GRID, NETWORK, agree
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_wine, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import MLPClassifier, MLPGridSearchCV
from mlp_estimator.search.planning import candidate_of, cells_of
from mlp_estimator.search.training import Finished, bytes_of_data, train_cell, training_set

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_WINE, Y_WINE = load_wine(return_X_y=True)


class Counting(TransformerMixin, BaseEstimator):
    """A step that counts its fits."""

    n_fits = 0

    def __init__(self, power=1):
        self.power = power

    def fit(self, X, y=None):
        Counting.n_fits += 1
        return self

    def transform(self, X):
        return X**self.power


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_steps_before_the_network_are_fitted_once_for_each_fold_and_setting(n_jobs):
    pipeline = Pipeline([("scale", StandardScaler()), ("count", Counting()), ("mlp", NETWORK)])
    grid = {"count__power": [1, 3], "mlp__hidden_layer_sizes": [(3,), (4,)], "mlp__alpha": [1e-4, 1.0]}
    Counting.n_fits = 0
    search = MLPGridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X_WINE, Y_WINE)
    if n_jobs == 1:
        assert Counting.n_fits == 2 * 3 + 1  # settings, folds, and all data
    agree(search, GridSearchCV(pipeline, grid, cv=3).fit(X_WINE, Y_WINE))


def test_times_are_the_share_of_a_fit_in_its_cell():
    search = MLPGridSearchCV(NETWORK, GRID | {"solver": ["adam", "lbfgs"]}, cv=2).fit(X_IRIS, Y_IRIS)
    times = search.cv_results_["mean_fit_time"]
    assert np.isfinite(times).all()
    assert (times > 1e-5).all()


def test_many_candidates_fill_a_population_and_few_are_joined_over_folds(trained_together):
    MLPGridSearchCV(NETWORK, {"alpha": np.logspace(-5, 0, 30)}, cv=3).fit(X_IRIS, Y_IRIS)
    assert trained_together() == (90, 3)
    MLPGridSearchCV(NETWORK, {"alpha": [1.0, 2.0]}, cv=5).fit(X_IRIS, Y_IRIS)
    assert trained_together() == (100, 4)


@pytest.mark.parametrize("backend", ["loky", "threading", pytest.param("multiprocessing", marks=pytest.mark.slow)])
def test_over_processes_of_every_joblib_backend(backend):
    X, y = make_classification(200, 60, random_state=0)
    network, grid = MLPClassifier((80,), max_iter=2, random_state=0), {"alpha": np.logspace(-4, 0, 12)}
    theirs = GridSearchCV(network, grid, cv=4).fit(X, y)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        agree(MLPGridSearchCV(network, grid, cv=4).fit(X, y), theirs)
        agree(
            MLPGridSearchCV(make_pipeline(network), {"mlpclassifier__alpha": grid["alpha"]}, cv=4).fit(X, y).fit(X, y),
            GridSearchCV(make_pipeline(network), {"mlpclassifier__alpha": grid["alpha"]}, cv=4).fit(X, y),
        )
    agree(MLPGridSearchCV(network, grid, cv=4, n_jobs=2).fit(X, y), theirs)


def peak(search, X, y):
    tracemalloc.start()
    search.fit(X, y)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.slow
def test_memory_is_bounded():
    X = np.random.default_rng(0).normal(size=(4000, 100))  # 3.2 MB
    y = (X[:, 0] > 0).astype(int)
    network = MLPClassifier((5,), max_iter=1, random_state=0)
    options = {"cv": 10, "refit": False}
    plain = peak(GridSearchCV(network, {"alpha": [1.0, 2.0]}, **options), X, y)
    bounded = peak(MLPGridSearchCV(network, {"alpha": [1.0, 2.0]}, max_memory=1e6, **options), X, y)
    assert bounded < plain + 4e6
    wide = MLPClassifier((400,), max_iter=1, random_state=0)  # 0.3 MB of weights
    grid = {"alpha": list(np.logspace(-4, 0, 40))}
    bounded = peak(MLPGridSearchCV(wide, grid, max_memory=3e6, cv=3, refit=False), X[:300], y[:300])
    assert bounded < 12e6  # all fits together have 40 MB of weights, and more of moments


def test_without_a_seed_all_fits_draw_for_themselves():
    network = MLPClassifier((5,), max_iter=3, batch_size=20, early_stopping=True, scoring="loss")
    search = MLPGridSearchCV(network, {"alpha": [1.0] * 4}, cv=3, scoring="neg_log_loss", refit=False)
    scores = search.fit(X_IRIS, Y_IRIS).cv_results_
    assert len({scores[f"split{s}_test_score"][c] for s in range(3) for c in range(4)}) == 12


class Slow(Counting):
    """A slow step."""

    def fit(self, X, y=None):
        time.sleep(0.05)
        return self


def test_times_include_a_share_of_the_steps_before():
    pipeline = make_pipeline(Slow(), NETWORK)
    search = MLPGridSearchCV(pipeline, {"mlpclassifier__alpha": [1.0, 2.0]}, cv=2).fit(X_IRIS, Y_IRIS)
    assert (search.cv_results_["mean_fit_time"] > 0.025).all()


# The fits of a cell, without a search.


@pytest.mark.parametrize(
    ("X", "n_bytes"),
    [
        (np.zeros((10, 3), np.float32), 120.0),
        (sparse.csr_array(np.eye(5)), 5 * (8 + 12)),
        (np.zeros((10, 3)).tolist(), np.inf),
    ],
    ids=["array", "sparse", "list"],
)
def test_memory_of_training_sets(X, n_bytes):
    assert bytes_of_data(X) == n_bytes


def test_a_training_set_is_the_rows_of_a_split_after_the_earlier_steps():
    rows = np.arange(0, 150, 2)
    plain = training_set(candidate_of(NETWORK, {}, {}), X_IRIS, Y_IRIS, rows, {"sample_weight": np.arange(150.0)})
    np.testing.assert_array_equal(plain.X, X_IRIS[rows])
    np.testing.assert_array_equal(plain.y, Y_IRIS[rows])
    np.testing.assert_array_equal(plain.weight, rows)
    assert plain.steps == []
    pipeline = make_pipeline(StandardScaler(), NETWORK)
    scaled = training_set(candidate_of(pipeline, {}, {}), 5 * X_IRIS, Y_IRIS, rows, {})
    np.testing.assert_allclose(scaled.X.std(axis=0), 1.0)
    assert [name for name, _ in scaled.steps] == ["standardscaler"]
    assert training_set(candidate_of(pipeline, {}, {}), [["text"]] * 150, Y_IRIS, rows, {}) is None


@pytest.mark.parametrize("max_memory", [1e9, 1.0], ids=["side by side", "one by one"])
def test_a_cell_makes_the_ordinary_fits(max_memory):
    params = [{"alpha": 1e-4}, {"alpha": 1.0}]
    candidates = {c: candidate_of(NETWORK, one, {}) for c, one in enumerate(params)}
    (cell,) = cells_of(candidates, 2)
    splits, finished = [np.arange(0, 150, 2), np.arange(1, 150, 2)], {}
    while cell.candidates:
        made = train_cell(cell, lambda s: training_set(cell.first, X_IRIS, Y_IRIS, splits[s], {}), 2, max_memory)
        finished.update(made)
    assert sorted(finished) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for (c, s), one in finished.items():
        expected = clone(NETWORK).set_params(**params[c]).fit(X_IRIS[splits[s]], Y_IRIS[splits[s]])
        np.testing.assert_allclose(one.estimator.coefs_[0], expected.coefs_[0], rtol=1e-9)
        assert one.result(one.estimator) is one.estimator


def test_the_error_of_a_fit_is_raised_where_its_result_is_asked_for():
    with pytest.raises(ValueError, match="alpha"):
        Finished(NETWORK, ValueError("alpha")).result(NETWORK)
