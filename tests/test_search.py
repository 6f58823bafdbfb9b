"""The searches give GridSearchCV's own answers, whatever is searched and however it is scored."""

from __future__ import annotations

import gc
import pickle
import time
import tracemalloc
import warnings
import weakref

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine, make_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale

from mlp_estimator import Activation, MLPClassifier, MLPGridSearchCV, MLPRandomizedSearchCV, MLPRegressor
from mlp_estimator.search import prefitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_WINE, Y_WINE = load_wine(return_X_y=True)
X_DIAB, Y_DIAB = load_diabetes(return_X_y=True)
X_DIAB, Y_DIAB = scale(X_DIAB), scale(Y_DIAB)
NETWORK = MLPClassifier((5,), max_iter=15, random_state=0)
REGRESSOR = MLPRegressor((5,), max_iter=15, random_state=0)
GRID = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]}


@pytest.fixture
def trained_together(monkeypatch):
    """How many fits were made in cells, and in how many."""
    counts = []
    original = prefitted.train_cell
    monkeypatch.setattr(prefitted, "train_cell", lambda *a: counts.append(found := original(*a)) or found)
    return lambda: (sum(map(len, counts)), len(counts))


def compare(estimator, grid, X, y, *, params=None, atol=1e-6, **options):
    """Both searches, and that they agree; returns ours."""
    ours = MLPGridSearchCV(clone(estimator), grid, **options).fit(X, y, **(params or {}))
    theirs = GridSearchCV(clone(estimator), grid, **options).fit(X, y, **(params or {}))
    agree(ours, theirs, atol)
    return ours


