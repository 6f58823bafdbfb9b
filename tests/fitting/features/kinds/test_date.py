"""Dates and durations: days, and the phases of the periods that the dates of `fit` span."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from mlp_estimator.fitting.features.blocks import MISSING
from mlp_estimator.fitting.features.kinds.contract import Resolution
from mlp_estimator.fitting.features.kinds.date import Date
from mlp_estimator.fitting.frames import read_frame

FINE = Resolution(n_bins=32, n_exact=32, max_categories=64)
START = datetime(2024, 1, 1, tzinfo=UTC)
PHASES = {"year": 365.2425, "week": 7.0, "day": 1.0}


def column(values):
    return read_frame([[value] for value in values]).columns[0]


def learned(values):
    kind = Date("c")
    kind.learn(column(values), None)
    kind.finish(FINE)
    return kind


def dates(n, step):
    """Return so many instants, a time apart."""
    return [START + k * step for k in range(n)]


def names(kind):
    return [feature.name.removeprefix("c: ") for feature in kind.features()]


def phases(*periods):
    return [f"{wave} of the {period}" for period in periods for wave in ("sine", "cosine")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (dates(50, timedelta(days=10, hours=5)), ["days", *phases("year", "week", "day")]),
        (dates(50, timedelta(days=7, hours=5)), ["days", *phases("week", "day")]),
        (dates(20, timedelta(hours=7)), ["days", *phases("day")]),
        (dates(20, timedelta(hours=1)), ["days"]),
        ([date(2020, 1, 1) + timedelta(days=9 * k) for k in range(99)], ["days", *phases("year", "week")]),
        (dates(2, timedelta(0)), []),
    ],
    ids=["years", "months", "days", "hours", "whole days", "one date"],
)
def test_phases_are_features_of_dates_that_span_the_period(values, expected):
    assert names(learned(values)) == expected


def test_days_are_counted_from_the_median_and_go_on_after_the_last_one():
    kind = learned(dates(101, timedelta(days=1)))
    days = kind.numbers["days"]
    assert days.median - (START - datetime(1970, 1, 1, tzinfo=UTC)).days == 50
    assert days.scale == 50.0
    later = kind.code(column([START + timedelta(days=150)]))[0]
    np.testing.assert_allclose(later, 2 / np.sqrt(1 + (2 / 3) ** 2), rtol=1e-6)


@pytest.mark.parametrize("period", PHASES)
def test_a_phase_is_a_sine_and_a_cosine(period):
    values = dates(400, timedelta(days=1, hours=5))
    kind = learned(values)
    place = names(kind).index(f"sine of the {period}")
    days = np.array([value.timestamp() for value in values]) / 86_400
    coded = kind.code(column(values))
    for k, wave in enumerate((np.sin, np.cos)):
        number = kind.numbers[phases(period)[k]]
        expected = number.transform(wave(2 * np.pi * days / PHASES[period]))
        np.testing.assert_allclose(coded[place + k], expected, atol=1e-4)


def test_an_instant_means_the_same_in_any_zone():
    values = dates(50, timedelta(hours=31))
    kind = learned(values)
    tokyo = [value.astimezone(timezone(timedelta(hours=9))) for value in values]
    for ours, theirs in zip(kind.code(column(tokyo)), kind.code(column(values)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_durations_are_seconds():
    kind = learned([timedelta(minutes=k) for k in range(41)])
    assert names(kind) == ["seconds"]
    assert (kind.numbers["seconds"].median, kind.numbers["seconds"].scale) == (1200.0, 1200.0)


def test_missing_dates_have_one_indicator_and_are_0():
    values = [*dates(50, timedelta(days=10, hours=5)), None]
    kind = learned(values)
    assert [feature.name for feature in kind.features() if feature.block == MISSING] == ["c: days is missing"]
    coded = dict(zip(names(kind), kind.code(column(values)), strict=True))
    np.testing.assert_array_equal(coded.pop("days is missing"), [False] * 50 + [True])
    assert {float(array[-1]) for array in coded.values()} == {0.0}


@pytest.mark.parametrize(("holds", "takes"), [({"date"}, True), ({"duration"}, True), ({"date", "duration"}, False),
                                              ({"date", "text"}, False), (set(), False)])  # fmt: skip
def test_dates_and_durations_do_not_mix(holds, takes):
    assert Date.takes(frozenset(holds)) is takes


@pytest.mark.parametrize(
    ("values", "entry", "message"),
    [
        (dates(5, timedelta(days=1)), "soon", "Column 'x0' held dates in fit, .* no date: 'soon'. .*to_datetime"),
        (dates(5, timedelta(days=1)), 3.5, "no date: 3.5"),
        ([timedelta(1), timedelta(2)], date(2024, 1, 1), "Column 'x0' held durations in fit, .*to_timedelta"),
    ],
)
def test_an_entry_of_another_kind_is_refused_with_its_column(values, entry, message):
    with pytest.raises(ValueError, match=message):
        learned(values).code(column([entry]))


def test_days_of_a_period_are_equal_numbers_whatever_the_week():
    # Phases that differ in the last bit would be two edges with a bin between them.
    kind = learned([date(2020, 1, 1) + timedelta(days=k) for k in range(900)])
    for what in ("sine", "cosine"):
        assert len(np.unique(kind.numbers[f"{what} of the week"].edges)) <= 7 - 3 * (what == "cosine")
    midnight = datetime(2021, 5, 8, tzinfo=UTC)  # a Saturday
    moments = [learned_value for second in (0, 1) for learned_value in [midnight + timedelta(seconds=second)]]
    daily = learned(dates(900, timedelta(days=1)))
    before, after = (np.array(values) for values in zip(*daily.code(column(moments)), strict=True))
    np.testing.assert_allclose(before, after, atol=1e-3)
