"""Means of the target by level: what each network reads, and that no row sees what it must not."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.fitting.features import target_means as module
from mlp_estimator.fitting.features.target_means import (
    MAX_NUMBERS,
    MAX_PRIOR,
    MIN_PRIOR,
    Stretch,
    TargetMeans,
    _likely_prior,
)

RNG = np.random.default_rng(0)
N, N_FOLDS = 120, 4
CODES = np.column_stack([RNG.integers(0, 4, N), RNG.integers(0, 2, N), RNG.integers(0, 3, N)])
N_LEVELS = [4, 2, 3]
FOLDS = RNG.permutation(N) % N_FOLDS
Y = RNG.normal(3.0, 2.0, (N, 2)) + CODES[:, :1]
NETWORKS = pytest.mark.parametrize("left_out", [(), (2,), (1, 3)])


def learned(codes=CODES, y=Y, folds=FOLDS, counts=None):
    means, counts = TargetMeans.of(N_LEVELS, y.shape[1]), np.ones(len(y)) if counts is None else counts
    means.learn(len(y), N_FOLDS, N_LEVELS, lambda rows: Stretch(codes[rows], folds[rows], y[rows], counts[rows]))
    return means


def in_unit(means, left_out, **options):
    """The means that a network reads, in the unit of the targets."""
    tables = means.tables(left_out, **{"new_rows": False} | options)
    return [table * scale + center for table, center, scale in zip(tables, means.center, means.scale, strict=True)]


def mean_of(rows, codes, level, prior, y=Y):
    """The definition: the mean of the rows with a level, and of so many rows of the mean of all."""
    of_level = rows & (codes == level)
    return (y[of_level].sum(axis=0) + prior * y[rows].mean(axis=0)) / (of_level.sum() + prior)


def test_a_category_of_two_levels_has_no_means():
    means = learned()
    assert means.columns == [0, 2]
    assert TargetMeans.of([2, 2], 1).columns == []


def test_targets_of_one_class_have_no_means():
    assert TargetMeans.of([5, 5], 0).columns == []


def test_means_of_several_stretches_are_those_of_all_rows(monkeypatch):
    together = learned()
    monkeypatch.setattr(module, "STRETCH_ROWS", 50)
    apart = learned()
    for name in ("sums", "counts", "priors", "center", "scale"):
        for found, expected in zip(getattr(apart, name), getattr(together, name), strict=True):
            np.testing.assert_allclose(found, expected)


@NETWORKS
def test_a_training_row_reads_the_rows_outside_its_fold_and_those_that_the_network_leaves_out(left_out):
    means = learned()
    for place, table in zip((0, 2), in_unit(means, left_out), strict=True):
        prior = means.priors[means.columns.index(place)]
        for fold in set(range(N_FOLDS)) - set(left_out):
            rows = ~np.isin(FOLDS, [fold, *left_out])
            for level in range(N_LEVELS[place]):
                expected = mean_of(rows, CODES[:, place], level, prior)
                np.testing.assert_allclose(table[1 + fold, 1 + level], expected)


@NETWORKS
def test_new_rows_and_those_left_out_read_all_rows_that_the_network_trains_on(left_out):
    means, rows = learned(), ~np.isin(FOLDS, left_out)
    for place, table in zip((0, 2), in_unit(means, left_out), strict=True):
        prior = means.priors[means.columns.index(place)]
        for key in (0, *(1 + fold for fold in left_out)):
            for level in range(N_LEVELS[place]):
                np.testing.assert_allclose(table[key, 1 + level], mean_of(rows, CODES[:, place], level, prior))
    for table, of_new_rows in zip(in_unit(means, left_out), in_unit(means, left_out, new_rows=True), strict=True):
        np.testing.assert_array_equal(table[:1], of_new_rows)


@NETWORKS
def test_an_unknown_level_reads_the_overall_mean(left_out):
    for table in in_unit(learned(), left_out):
        np.testing.assert_allclose(table[0, 0], Y[~np.isin(FOLDS, left_out)].mean(axis=0))


def test_targets_move_no_mean_that_must_not_see_them():
    before = learned()
    for fold in range(N_FOLDS):
        y = Y.copy()
        y[fold == FOLDS] += RNG.normal(50.0, 10.0, ((fold == FOLDS).sum(), 2))
        after = learned(y=y)
        after.priors = before.priors
        for theirs, ours in zip(in_unit(before, (fold,)), in_unit(after, (fold,)), strict=True):
            np.testing.assert_allclose(ours, theirs)
        for theirs, ours in zip(in_unit(before, ()), in_unit(after, ()), strict=True):
            np.testing.assert_allclose(ours[1 + fold], theirs[1 + fold])
            assert np.abs(ours[0, 1:] - theirs[0, 1:]).min() > 1.0


def test_a_level_of_one_fold_reads_the_overall_mean_everywhere():
    # Of groups that are a column: training rows have no mean of theirs, and so later rows must not have one.
    codes = CODES.copy()
    codes[:, 0] = FOLDS
    means = learned(codes)
    (table, _), (left, _) = in_unit(means, ()), in_unit(means, (1,))
    for key in range(1 + N_FOLDS):
        np.testing.assert_allclose(table[key, 1:], np.tile(table[key, 0], (4, 1)))
        np.testing.assert_allclose(left[key, 1:], np.tile(left[key, 0], (4, 1)))


def test_a_level_of_two_folds_has_no_mean_where_one_of_them_is_left_out():
    codes = CODES.copy()
    codes[:, 0] = np.where(FOLDS < 2, 3, codes[:, 0] % 3)
    table = in_unit(learned(codes), (0,))[0]
    np.testing.assert_allclose(table[:, 4], table[:, 0])
    assert np.abs(in_unit(learned(codes), ())[0][0, 4] - Y.mean(axis=0)).max() > 1e-3


def test_a_row_that_counts_twice_is_two_rows():
    counts = RNG.integers(1, 4, N)
    place = np.repeat(np.arange(N), counts)
    repeated, weighted = learned(CODES[place], Y[place], FOLDS[place]), learned(counts=counts.astype(float))
    np.testing.assert_allclose(weighted.priors, repeated.priors, rtol=1e-6)
    for left_out in ((), (2,)):
        tables = zip(weighted.tables(left_out, new_rows=False), repeated.tables(left_out, new_rows=False), strict=True)
        for ours, theirs in tables:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("counts", [None, RNG.uniform(0.5, 2.0, N)], ids=["once", "weighted"])
def test_means_of_the_training_rows_are_standardised(counts):
    for place, table in zip((0, 2), learned(counts=counts).tables((), new_rows=False), strict=True):
        rows = table[1 + FOLDS, 1 + CODES[:, place]]
        np.testing.assert_allclose(np.average(rows, axis=0, weights=counts), 0.0, atol=1e-9)
        np.testing.assert_allclose(np.average(rows**2, axis=0, weights=counts), 1.0)


def test_a_constant_target_has_means_of_0():
    for table in learned(y=np.full((N, 1), 7.0)).tables((), new_rows=False):
        np.testing.assert_allclose(table, 0.0, atol=1e-6)


def test_of_many_classes_the_most_frequent_ones_have_means():
    frequency = np.arange(1, 101) / 5050
    y = np.eye(100)[RNG.choice(100, N, p=frequency)]
    means = learned(y=y)
    n = MAX_NUMBERS // 2
    share = y.sum(axis=0) / N
    chosen = np.sort(np.argsort(share**2 - share, kind="stable")[:n])
    for sums, place in zip(means.sums, (0, 2), strict=True):
        expected = [y[CODES[:, place] == level][:, chosen].sum(axis=0) for level in range(N_LEVELS[place])]
        np.testing.assert_allclose(sums.sum(axis=0), expected)


def prior_of(noise, spread, rng, n_levels=400, n_rows=8000):
    codes = rng.integers(0, n_levels, n_rows)
    y = (rng.normal(0.0, spread, n_levels)[codes] + rng.normal(0.0, noise, n_rows))[:, None]
    sums = np.bincount(codes, y[:, 0], n_levels)[:, None]
    return _likely_prior(sums, np.bincount(codes, minlength=n_levels), (y**2).sum(axis=0))


@pytest.mark.parametrize(("noise", "spread", "expected"), [(1.0, 0.5, 4.0), (1.0, 0.25, 16.0), (2.0, 0.4, 25.0)])
def test_the_prior_is_the_variance_within_levels_over_that_between_them(noise, spread, expected):
    priors = [prior_of(noise, spread, np.random.default_rng(seed)) for seed in range(5)]
    assert np.mean(np.log(priors)) == pytest.approx(np.log(expected), abs=0.2)


def test_the_prior_has_bounds():
    assert prior_of(1.0, 0.0, np.random.default_rng(0)) > 0.2 * MAX_PRIOR
    assert prior_of(0.0, 1.0, np.random.default_rng(0)) < 1.01 * MIN_PRIOR
