"""How much predictions need each column: the rise of their error on unseen rows where the column is permuted.

Breiman (2001), section 10. Each row is predicted by the members that have not seen it, as for the out-of-fold score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..engine.members import Array
from .features import Coded, Table
from .fitted import Fitted, Networks
from .member_config import Members
from .targets import Encoded

MAX_ROWS, MIN_ROWS, MAX_PREDICTIONS = 4000, 250, 60_000
"""Rows that a fit keeps: fewer for many columns, since each column is predicted anew."""


@dataclass
class RowSample:
    """Coded rows of a fit with their targets.

    ``folds`` has the number of the fold of each, whose members have not seen it. Without folds all members predict it,
    and only where these are ``unseen`` rows does their error say something. ``units`` are numbers of what was drawn
    independently: the row, or its group where there are ``groups``.
    """

    coded: Array
    encoded: Encoded
    folds: NDArray[np.integer[Any]] | None
    units: NDArray[np.integer[Any]]
    grouped: bool
    unseen: bool = True

    @classmethod
    def of(
        cls,
        read: Callable[[NDArray[np.integer[Any]]], Array],
        encoded: Encoded,
        folds: NDArray[np.integer[Any]] | None,
        groups: NDArray[np.integer[Any]] | None,
        table: Table,
        *,
        unseen: bool,
    ) -> RowSample:
        """Return a systematic sample; ``read`` returns coded rows."""
        size = min(MAX_ROWS, max(MIN_ROWS, MAX_PREDICTIONS // len(table.kinds)))
        chosen = systematic(np.ones(len(encoded.Y)) if encoded.counts is None else encoded.counts, size)
        counted = replace(encoded.take(chosen), sample_weight=None)
        units = np.unique(chosen if groups is None else groups[chosen], return_inverse=True)[1]
        return cls(read(chosen), counted, folds if folds is None else folds[chosen], units, groups is not None, unseen)

    def permuted(self) -> NDArray[np.intp]:
        """Return for each row the number of another one at random, of another group where there are groups.

        It is one of its fold, as far as this has other groups: members have learned what groups outside of it are like.
        """
        rng = np.random.default_rng(0)
        if not self.grouped or self.folds is None:
            return rng.permutation(len(self.coded))
        order = np.empty(len(self.coded), np.intp)
        for unit in np.unique(self.units):
            own = self.units == unit
            near = np.flatnonzero((self.folds == self.folds[own][0]) & ~own)
            order[own] = rng.choice(near if len(near) else np.flatnonzero(~own), np.count_nonzero(own))
        return order

    def standard_errors(self, rises: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard errors (n_columns,) of means over the rows, NaN of one row or group.

        Rows of a group, and a row that counts several times, are no further evidence (Liang and Zeger 1986).
        """
        n_units = int(self.units.max()) + 1
        deviations = rises - rises.mean(axis=1, keepdims=True)
        sums = np.stack([np.bincount(self.units, of_column, n_units) for of_column in deviations])
        factor = n_units / (n_units - 1) if n_units > 1 else np.nan
        errors: NDArray[np.float64] = np.sqrt(factor * (sums**2).sum(axis=1)) / rises.shape[1]
        return errors

    def background(self, size: int) -> Array:
        """Return some of the rows."""
        return self.coded[systematic(np.ones(len(self.coded)), size)]


def systematic(counts: NDArray[np.float64], size: int) -> NDArray[np.intp]:
    """Return the numbers of a systematic sample of rows, each as often as it counts; all where these are few."""
    ends = np.cumsum(counts)
    size = min(size, round(ends[-1]))
    places: NDArray[np.intp] = np.searchsorted(ends, (np.arange(size) + 0.5) / size * ends[-1], side="right")
    return places.clip(max=len(counts) - 1)


def importances(fitted: Fitted, sample: RowSample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean rise of the error of a row for each column, and its standard error over the rows.

    The error is that of ``Targets.row_errors``.
    """
    table, targets, members = cast(Table, fitted.features), fitted.targets, list(_by_fold(fitted, sample))

    def errors(coded: Array) -> NDArray[np.float64]:
        parts = [(rows, member.predict(coded[rows])) for rows, member in members]
        rows = np.concatenate([rows for rows, _ in parts])
        return targets.row_errors(sample.encoded, np.concatenate([part for _, part in parts])[np.argsort(rows)])

    before, rises = errors(sample.coded), np.zeros((len(table.kinds), len(sample.coded)))
    columns, others = table.columns, sample.coded[sample.permuted()]
    for column in range(len(table.kinds)):
        features = columns == column
        if features.any():
            permuted = sample.coded.copy()
            permuted[:, features] = others[:, features]
            rises[column] = errors(permuted) - before
    return rises.mean(axis=1), sample.standard_errors(rises)


def _by_fold(fitted: Fitted, sample: RowSample) -> Iterator[tuple[NDArray[np.intp], Fitted]]:
    """Yield some of the rows, and what predicts them from coded rows."""
    if sample.folds is None:
        yield np.arange(len(sample.coded)), replace(fitted, features=Coded(fitted.features))
        return
    for fold in np.unique(sample.folds).tolist():
        yield np.flatnonzero(sample.folds == fold), _of_member(fitted, fold)


def _of_member(fitted: Fitted, k: int) -> Fitted:
    """Return what the members of a fold predict, as the mixture over the settings."""
    groups = []
    for group in fitted.groups:
        members = cast(Members, group.recipe)
        m = k * group.n_members // fitted.n_members
        arrays = {
            name: [array[m] if group.n_members > 1 else array for array in of_layers]
            for name, of_layers in group.arrays.items()
        }
        groups.append(Networks(Members(members.config, [members.left_out[m]]), arrays))
    return replace(fitted, features=Coded(fitted.features), groups=groups, n_members=1)
