"""Intervals and sets with a coverage that holds for any distribution, from out-of-fold residuals.

CV+ (Barber, Candes, Ramdas and Tibshirani 2021): at least 1 - 2 a where 1 - a is asked for, about 1 - a in practice.
Weighted rows stand for another population (Tibshirani, Barber, Candes and Ramdas 2019); see ``n_new``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_BISECTIONS = 60


@dataclass
class Residuals:
    """The sorted residuals of the rows of a fold, and how often those up to each count together."""

    values: NDArray[np.float64]
    cumulative: NDArray[np.float64]  # (n + 1,), from 0
    rows: NDArray[np.integer[Any]]  # of the training data, in the order of the values

    @classmethod
    def of(
        cls,
        values: NDArray[np.floating[Any]],
        counts: NDArray[np.float64] | None,
        rows: NDArray[np.integer[Any]],
    ) -> Residuals:
        """Return the residuals of some rows in order.

        ``values`` are those of all rows, ``counts`` how often each row counts, None where all count once.
        """
        order = rows[np.argsort(values[rows], kind="stable")]
        counts = np.ones(len(rows)) if counts is None else counts[order]
        return cls(values[order].astype(np.float64), np.concatenate([[0.0], np.cumsum(counts)]), order)

    def over(self, sizes: NDArray[np.float64]) -> Residuals:
        """Return them in units of the size that is expected of each row of the training data."""
        values = self.values / sizes[self.rows]
        order = np.argsort(values, kind="stable")
        counts = np.diff(self.cumulative)[order]
        return Residuals(values[order], np.concatenate([[0.0], np.cumsum(counts)]), self.rows[order])

    def among(self, chosen: NDArray[np.bool_]) -> Residuals:
        """Return those of the rows that are chosen among all."""
        kept = chosen[self.rows]
        counts = np.diff(self.cumulative)[kept]
        return Residuals(self.values[kept], np.concatenate([[0.0], np.cumsum(counts)]), self.rows[kept])

    @property
    def total(self) -> float:
        """How often all rows count."""
        return float(self.cumulative[-1])

    def below(self, limit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how often the residuals below each limit count."""
        below: NDArray[np.float64] = self.cumulative[np.searchsorted(self.values, limit, side="left")]
        return below


def interval(
    members: NDArray[np.float64], spread: NDArray[np.float64], residuals: Sequence[Residuals], coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends (n,) of the interval around predictions of fold models.

    ``members`` (K, n) are the predictions f of the model of each fold, ``spread`` (K, n) the sizes s of residuals that
    it expects, and ``residuals`` the absolute residuals of the rows of each fold over the size that was expected. With
    R_i that of row i in fold k(i), the ends are the floor(a (n + 1))-th smallest of f_k(i) - s_k(i) R_i and the
    ceil((1 - a) (n + 1))-th smallest of f_k(i) + s_k(i) R_i, each row as often as it counts.
    """
    outside = n_outside(residuals, coverage)
    upper = -_smallest(-members, spread, residuals, outside)
    return _smallest(members, spread, residuals, outside), upper


def n_new(residuals: Sequence[Residuals]) -> float:
    """Return how often a new row counts, of which nothing is known: as often as is expected of a row.

    Whole counts are repeated rows, and the new one is there once. Other counts c are weights, by which a row of the
    other population is drawn: sum c^2 / sum c.
    """
    counts = np.diff(np.concatenate([of_fold.cumulative for of_fold in residuals]))
    counts = counts[counts > 0.0]  # not the steps back to 0 between two folds
    whole = bool((counts == np.round(counts)).all())
    return 1.0 if whole else float((counts**2).sum() / counts.sum())


def n_outside(residuals: Sequence[Residuals], coverage: float) -> float:
    """Return how many rows may lie outside of one end of an interval; below 0 the ends are infinite."""
    new = n_new(residuals)
    return _rounded((1.0 - coverage) * (sum(of_fold.total for of_fold in residuals) + new)) - new


def n_within(scores: Sequence[Residuals], coverage: float) -> float:
    """Return below how many lower scores a label belongs to a set."""
    return _rounded(coverage * (sum(of_fold.total for of_fold in scores) + n_new(scores)))


def _smallest(
    members: NDArray[np.float64], spread: NDArray[np.float64], residuals: Sequence[Residuals], outside: float
) -> NDArray[np.float64]:
    """Return the smallest f_k - s_k R_i with more than ``outside`` rows up to it, by bisection."""
    if outside < 0.0:
        return np.full(members.shape[1], -np.inf)
    largest = max(float(r.values[-1]) for r in residuals if len(r.values))
    low, high = (members - spread * largest).min(axis=0), members.max(axis=0)
    for _ in range(N_BISECTIONS):
        middle = 0.5 * (low + high)
        count = np.zeros(members.shape[1])
        for f, s, r in zip(members, spread, residuals, strict=True):
            count += r.total - r.below((f - middle) / s)  # f - s R <= middle
        enough = count > outside
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    smallest: NDArray[np.float64] = high
    return smallest


def label_set(members: NDArray[np.float64], scores: Sequence[Residuals], coverage: float) -> NDArray[np.bool_]:
    """Return which labels (n, K) belong to the set of a row.

    ``members`` (M, n, K) are the probabilities by the model of each fold, ``scores`` 1 - p_y of the rows of each fold.
    A label belongs to the set unless too many rows have a lower score than it.
    """
    n_below = np.zeros(members.shape[1:])
    for p, s in zip(members, scores, strict=True):
        n_below += s.below(1.0 - p)
    belongs: NDArray[np.bool_] = n_below < n_within(scores, coverage)
    return belongs


def _rounded(rank: float) -> float:
    """Return a rank that is whole up to rounding as a whole number: 1 - 0.9 is below 0.1."""
    return round(rank) if abs(rank - round(rank)) < 1e-9 * rank else rank
