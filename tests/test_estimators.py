"""The estimators as they are used: inputs of every form, pipelines and searches, joblib workers, pickles."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from problems import CLASSIFIER_SOLVERS
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.solvers import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
NAMES = load_iris().target_names[Y_IRIS]


def same_weights(a, b):
    for x, y in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_array_equal(x, y)


FRAMES = {
    "list": np.ndarray.tolist,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcd")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")),
    "fortran": np.asfortranarray,
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("solver", CLASSIFIER_SOLVERS)
def test_frames_give_the_numbers_of_arrays(frame, solver):
    model = MLPClassifier((10,), solver=solver, batch_size=32, max_iter=5, random_state=0)
    plain = clone(model).fit(X_IRIS, Y_IRIS)
    X = FRAMES[frame](X_IRIS)
    model.fit(X, Y_IRIS)
    np.testing.assert_allclose(model.coefs_[0], plain.coefs_[0], rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X_IRIS), rtol=1e-6)
    if frame in ("pandas", "polars"):
        assert list(model.feature_names_in_) == list("abcd")


@pytest.mark.parametrize(
    "labels",
    [
        NAMES,
        NAMES.astype(object),
        NAMES.tolist(),
        pd.Series(NAMES),
        pd.Series(NAMES, dtype="string"),
        pd.Series(NAMES, dtype="category"),
        pl.Series(NAMES.tolist()),
        Y_IRIS * 10 - 3,
        Y_IRIS.astype(float),
        Y_IRIS == 1,
        (Y_IRIS == 1).astype(int)[:, None].ravel(),
    ],
    ids=["str", "object", "list", "pandas", "string", "category", "polars", "ints", "floats", "bool", "binary"],
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_labels_come_back(labels, early_stopping):
    model = MLPClassifier(
        (20,), random_state=0, max_iter=300, early_stopping=early_stopping, learning_rate_init=0.03
    ).fit(X_IRIS, labels)
    prediction = model.predict(X_IRIS)
    assert set(prediction) <= set(np.unique(np.asarray(labels)))
    assert model.score(X_IRIS, np.asarray(labels)) > 0.8
    assert model.predict_proba(X_IRIS).shape == (150, len(model.classes_))


def test_one_class_is_learned():
    model = MLPClassifier((5,), max_iter=5).fit(X_IRIS, np.full(150, "only"))
    assert set(model.predict(X_IRIS)) == {"only"}


def test_multilabel():
    X, Y = make_multilabel_classification(200, n_classes=4, random_state=0)
    model = MLPClassifier((30,), solver="lbfgs", max_iter=300, random_state=0).fit(scale(X), Y)
    assert model.predict(scale(X)).shape == Y.shape
    assert model.score(scale(X), Y) > 0.9
    assert model.out_activation_ == "logistic"


def test_targets_as_columns_and_frames():
    X, y = load_diabetes(return_X_y=True)
    Y = pd.DataFrame({"a": y, "b": -y})
    model = MLPRegressor((5,), solver="lbfgs", random_state=0, max_iter=20).fit(X, Y)
    assert model.predict(X).shape == (442, 2)
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning):
        assert model.fit(X, y[:, None]).predict(X).shape == (442,)


def test_the_regressor_learns_and_poisson_stays_positive():
    X, y = load_diabetes(return_X_y=True)
    X = scale(X)
    model = MLPRegressor((10,), solver="lbfgs", alpha=1.0, random_state=0, max_iter=500).fit(X, y / 100)
    assert model.score(X, y / 100) > 0.6
    counts = np.random.default_rng(0).poisson(y / 50)
    model = MLPRegressor((10,), loss="poisson", solver="lbfgs", random_state=0, max_iter=100).fit(X, counts)
    assert model.predict(X).min() > 0


PAIRS = [*((MLPClassifier, solver) for solver in CLASSIFIER_SOLVERS), *((MLPRegressor, solver) for solver in SOLVERS)]


@pytest.mark.parametrize(("Estimator", "solver"), PAIRS)
def test_same_seed_same_bits_also_in_workers(Estimator, solver):
    model = Estimator((10,), solver=solver, random_state=0, max_iter=10, batch_size=32)
    first = clone(model).fit(X_IRIS, Y_IRIS)
    same_weights(first, clone(model).fit(X_IRIS, Y_IRIS))
    for worker in joblib.Parallel(n_jobs=2)(joblib.delayed(clone(model).fit)(X_IRIS, Y_IRIS) for _ in range(2)):
        same_weights(first, worker)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MLPClassifier((5,), random_state=0, max_iter=3, early_stopping=True).fit(X_IRIS, Y_IRIS).predict(X_IRIS)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("copier", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_copies_predict_the_same_and_share_nothing(copier):
    model = MLPClassifier((10,), random_state=0, max_iter=20).fit(X_IRIS, NAMES)
    twin = copier(model)
    same_weights(model, twin)
    np.testing.assert_array_equal(model.predict(X_IRIS), twin.predict(X_IRIS))
    twin.coefs_[0][:] = 0.0
    assert model.coefs_[0].any()


def test_memory_mapped_x_is_read_in_place(tmp_path):
    X, y = load_digits(return_X_y=True)
    path = tmp_path / "X.npy"
    np.save(path, X.astype(np.uint8))
    model = MLPClassifier((20,), random_state=0, max_iter=5)
    mapped = clone(model).fit(np.load(path, mmap_mode="r"), y)
    np.testing.assert_allclose(mapped.coefs_[0], model.fit(X, y).coefs_[0])


def test_pipeline_search_and_cross_validation():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter=30, learning_rate_init=0.01))
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(5,), (10, 5)]}, n_jobs=2, cv=3).fit(X, y)
    assert search.best_score_ > 0.95
    assert cross_val_score(search.best_estimator_, X, y, cv=3, n_jobs=2).mean() > 0.95


def test_meta_estimators():
    X, y = load_diabetes(return_X_y=True)
    network = MLPRegressor((10,), solver="lbfgs", alpha=5.0, random_state=0, max_iter=200)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    assert model.fit(X, y).score(X, y) > 0.5
    assert (
        OneVsRestClassifier(MLPClassifier((5,), max_iter=100, learning_rate_init=0.03, random_state=0))
        .fit(X_IRIS, Y_IRIS)
        .score(X_IRIS, Y_IRIS)
        > 0.8
    )


def test_mixed_columns():
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 10, "kind": ["a", "b", "a", "b"] * 10})
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["kind"]))
    model = make_pipeline(columns, MLPClassifier((10,), random_state=0, max_iter=300, learning_rate_init=0.01))
    assert model.fit(frame, frame["kind"]).score(frame, frame["kind"]) == 1.0


def test_early_stopping_restores_the_best_weights():
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    model = MLPRegressor((50,), random_state=0, early_stopping=True, max_iter=200, learning_rate_init=0.02)
    model.fit(scale(X), y)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_ < 200


def test_sample_weights_count_in_the_validation_score():
    weight = np.where(Y_IRIS == 2, 1e-9, 1.0)
    options = {"hidden_layer_sizes": (5,), "early_stopping": True, "max_iter": 1, "random_state": 0}
    y = np.where(Y_IRIS == 2, 5.0, X_IRIS[:, 0])
    plain, weighted = (MLPRegressor(**options).fit(X_IRIS, y, w) for w in (None, weight))
    assert plain.validation_scores_ != weighted.validation_scores_


def test_partial_fit_goes_through_chunks_like_one_epoch():
    whole = MLPRegressor((5,), batch_size=50, shuffle=False, random_state=0, max_iter=1).fit(X_IRIS, Y_IRIS)
    chunks = MLPRegressor((5,), batch_size=50, shuffle=False, random_state=0)
    for start in (0, 50, 100):
        chunks.partial_fit(X_IRIS[start : start + 50], Y_IRIS[start : start + 50])
    np.testing.assert_allclose(whole.coefs_[0], chunks.coefs_[0], rtol=1e-12)
    assert (chunks.n_iter_, chunks.t_, len(chunks.loss_curve_)) == (1, 150, 3)


def test_partial_fit_lowers_an_adaptive_rate_on_a_plateau():
    model = MLPClassifier((5,), solver="sgd", learning_rate="adaptive", tol=10.0, n_iter_no_change=1, random_state=0)
    for _ in range(4):
        model.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    assert model._training.optimizer.learning_rate == pytest.approx(0.001 / 5)


@pytest.mark.parametrize("learning_rate", ["constant", "adaptive"])
def test_verbose_prints_what_scikit_learn_prints(learning_rate, capsys):
    import sklearn.neural_network as theirs

    printed = []
    for Estimator in (theirs.MLPClassifier, MLPClassifier):
        Estimator(
            (5,), solver="sgd", learning_rate=learning_rate, verbose=True, random_state=0, tol=1.0,
            n_iter_no_change=2, max_iter=60,
        ).fit(X_IRIS, Y_IRIS)  # fmt: skip
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[1].endswith("Stopping.\n")


def test_weights_set_by_hand_predict_and_train():
    model = MLPRegressor((2,), "identity", alpha=0.0, random_state=0, max_iter=1).fit(X_IRIS[:, :1], Y_IRIS)
    model.coefs_ = [np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])]
    model.intercepts_ = [np.zeros(2), np.array([5.0])]
    np.testing.assert_allclose(model.predict([[2.0]]), [2 * 1 * 3 + 2 * 2 * 4 + 5])
    before = copy.deepcopy(model.coefs_)
    model.partial_fit(X_IRIS[:, :1], Y_IRIS)
    assert 0 < np.abs(model.coefs_[0] - before[0]).max() < 0.01


def test_fitted_functions_are_the_losses_links():
    assert {loss.link for loss in LOSSES.values()} == {"identity", "exp", "logistic", "softmax"}


def peak_memory(run):
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("form", ["C", "F", "uint8", "memmap", "sparse", "float64 to float32"])
def test_x_is_never_copied_as_a_whole(form, tmp_path):
    n, d = 50_000, 100
    X = np.random.default_rng(0).integers(0, 2, (n, d)).astype(np.float32)
    y = X[:, 0].astype(int)
    model = MLPClassifier((10,), max_iter=1, random_state=0, dtype="float32")
    if form == "F":
        X = np.asfortranarray(X)
    elif form == "uint8":
        X = X.astype(np.uint8)
    elif form == "memmap":
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    elif form == "sparse":
        X = sparse.csr_array(X * (np.random.default_rng(1).uniform(size=(n, d)) < 0.02))
    elif form == "float64 to float32":
        X = X.astype(float)
    assert peak_memory(lambda: model.fit(X, y)) < 4e6  # a copy of X would be 5 to 40 MB
    assert peak_memory(lambda: model.predict(X)) < 4e6


def test_integer_weights_do_not_truncate():
    model = MLPRegressor((), max_iter=1).fit(X_IRIS, Y_IRIS)
    model.coefs_, model.intercepts_ = [np.array([[1], [2], [3], [4]])], [np.array([0])]
    np.testing.assert_allclose(model.predict(X_IRIS), X_IRIS @ [1, 2, 3, 4])


def test_partial_fit_goes_on_drawing_from_a_shared_generator():
    rng = np.random.RandomState(0)
    model = MLPRegressor((5,), random_state=rng)
    positions = [model.partial_fit(X_IRIS, Y_IRIS) and rng.get_state()[2] for _ in range(3)]
    assert len(set(positions)) == 3


def test_partial_fit_takes_up_changed_parameters_at_once():
    model = MLPRegressor((5,), solver="sgd", momentum=0.0, random_state=0).partial_fit(X_IRIS, Y_IRIS)
    before = model.coefs_[0]
    model.set_params(learning_rate_init=1e-12).partial_fit(X_IRIS, Y_IRIS)
    assert np.abs(model.coefs_[0] - before).max() < 1e-9
    model.set_params(solver="adam").partial_fit(X_IRIS, Y_IRIS)
    assert model._training.optimizer.n_steps == 1


@pytest.mark.filterwarnings("ignore:The loss became non-finite")
def test_training_goes_on_after_a_diverged_fit():
    model = MLPRegressor((5,), solver="sgd", learning_rate_init=0.5, early_stopping=True, random_state=0, max_iter=300)
    model.fit(X_IRIS, Y_IRIS * 100)
    assert not np.isfinite(model.loss_)
    model.set_params(early_stopping=False, learning_rate_init=1e-9).partial_fit(X_IRIS, Y_IRIS)
    assert np.isfinite(model.loss_)


def test_lbfgs_that_starts_at_its_end():
    model = MLPRegressor((5,), solver="lbfgs", tol=1e6, random_state=0).fit(X_IRIS, Y_IRIS)
    assert (model.n_iter_, model.loss_curve_) == (0, [])
    assert model.best_loss_ == model.loss_


@pytest.mark.parametrize("n_members", [1, 2])
def test_orders_that_nobody_has_looked_at_are_drawn_when_training_goes_on(n_members):
    # A generator handed in is drawn from in each epoch; one of our own catches up.
    options = {"hidden_layer_sizes": (5,), "max_iter": 7, "tol": 0.0}
    members = [MLPRegressor(**options, random_state=np.random.RandomState(s)) for s in (3, 4)]
    ours = [MLPRegressor(**options, random_state=s) for s in (3, 4)]
    if n_members == 2:
        ours = [MLPRegressor(**options, n_members=2, random_state=0)]
        members = [clone(ours[0]).set_params(n_members=1) for _ in range(2)]
        seeds = ours[0].fit(X_IRIS, Y_IRIS).member_seeds_
        for member, seed in zip(members, seeds, strict=True):
            member.random_state = np.random.RandomState(seed)
    for model in (*members, *ours):
        model.fit(X_IRIS, Y_IRIS)
        for batch_size in (150, 20, 150, 20):
            model.set_params(batch_size=batch_size).partial_fit(X_IRIS, Y_IRIS)
    found = ours[0].coefs_[0] if n_members == 2 else [model.coefs_[0] for model in ours]
    for coef, member in zip(found, members, strict=True):
        np.testing.assert_allclose(coef, member.coefs_[0], rtol=1e-9)
