"""How trained fits reach scikit-learn's search: they stand in for the clones that it asks for.

For each candidate and split, in a fixed order, the search clones its estimator, sets the parameters of the candidate,
calls ``fit`` and scores the result. ``PrefittedClones`` stands in for the estimator: its clone is a ``Prefitted``,
whose ``set_params`` returns an estimator that is trained already and whose first call of ``fit`` returns at once. Where
a fit could not be trained in a cell, the clone is an ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import Any, cast

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from .planning import Cell, candidate_of, cells_of
from .training import (
    Finished,
    Key,
    SetArguments,
    SetOrArguments,
    SplitData,
    bytes_of_data,
    train_cell,
    train_whole_cell,
    training_set,
)

Split = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]  # training and test rows


@dataclass
class Drawn:
    """What the fits of a search are made of."""

    candidates: Sequence[Mapping[str, Any]]
    splits: Sequence[Split]
    X: Any
    y: Any


def once(estimator: Any, method: str, action: Callable[[Any], Any]) -> Any:
    """Return a copy of an estimator whose next call of a method is that of ``action`` with the copy.

    From that call on the copy is an ordinary estimator of the same class.
    """
    cls = _class_with(cast(Hashable, type(estimator)), method)
    copy = cls.__new__(cls)
    vars(copy).update(vars(estimator), _once=action)
    return copy


@cache
def _class_with(ordinary: Any, method: str) -> Any:
    def act(self: Any, *arguments: Any, **options: Any) -> Any:
        self.__class__ = ordinary
        return vars(self).pop("_once")(self)

    cls = type(ordinary.__name__, (ordinary,), {})
    setattr(cls, method, act)  # scikit-learn reads the signatures of methods where a class is made
    return cls


class Prefitted:
    """Stands in for one clone: a finished fit, or its exception."""

    def __init__(self, finished: Finished):
        self._finished = finished

    def set_params(self, **params: Any) -> Any:
        """Return the estimator that was fitted with these parameters; its next call of ``fit`` returns at once."""
        return once(self._finished.estimator, "fit", self._finished.result)


class PrefittedClones:
    """Stands in for the estimator that a search clones: each clone is the next fit that the search asks for."""

    routed: Any  # the metadata of each object of the search
    drawn: Drawn | None = None

    def __init__(self, estimator: Any, draw: Callable[[], Drawn | None], n_jobs: int | None, max_memory: float):
        self._estimator, self._draw, self._n_jobs, self._max_memory = estimator, draw, n_jobs, max_memory
        self._keys: Iterator[Key] = iter(())
        self._sets: dict[tuple[Hashable, int], SplitData] = {}
        self._finished: dict[Key, Finished | None] = {}

    def first(self, estimator: Any) -> PrefittedClones:
        """Return the first clone, of which the search makes the others; it has checked all input before."""
        self.drawn = self._draw()
        if self.drawn is not None:
            self._plan(self.drawn)
        return self

    def _plan(self, drawn: Drawn) -> None:
        candidates, splits = drawn.candidates, drawn.splits
        self._keys = product(range(len(candidates)), range(len(splits)))
        self._seconds = np.full((len(candidates), len(splits)), np.nan)  # NaN for ordinary fits
        planned = {
            c: candidate_of(self._estimator, params, self.routed.estimator.fit) for c, params in enumerate(candidates)
        }
        cells = cells_of({c: one for c, one in planned.items() if one is not None}, len(splits))
        self._cells = {(c, s): cell for cell in cells for c in cell.candidates for s in cell.splits}
        if effective_n_jobs(self._n_jobs) > 1:
            self._train_in_parallel(cells, Parallel(n_jobs=self._n_jobs))

    def _train_in_parallel(self, cells: Sequence[Cell], parallel: Parallel) -> None:
        """Train all cells, over processes; each makes its training sets, unless cells share the earlier steps."""
        arguments = {(cell.first.steps_key, s): self._set_arguments(cell, s) for cell in cells for s in cell.splits}
        sets: dict[tuple[Hashable, int], SetOrArguments] = {**arguments}
        shared = [key for key in sets if key[0] is not None]
        if shared:  # what reaches the networks of the first one tells the memory of all
            made = training_set(*arguments[shared[0]])
            if made is not None and len(shared) * bytes_of_data(made.X) <= self._max_memory:
                others = parallel(delayed(training_set)(*arguments[key]) for key in shared[1:])
                sets.update(zip(shared, [made, *others], strict=True))
        for finished in parallel(
            delayed(train_whole_cell)(
                cell, {s: sets[cell.first.steps_key, s] for s in cell.splits}, self._seconds.shape[1], self._max_memory
            )
            for cell in cells
        ):
            self._finished.update(finished)

    def _set_arguments(self, cell: Cell, s: int) -> SetArguments:
        assert self.drawn is not None
        return cell.first, self.drawn.X, self.drawn.y, self.drawn.splits[s][0], self.routed.estimator.fit

    def _training_set(self, cell: Cell, s: int) -> SplitData | None:
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

    def __sklearn_clone__(self) -> Any:
        """Return the next fit, or an ordinary clone where scikit-learn must fit; after them the clone for the refit."""
        key = next(self._keys, None)
        if key is None:
            return clone(self._estimator)
        if key in self._cells and key not in self._finished:
            cell = self._cells[key]
            make_set = partial(self._training_set, cell)
            self._finished.update(train_cell(cell, make_set, self._seconds.shape[1], self._max_memory))
        finished = self._finished.pop(key, None)
        if finished is None:
            return clone(self._estimator)
        self._seconds[key] = finished.seconds
        return Prefitted(finished)

    def share_time(self, results: dict[str, Any]) -> None:
        """Write each fit's share of the time of its cell into the table of results."""
        for name, over_splits in (("mean_fit_time", np.mean), ("std_fit_time", np.std)):
            share = over_splits(self._seconds, axis=1)
            results[name] = np.where(np.isnan(share), results[name], share)

    def __reduce__(self) -> Any:
        # Tasks carry the search to other processes, which do not need the fits.
        return object.__new__, (PrefittedClones,)
