"""All fits of a search, arranged in cells and handed out one by one in the place of the clones that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from .cells import Candidate, Fitted, candidate_of, carry_out, training_set

ENOUGH = 24
"""Members from which on a population gains nothing by more (``benchmarks/population.py``)."""

Key = tuple[int, int]  # numbers of a candidate and of a split


@dataclass
class _Cell:
    """Candidates of one shape, and the splits on whose training rows they are fitted together."""

    candidates: dict[int, Candidate]
    splits: range

    @property
    def first(self) -> Candidate:
        return next(iter(self.candidates.values()))


class Fits:
    """In the place of the estimator that a search clones: each clone is the next fit that it asks for."""

    def __init__(
        self,
        search: Any,
        data: tuple[Any, Any],
        candidates: Sequence[Mapping[str, Any]],
        rows: Sequence[np.ndarray],
        fit_params: Mapping[str, Any],
    ):
        self._estimator, self._max_memory = search.estimator, search.max_memory
        self._data, self._rows, self._fit_params = data, rows, fit_params
        self._asked_for = product(range(len(candidates)), range(len(rows)))
        self._sets: dict[tuple[Any, int], Any] = {}
        self._ready: dict[Key, Fitted] = {}
        self._attempted: set[Key] = set()
        self.seconds = np.full((len(candidates), len(rows)), np.nan)  # NaN for ordinary fits
        groups: dict[Any, dict[int, Candidate]] = {}
        for c, params in enumerate(candidates):
            candidate = candidate_of(search.estimator, params, fit_params)
            if candidate is not None:
                groups.setdefault((candidate.before, candidate.shape), {})[c] = candidate
        cells = [cell for group in groups.values() for cell in self._cells_of(group)]
        self._cells = {(c, s): cell for cell in cells for c in cell.candidates for s in cell.splits}
        if effective_n_jobs(search.n_jobs) > 1:
            self._carry_out_at_once(cells, Parallel(n_jobs=search.n_jobs))

    def _cells_of(self, group: dict[int, Candidate]) -> list[_Cell]:
        """Cells with enough members, whose training sets and fitted networks take no more memory than is allowed."""
        n_splits, first = len(self._rows), next(iter(group.values()))
        n_members = sum(candidate.network.n_members for candidate in group.values())
        shape = np.shape(self._data[0])
        sizes = [shape[1] if len(shape) > 1 else 1, *first.hidden, 1]
        n_bytes = 8 * first.network.n_members * sum(n_in * n_out for n_in, n_out in pairwise(sizes))
        most = max(1, int(self._max_memory // (n_bytes * n_splits)))
        n_sets = max(1, min(-(-ENOUGH // n_members), int(self._max_memory // _bytes(self._data[0]))))
        numbers = list(group)
        parts = [{c: group[c] for c in numbers[i : i + most]} for i in range(0, len(numbers), most)]
        starts = range(0, n_splits, n_sets)
        return [_Cell(part, range(s, min(s + n_sets, n_splits))) for part in parts for s in starts]

    def _carry_out_at_once(self, cells: Sequence[_Cell], parallel: Parallel) -> None:
        """All cells, over processes; training sets are made where they are needed, unless others share their steps."""
        sets = {(cell.first.before, s): self._set_task(cell, s) for cell in cells for s in cell.splits}
        shared = {key: task for key, task in sets.items() if key[0] is not None}
        if len(shared) * _bytes(self._data[0]) <= self._max_memory:
            made = parallel(delayed(training_set)(*task) for task in shared.values())
            sets.update(zip(shared, made, strict=True))
        for found in parallel(
            delayed(carry_out)(cell.candidates, {s: sets[cell.first.before, s] for s in cell.splits}, self._max_memory)
            for cell in cells
        ):
            self._ready.update(found)
        self._attempted.update(self._cells)

    def _set_task(self, cell: _Cell, s: int) -> tuple[Any, ...]:
        return cell.first, *self._data, self._rows[s], self._fit_params

    def _set_of(self, cell: _Cell, s: int) -> Any:
        """A training set; steps before the network are fitted once for each split and setting of theirs."""
        key = cell.first.before, s
        if key in self._sets:
            return self._sets[key]
        made = training_set(*self._set_task(cell, s))
        if cell.first.before is not None and made is not None:
            if sum(_bytes(kept.X) for kept in self._sets.values()) + _bytes(made.X) > self._max_memory:
                self._sets.clear()
            self._sets[key] = made
        return made

    def __call__(self) -> Fits:
        """The first clone, of which the search makes the others."""
        return self

    def __sklearn_clone__(self) -> Any:
        key = next(self._asked_for, None)
        if key is None:
            return clone(self._estimator)  # for the fit on all data
        if key in self._cells and key not in self._attempted:
            cell = self._cells[key]
            sets = {s: self._set_of(cell, s) for s in cell.splits}
            self._ready.update(carry_out(cell.candidates, sets, self._max_memory))
            self._attempted.update(product(cell.candidates, cell.splits))
        if key not in self._ready:
            return clone(self._estimator)  # for an ordinary fit
        fitted = self._ready.pop(key)
        self.seconds[key] = fitted.seconds
        return fitted

    def __reduce__(self) -> Any:
        # Tasks carry the search and its scorers along to other processes, which have no use for the fits.
        return object.__new__, (Fits,)


def _bytes(X: Any) -> int:
    """What data take in memory, of frames about."""
    if sparse.issparse(X):
        return X.data.nbytes + 12 * X.nnz
    return max(getattr(X, "nbytes", 8 * np.size(X)), 1)
