"""A search gives GridSearchCV's answers, for any grid, any data and any scoring."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS, since_scikit_learn
from scipy import sparse
from searches import GRID, NETWORK, REGRESSOR, agree, compare
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale

from mlp_estimator import MLPGridSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_WINE, Y_WINE = load_wine(return_X_y=True)
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


def test_pipelines_of_every_form():
    grid = {"mlpclassifier__alpha": [1e-4, 1.0]}
    compare(make_pipeline(StandardScaler(), PCA(3, random_state=0), NETWORK), grid, X_WINE, Y_WINE, cv=3)
    compare(make_pipeline("passthrough", NETWORK), grid, X_IRIS, Y_IRIS, cv=3)
    compare(make_pipeline(NETWORK), grid, X_IRIS, Y_IRIS, cv=3)
    compare(make_pipeline(make_pipeline(StandardScaler()), NETWORK), grid, X_WINE, Y_WINE, cv=3)


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
    weight = np.random.default_rng(0).uniform(0.1, 2, 150)
    with config_context(enable_metadata_routing=True):
        network = clone(NETWORK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        compare(network, GRID, X_IRIS, Y_IRIS, cv=3, params={"sample_weight": weight})
        assert trained_together()[0] == 12


@since_scikit_learn("1.8", "GridSearchCV routes metadata to the score of a pipeline")
def test_a_pipeline_with_routing_enabled():
    weight = np.random.default_rng(0).uniform(0.1, 2, 150)
    with config_context(enable_metadata_routing=True):
        network = clone(NETWORK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), network)
        compare(pipeline, {}, X_IRIS, Y_IRIS, cv=3, params={"sample_weight": weight})


def test_weights_of_zero_leave_whole_minibatches_out():
    weight = np.zeros(150)
    weight[::5] = 1.0
    grid = {"batch_size": [4, 30], "alpha": [1e-4, 1.0]}
    compare(NETWORK, grid, X_IRIS, Y_IRIS, cv=3, params={"sample_weight": weight}, scoring="neg_log_loss")


def test_the_progress_bar_of_a_search(capsys, trained_together):
    pytest.importorskip("rich")
    progress_bar = pytest.importorskip("sklearn.callback").ProgressBar()
    MLPGridSearchCV(NETWORK, GRID, cv=2).set_callbacks(progress_bar).fit(X_IRIS, Y_IRIS)
    assert "MLPGridSearchCV" in capsys.readouterr().out
    assert trained_together()[0] == 8


def test_a_search_is_nested_in_a_cross_validation():
    options = {"scoring": "neg_log_loss", "cv": 3}
    ours, theirs = (
        cross_val_score(Search(NETWORK, GRID, **options), X_IRIS, Y_IRIS, cv=3, n_jobs=n_jobs)
        for Search, n_jobs in ((MLPGridSearchCV, 2), (GridSearchCV, 1))
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_warnings_are_those_of_the_fits():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(15\) reached"):
        MLPGridSearchCV(NETWORK, GRID, cv=2).fit(X_IRIS, Y_IRIS)


def test_on_larger_tables():
    X, y = make_classification(2000, 30, random_state=0)
    compare(clone(NETWORK).set_params(hidden_layer_sizes=(64,), max_iter=4), GRID, X, y, cv=3, scoring="neg_log_loss")
    X, y = load_breast_cancer(return_X_y=True)
    compare(NETWORK, {"early_stopping": [True], **GRID}, scale(X), y, cv=5, scoring="neg_log_loss")


def test_quantiles_by_pinball_loss():
    network = clone(REGRESSOR).set_params(loss="quantile")
    scorer = make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.9)
    compare(network, {"quantile": [0.5, 0.9], "alpha": [1e-4, 1.0]}, X_DIAB, Y_DIAB, cv=3, scoring=scorer)
