"""Ensembles: members are separate fits, predictions their means, and what they disagree on is part of the spread."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from problems import CLASSIFIER_SOLVERS
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_multilabel_classification
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.losses import REGRESSION
from mlp_estimator.engine.solvers import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_CANCER, Y_CANCER = load_breast_cancer(return_X_y=True)
X_CANCER = scale(X_CANCER)
X_DIAB, Y_DIAB = load_diabetes(return_X_y=True)
X_DIAB, Y_DIAB = scale(X_DIAB), scale(Y_DIAB)
M = 3
SMALL = {"hidden_layer_sizes": (6, 5), "n_members": M, "random_state": 0, "max_iter": 12}


def alone(model, *data, **keywords):
    """Separate fits with the seeds of the members."""
    return [clone(model).set_params(n_members=1, random_state=s).fit(*data, **keywords) for s in model.member_seeds_]


def check_members(model, separate, rtol=1e-9):
    for m, one in enumerate(separate):
        for name in ("coefs_", "intercepts_"):
            for ours, theirs in zip(getattr(model, name), getattr(one, name), strict=True):
                assert ours.dtype == theirs.dtype
                np.testing.assert_allclose(ours[m], theirs, rtol=rtol, atol=1e-12)
        np.testing.assert_allclose(model.loss_curve_[m], one.loss_curve_, rtol=rtol)
        assert model.loss_[m] == pytest.approx(one.loss_, rel=rtol)
        if one.validation_scores_ is not None:
            np.testing.assert_allclose(model.validation_scores_[m], one.validation_scores_, rtol=1e-6)
            assert model.best_validation_score_[m] == pytest.approx(one.best_validation_score_, rel=1e-6)
            assert model.best_loss_ is None
        else:
            assert model.best_loss_[m] == pytest.approx(one.best_loss_, rel=rtol)
    assert model.n_iter_ == max(one.n_iter_ for one in separate)


CONFIGURATIONS = [
    *({"solver": solver} for solver in CLASSIFIER_SOLVERS),
    {"batch_size": 20},
    {"batch_size": 20, "early_stopping": True, "n_iter_no_change": 2, "max_iter": 60, "learning_rate_init": 0.03},
    {"early_stopping": True, "scoring": "loss"},
    {"early_stopping": True, "scoring": "roc_auc_ovr"},
    {"dropout": [0.1, 0.3], "batch_size": 50},
    {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "max_iter": 80, "learning_rate_init": 0.3},
    {"class_weight": "balanced", "label_smoothing": 0.1, "max_grad_norm": 0.5, "weight_decay": 0.1},
    {"activation": ["gelu", "tanh"], "shuffle": False, "batch_size": 32},
]


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=str)
def test_members_are_separate_fits(options):
    model = MLPClassifier(**(SMALL | options)).fit(X_IRIS, Y_IRIS)
    separate = alone(model, X_IRIS, Y_IRIS)
    check_members(model, separate)
    probabilities = [one.predict_proba(X_IRIS) for one in separate]
    np.testing.assert_allclose(model.predict_members(X_IRIS), probabilities, rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X_IRIS), np.mean(probabilities, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X_IRIS), np.mean(probabilities, axis=0).argmax(axis=1))
    np.testing.assert_array_equal(model.decision_function(X_IRIS).argmax(axis=1), model.predict(X_IRIS))
    hidden = [one.hidden_activations(X_IRIS, 0) for one in separate]
    np.testing.assert_allclose(model.hidden_activations(X_IRIS, 0), hidden, atol=1e-9)


@pytest.mark.parametrize("loss", REGRESSION)
def test_of_every_loss(loss):
    y = np.abs(Y_DIAB) + 0.1
    quantile = [0.1, 0.9] if loss == "quantile" else 0.5
    model = MLPRegressor(loss=loss, quantile=quantile, **SMALL).fit(X_DIAB, y)
    separate = alone(model, X_DIAB, y)
    check_members(model, separate)
    predictions = [one.predict(X_DIAB) for one in separate]
    np.testing.assert_allclose(model.predict_members(X_DIAB), predictions, rtol=1e-9)
    np.testing.assert_allclose(model.predict(X_DIAB), np.mean(predictions, axis=0), rtol=1e-9)


@pytest.mark.parametrize("form", [sparse.csr_matrix, np.asfortranarray, lambda X: X.astype(np.float32)])
def test_of_every_form_of_x(form):
    X = form(X_CANCER)
    model = MLPClassifier(**SMALL).fit(X, Y_CANCER)
    separate = alone(model, X, Y_CANCER)
    check_members(model, separate, rtol=1e-3 if model.coefs_[0].dtype == np.float32 else 1e-9)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == 1)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_with_sample_weights_and_a_validation_set():
    weight = np.random.default_rng(0).uniform(0, 2, 400) * (np.arange(400) % 3 > 0)
    model = MLPClassifier(early_stopping=True, batch_size=50, **SMALL)
    data = {"sample_weight": weight, "X_val": X_CANCER[400:], "y_val": Y_CANCER[400:]}
    model.fit(X_CANCER[:400], Y_CANCER[:400], **data)
    check_members(model, alone(model, X_CANCER[:400], Y_CANCER[:400], **data))


def test_of_several_targets_and_labels():
    Y = np.column_stack([Y_DIAB, -Y_DIAB])
    model = MLPRegressor(**SMALL).fit(X_DIAB, Y)
    assert model.predict(X_DIAB).shape == (442, 2)
    assert model.predict_members(X_DIAB).shape == (M, 442, 2)
    X, Y = make_multilabel_classification(random_state=0)
    model = MLPClassifier(**SMALL).fit(X, Y)
    probabilities = [one.predict_proba(X) for one in alone(model, X, Y)]
    np.testing.assert_allclose(model.predict_proba(X), np.mean(probabilities, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == 1)


def test_the_spread_is_what_members_disagree_on_and_the_noise():
    for options, of_one in (
        ({"loss": "gaussian_nll"}, True),
        ({"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (3,), "activation": "tanh", "max_iter": 100}, True),
        ({}, False),
    ):
        model = MLPRegressor(**(SMALL | options)).fit(X_DIAB, Y_DIAB)
        mean, std = model.predict(X_DIAB, return_std=True)
        np.testing.assert_allclose(mean, model.predict(X_DIAB), rtol=1e-9)
        separate = alone(model, X_DIAB, Y_DIAB)
        noise = 0.0
        if of_one:
            noise = np.mean([one.predict(X_DIAB, return_std=True)[1] ** 2 for one in separate], axis=0)
        between = np.var([one.predict(X_DIAB) for one in separate], axis=0)
        np.testing.assert_allclose(std**2, noise + between, rtol=1e-6)


def test_members_of_lm_keep_what_each_has_found():
    options = {"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (3,), "activation": "tanh", "max_iter": 100}
    model = MLPRegressor(**(SMALL | options)).fit(X_DIAB, Y_DIAB)
    for name in ("alpha_", "noise_variance_", "n_effective_params_"):
        expected = [getattr(one, name) for one in alone(model, X_DIAB, Y_DIAB)]
        np.testing.assert_allclose(getattr(model, name), expected, rtol=1e-6)


def test_an_ensemble_is_better_than_its_members():
    X, y = X_CANCER, Y_CANCER
    model = MLPClassifier((30,), n_members=10, learning_rate_init=0.01, random_state=0).fit(X[:300], y[:300])
    members = [log_loss(y[300:], p) for p in model.predict_members(X[300:])]
    assert log_loss(y[300:], model.predict_proba(X[300:])) < np.mean(members)  # by Jensen's inequality, always


def test_a_stream_and_a_pickle_go_on_with_all_members():
    model = MLPRegressor(**SMALL)
    for _ in range(3):
        model.partial_fit(X_DIAB, Y_DIAB)
    separate = [clone(model).set_params(n_members=1, random_state=int(s)) for s in model.member_seeds_]
    for one in separate:
        for _ in range(3):
            one.partial_fit(X_DIAB, Y_DIAB)
    check_members(model, [vars(one).update(n_iter_=1) or one for one in separate])
    twin = pickle.loads(pickle.dumps(model))
    for going_on in (model, twin):
        going_on.partial_fit(X_DIAB, Y_DIAB)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])
    assert [len(curve) for curve in model.loss_curve_] == [4] * M


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_warm_start_goes_on_with_all_members(early_stopping):
    model = MLPClassifier(warm_start=True, early_stopping=early_stopping, **SMALL).fit(X_IRIS, Y_IRIS)
    before, losses = [list(curve) for curve in model.loss_curve_], list(model.loss_)
    model.fit(X_IRIS, Y_IRIS)
    for curve, old, loss in zip(model.loss_curve_, before, losses, strict=True):
        assert curve[: len(old)] == old
        assert len(curve) > len(old)
        assert early_stopping or curve[-1] < loss


def test_going_on_with_other_members_is_an_error_that_changes_nothing():
    model = MLPRegressor(**SMALL).partial_fit(X_DIAB, Y_DIAB)
    before = dict(vars(model))
    model.n_members = 5
    with pytest.raises(ValueError, match=r"has 3 member\(s\), but n_members=5.*warm_start=False"):
        model.partial_fit(X_DIAB, Y_DIAB)
    assert vars(model) == before | {"n_members": 5}
    one = MLPRegressor((5,), random_state=0).partial_fit(X_DIAB, Y_DIAB).set_params(n_members=2)
    with pytest.raises(ValueError, match=r"has 1 member\(s\), but n_members=2"):
        one.partial_fit(X_DIAB, Y_DIAB)


def test_one_member_that_fails_is_an_error():
    model = MLPRegressor(solver="sgd", learning_rate_init=1e30, **SMALL)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X_DIAB, Y_DIAB)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("bad", [0, -1, 2.5, "many"])
def test_n_members_is_a_positive_int(bad):
    with pytest.raises(ValueError, match="n_members"):
        MLPRegressor(n_members=bad).fit(X_DIAB, Y_DIAB)


def test_without_noise_or_members_there_is_no_spread():
    with pytest.raises(ValueError, match="n_members=5"):
        MLPRegressor((3,), max_iter=2).fit(X_DIAB, Y_DIAB).predict(X_DIAB, return_std=True)


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_see_an_ensemble_that_predicts(solver):
    class Recorder:
        n_epochs, n_scored = 0, 0

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
            if context.task_name == "epoch":
                self.n_epochs += 1
                self.n_scored += np.isfinite(fitted_estimator.predict_members(X)).all()
                assert len(fitted_estimator.coefs_[0]) == M
            return self.n_epochs == 5

    recorder = Recorder()
    options = SMALL | {"hidden_layer_sizes": (3,), "activation": "tanh", "solver": solver, "max_iter": 30}
    model = MLPRegressor(**options).set_callbacks(recorder).fit(X_DIAB, Y_DIAB)
    assert recorder.n_epochs == recorder.n_scored
    assert model.n_iter_ == 5
    assert recorder.n_epochs == 5 + (0 if SOLVERS[solver].incremental else M - 1)  # of one member after the other


def test_predictions_need_memory_for_a_chunk_of_all_members_only():
    model = MLPRegressor((64,), n_members=8, max_iter=1, random_state=0).fit(X_DIAB, Y_DIAB)
    members, mean = model.predict_members(X_DIAB), model.predict(X_DIAB)
    np.testing.assert_allclose(members.mean(axis=0), mean, rtol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_is_that_of_the_separate_fits(solver):
    options = SMALL | {
        "solver": solver, "learning_rate": "invscaling", "warm_start": True, "tol": 0.02, "n_iter_no_change": 2,
        "learning_rate_init": 0.05, "max_iter": 40,
    }  # fmt: skip
    model = MLPClassifier(**options).fit(X_IRIS, Y_IRIS)
    separate = alone(model, X_IRIS, Y_IRIS)
    assert len({one.t_ for one in separate}) > 1 or solver == "adam"
    for fitted in (model, *separate):
        fitted.fit(X_IRIS, Y_IRIS)
    check_members(model, separate)
    assert model.t_ == [one.t_ for one in separate]


def test_the_seeds_are_those_of_the_weights():
    model = MLPRegressor(**(SMALL | {"random_state": None}), warm_start=True).fit(X_DIAB, Y_DIAB)
    seeds = model.member_seeds_
    model.fit(X_DIAB, Y_DIAB)
    np.testing.assert_array_equal(model.member_seeds_, seeds)
    model.set_params(n_members=1, warm_start=False).fit(X_DIAB, Y_DIAB)
    assert not hasattr(model, "member_seeds_")


def test_callbacks_where_members_take_turns():
    ended = []

    class Recorder:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            ended.append(context.task_name)

    weight = np.ones(442)
    weight[3] = 0.0  # a minibatch may then weigh nothing, and members train alone
    model = MLPRegressor(batch_size=20, **SMALL).set_callbacks(Recorder()).fit(X_DIAB, Y_DIAB, weight)
    assert ended.count("epoch") == M * model.n_iter_


def test_members_that_take_turns_share_the_time():
    options = SMALL | {"solver": "lbfgs", "max_iter": 10**6, "max_time": 0.3, "hidden_layer_sizes": (50,)}
    model = MLPRegressor(**options).set_params(alpha=0.0, tol=0.0).fit(X_DIAB, Y_DIAB)
    assert min(len(curve) for curve in model.loss_curve_) > 5


def test_an_interrupt_keeps_what_there_is(monkeypatch):
    from mlp_estimator.engine.solvers import LevenbergMarquardt

    original, calls = LevenbergMarquardt.minimise, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(LevenbergMarquardt, "minimise", interrupted)
    options = SMALL | {"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (3,), "max_iter": 100}
    with pytest.warns(UserWarning, match="interrupted"):
        model = MLPRegressor(**options).fit(X_DIAB, Y_DIAB)
    assert len(calls) == 2  # the third has not begun
    assert not hasattr(model, "alpha_")
    assert np.isfinite(model.predict(X_DIAB)).all()
