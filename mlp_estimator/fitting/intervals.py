"""Intervals and sets with a coverage that holds for any distribution, from out-of-fold residuals.

CV+ (Barber, Candes, Ramdas and Tibshirani 2021): at least 1 - 2 a where 1 - a is asked for, about 1 - a in practice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_BISECTIONS = 60


def interval(
    members: NDArray[np.float64], residuals: Sequence[NDArray[np.float64]], coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends (n,) of the interval around predictions of fold models.

    ``members`` (K, n) are the predictions of the model of each fold, ``residuals`` the sorted absolute residuals of the
    rows of each fold. With R_i the residual of row i in fold k(i), the ends are the floor(a (n + 1))-th smallest of
    f_k(i) - R_i and the ceil((1 - a) (n + 1))-th smallest of f_k(i) + R_i.
    """
    n_rows = sum(map(len, residuals))
    n_outside = int(np.floor((1.0 - coverage) * (n_rows + 1)))
    upper = -_smallest(-members, residuals, n_outside)
    return _smallest(members, residuals, n_outside), upper


def _smallest(members: NDArray[np.float64], residuals: Sequence[NDArray[np.float64]], rank: int) -> NDArray[np.float64]:
    """Return the ``rank``-th smallest f_k - R_i, by bisection; minus infinity for rank 0."""
    if rank < 1:
        return np.full(members.shape[1], -np.inf)
    largest = max(float(r[-1]) for r in residuals if len(r))
    low, high = members.min(axis=0) - largest, members.max(axis=0)
    for _ in range(N_BISECTIONS):
        middle = 0.5 * (low + high)
        count = np.zeros(members.shape[1], dtype=int)
        for f, r in zip(members, residuals, strict=True):
            count += len(r) - np.searchsorted(r, f - middle, side="left")  # f - R <= middle
        enough = count >= rank
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    smallest: NDArray[np.float64] = high
    return smallest


def label_set(
    members: NDArray[np.float64], scores: Sequence[NDArray[np.float64]], coverage: float
) -> NDArray[np.bool_]:
    """Return which labels (n, K) belong to the set of a row.

    ``members`` (M, n, K) are the probabilities by the model of each fold, ``scores`` the sorted 1 - p_y of the rows of
    each fold. A label belongs to the set unless too many rows have a lower score than it.
    """
    n_rows = sum(map(len, scores))
    n_below = np.zeros(members.shape[1:], dtype=int)
    for p, s in zip(members, scores, strict=True):
        n_below += np.searchsorted(s, 1.0 - p, side="left")
    belongs: NDArray[np.bool_] = n_below < coverage * (n_rows + 1)
    return belongs
