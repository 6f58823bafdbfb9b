"""Means of the target by category: their shrinkage, and that no training row sees the targets of its own fold."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.fitting.features.target_means import TargetMeans

RNG = np.random.default_rng(0)
N = 90
CODES = np.column_stack([RNG.integers(0, 4, N), RNG.integers(0, 2, N), RNG.integers(0, 3, N)])
N_LEVELS = [4, 2, 3]
Y = RNG.normal(3.0, 2.0, (N, 2)) + CODES[:, :1]
ALL = np.arange(N)
FOLDS = [(np.setdiff1d(ALL, ALL[k::3]), ALL[k::3]) for k in range(3)]


def learned(codes=CODES, y=Y, folds=FOLDS, counts=None):
    """Return means, and those of the training rows in the unit of the targets."""
    means = TargetMeans.of(N_LEVELS, y.shape[1])
    rows = means.learn(codes, y, folds, counts)
    return means, rows * means.scale + means.center


def means_of(codes, y, levels):
    """The definition: the mean of a level and of 20 rows of the overall mean."""
    overall = y.mean(axis=0)
    return {level: (y[codes == level].sum(axis=0) + 20 * overall) / ((codes == level).sum() + 20) for level in levels}


def test_a_category_of_two_levels_has_no_means():
    means = TargetMeans.of(N_LEVELS, 2)
    assert means.columns == [0, 2]
    assert len(means) == 4
    assert len(TargetMeans.of([2, 2], 1)) == 0


def test_a_new_row_reads_the_mean_of_its_level_shrunk_by_20_rows():
    means, _ = learned()
    first, last = means_of(CODES[:, 0], Y, range(4)), means_of(CODES[:, 2], Y, range(3))
    rows = np.array([[level, 1, other] for level in range(4) for other in range(3)])
    expected = [[*first[level], *last[other]] for level, _, other in rows]
    np.testing.assert_allclose(means.code(rows) * means.scale + means.center, expected, rtol=1e-5)


def test_an_unseen_level_reads_the_overall_mean():
    means, _ = learned()
    unseen, overall = means.code(np.array([[-1, -1, -1]])), Y.mean(axis=0)
    np.testing.assert_allclose(unseen * means.scale + means.center, [[*overall, *overall]], rtol=1e-5)


def test_a_training_row_reads_the_mean_over_the_rows_outside_its_fold():
    _, rows = learned()
    for train, validation in FOLDS:
        for place, column in ((slice(0, 2), 0), (slice(2, 4), 2)):
            expected = means_of(CODES[train, column], Y[train], range(4))
            np.testing.assert_allclose(
                rows[validation, place], [expected[level] for level in CODES[validation, column]], rtol=1e-5
            )


def test_targets_of_a_fold_do_not_move_the_means_of_its_rows():
    _, before = learned()
    for _, fold in FOLDS:
        y = Y.copy()
        y[fold] += RNG.normal(50.0, 10.0, (len(fold), 2))
        _, after = learned(y=y)
        np.testing.assert_allclose(after[fold], before[fold], atol=1e-4)
        others = np.setdiff1d(ALL, fold)
        assert np.abs(after[others] - before[others]).min() > 1.0


def test_a_level_of_one_fold_only_reads_the_overall_mean_there():
    codes = CODES.copy()
    fold = FOLDS[0][1]
    codes[codes[:, 0] == 3, 0] = 0
    codes[fold[:5], 0] = 3
    _, rows = learned(codes)
    overall = Y[FOLDS[0][0]].mean(axis=0)
    np.testing.assert_allclose(rows[fold[:5], :2], [overall] * 5, rtol=1e-5)


def test_a_row_that_counts_twice_is_two_rows():
    counts = RNG.integers(1, 4, N)
    place = np.repeat(ALL, counts)
    folds = [(np.flatnonzero(np.isin(place, train)), np.flatnonzero(np.isin(place, fold))) for train, fold in FOLDS]
    repeated, rows = learned(CODES[place], Y[place], folds)
    weighted, of_rows = learned(counts=counts.astype(float))
    np.testing.assert_allclose(of_rows[place], rows, rtol=1e-5)
    np.testing.assert_allclose(weighted.code(CODES), repeated.code(CODES), rtol=1e-4, atol=1e-5)


def test_a_row_that_counts_0_times_is_not_there():
    counts = (np.arange(N) % 5 > 0).astype(float)
    y = Y.copy()
    y[counts == 0] = 1e6
    np.testing.assert_allclose(learned(y=y, counts=counts)[1], learned(counts=counts)[1], rtol=1e-5)


@pytest.mark.parametrize("counts", [None, RNG.uniform(0.5, 2.0, N)], ids=["once", "weighted"])
def test_means_of_the_training_rows_are_standardised(counts):
    means = TargetMeans.of(N_LEVELS, 2)
    rows = means.learn(CODES, Y, FOLDS, counts)
    np.testing.assert_allclose(np.average(rows, axis=0, weights=counts), 0.0, atol=1e-5)
    np.testing.assert_allclose(np.average(rows**2, axis=0, weights=counts), 1.0, rtol=1e-5)
    assert rows.dtype == means.code(CODES).dtype == np.float32


def test_a_constant_target_has_means_of_0():
    means = TargetMeans.of(N_LEVELS, 1)
    rows = means.learn(CODES, np.full((N, 1), 7.0), FOLDS)
    np.testing.assert_allclose(rows, 0.0, atol=1e-6)
    np.testing.assert_allclose(means.code(CODES), 0.0, atol=1e-6)
