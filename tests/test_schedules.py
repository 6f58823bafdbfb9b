"""Schedules are pure functions with the factors that scikit-learn has."""

from __future__ import annotations

import math

import pytest

from mlp_estimator.engine.schedules import SCHEDULES, Progress


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
