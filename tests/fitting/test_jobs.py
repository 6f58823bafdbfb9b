"""A fit as a list of jobs: members are separate fits, seeds decide, failures and interrupts stay in order."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from problems import CLASSIFIER_SOLVERS
from samples import (
    ENSEMBLE,
    N_MEMBERS,
    X_CANCER,
    X_DIAB,
    X_IRIS,
    Y_CANCER,
    Y_DIAB,
    Y_IRIS,
    check_members,
    same_weights,
    separate_fits,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.losses import REGRESSION
from mlp_estimator.engine.solvers import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
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
    model = MLPClassifier(**(ENSEMBLE | options)).fit(X_IRIS, Y_IRIS)
    separate = separate_fits(model, X_IRIS, Y_IRIS)
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
    model = MLPRegressor(loss=loss, quantile=quantile, **ENSEMBLE).fit(X_DIAB, y)
    separate = separate_fits(model, X_DIAB, y)
    check_members(model, separate)
    predictions = [one.predict(X_DIAB) for one in separate]
    np.testing.assert_allclose(model.predict_members(X_DIAB), predictions, rtol=1e-9)
    np.testing.assert_allclose(model.predict(X_DIAB), np.mean(predictions, axis=0), rtol=1e-9)


@pytest.mark.parametrize("form", [sparse.csr_matrix, np.asfortranarray, lambda X: X.astype(np.float32)])
def test_of_every_form_of_x(form):
    X = form(X_CANCER)
    model = MLPClassifier(**ENSEMBLE).fit(X, Y_CANCER)
    separate = separate_fits(model, X, Y_CANCER)
    check_members(model, separate, rtol=1e-3 if model.coefs_[0].dtype == np.float32 else 1e-9)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == 1)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_with_sample_weights_and_a_validation_set():
    weight = np.random.default_rng(0).uniform(0, 2, 400) * (np.arange(400) % 3 > 0)
    model = MLPClassifier(early_stopping=True, batch_size=50, **ENSEMBLE)
    data = {"sample_weight": weight, "X_val": X_CANCER[400:], "y_val": Y_CANCER[400:]}
    model.fit(X_CANCER[:400], Y_CANCER[:400], **data)
    check_members(model, separate_fits(model, X_CANCER[:400], Y_CANCER[:400], **data))


def test_of_several_targets_and_labels():
    Y = np.column_stack([Y_DIAB, -Y_DIAB])
    model = MLPRegressor(**ENSEMBLE).fit(X_DIAB, Y)
    assert model.predict(X_DIAB).shape == (442, 2)
    assert model.predict_members(X_DIAB).shape == (N_MEMBERS, 442, 2)
    X, Y = make_multilabel_classification(random_state=0)
    model = MLPClassifier(**ENSEMBLE).fit(X, Y)
    probabilities = [one.predict_proba(X) for one in separate_fits(model, X, Y)]
    np.testing.assert_allclose(model.predict_proba(X), np.mean(probabilities, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == 1)


def test_one_member_that_fails_is_an_error():
    model = MLPRegressor(solver="sgd", learning_rate_init=1e30, **ENSEMBLE)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X_DIAB, Y_DIAB)
    assert not hasattr(model, "coefs_")


def test_members_that_take_turns_share_the_time():
    options = ENSEMBLE | {"solver": "lbfgs", "max_iter": 10**6, "max_time": 0.3, "hidden_layer_sizes": (50,)}
    model = MLPRegressor(**options).set_params(alpha=0.0, tol=0.0).fit(X_DIAB, Y_DIAB)
    assert min(len(curve) for curve in model.loss_curve_) > 5


def test_an_interrupt_keeps_the_finished_members(monkeypatch):
    from mlp_estimator.engine.solvers import LevenbergMarquardt

    original, calls = LevenbergMarquardt.minimize, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(LevenbergMarquardt, "minimize", interrupted)
    options = ENSEMBLE | {"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (3,), "max_iter": 100}
    with pytest.warns(UserWarning, match="interrupted"):
        model = MLPRegressor(**options).fit(X_DIAB, Y_DIAB)
    assert len(calls) == 2  # the third has not begun
    assert not hasattr(model, "alpha_")
    assert np.isfinite(model.predict(X_DIAB)).all()


def test_an_interrupt_in_one_population_begins_no_other(monkeypatch):
    from mlp_estimator.engine.losses import SoftmaxCrossEntropy
    from mlp_estimator.fitting import jobs

    evaluate, calls = SoftmaxCrossEntropy.value_and_grad, []

    def interrupted(self, *arrays):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return evaluate(self, *arrays)

    monkeypatch.setattr(jobs, "populations", lambda runs: ([run] for run in runs))
    monkeypatch.setattr(SoftmaxCrossEntropy, "value_and_grad", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model = MLPClassifier(**(ENSEMBLE | {"solver": "adam", "batch_size": 75})).fit(X_IRIS, Y_IRIS)
    assert [len(curve) for curve in model.loss_curve_] == [2] + [0] * (N_MEMBERS - 1)
    assert np.isfinite(model.loss_).all()
    assert np.isfinite(model.predict_proba(X_IRIS)).all()


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


def test_lines_of_networks_that_train_together_name_them(capsys):
    MLPRegressor((2,), max_iter=2, verbose=True, random_state=0, n_members=2).fit(X_DIAB, Y_DIAB)
    lines = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(lines) == [f"Network {m}: Iteration {k}" for m in (1, 2) for k in (1, 2)]
    MLPRegressor((2,), max_iter=1, verbose=True, random_state=0).fit(X_DIAB, Y_DIAB)
    assert capsys.readouterr().out.startswith("Iteration 1, loss = ")
