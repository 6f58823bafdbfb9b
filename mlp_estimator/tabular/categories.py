"""Categories as means of the target: out of fold in training, over all rows at prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.members import Array
from ..fitting.data import Targets
from .columns import Columns
from .table import Table
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
    out_of_fold: NDArray[np.float32] | None = None  # of the training rows, until the fit has read them

    @classmethod
    def learn(cls, table: Table, columns: Columns, targets: Targets, folds: Sequence[Fold]) -> TargetMeans:
        """Learn the means from all rows, and those of each fold from the other folds."""
        chosen = [j for j, n in enumerate(table.n_levels) if n >= 3]
        means = cls(chosen)
        if not chosen or folds[0][1] is None:
            means.columns = []
            return means
        codes = table.transform(columns)[1][:, chosen].astype(int)
        y = _as_columns(targets)
        parts = []
        for j, level in enumerate(chosen):
            n_levels = table.n_levels[level]
            means.tables.append(_level_means(codes[:, j], y, n_levels))
            column = np.empty((columns.n_rows, y.shape[1]))
            for train, validation in folds:
                column[validation] = _level_means(codes[train, j], y[train], n_levels)[codes[validation, j]]
            parts.append(column)
        whole = np.concatenate(parts, axis=1)
        means.center, means.scale = whole.mean(axis=0), whole.std(axis=0)
        means.scale[means.scale == 0.0] = 1.0
        means.out_of_fold = ((whole - means.center) / means.scale).astype(np.float32)
        return means

    def transform(self, codes: Array, folds: Any = None) -> NDArray[np.float32]:
        """Return the standardised means (n, n_columns * K); with ``folds`` those of the training rows, out of fold."""
        if not self.columns:
            return np.empty((len(codes), 0), np.float32)
        if folds is not None and self.out_of_fold is not None:
            out_of_fold, self.out_of_fold = self.out_of_fold, None
            return out_of_fold
        places = codes[:, self.columns].astype(int)
        whole = np.concatenate([table[places[:, j]] for j, table in enumerate(self.tables)], axis=1)
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
