"""Schedules are pure functions with the factors that scikit-learn has."""

from __future__ import annotations

import pytest

from mlp_estimator.engine.schedules import SCHEDULES, Progress


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_run_starts_at_the_initial_rate(name):
    assert SCHEDULES[name].factor(Progress(), 0.5) == 1.0


def test_factors():
    at = Progress(n_seen=99, n_plateaus=2)
    assert SCHEDULES["constant"].factor(at, 0.5) == 1.0
    assert SCHEDULES["invscaling"].factor(at, 0.5) == pytest.approx(0.1)
    assert SCHEDULES["adaptive"].factor(at, 0.5) == pytest.approx(1 / 25)
    assert [name for name, schedule in SCHEDULES.items() if schedule.lowers_on_plateau] == ["adaptive"]
