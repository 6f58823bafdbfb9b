"""Schedules: scikit-learn's factors, published formulas, and their effect on the steps of a fit."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from samples import SHORT, X_IRIS, Y_IRIS, close_weights

from mlp_estimator import MLPClassifier
from mlp_estimator.engine.schedules import SCHEDULES, Progress

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_factor_never_raises_the_rate_above_the_initial_one(name):
    for epoch in range(12):
        assert 0 < SCHEDULES[name].factor(Progress(100 * epoch, epoch, epoch, 12), 0.5) <= 1


@pytest.mark.parametrize("name", [name for name, schedule in SCHEDULES.items() if not schedule.budgeted])
def test_a_run_without_plan_starts_at_the_initial_rate(name):
    assert SCHEDULES[name].factor(Progress(), 0.5) == 1.0


def test_plans_are_the_published_formulas():
    for epoch in range(11):
        at = Progress(n_epochs=epoch, n_planned=10)
        assert SCHEDULES["cosine"].factor(at, 0.5) == pytest.approx((1 + math.cos(math.pi * epoch / 10)) / 2)
    # PyTorch's OneCycleLR with its defaults: from max / 25 to max in 0.3 of the run, then down to max / 25 / 1e4.
    for epoch, expected in [(0, 1 / 25), (3, 1.0), (10, 1 / 25 / 1e4), (1.5, (1 / 25 + 1) / 2), (6.5, (1 + 4e-6) / 2)]:
        assert SCHEDULES["one_cycle"].factor(Progress(n_epochs=epoch, n_planned=10), 0.5) == pytest.approx(expected)


def test_a_plan_that_is_over_stays_at_its_end():
    assert SCHEDULES["cosine"].factor(Progress(n_epochs=25, n_planned=10), 0.5) == 0.0


def test_factors():
    at = Progress(n_seen=99, n_plateaus=2)
    assert SCHEDULES["constant"].factor(at, 0.5) == 1.0
    assert SCHEDULES["invscaling"].factor(at, 0.5) == pytest.approx(0.1)
    assert SCHEDULES["adaptive"].factor(at, 0.5) == pytest.approx(1 / 25)
    assert [name for name, schedule in SCHEDULES.items() if schedule.lowers_on_plateau] == ["adaptive"]


@ignore_convergence
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("plan", ["cosine", "one_cycle", lambda done: 0.5])
def test_a_plan_is_complete_when_its_epochs_are(solver, plan):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier((5,), solver=solver, learning_rate=plan, max_iter=7, random_state=0).fit(X_IRIS, Y_IRIS)
    assert model.n_iter_ == 7


@ignore_convergence
def test_a_user_defined_plan_gets_the_fraction_of_training_done():
    seen = []

    def plan(done):
        seen.append(done)
        return 1.0

    planned = MLPClassifier(learning_rate=plan, **SHORT).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(seen, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    close_weights(planned, MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS), rtol=0)
    seen.clear()
    stream = MLPClassifier(learning_rate=plan, **(SHORT | {"max_iter": 4}))
    for _ in range(6):
        stream.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    assert max(seen) == 1.0
    assert sorted(seen) == seen


@pytest.mark.parametrize("value", ["fast", None, [0.5], 1j, True])
def test_a_plan_that_returns_no_number(value):
    with pytest.raises(TypeError, match=r"learning_rate returned .*: a callable must return a number"):
        MLPClassifier(learning_rate=lambda done: value, **SHORT).fit(X_IRIS, Y_IRIS)


@ignore_convergence
@pytest.mark.parametrize("one", [1, np.float64(1.0), np.array(1.0), np.float32(1.0)])
def test_a_plan_may_return_any_number(one):
    X = X_IRIS.astype(np.float32)
    model = MLPClassifier(learning_rate=lambda done: one, **SHORT).fit(X, Y_IRIS)
    assert model.coefs_[0].dtype == np.float32
    close_weights(model, MLPClassifier(**SHORT).fit(X, Y_IRIS), rtol=0)


@ignore_convergence
def test_the_rate_of_a_plan_reaches_the_steps():
    halves = MLPClassifier(learning_rate=lambda done: 0.5, solver="sgd", learning_rate_init=0.2, **SHORT)
    close_weights(
        halves.fit(X_IRIS, Y_IRIS), MLPClassifier(solver="sgd", learning_rate_init=0.1, **SHORT).fit(X_IRIS, Y_IRIS)
    )
