"""Patience, the best epoch, the time limit, and the end of a run that diverges."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS
from sklearn.exceptions import ConvergenceWarning

from mlp_estimator import MLPClassifier
from mlp_estimator.engine import monitor
from mlp_estimator.engine.monitor import Monitor

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
THETA = np.zeros((1, 2))


def test_patience_is_scikit_learns():
    monitor = Monitor(tol=0.1, n_iter_no_change=2)
    for loss, n_flat in [(1.0, 0), (0.95, 1), (0.91, 2), (0.81, 0), (0.80, 1), (0.79, 2), (0.78, 3)]:
        assert not monitor.stalled
        monitor.record(loss, THETA)
        assert monitor.n_flat == n_flat
    assert monitor.stalled
    assert monitor.best_loss == 0.78
    assert monitor.loss_curve == [1.0, 0.95, 0.91, 0.81, 0.80, 0.79, 0.78]


def test_best_parameters_are_a_copy_of_the_best_epoch():
    scores = iter([0.5, 0.7, 0.7, 0.6])
    monitor = Monitor(tol=0.0, n_iter_no_change=9, validate=lambda theta: [next(scores)])
    theta = np.zeros((1, 2))
    for epoch in range(4):
        theta[:] = epoch
        monitor.record(1.0, theta)
    assert monitor.best_score == 0.7
    np.testing.assert_array_equal(monitor.best_theta, [[1, 1]])
    assert monitor.validation_scores == [0.5, 0.7, 0.7, 0.6]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_names_epoch_causes_and_remedy(bad):
    monitor = Monitor(tol=0.0, n_iter_no_change=2)
    monitor.record(1.0, THETA)
    with pytest.raises(ValueError, match=r"epoch 2.*learning_rate_init.*scale.*Solver produced non-finite"):
        monitor.record(bad, THETA)


def test_divergence_after_a_validated_epoch_keeps_it():
    scores = iter([0.5, math.nan])
    monitor = Monitor(tol=0.0, n_iter_no_change=2, validate=lambda theta: [next(scores)])
    monitor.record(1.0, THETA)
    monitor.record(math.nan, THETA + 1)
    assert monitor.diverged
    np.testing.assert_array_equal(monitor.best_theta, THETA)


def test_divergence_before_any_validated_epoch_is_an_error():
    monitor = Monitor(tol=0.0, n_iter_no_change=2, validate=lambda theta: [math.nan])
    with pytest.raises(ValueError, match="epoch 1"):
        monitor.record(math.nan, THETA)


def test_verbose_prints_scikit_learns_lines(capsys):
    monitor = Monitor(tol=0.0001, n_iter_no_change=2, verbose=True, validate=lambda theta: [0.5])
    monitor.record(1.0, THETA)
    monitor.print_stalled("Stopping.")
    assert capsys.readouterr().out == (
        "Iteration 1, loss = 1.00000000\nValidation score: 0.500000\n"
        "Validation score did not improve more than tol=0.000100 for 2 consecutive epochs. Stopping.\n"
    )


@ignore_convergence
def test_the_time_limit_ends_an_epoch_of_many_batches(monkeypatch):
    seconds = iter(range(10**6))
    monkeypatch.setattr(monitor, "monotonic", lambda: next(seconds))  # each look at the clock takes a second
    model = MLPClassifier((5,), batch_size=1, max_time=5, max_iter=100, random_state=0).fit(X_IRIS, Y_IRIS)
    assert model.n_iter_ == 1
    assert next(seconds) < 10


def test_the_time_of_a_run_that_pauses_is_that_of_its_epochs(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(monitor, "monotonic", lambda: now[0])
    record = Monitor(tol=0.0, n_iter_no_change=9, max_time=10.0)
    for begin, end, is_over in ((0, 4, False), (100, 104, False), (200, 203, True)):  # 4, 8 and 11 seconds
        now[0] = begin
        record.begin()
        now[0] = end
        assert record.time_is_over == is_over
        record = record.paused()
        assert not record.time_is_over
    shared = Monitor(tol=0.0, n_iter_no_change=9, max_time=10.0, time_share=0.5)  # another run trains as long
    shared.begin()
    now[0] += 6
    assert shared.time_is_over


@ignore_convergence
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_time_limit_ends_training_with_one_warning(solver):
    model = MLPClassifier((5,), solver=solver, max_time=1e-9, max_iter=100, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_IRIS, Y_IRIS)
    assert [(w.category, "max_time=1e-09 seconds were over after 1 epochs" in str(w.message)) for w in caught] == [
        (ConvergenceWarning, True)
    ]
    assert caught[0].filename == __file__
    assert model.n_iter_ == 1
    assert np.isfinite(model.predict_proba(X_IRIS)).all()
