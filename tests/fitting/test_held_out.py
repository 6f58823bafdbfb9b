"""Early stopping: what is scored, on which rows, with which weights, and what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from problems import CLASSIFIER_SOLVERS
from samples import X_CANCER, X_DIAB, X_IRIS, Y_CANCER, Y_DIAB, Y_IRIS, put, since_scikit_learn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    make_scorer,
    mean_pinball_loss,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.fitting.data import HeldOut
from mlp_estimator.fitting.held_out import check_validation_set, held_out_set, scores_of, split
from mlp_estimator.fitting.plans import Ensemble
from mlp_estimator.fitting.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = X_CANCER, Y_CANCER
EQUAL = np.ones(150)
TRAIN, TEST = slice(0, 400), slice(400, None)
W = np.random.default_rng(0).uniform(0.2, 2, 569)
OPTIONS = {"hidden_layer_sizes": (8,), "early_stopping": True, "random_state": 0, "max_iter": 30}
GIVEN = {"X_val": X[TEST], "y_val": Y[TEST]}
MEASURES = {
    None: lambda m, w: accuracy_score(Y[TEST], m.predict(X[TEST]), sample_weight=w),
    "loss": lambda m, w: -log_loss(Y[TEST], m.predict_proba(X[TEST]), sample_weight=w),
    "roc_auc": lambda m, w: roc_auc_score(Y[TEST], m.decision_function(X[TEST]), sample_weight=w),
    make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"): (
        lambda m, w: -log_loss(Y[TEST], m.predict_proba(X[TEST]), sample_weight=w)
    ),
}


@pytest.mark.parametrize("solver", CLASSIFIER_SOLVERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", MEASURES, ids=str)
def test_the_kept_weights_have_the_best_scores_of_a_validation_set(solver, scoring, weighted):
    weight = W[TEST] if weighted else None
    model = MLPClassifier(solver=solver, scoring=scoring, **OPTIONS)
    model.fit(X[TRAIN], Y[TRAIN], **GIVEN, sample_weight_val=weight)
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert MEASURES[scoring](model, weight) == pytest.approx(model.best_validation_score_, rel=1e-6)


def test_a_validation_set_leaves_all_rows_to_training():
    alone = MLPClassifier(**(OPTIONS | {"early_stopping": False, "max_iter": 1})).fit(X[TRAIN], Y[TRAIN])
    beside = MLPClassifier(**(OPTIONS | {"max_iter": 1})).fit(X[TRAIN], Y[TRAIN], **GIVEN)
    np.testing.assert_array_equal(alone.coefs_[0], beside.coefs_[0])


@pytest.mark.parametrize("scoring", [None, "loss", "neg_mean_squared_error"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_part_of_the_rows_is_scored_with_its_weights(scoring, weighted):
    weight = np.random.default_rng(0).uniform(0.2, 2, 442) if weighted else None
    model = MLPRegressor(scoring=scoring, **OPTIONS).fit(X_DIAB, Y_DIAB, weight)
    assert model.best_validation_score_ == max(model.validation_scores_)
    twin = MLPRegressor(scoring=scoring, **(OPTIONS | {"max_iter": 1}))
    held = _held_out_rows(twin, X_DIAB, Y_DIAB, weight)
    measure = {None: r2_score, "loss": _minus_half_mse, "neg_mean_squared_error": _minus_mse}[scoring]
    part = None if weight is None else weight[held]
    found = measure(Y_DIAB[held], model.predict(X_DIAB[held]), sample_weight=part)
    assert found == pytest.approx(model.best_validation_score_, rel=1e-9)


def _held_out_rows(model, X, y, weight):
    """The rows that a fit sets aside, as its scorer sees them; the split does not depend on the scoring."""
    seen = []

    def scorer(estimator, X_part, y_part):
        seen.append(X_part)
        return 0.0

    clone(model).set_params(scoring=scorer).fit(X, y, weight)
    return [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in seen[0]]


def _minus_mse(y, prediction, **weight):
    return -mean_squared_error(y, prediction, **weight)


def _minus_half_mse(y, prediction, **weight):
    return -mean_squared_error(y, prediction, **weight) / 2


def test_class_weight_counts_in_the_default_score():
    model = MLPClassifier(class_weight={0: 3.0}, **OPTIONS).fit(X[TRAIN], Y[TRAIN], **GIVEN)
    weight = np.where(Y[TEST] == 0, 3.0, 1.0)
    assert MEASURES[None](model, weight) == pytest.approx(model.best_validation_score_)


def test_scorers_see_frames_sparse_matrices_and_labels():
    pd = pytest.importorskip("pandas")
    frame, labels = pd.DataFrame(X, columns=[f"c{i}" for i in range(30)]), np.array(["no", "yes"])[Y]
    model = MLPClassifier(scoring="balanced_accuracy", **(OPTIONS | {"max_iter": 100})).fit(frame[TRAIN], labels[TRAIN])
    given = model.fit(frame[TRAIN], labels[TRAIN], X_val=frame[TEST], y_val=labels[TEST])
    assert given.best_validation_score_ > 0.9
    rows = sparse.csr_array(np.where(np.abs(X) < 1, 0, X))
    model.fit(rows, labels, X_val=rows[TEST], y_val=labels[TEST])
    assert model.best_validation_score_ > 0.9


@pytest.mark.parametrize("scoring", [None, "loss", "roc_auc"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "containers", [(sparse.csr_array, np.array), (sparse.csc_matrix, np.array), (np.array, sparse.coo_array)]
)
def test_a_validation_set_may_be_dense_where_x_is_sparse(containers, solver, scoring):
    model, both = (
        MLPClassifier(solver=solver, scoring=scoring, **OPTIONS),
        [containers[0](X[TRAIN]), containers[1](X[TEST])],
    )
    curves = []
    for of_x, of_validation in (both, [X[TRAIN], X[TEST]]):
        curves.append(model.fit(of_x, Y[TRAIN], X_val=of_validation, y_val=Y[TEST]).validation_scores_)
    np.testing.assert_allclose(*curves, rtol=1e-6)


def test_quantiles_stop_early_by_their_loss():
    model = MLPRegressor(loss="quantile", quantile=[0.1, 0.9], scoring="loss", **OPTIONS)
    model.fit(X_DIAB[:300], Y_DIAB[:300], X_val=X_DIAB[300:], y_val=Y_DIAB[300:])
    prediction = model.predict(X_DIAB[300:])
    pinball = sum(mean_pinball_loss(Y_DIAB[300:], prediction[:, k], alpha=q) for k, q in enumerate([0.1, 0.9]))
    assert (np.diff(prediction, axis=1) >= 0).all()
    assert -pinball >= model.best_validation_score_ - 1e-12  # columns that crossed are sorted, which lowers the loss
    assert -pinball == pytest.approx(model.best_validation_score_, rel=0.2)


def test_verbose_prints_both_lines(capsys):
    MLPClassifier(verbose=True, **(OPTIONS | {"max_iter": 2})).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ")
    assert lines[1].startswith("Validation score: ")


def test_a_validation_set_is_routed_through_a_pipeline():
    raw, y = load_breast_cancer(return_X_y=True)
    with sklearn.config_context(enable_metadata_routing=True):
        network = MLPClassifier(**OPTIONS).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), network, transform_input=["X_val"])
        pipeline.fit(raw[TRAIN], y[TRAIN], X_val=raw[TEST], y_val=y[TEST])
    scaler = StandardScaler().fit(raw[TRAIN])
    expected = MLPClassifier(**OPTIONS)
    expected.fit(scaler.transform(raw[TRAIN]), y[TRAIN], X_val=scaler.transform(raw[TEST]), y_val=y[TEST])
    assert pipeline[-1].validation_scores_ == expected.validation_scores_
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], expected.coefs_[0])


def test_class_weights_of_the_fit_count_in_a_set_that_lacks_classes():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(class_weight="balanced", scoring="loss", **OPTIONS)
    model.fit(X[20:], y[20:], X_val=X[10:100], y_val=y[10:100])
    weight = np.array([130 / 3 / 30, 130 / 3 / 50])[y[10:100]]
    loss = log_loss(y[10:100], model.predict_proba(X[10:100]), sample_weight=weight, labels=[0, 1, 2])
    assert -loss == pytest.approx(model.best_validation_score_, rel=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_score_that_is_not_defined_is_an_error():
    with pytest.raises(ValueError, match="not defined on this validation set"):
        MLPClassifier(scoring="roc_auc", **OPTIONS).fit(X, Y, X_val=X[Y == 0], y_val=Y[Y == 0])
    with pytest.raises(ValueError, match="not defined on this validation set"):
        MLPRegressor(**OPTIONS).fit(X_DIAB, Y_DIAB, X_val=X_DIAB[:1], y_val=Y_DIAB[:1])
    with pytest.raises(ValueError, match="No sample of the validation set has a weight above zero"):
        MLPClassifier(class_weight={0: 0.0}, **OPTIONS).fit(X, Y, X_val=X[Y == 0], y_val=Y[Y == 0])


@pytest.mark.parametrize("scoring", [lambda estimator, X, y: estimator.score(X, y), "neg_max_error"])
def test_scorers_that_take_no_weights_get_none(scoring):
    MLPRegressor(scoring=scoring, **OPTIONS).fit(X_DIAB, Y_DIAB, np.ones(442))


def test_a_warm_start_must_beat_the_current_scores_of_its_start():
    model = MLPClassifier(warm_start=True, **OPTIONS).fit(X[TRAIN], Y[TRAIN], **GIVEN)
    start = MEASURES["loss"](model, None)
    model.set_params(scoring="loss", max_iter=20).fit(X[TRAIN], Y[TRAIN], **GIVEN)
    assert model.best_validation_score_ == pytest.approx(MEASURES["loss"](model, None))
    assert model.best_validation_score_ > start


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


BOTH, CLASSIFIER, REGRESSOR = (MLPClassifier, MLPRegressor), (MLPClassifier,), (MLPRegressor,)


@pytest.mark.parametrize("Estimator", BOTH)
def test_all_weight_on_one_side_of_the_split(Estimator):
    weight = put(0 * EQUAL, 1.0)
    with pytest.raises(ValueError, match=r"All sample weights in the (training|validation) part"):
        Estimator(early_stopping=True, random_state=0).fit(X_IRIS, Y_IRIS, weight)


BAD_SETS = {
    "X_val alone": ({"X_val": X_IRIS}, "needs both X_val and y_val"),
    "y_val alone": ({"y_val": Y_IRIS}, "needs both X_val and y_val"),
    "weights alone": ({"sample_weight_val": EQUAL}, "needs both X_val and y_val"),
    "columns": ({"X_val": X_IRIS[:, :3], "y_val": Y_IRIS}, "X has 3 features, but MLP.* is expecting 4"),
    "lengths": ({"X_val": X_IRIS, "y_val": Y_IRIS[:9]}, "inconsistent numbers of samples"),
    "nan": ({"X_val": put(X_IRIS, np.nan), "y_val": Y_IRIS}, "Input X_val contains NaN"),
    "weights": ({"X_val": X_IRIS, "y_val": Y_IRIS, "sample_weight_val": EQUAL[:9]}, "sample_weight.shape"),
    "kind of y": ({"X_val": X_IRIS, "y_val": np.eye(3, dtype=int)[Y_IRIS]}, "`y_val` is multilabel|y_val has 3 column"),
}


@pytest.mark.parametrize("what", BAD_SETS)
@pytest.mark.parametrize("Estimator", BOTH)
def test_bad_validation_sets(Estimator, what):
    validation, message = BAD_SETS[what]
    with pytest.raises(ValueError, match=message):
        Estimator(early_stopping=True).fit(X_IRIS, Y_IRIS, **validation)


def test_validation_sets_that_cannot_be_used():
    with pytest.raises(ValueError, match="X_val is only used with early_stopping=True"):
        MLPClassifier().fit(X_IRIS, Y_IRIS, X_val=X_IRIS, y_val=Y_IRIS)
    with pytest.raises(ValueError, match=r"y_val has the classes \[7\], which y does not have: \[0 1 2\]"):
        MLPClassifier(early_stopping=True).fit(X_IRIS, Y_IRIS, X_val=X_IRIS, y_val=np.where(Y_IRIS == 2, 7, Y_IRIS))


SCORERS_WITHOUT_A_NUMBER = {
    "None": lambda estimator, X, y: None,
    "dict": lambda estimator, X, y: {"a": 1.0},
    "array": lambda estimator, X, y: np.ones(3),
    "array of one": lambda estimator, X, y: np.ones(1),
    "text": lambda estimator, X, y: "0.5",
    "complex": lambda estimator, X, y: 1j,
}


@pytest.mark.parametrize("what", SCORERS_WITHOUT_A_NUMBER)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_scorer_returns_one_number(what, solver):
    scoring = SCORERS_WITHOUT_A_NUMBER[what]
    model = MLPClassifier(scoring=scoring, solver=solver, **OPTIONS)
    with pytest.raises(TypeError, match=r"scoring=.* returned .*, and early stopping needs one number: .*'loss'"):
        model.fit(X, Y)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("number", [1, np.int64(1), np.float32(0.5), np.array(0.5), True])
def test_numbers_of_every_type_are_scores(number):
    model = MLPClassifier(scoring=lambda estimator, X, y: number, **OPTIONS).fit(X, Y)
    assert model.best_validation_score_ == float(number)


@pytest.mark.parametrize("scoring", [
    "neg_log_loss", "roc_auc_ovr", "neg_brier_score", "top_k_accuracy",
    pytest.param("d2_log_loss_score", marks=since_scikit_learn("1.8", "this scorer")),
    make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("n_classes", [1, 2])
def test_a_scorer_that_misses_a_class_names_the_remedy(scoring, n_classes):
    model, rows = MLPClassifier(scoring=scoring, **OPTIONS), n_classes > Y_IRIS
    with pytest.raises(ValueError, match=r"scoring=.* cannot score the validation set: .*scoring='loss'"):
        model.fit(X_IRIS, Y_IRIS, X_val=X_IRIS[rows], y_val=Y_IRIS[rows])
    model.set_params(scoring="loss").fit(X_IRIS, Y_IRIS, X_val=X_IRIS[rows], y_val=Y_IRIS[rows])


# The rules themselves, without a fit.


def read(model, X, y, weight=None):
    """Return the settings of a model, and its data as a fit reads them."""
    settings = Settings.of(model._parameters())
    return settings, model._read(settings, X, y, weight)


@pytest.mark.parametrize(
    ("y", "stratified"), [(Y_IRIS, True), (np.where(Y_IRIS == 2, 2, 0) + (np.arange(150) == 0), False)]
)
def test_a_split_sets_a_fraction_of_the_rows_aside_in_proportion_to_the_classes(y, stratified):
    _, data = read(MLPClassifier(early_stopping=True), X_IRIS, y)
    rows, held_out = split(data, 0.2, np.random.RandomState(0))
    assert (rows.n_rows, held_out.data.n_rows) == (120, 30)
    assert not set(rows.rows) & set(held_out.data.rows)
    source = held_out.source()
    np.testing.assert_array_equal(source.X, X_IRIS[held_out.data.rows])
    np.testing.assert_array_equal(source.y, y[held_out.data.rows])
    if stratified:
        assert np.bincount(source.y).tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("n_rows", "fraction", "weight", "message"),
    [
        (150, 0.0, None, "validation_fraction=0 of 150 sample"),
        (4, 0.2, None, "The validation set is too small"),
        (150, 0.1, np.eye(150)[0], "All sample weights in the (training|validation) part"),
    ],
)
def test_a_split_that_leaves_nothing(n_rows, fraction, weight, message):
    weight = None if weight is None else weight[:n_rows]
    _, data = read(MLPRegressor(early_stopping=True), X_IRIS[:n_rows], Y_IRIS[:n_rows], weight)
    with pytest.raises(ValueError, match=message):
        split(data, fraction, np.random.RandomState(0))


@pytest.mark.parametrize(
    ("early_stopping", "given", "message"),
    [
        (True, (X_IRIS, None, None), "needs both X_val and y_val"),
        (True, (None, Y_IRIS, None), "needs both X_val and y_val"),
        (True, (None, None, EQUAL), "needs both X_val and y_val"),
        (False, (X_IRIS, Y_IRIS, None), "X_val is only used with early_stopping=True"),
    ],
)
def test_parts_of_a_validation_set_that_do_not_go_together(early_stopping, given, message):
    settings = Settings.of(MLPClassifier(early_stopping=early_stopping)._parameters())
    with pytest.raises(ValueError, match=message):
        check_validation_set(settings, *given)


def test_a_validation_set_is_wanted_where_it_is_given():
    settings = Settings.of(MLPClassifier(early_stopping=True)._parameters())
    assert check_validation_set(settings, X_IRIS, Y_IRIS, None)
    assert not check_validation_set(settings, None, None, None)


@pytest.mark.parametrize("scoring", ["loss", None, "neg_mean_squared_error"])
def test_a_score_is_a_function_of_the_parameters(scoring):
    model = MLPRegressor((3,), early_stopping=True, scoring=scoring, random_state=0)
    settings, data = read(model, X_DIAB, Y_DIAB)
    plan = Ensemble(settings, data)
    held_out = held_out_set(data, X_DIAB[:50], Y_DIAB[:50], W[:50], lambda: None)
    assert isinstance(held_out, HeldOut)
    held_out.source = lambda: type(data.source)(X_DIAB[:50], Y_DIAB[:50], W[:50])
    scores = scores_of(held_out, settings.scoring, data, plan.network, plan.fitted)
    theta = np.zeros((1, plan.network.layout.size))
    for bias in (0.0, 0.5):  # a network of zeros predicts its last bias
        theta[0, -1] = bias
        measure = {None: r2_score, "loss": _minus_half_mse, "neg_mean_squared_error": _minus_mse}[scoring]
        expected = measure(Y_DIAB[:50], np.full(50, bias), sample_weight=W[:50])
        assert scores(theta) == [pytest.approx(expected)]
