"""Whole numbers that behave as codes, such as those of shops: one number says nothing of the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_ROWS, MAX_SHARE = 4, 0.1
"""Rows of a number, on average, and the largest share of one number, of columns that are looked at."""

MIN_EXPLAINED, MIN_ERRORS = 0.05, 6.0
"""Share of the variance of the targets that the numbers explain, and in standard errors of noise."""

MAX_OF_NEIGHBOURS = 0.25
"""Part of it that neighbours explain, too. Of 29 real tables no column that is looked at has so little."""


def may_be_codes(values: NDArray[np.float64], n_edges: int) -> bool:
    """Tell whether sorted values are whole numbers that repeat, more of them than edges, and none by far most often."""
    if not (values == np.floor(values)).all():
        return False
    counts, n = np.diff(np.flatnonzero(np.diff(values, prepend=np.nan, append=np.nan) != 0.0)), len(values)
    return bool(n_edges < len(counts) <= n / MIN_ROWS and counts.max() <= MAX_SHARE * n)


def are_codes(x: NDArray[np.floating], Y: NDArray[np.float64]) -> bool:
    """Tell whether the means of targets (n, K) by number say much of other rows of this number, and little of others.

    The means by number of every second row are multiplied with those of the other rows: of the same number, and of the
    two next to it. The sum of products is the variance that the numbers explain, and 0 for noise.
    """
    of_number = np.unique(x, return_inverse=True)[1]
    deviations, n_numbers = Y - Y.mean(axis=0), int(of_number.max()) + 1
    halves = [slice(0, None, 2), slice(1, None, 2)]
    counts = np.stack([np.bincount(of_number[half], minlength=n_numbers) for half in halves])
    own = near = 0.0
    for of_target in deviations.T:
        sums = np.stack([np.bincount(of_number[half], of_target[half], n_numbers) for half in halves])
        first, second = sums / np.maximum(counts, 1)
        weighted = counts.min(axis=0) * 2.0 * first
        beside = _neighbours(sums[1]) / np.maximum(_neighbours(counts[1]), 1)
        own, near = own + weighted @ second, near + weighted @ beside
    total = float((deviations**2).sum())
    least = max(MIN_EXPLAINED, MIN_ERRORS * 2.0 * np.sqrt(n_numbers) / len(x))
    return bool(own > least * total and near < MAX_OF_NEIGHBOURS * own)


def _neighbours(values: NDArray[np.number]) -> NDArray[np.float64]:
    """Return for each entry the sum of those beside it."""
    padded = np.pad(values.astype(np.float64), 1)
    sums: NDArray[np.float64] = padded[:-2] + padded[2:]
    return sums
