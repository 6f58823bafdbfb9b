"""How trained fits reach scikit-learn's search: they stand in for the clones that it asks for.

For each candidate and split, in a fixed order, the search clones its estimator, sets the parameters of the candidate,
calls ``fit`` and scores the result. ``PrefittedClones`` stands in for the estimator: its clone is a ``Prefitted``,
whose ``set_params`` returns an estimator that is trained already and whose first call of ``fit`` returns at once. Where
a fit could not be trained in a cell, the clone is an ordinary one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from .planning import Cell, bytes_of_data, candidate_of, cells_of
from .training import Finished, Key, train_cell, training_set


class Prefitted:
    """Stands in for one clone: a finished fit, or its exception."""

    def __init__(self, finished: Finished):
        self._finished: Finished | None = finished

    def set_params(self, **params: Any) -> Any:
        """Return the estimator that was fitted with these parameters; this object takes its first call of ``fit``."""
        assert self._finished is not None
        self._finished.estimator.fit = self
        return self._finished.estimator

    def __call__(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Return the fitted estimator, or raise the exception of its fit."""
        assert self._finished is not None
        finished, self._finished = self._finished, None
        del finished.estimator.fit
        if finished.error is not None:
            raise finished.error
        return finished.estimator


class PrefittedClones:
    """Stands in for the estimator that a search clones: each clone is the next fit that the search asks for."""

    def __init__(
        self,
        search: Any,
        data: tuple[Any, Any],
        candidates: Sequence[Mapping[str, Any]],
        rows: Sequence[NDArray[np.integer[Any]]],
        fit_params: Mapping[str, Any],
    ):
        self._estimator, self._max_memory = search.estimator, search.max_memory
        self._data, self._rows, self._fit_params = data, rows, fit_params
        self._keys = product(range(len(candidates)), range(len(rows)))
        self._sets: dict[tuple[Any, int], Any] = {}
        self._finished: dict[Key, Finished] = {}
        self._attempted: set[Key] = set()
        self.seconds = np.full((len(candidates), len(rows)), np.nan)  # NaN for ordinary fits
        planned = {c: candidate_of(search.estimator, params, fit_params) for c, params in enumerate(candidates)}
        together = {c: candidate for c, candidate in planned.items() if candidate is not None}
        cells = cells_of(together, data[0], len(rows), search.max_memory)
        self._cells = {(c, s): cell for cell in cells for c in cell.candidates for s in cell.splits}
        if effective_n_jobs(search.n_jobs) > 1:
            self._train_in_parallel(cells, Parallel(n_jobs=search.n_jobs))

    def _train_in_parallel(self, cells: Sequence[Cell], parallel: Parallel) -> None:
        """Train all cells, over processes; each makes its training sets, unless cells share the earlier steps."""
        sets = {(cell.first.steps_key, s): self._set_arguments(cell, s) for cell in cells for s in cell.splits}
        shared = {key: arguments for key, arguments in sets.items() if key[0] is not None}
        if len(shared) * bytes_of_data(self._data[0]) <= self._max_memory:
            made = parallel(delayed(training_set)(*arguments) for arguments in shared.values())
            sets.update(zip(shared, made, strict=True))
        for finished in parallel(
            delayed(train_cell)(
                cell.candidates, {s: sets[cell.first.steps_key, s] for s in cell.splits}, self._max_memory
            )
            for cell in cells
        ):
            self._finished.update(finished)
        self._attempted.update(self._cells)

    def _set_arguments(self, cell: Cell, s: int) -> tuple[Any, ...]:
        return cell.first, *self._data, self._rows[s], self._fit_params

    def _training_set(self, cell: Cell, s: int) -> Any:
        """Return a training set; earlier steps are fitted once per split and setting."""
        key = cell.first.steps_key, s
        if key in self._sets:
            return self._sets[key]
        made = training_set(*self._set_arguments(cell, s))
        if cell.first.steps_key is not None and made is not None:
            stored = sum(bytes_of_data(kept.X) for kept in self._sets.values())
            if stored + bytes_of_data(made.X) > self._max_memory:
                self._sets.clear()
            self._sets[key] = made
        return made

    def __call__(self) -> PrefittedClones:
        """Return the first clone, of which the search makes the others."""
        return self

    def __sklearn_clone__(self) -> Any:
        """Return the next fit, or an ordinary clone where scikit-learn must fit; after them the clone for the refit."""
        key = next(self._keys, None)
        if key is None:
            return clone(self._estimator)
        if key in self._cells and key not in self._attempted:
            cell = self._cells[key]
            sets = {s: self._training_set(cell, s) for s in cell.splits}
            self._finished.update(train_cell(cell.candidates, sets, self._max_memory))
            self._attempted.update(product(cell.candidates, cell.splits))
        if key not in self._finished:
            return clone(self._estimator)
        finished = self._finished.pop(key)
        self.seconds[key] = finished.seconds
        return Prefitted(finished)

    def __reduce__(self) -> Any:
        # Tasks carry the search and its scorers to other processes, which do not need the fits.
        return object.__new__, (PrefittedClones,)
