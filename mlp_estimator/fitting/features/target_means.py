"""Categories as means of the target by level: each network reads those of the rows that it trains on.

Let F be the folds that a network does not train on. For a training row of fold j it reads the mean of the row's level
over the rows outside F and j: no row sees its own target. For a row of F or a new row it reads the mean over all rows
outside F: the network has not seen the targets of the rows that validate it. Both follow from sums by fold and level.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

MIN_LEVELS = 3
"""Categories with fewer levels have no means: their code says as much."""

MAX_NUMBERS = 64
"""Means of a table. Of many classes the most frequent ones have means."""

MIN_PRIOR, MAX_PRIOR = 1.0, 1000.0
"""Bounds of the rows of the overall mean that are added to each level."""

Numbers = NDArray[np.float64]


STRETCH_ROWS = 2**17


@dataclass
class Stretch:
    """Codes (n, n_codes), folds (n,), targets (n, K) and counts (n,) of a stretch of the training rows."""

    codes: NDArray[np.integer]
    folds: NDArray[np.integer]
    y: Numbers
    counts: Numbers  # how often each row counts


@dataclass
class TargetMeans:
    """For each column of codes with enough levels the sums and counts of the targets by fold and level."""

    columns: list[int] = field(default_factory=list)  # places among the codes
    sums: list[Numbers] = field(default_factory=list)  # (n_folds, n_levels, K), of each column
    counts: list[Numbers] = field(default_factory=list)  # (n_folds, n_levels)
    priors: list[float] = field(default_factory=list)
    center: Numbers = field(default_factory=lambda: np.empty(0))  # (n_columns, K)
    scale: Numbers = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, n_levels: Sequence[int], n_targets: int) -> TargetMeans:
        """Return means that are not learned yet."""
        return cls([j for j, n in enumerate(n_levels) if n >= MIN_LEVELS and n_targets])

    def learn(self, n_rows: int, n_folds: int, n_levels: Sequence[int], read: Callable[[slice], Stretch]) -> None:
        """Learn from training rows, of which ``read`` returns a stretch; ``n_levels`` are those of all codes."""
        ends = [slice(start, min(start + STRETCH_ROWS, n_rows)) for start in range(0, n_rows, STRETCH_ROWS)]
        moments = sum(np.stack([part.counts @ part.y**k for k in range(3)]) for part in map(read, ends))
        total, sum_, squares = np.asarray(moments)
        variance = squares / total - (sum_ / total) ** 2
        chosen = _most_varied(variance, max(1, MAX_NUMBERS // max(len(self.columns), 1)))
        shapes = [(n_folds, n_levels[column]) for column in self.columns]
        self.sums, self.counts = [np.zeros((*shape, len(chosen))) for shape in shapes], [*map(np.zeros, shapes)]
        for part in map(read, ends):
            for column, shape, sums, counts in zip(self.columns, shapes, self.sums, self.counts, strict=True):
                cells, size = part.folds * shape[1] + part.codes[:, column], shape[0] * shape[1]
                for k, of_target in enumerate(part.y[:, chosen].T):
                    sums[..., k] += np.bincount(cells, part.counts * of_target, size).reshape(shape)
                counts += np.bincount(cells, part.counts, size).reshape(shape)
        self.priors = [
            _likely_prior(sums.sum(axis=0), counts.sum(axis=0), squares[chosen])
            for sums, counts in zip(self.sums, self.counts, strict=True)
        ]
        self._standardise()

    def _standardise(self) -> None:
        """Fix the scale of means: that of the training rows of a network which leaves out no fold."""
        moments = []
        for means, counts in zip(self._means(()), self.counts, strict=True):
            of_rows, weights = means[1:, 1:].reshape(-1, means.shape[2]), counts.ravel()
            center = np.average(of_rows, axis=0, weights=weights)
            moments.append((center, np.sqrt(np.average((of_rows - center) ** 2, axis=0, weights=weights))))
        self.center, self.scale = (np.stack(parts) for parts in zip(*moments, strict=True))
        self.scale[self.scale <= 1e-9] = 1.0

    def tables(self, left_out: Collection[int], *, new_rows: bool) -> list[Numbers]:
        """Return for each column the standardised means (n_keys, 1 + n_levels, K) of a network.

        The first row is that of unknown levels. Key 0 is a new row, key j + 1 a training row of fold j, of which
        there is none for ``new_rows``.
        """
        tables = zip(self._means(left_out), self.center, self.scale, strict=True)
        return [((means[:1] if new_rows else means) - center) / scale for means, center, scale in tables]

    def _means(self, left_out: Collection[int]) -> list[Numbers]:
        """Return for each column the means (1 + n_folds, 1 + n_levels, K) of a network."""
        tables = []
        for sums, counts, prior in zip(self.sums, self.counts, self.priors, strict=True):
            seen = np.isin(np.arange(len(counts)), list(left_out), invert=True)
            trained, n_trained = sums * seen[:, None, None], counts * seen[:, None]
            of_all = np.concatenate([np.zeros_like(sums[:1]), trained])  # what the row of a key must not see
            n_of_all = np.concatenate([np.zeros_like(counts[:1]), n_trained])
            sums, counts = trained.sum(axis=0) - of_all, n_trained.sum(axis=0) - n_of_all
            # A level of one fold has no mean in training, and so has none later.
            alone = (n_trained > 0.0).sum(axis=0) < 2
            totals, n_totals = sums.sum(axis=1, keepdims=True), counts.sum(axis=1)[:, None, None]
            overall = totals / np.maximum(n_totals, 1e-9)
            means = (sums + prior * overall) / (counts[:, :, None] + prior)
            tables.append(np.concatenate([overall, np.where(alone[None, :, None], overall, means)], axis=1))
        return tables


def _most_varied(variance: Numbers, n: int) -> NDArray[np.intp]:
    """Return the n targets of the largest variance in order: of indicators those of the most frequent classes."""
    if len(variance) <= n:
        return np.arange(len(variance))
    return np.sort(np.argsort(-variance, kind="stable")[:n])


def _likely_prior(sums: Numbers, counts: Numbers, squares: Numbers) -> float:
    """Return the variance of the targets within levels over that of their means between levels: by likelihood.

    ``sums`` (n_levels, K) and ``counts`` (n_levels,) are those of the levels, ``squares`` (K,) the sum of squared
    targets. Means of levels are normal around the overall mean, and targets around that of their level. The mean of a
    level is then expected to be (sum + prior * overall) / (count + prior), with the prior that is likeliest (Searle,
    Casella and McCulloch 1992, chapter 7), the same one for all targets.
    """
    n_rows, used = counts.sum(), counts > 0.0
    sums, counts = sums[used], counts[used]
    overall = sums.sum(axis=0) / n_rows
    means = sums / counts[:, None]
    within = np.maximum(squares - (counts[:, None] * means**2).sum(axis=0), 0.0)
    between = counts[:, None] * (means - overall) ** 2

    def minus_log_likelihood(log_prior: float) -> float:
        prior = np.exp(log_prior)
        residual = within + (prior / (counts + prior)) @ between
        return float(np.mean(n_rows * np.log(np.maximum(residual, 1e-9)) + np.log1p(counts / prior).sum()))

    bounds = (np.log(MIN_PRIOR), np.log(MAX_PRIOR))
    return float(np.exp(minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded").x))
