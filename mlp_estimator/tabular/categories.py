"""Categories as means of the target: out of fold in training, over all rows at prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.members import Array
from ..fitting.data import Targets
from .training import Fold

PRIOR_ROWS = 20.0
"""Rows of the overall mean that are added to each category (Micci-Barreca 2001)."""


@dataclass
class TargetMeans:
    """For each categorical column with at least three levels, the mean target of each level."""

    columns: list[int] = field(default_factory=list)  # places among the codes
    tables: list[NDArray[np.float64]] = field(default_factory=list)  # (n_levels + 1, K); the last row is for unseen
    center: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scale: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def learn(
        cls, codes: Array, n_levels: Sequence[int], targets: Targets, folds: Sequence[Fold]
    ) -> tuple[TargetMeans, NDArray[np.float32]]:
        """Learn the means from all rows; return them, and those of the training rows from the other folds."""
        chosen = [j for j, n in enumerate(n_levels) if n >= 3]
        if not chosen or folds[0][1] is None:
            return cls(), np.empty((len(codes), 0), np.float32)
        means, places, y = cls(chosen), codes[:, chosen].astype(int), _as_columns(targets)
        parts = []
        for j, level in enumerate(chosen):
            n = n_levels[level]
            means.tables.append(_level_means(places[:, j], y, n))
            column = np.empty((len(codes), y.shape[1]))
            for train, validation in folds:
                column[validation] = _level_means(places[train, j], y[train], n)[places[validation, j]]
            parts.append(column)
        whole = np.concatenate(parts, axis=1)
        means.center, means.scale = whole.mean(axis=0), whole.std(axis=0)
        means.scale[means.scale == 0.0] = 1.0
        return means, means._standardised(whole)

    def transform(self, codes: Array) -> NDArray[np.float32]:
        """Return the standardised means (n, n_columns * K) over all training rows."""
        if not self.columns:
            return np.empty((len(codes), 0), np.float32)
        places = codes[:, self.columns].astype(int)
        whole = np.concatenate([table[places[:, j]] for j, table in enumerate(self.tables)], axis=1)
        return self._standardised(whole)

    def _standardised(self, whole: NDArray[np.float64]) -> NDArray[np.float32]:
        standardised: NDArray[np.float32] = ((whole - self.center) / self.scale).astype(np.float32)
        return standardised


def _as_columns(targets: Targets) -> NDArray[np.float64]:
    """Return the targets as numbers: one column per target, of classes one for each but the first."""
    if not targets.loss.codes:
        return targets.Y.astype(np.float64)
    indicators = np.eye(targets.n_outputs)[targets.Y[:, 0]]
    rest: NDArray[np.float64] = indicators[:, 1:]
    return rest


def _level_means(codes: NDArray[Any], y: NDArray[np.float64], n_levels: int) -> NDArray[np.float64]:
    """Return the mean of each level, shrunk towards the overall mean, which is the last row: code -1 reads it."""
    overall = y.mean(axis=0)
    known = codes >= 0
    counts = np.bincount(codes[known], minlength=n_levels)[:, None].astype(float)
    sums = np.stack([np.bincount(codes[known], column[known], minlength=n_levels) for column in y.T], axis=1)
    means = (sums + PRIOR_ROWS * overall) / (counts + PRIOR_ROWS)
    return np.vstack([means, overall])