def agree(ours, theirs, atol=1e-6):
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, expected in theirs.cv_results_.items():
        if name.endswith("_time") or name.startswith("rank"):
            continue
        found = ours.cv_results_[name]
        if name == "params":
            assert str(found) == str(expected)
        elif name.startswith("param_"):
            assert str(found.tolist()) == str(expected.tolist())
        else:
            np.testing.assert_allclose(found, expected, atol=atol, err_msg=name)
    assert ours.multimetric_ == theirs.multimetric_
    assert ours.n_splits_ == theirs.n_splits_
    for name in ("best_index_", "best_score_", "best_params_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
    if hasattr(theirs, "best_params_"):
        assert str(ours.best_params_) == str(theirs.best_params_)
    if hasattr(theirs, "best_estimator_"):
        assert type(ours.best_estimator_) is type(theirs.best_estimator_)
        last, reference = ours.best_estimator_, theirs.best_estimator_
        if isinstance(last, Pipeline):
            last, reference = last[-1], reference[-1]
        np.testing.assert_array_equal(last.coefs_[0], reference.coefs_[0])


GRIDS = {
    "sizes": {"hidden_layer_sizes": [(4,), (5, 3), 6, ()], "alpha": [1e-4, 1.0]},
    "numbers": {"alpha": [0.0, 1.0], "beta_1": [0.9, 0.5], "epsilon": [1e-8, 1e-3], "power_t": [0.5]},
    "batches": {"batch_size": [20, 50, "auto", 1000], "shuffle": [True, False]},
    "seeds": {"random_state": [0, 1, 2], "n_members": [1, 2]},
    "dropout": {"dropout": [0.0, 0.1, 0.5], "random_state": [0, 1]},
    "sgd": {
        "solver": ["sgd"], "momentum": [0.9, 0.1], "nesterovs_momentum": [True, False],
        "learning_rate": ["constant", "invscaling", "adaptive", "cosine"],
    },
    "steps": {
        "weight_decay": [0.0, 0.1], "max_grad_norm": [None, 0.1, 1.0], "learning_rate": ["constant", "one_cycle"],
        "max_iter": [10, 15],
    },
    "stopping": {
        "early_stopping": [True], "max_iter": [60], "learning_rate_init": [0.01, 0.1], "tol": [1e-4, 1e-2],
        "n_iter_no_change": [1, 4], "scoring": [None, "loss"], "validation_fraction": [0.1, 0.3],
    },
    "generators": {"random_state": [np.random.RandomState(0), 3], "alpha": [1e-4, 1.0]},
    "solvers": {"solver": ["adam", "lbfgs", "sgd"], "alpha": [1e-4, 1.0]},
    "activations": {"activation": ["relu", "tanh", ["gelu"], "selu"]},
    "dtype": {"dtype": ["float32", "float64", None]},
    "several": [{"alpha": [1.0, 0.1]}, {"hidden_layer_sizes": [(3,)], "beta_2": [0.9, 0.99]}],
}  # fmt: skip


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.filterwarnings("ignore:Got `batch_size` 1000:UserWarning")
def test_a_classifiers_grid(grid, trained_together):
    atol = 1e-4 if grid == "dtype" else 1e-6  # float32 sums in another order
    search = compare(NETWORK, GRIDS[grid], X_IRIS, Y_IRIS, cv=3, scoring="neg_log_loss", atol=atol)
    n_ordinary = 3 * sum(params.get("solver") == "lbfgs" for params in search.cv_results_["params"])
    assert trained_together()[0] == 3 * len(search.cv_results_["params"]) - n_ordinary


@pytest.mark.parametrize("grid", [
    GRID, {"loss": ["squared_error", "huber", "gaussian_nll"], "huber_delta": [0.5, 1.0]}, {"solver": ["lm", "sgd"]},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("n_targets", [1, 2])
def test_a_regressors_grid(grid, n_targets):
    y = Y_DIAB if n_targets == 1 else np.column_stack([Y_DIAB, X_DIAB[:, 0]])
    compare(REGRESSOR, grid, X_DIAB, y, cv=KFold(4, shuffle=True, random_state=0), return_train_score=True)


@pytest.mark.parametrize("options", [
    {"scoring": "accuracy"},
    {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"},
    {"scoring": {"a": "accuracy", "b": make_scorer(lambda y, p: float(np.mean(y == p)))}, "refit": False},
    {"scoring": lambda estimator, X, y: float(estimator.coefs_[0].sum())},
    {"scoring": lambda estimator, X, y: {"score": estimator.score(X, y), "loss": estimator.loss_}, "refit": "loss"},
    {"refit": lambda results: int(np.argmin(results["mean_test_score"]))},
    {"refit": False, "return_train_score": True},
    {"cv": [(np.arange(100), np.arange(100, 150)), (np.arange(20, 150), np.arange(20))]},
    {"cv": iter([(np.arange(100), np.arange(100, 150)), (np.arange(20, 150), np.arange(20))])},
    {"n_jobs": 2},
    {"max_memory": 1.0},
], ids=str)  # fmt: skip
def test_the_options_of_the_search(options):
    options = {"cv": 3} | options
    own = {key: options.pop(key) for key in ("max_memory",) if key in options}
    if not isinstance(options["cv"], int):
        options["cv"] = list(options["cv"])
    rng = np.random.default_rng(0).permutation(150)
    X, y = X_IRIS[rng], Y_IRIS[rng]
    ours = MLPGridSearchCV(NETWORK, GRID, **options, **own).fit(X, y)
    agree(ours, GridSearchCV(NETWORK, GRID, **options).fit(X, y))
    again = (
        pickle.loads(pickle.dumps(ours)) if not callable(options.get("scoring")) and "refit" not in options else ours
    )
    if hasattr(ours, "best_estimator_"):
        np.testing.assert_array_equal(again.predict(X), ours.predict(X))


def test_a_search_given_a_generator_of_splits():
    splits = [(np.arange(0, 150, 2), np.arange(1, 150, 2)), (np.arange(1, 150, 2), np.arange(0, 150, 2))]
    ours = MLPGridSearchCV(NETWORK, GRID, cv=iter(splits)).fit(X_IRIS, Y_IRIS)
    agree(ours, GridSearchCV(NETWORK, GRID, cv=splits).fit(X_IRIS, Y_IRIS))


def test_splits_that_are_drawn_are_drawn_once():
    cv = KFold(3, shuffle=True, random_state=np.random.RandomState(0))
    ours = MLPGridSearchCV(NETWORK, GRID, cv=cv).fit(X_IRIS, Y_IRIS)
    cv = KFold(3, shuffle=True, random_state=np.random.RandomState(0))
    agree(ours, GridSearchCV(NETWORK, GRID, cv=cv).fit(X_IRIS, Y_IRIS))


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


def test_pipelines_of_every_form():
    grid = {"mlpclassifier__alpha": [1e-4, 1.0]}
    compare(make_pipeline(StandardScaler(), PCA(3, random_state=0), NETWORK), grid, X_WINE, Y_WINE, cv=3)
    compare(make_pipeline("passthrough", NETWORK), grid, X_IRIS, Y_IRIS, cv=3)
    compare(make_pipeline(NETWORK), grid, X_IRIS, Y_IRIS, cv=3)
    compare(make_pipeline(make_pipeline(StandardScaler()), NETWORK), grid, X_WINE, Y_WINE, cv=3)


def test_a_step_may_be_searched():
    pipeline = Pipeline([("scale", StandardScaler()), ("last", NETWORK)])
    grid = [
        {"last": [LogisticRegression(), MLPClassifier((3,), max_iter=5, random_state=1)]},
        {"last__alpha": [1.0], "scale": ["passthrough", StandardScaler(with_mean=False)]},
    ]
    ours = MLPGridSearchCV(pipeline, grid, cv=3, refit=False).fit(X_WINE, Y_WINE)
    agree(ours, GridSearchCV(pipeline, grid, cv=3, refit=False).fit(X_WINE, Y_WINE))


def test_frames_of_mixed_columns_and_labels_of_text(tables):
    X, y, _, meta = tables.load("german_credit")
    numbers = [name for name in X.columns if name not in meta["categorical"]]
    columns = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), list(meta["categorical"]))
    )
    pipeline = make_pipeline(columns, NETWORK)
    search = compare(pipeline, {"mlpclassifier__alpha": [1e-4, 10.0]}, X, y, cv=3, scoring="roc_auc")
    assert list(search.feature_names_in_) == list(X.columns)


def test_frames_keep_their_names():
    frame = pd.DataFrame(X_IRIS, columns=list("abcd"))
    labels = load_iris().target_names[Y_IRIS]
    search = compare(NETWORK, GRID, frame, labels, cv=3, scoring="neg_log_loss")
    assert list(search.best_estimator_.feature_names_in_) == list("abcd")
    assert list(search.classes_) == sorted(set(labels))


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, np.asfortranarray, np.ndarray.tolist])
def test_x_of_every_form(form):
    compare(NETWORK, GRID, form(X_IRIS), Y_IRIS, cv=3, scoring="neg_log_loss")


