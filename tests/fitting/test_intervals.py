"""CV+ intervals and sets of labels against their definition, row by row."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from mlp_estimator.fitting.intervals import Residuals, interval, label_set

RNG = np.random.default_rng(0)
FOLD_SIZES = (7, 12, 9)
MEMBERS = RNG.normal(size=(3, 11))
SPREAD = RNG.uniform(0.5, 2.0, (3, 11))
EQUAL = np.ones((3, 11))
ERRORS = [RNG.exponential(size=n) for n in FOLD_SIZES]
COUNTS = [RNG.integers(1, 4, n).astype(float) for n in FOLD_SIZES]
COVERAGES = [0.5, 0.8, 0.9, 0.95]
weighted = pytest.mark.parametrize("counts", [None, COUNTS], ids=["once", "weighted"])


def residuals_of(errors, counts=None):
    n_rows = [len(e) for e in errors]
    rows = np.split(np.arange(sum(n_rows)), np.cumsum(n_rows)[:-1])
    counts = None if counts is None else np.concatenate(counts)
    return [Residuals.of(np.concatenate(errors), counts, of_fold) for of_fold in rows]


def repeated(errors, counts):
    """Return the errors of all rows, each as often as it counts, and their folds."""
    n = [np.ones(len(e), int) if counts is None else counts[k].astype(int) for k, e in enumerate(errors)]
    values = np.concatenate([np.repeat(e, times) for e, times in zip(errors, n, strict=True)])
    return values, np.repeat(np.arange(len(errors)), [times.sum() for times in n])


def interval_by_definition(members, spread, errors, counts, coverage):
    """Barber, Candes, Ramdas and Tibshirani (2021), equation 12, with errors in units of the spread."""
    values, folds = repeated(errors, counts)
    n, a = len(values), 1 - coverage
    low, high = (np.sort(members[folds].T + sign * spread[folds].T * values) for sign in (-1, 1))
    k_low, k_high = math.floor(round(a * (n + 1), 9)), math.ceil(round((1 - a) * (n + 1), 9))
    nowhere = np.full(len(low), np.inf)
    return (low[:, k_low - 1] if k_low else -nowhere), (high[:, k_high - 1] if k_high <= n else nowhere)


@weighted
@pytest.mark.parametrize("spread", [EQUAL, SPREAD], ids=["one width", "widths"])
@pytest.mark.parametrize("coverage", COVERAGES)
def test_the_interval_is_the_definition(coverage, spread, counts):
    low, high = interval(MEMBERS, spread, residuals_of(ERRORS, counts), coverage)
    expected = interval_by_definition(MEMBERS, spread, ERRORS, counts, coverage)
    np.testing.assert_allclose(low, expected[0], rtol=1e-9)
    np.testing.assert_allclose(high, expected[1], rtol=1e-9)


@pytest.mark.parametrize(("n", "coverage"), [(9, 0.9), (19, 0.9), (9, 0.8)])
def test_the_interval_is_the_definition_where_the_rank_is_a_whole_number(n, coverage):
    errors = [RNG.exponential(size=n // 3), RNG.exponential(size=n - n // 3)]
    low, high = interval(MEMBERS[:2], SPREAD[:2], residuals_of(errors), coverage)
    expected = interval_by_definition(MEMBERS[:2], SPREAD[:2], errors, None, coverage)
    np.testing.assert_allclose([low, high], expected, rtol=1e-9)


def test_too_few_rows_say_nothing():
    low, high = interval(MEMBERS, SPREAD, residuals_of([e[:1] for e in ERRORS]), 0.9)
    assert np.isneginf(low).all()
    assert np.isposinf(high).all()


def test_equal_members_have_an_interval_at_a_quantile_of_the_residuals():
    members = np.repeat(MEMBERS[:1], 3, axis=0)
    low, high = interval(members, EQUAL, residuals_of(ERRORS), 0.8)
    radius = np.sort(np.concatenate(ERRORS))[math.ceil(0.8 * 29) - 1]
    np.testing.assert_allclose(members[0] - low, radius, rtol=1e-9)
    np.testing.assert_allclose(high - members[0], radius, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_an_interval_is_as_exact_in_any_unit(scale):
    offset = 3e6 * scale
    low, high = interval(scale * MEMBERS + offset, scale * SPREAD, residuals_of(ERRORS), 0.85)
    expected = interval_by_definition(MEMBERS, SPREAD, ERRORS, None, 0.85)
    np.testing.assert_allclose((low - offset) / scale, expected[0], atol=1e-8)
    np.testing.assert_allclose((high - offset) / scale, expected[1], atol=1e-8)


def test_higher_coverage_has_wider_intervals():
    ends = [interval(MEMBERS, SPREAD, residuals_of(ERRORS), coverage) for coverage in COVERAGES]
    for (low, high), (wider_low, wider_high) in pairwise(ends):
        assert (wider_low <= low).all()
        assert (wider_high >= high).all()


def test_a_fold_without_rows_does_not_count():
    ours = interval(MEMBERS, SPREAD, residuals_of([*ERRORS[:2], np.empty(0)]), 0.8)
    theirs = interval(MEMBERS[:2], SPREAD[:2], residuals_of(ERRORS[:2]), 0.8)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_intervals_cover_as_often_as_asked():
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(60):
        truth, errors = rng.standard_t(4, size=50), [np.abs(rng.standard_t(4, size=16)) for _ in range(3)]
        members = rng.normal(scale=0.1, size=(3, 50))
        low, high = interval(members, np.ones_like(members), residuals_of(errors), 0.8)
        covered.append(np.mean((low <= truth) & (truth <= high)))
    assert np.mean(covered) == pytest.approx(0.8, abs=0.04)


def test_weighted_rows_cover_another_population():
    # Residuals grow with x, and the other population has larger x; of few rows of weight the ends are infinite.
    rng = np.random.default_rng(2)
    covered, unbounded = {}, {}
    for shift in (0.5, 1.5):
        ends = []
        for _ in range(100):
            x, new = rng.normal(size=150), shift + rng.normal(size=50)
            errors, truth = np.abs(rng.normal(size=150)) * np.exp(x), rng.normal(size=50) * np.exp(new)
            residuals = [Residuals.of(errors, np.exp(shift * x), np.arange(k, 150, 3)) for k in range(3)]
            low, high = interval(np.zeros((3, 50)), np.ones((3, 50)), residuals, 0.8)
            ends.append((np.mean((low <= truth) & (truth <= high)), np.isinf(low).any()))
        covered[shift], unbounded[shift] = np.mean(ends, axis=0)
    assert covered[0.5] == pytest.approx(0.8, abs=0.02)
    assert 0.78 < covered[1.5] < 0.95
    assert unbounded[0.5] == 0 < unbounded[1.5] < 0.5


def test_whole_weights_are_repeated_rows():
    counts = RNG.integers(1, 4, 30).astype(float)
    errors = RNG.exponential(size=30)
    counted, repeated = (
        interval(np.zeros((1, 1)), np.ones((1, 1)), [Residuals.of(e, c, np.arange(len(e)))], 0.8)
        for e, c in ((errors, counts), (np.repeat(errors, counts.astype(int)), None))
    )
    np.testing.assert_allclose(counted, repeated)


# Sets of labels.


def set_by_definition(members, scores, counts, coverage):
    values, folds = repeated(scores, counts)
    belongs = np.zeros(members.shape[1:], bool)
    for row in range(members.shape[1]):
        for label in range(members.shape[2]):
            n_below = sum(s < 1 - members[k, row, label] for s, k in zip(values, folds, strict=True))
            belongs[row, label] = n_below < round(coverage * (len(values) + 1), 9)
    return belongs


@weighted
@pytest.mark.parametrize("coverage", COVERAGES)
def test_the_set_is_the_definition(coverage, counts):
    rng = np.random.default_rng(0)
    members = rng.dirichlet(np.full(4, 0.3), size=(3, 11))
    scores = [rng.beta(2, 2, size=n) for n in FOLD_SIZES]
    belongs = label_set(members, residuals_of(scores, counts), coverage)
    np.testing.assert_array_equal(belongs, set_by_definition(members, scores, counts, coverage))
    assert 0 < belongs.mean() < 1


def test_a_score_that_equals_that_of_a_label_is_not_below_it():
    scores = residuals_of([np.full(9, 0.25)])
    assert label_set(np.array([[[0.75, 0.7]]]), scores, 0.5).tolist() == [[True, False]]


def test_too_few_rows_leave_all_labels():
    members = RNG.dirichlet(np.ones(4), size=(3, 11))
    assert label_set(members, residuals_of([np.zeros(1)] * 3), 0.9).all()


# Residuals.


def test_residuals_are_sorted_with_their_counts():
    values, counts = np.array([9.0, 3.0, 1.0, 2.0]), np.array([7.0, 0.5, 2.0, 1.0])
    residuals = Residuals.of(values, counts, np.array([1, 2, 3]))
    np.testing.assert_array_equal(residuals.values, [1, 2, 3])
    np.testing.assert_array_equal(residuals.rows, [2, 3, 1])
    assert residuals.total == 3.5
    np.testing.assert_array_equal(residuals.below(np.array([0.5, 1.0, 1.5, 3.0, 9.0])), [0, 0, 2, 3, 3.5])


def test_residuals_of_some_rows_keep_their_order_and_counts():
    values, counts = RNG.exponential(size=30), RNG.integers(1, 4, 30).astype(float)
    rows, chosen = RNG.permutation(30)[:20], RNG.random(30) < 0.5
    among, expected = Residuals.of(values, counts, rows).among(chosen), Residuals.of(values, counts, rows[chosen[rows]])
    np.testing.assert_array_equal(among.values, expected.values)
    np.testing.assert_array_equal(among.rows, expected.rows)
    np.testing.assert_allclose(among.cumulative, expected.cumulative)


def test_residuals_over_expected_sizes_are_sorted_anew_with_their_counts():
    values, counts, sizes = RNG.exponential(size=30), RNG.integers(1, 4, 30).astype(float), RNG.uniform(0.2, 5.0, 30)
    rows = RNG.permutation(30)[:20]
    found, expected = Residuals.of(values, counts, rows).over(sizes), Residuals.of(values / sizes, counts, rows)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.cumulative, expected.cumulative)
