"""Categories as means of the target: out of fold in training, over all rows at prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRIOR_ROWS = 20.0
"""Rows of the overall mean that are added to each category (Micci-Barreca 2001)."""

MIN_LEVELS = 3
"""Categories with fewer levels have no means: their code says as much."""


@dataclass
class TargetMeans:
    """For each column of codes with enough levels the mean of each target by level, standardised."""

    columns: list[int] = field(default_factory=list)  # places among the codes
    n_levels: list[int] = field(default_factory=list)  # of these columns
    n_targets: int = 0
    tables: list[NDArray[np.float64]] = field(default_factory=list)  # (n_levels + 1, K); the last row is for unseen
    center: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scale: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, n_levels: Sequence[int], n_targets: int) -> TargetMeans:
        """Return means that are not learned yet."""
        chosen = [j for j, n in enumerate(n_levels) if n >= MIN_LEVELS]
        return cls(chosen, [n_levels[j] for j in chosen], n_targets)

    def __len__(self) -> int:
        return len(self.columns) * self.n_targets

    def learn(
        self,
        codes: NDArray[Any],
        y: NDArray[np.float64],
        folds: Sequence[tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]],
        counts: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        """Learn the means of y (n, K) from all rows; return those of the training rows from the other folds.

        ``folds`` are training and validation rows, ``counts`` how often each row counts.
        """
        places, parts = codes[:, self.columns].astype(int), []
        counts = np.ones(len(codes)) if counts is None else counts
        for j, n in enumerate(self.n_levels):
            self.tables.append(_level_means(places[:, j], y, n, counts))
            column = np.empty((len(codes), y.shape[1]))
            for train, validation in folds:
                column[validation] = _level_means(places[train, j], y[train], n, counts[train])[places[validation, j]]
            parts.append(column)
        columns = np.concatenate(parts, axis=1)
        self.center = np.average(columns, axis=0, weights=counts)
        self.scale = np.sqrt(np.average((columns - self.center) ** 2, axis=0, weights=counts))
        self.scale[self.scale == 0.0] = 1.0
        return self._standardised(columns)

    def code(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Return the means (n, n_columns * K) over all training rows."""
        places = codes[:, self.columns].astype(int)
        return self._standardised(np.concatenate([t[places[:, j]] for j, t in enumerate(self.tables)], axis=1))

    def _standardised(self, columns: NDArray[np.float64]) -> NDArray[np.float32]:
        standardised: NDArray[np.float32] = ((columns - self.center) / self.scale).astype(np.float32)
        return standardised


def _level_means(
    codes: NDArray[Any], y: NDArray[np.float64], n_levels: int, counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of each level, shrunk towards the overall mean, which is the last row: code -1 reads it."""
    overall = np.average(y, axis=0, weights=counts)
    known = codes >= 0
    n_rows = np.bincount(codes[known], counts[known], minlength=n_levels)[:, None]
    weighted = (y * counts[:, None])[known]
    sums = np.stack([np.bincount(codes[known], column, minlength=n_levels) for column in weighted.T], axis=1)
    means = (sums + PRIOR_ROWS * overall) / (n_rows + PRIOR_ROWS)
    return np.vstack([means, overall])