def test_weights_and_groups_are_routed(trained_together):
    weight = np.random.default_rng(0).uniform(0, 2, 150)
    groups = np.arange(150) % 7
    params = {"sample_weight": weight, "groups": groups}
    compare(NETWORK, GRID, X_IRIS, Y_IRIS, cv=GroupKFold(3), params=params, scoring="neg_log_loss")
    assert trained_together()[0] == 12
    pipeline = make_pipeline(StandardScaler(), NETWORK)
    grid = {f"mlpclassifier__{name}": values for name, values in GRID.items()}
    compare(pipeline, grid, X_IRIS, Y_IRIS, cv=3, params={"mlpclassifier__sample_weight": weight})
    assert trained_together()[0] == 24
    params = {"mlpclassifier__sample_weight": weight, "standardscaler__sample_weight": weight}
    compare(pipeline, grid, X_IRIS, Y_IRIS, cv=3, params=params)
    assert trained_together()[0] == 24  # these were ordinary fits


def test_with_routing_enabled(trained_together):
    from sklearn import config_context

    weight = np.random.default_rng(0).uniform(0.1, 2, 150)
    with config_context(enable_metadata_routing=True):
        network = clone(NETWORK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        compare(network, GRID, X_IRIS, Y_IRIS, cv=3, params={"sample_weight": weight})
        assert trained_together()[0] == 12
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), network)
        compare(pipeline, {}, X_IRIS, Y_IRIS, cv=3, params={"sample_weight": weight})


def test_weights_of_zero_leave_whole_minibatches_out():
    weight = np.zeros(150)
    weight[::5] = 1.0
    grid = {"batch_size": [4, 30], "alpha": [1e-4, 1.0]}
    compare(NETWORK, grid, X_IRIS, Y_IRIS, cv=3, params={"sample_weight": weight}, scoring="neg_log_loss")


def test_a_randomized_search():
    grid = {"alpha": stats.loguniform(1e-5, 1), "hidden_layer_sizes": [(3,), (5,)], "random_state": [0]}
    for random_state in (0, np.random.RandomState(3)):
        twin = pickle.loads(pickle.dumps(random_state))
        ours = MLPRandomizedSearchCV(NETWORK, grid, n_iter=6, cv=3, random_state=random_state).fit(X_IRIS, Y_IRIS)
        agree(ours, RandomizedSearchCV(NETWORK, grid, n_iter=6, cv=3, random_state=twin).fit(X_IRIS, Y_IRIS))


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_a_candidate_that_fails_fails_alone():
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
def test_bad_candidates_meet_the_message_of_an_ordinary_fit(grid, message):
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


def test_bad_data_meet_the_message_of_an_ordinary_fit():
    with pytest.raises(ValueError, match=r"All the 12 fits failed(.|\n)*Input X contains NaN"):
        MLPGridSearchCV(NETWORK, GRID, cv=3).fit(np.where(X_IRIS > 2, np.nan, X_IRIS), Y_IRIS)
    search = MLPGridSearchCV(NETWORK, GRID)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        search.fit(X_IRIS, Y_IRIS[:10])
    with pytest.raises(ValueError, match="max_memory"):
        MLPGridSearchCV(NETWORK, GRID, max_memory=0).fit(X_IRIS, Y_IRIS)
    assert vars(search) == vars(MLPGridSearchCV(NETWORK, GRID)) | {"estimator": NETWORK}


class Own(MLPClassifier):
    """A subclass with a fit of its own."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight)


class Renamed(MLPClassifier):
    """A subclass with the inherited fit, which says itself that populations may train it."""


def test_what_cannot_train_in_a_population_is_searched_as_ever(trained_together):
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


def test_a_networks_own_callbacks_see_ordinary_fits(trained_together):
    monitor = ScoringMonitor(scoring="accuracy")
    network = clone(NETWORK).set_callbacks(monitor)
    MLPGridSearchCV(network, GRID, cv=2, refit=False).fit(X_IRIS, Y_IRIS)
    logs = monitor.get_logs(select="all")
    assert sum((log.data_as_pandas["task_name"] == "epoch").sum() for log in logs) == 15 * 4 * 2
    assert trained_together() == (0, 0)


def test_a_searchs_own_progress_bar(capsys, trained_together):
    pytest.importorskip("rich")
    MLPGridSearchCV(NETWORK, GRID, cv=2).set_callbacks(ProgressBar()).fit(X_IRIS, Y_IRIS)
    assert "MLPGridSearchCV" in capsys.readouterr().out
    assert trained_together()[0] == 8


def test_the_search_leaves_what_it_was_given_as_it_was():
    network = clone(NETWORK)
    before = dict(vars(network))
    search = MLPGridSearchCV(network, GRID, cv=2).fit(X_IRIS, Y_IRIS)
    assert search.estimator is network
    assert vars(network) == before
    assert not any(name.startswith(("_fits", "_routed")) for name in vars(search))
    assert "fit" not in vars(search.best_estimator_)
    assert "__sklearn_clone__" not in vars(search.scorer_._estimator)
    twin = clone(search).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(twin.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


def test_times_are_the_share_of_a_fit_in_its_cell():
    search = MLPGridSearchCV(NETWORK, GRID | {"solver": ["adam", "lbfgs"]}, cv=2).fit(X_IRIS, Y_IRIS)
    times = search.cv_results_["mean_fit_time"]
    assert np.isfinite(times).all()
    assert (times > 1e-5).all()


def test_a_search_is_nested_in_a_cross_validation():
    options = {"scoring": "neg_log_loss", "cv": 3}
    ours, theirs = (
        cross_val_score(Search(NETWORK, GRID, **options), X_IRIS, Y_IRIS, cv=3, n_jobs=n_jobs)
        for Search, n_jobs in ((MLPGridSearchCV, 2), (GridSearchCV, 1))
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_many_candidates_fill_a_population_and_few_are_joined_over_folds(trained_together):
    MLPGridSearchCV(NETWORK, {"alpha": np.logspace(-5, 0, 30)}, cv=3).fit(X_IRIS, Y_IRIS)
    assert trained_together() == (90, 3)
    MLPGridSearchCV(NETWORK, {"alpha": [1.0, 2.0]}, cv=5).fit(X_IRIS, Y_IRIS)
    assert trained_together() == (100, 4)


def test_warnings_are_those_of_the_fits():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(15\) reached"):
        MLPGridSearchCV(NETWORK, GRID, cv=2).fit(X_IRIS, Y_IRIS)


def test_on_larger_tables():
    X, y = make_classification(2000, 30, random_state=0)
    compare(clone(NETWORK).set_params(hidden_layer_sizes=(64,), max_iter=4), GRID, X, y, cv=3, scoring="neg_log_loss")
    X, y = load_breast_cancer(return_X_y=True)
    compare(NETWORK, {"early_stopping": [True], **GRID}, scale(X), y, cv=5, scoring="neg_log_loss")


def test_quantiles_by_a_scorer_of_their_own():
    network = clone(REGRESSOR).set_params(loss="quantile")
    scorer = make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.9)
    compare(network, {"quantile": [0.5, 0.9], "alpha": [1e-4, 1.0]}, X_DIAB, Y_DIAB, cv=3, scoring=scorer)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_over_processes_however_joblib_is_told(backend):
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


class Keeping:
    """A scorer that keeps the estimators it is given."""

    def __init__(self):
        self.kept = []

    def __call__(self, estimator, X, y):
        self.kept.append(estimator)
        return estimator.score(X, y)


def test_an_estimator_that_a_scorer_keeps_is_one_like_any_other():
    scorer = Keeping()
    MLPGridSearchCV(NETWORK, GRID, cv=2, scoring=scorer, refit=False).fit(X_IRIS, Y_IRIS)
    for estimator in scorer.kept:
        before = estimator.coefs_[0]
        assert set(vars(estimator)) <= set(vars(clone(NETWORK).fit(X_IRIS, Y_IRIS)))
        estimator.fit(3 * X_IRIS, Y_IRIS)
        assert not np.array_equal(before, estimator.coefs_[0])


def test_what_was_fitted_is_gone_after_the_search():
    scorer = Keeping()
    MLPGridSearchCV(NETWORK, GRID, cv=2, scoring=scorer, refit=False).fit(X_IRIS, Y_IRIS)
    left = [weakref.ref(estimator) for estimator in scorer.kept]
    gc.disable()
    try:
        scorer.kept.clear()
        assert not any(ref() for ref in left)
    finally:
        gc.enable()


def peak(search, X, y):
    tracemalloc.start()
    search.fit(X, y)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


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


def broken(z, out):
    raise RuntimeError("activation broken")


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_a_function_of_the_users_that_fails_fails_for_its_candidate():
    grid = {"activation": ["tanh", Activation(broken, broken)], "alpha": [1.0, 2.0]}
    with pytest.warns(FitFailedWarning, match=r"6 fits failed(.|\n)*activation broken"):
        search = MLPGridSearchCV(NETWORK, grid, cv=3).fit(X_IRIS, Y_IRIS)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 2


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_each_candidate_is_checked_as_an_ordinary_fit_would_be():
    network = clone(REGRESSOR).set_params(loss="quantile", quantile=(0.1, 0.9), early_stopping=True)
    scorer = make_scorer(lambda y, p: float(p.mean()))
    with pytest.warns(FitFailedWarning, match="R2 cannot judge several quantiles"):
        search = MLPGridSearchCV(network, {"scoring": ["loss", None]}, cv=3, scoring=scorer).fit(X_DIAB, Y_DIAB)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]


def test_without_a_seed_all_fits_draw_for_themselves():
    network = MLPClassifier((5,), max_iter=3, batch_size=20, early_stopping=True, scoring="loss")
    search = MLPGridSearchCV(network, {"alpha": [1.0] * 4}, cv=3, scoring="neg_log_loss", refit=False)
    scores = search.fit(X_IRIS, Y_IRIS).cv_results_
    assert len({scores[f"split{s}_test_score"][c] for s in range(3) for c in range(4)}) == 12


class Slow(Counting):
    """A step that takes its time."""

    def fit(self, X, y=None):
        time.sleep(0.05)
        return self


def test_times_have_their_share_of_the_steps_before():
    pipeline = make_pipeline(Slow(), NETWORK)
    search = MLPGridSearchCV(pipeline, {"mlpclassifier__alpha": [1.0, 2.0]}, cv=2).fit(X_IRIS, Y_IRIS)
    assert (search.cv_results_["mean_fit_time"] > 0.025).all()


class Halving(MLPGridSearchCV):
    """A strategy of its own, which asks twice."""

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        first = evaluate_candidates([{"alpha": 1.0}, {"alpha": 2.0}])
        evaluate_candidates([{"alpha": 3.0 if first["mean_test_score"][0] > 0.5 else 4.0}])


def test_a_strategy_of_its_own_has_ordinary_fits():
    search = Halving(NETWORK, {}, cv=2).fit(X_IRIS, Y_IRIS)
    assert [params["alpha"] for params in search.cv_results_["params"]][:2] == [1.0, 2.0]


class UnpicklableError(Exception):
    """Cannot travel between processes."""

    def __reduce__(self):
        raise TypeError("not to be pickled")


def unpicklable(estimator, X, y):
    raise UnpicklableError("this very word")


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_an_error_that_cannot_travel_is_told_in_words():
    network = clone(NETWORK).set_params(early_stopping=True)
    grid = {"scoring": ["loss", unpicklable]}
    with pytest.warns(FitFailedWarning, match="this very word"):
        search = MLPGridSearchCV(network, grid, cv=2, n_jobs=2).fit(X_IRIS, Y_IRIS)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
