"""The fits of a cell, trained as one list of jobs."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from ..compat import check_method_params, safe_split
from ..fitting.data import FitData
from ..fitting.jobs import Job, completed, fit_jobs
from ..fitting.plans import Ensemble
from ..fitting.state import warn_of
from .planning import Candidate, Cell

Key = tuple[int, int]  # numbers of a candidate and of a split


@dataclass
class SplitData:
    """The training rows of a split as the network reads them, after the earlier steps of a pipeline."""

    X: Any
    y: Any
    weight: Any
    steps: list[tuple[str, Any]]  # fitted
    seconds: float


@dataclass
class Finished:
    """A fitted estimator or the exception of its fit, and its share of the seconds."""

    estimator: Any
    error: Exception | None = None
    seconds: float = 0.0

    def result(self, estimator: Any) -> Any:
        """Return the estimator, or raise the exception."""
        if self.error is not None:
            raise self.error
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        try:
            pickle.dumps(self.error)
        except Exception:  # an unpicklable exception is replaced by its repr
            return vars(self) | {"error": RuntimeError(repr(self.error))}
        return vars(self)


def training_set(
    candidate: Candidate, X: Any, y: Any, rows: NDArray[np.integer[Any]], fit_params: Mapping[str, Any]
) -> SplitData | None:
    """Return some rows as the network reads them, and fit the earlier steps of a pipeline; None where that fails."""
    began = time.perf_counter()
    steps: list[tuple[str, Any]] = []
    try:
        X_part, y_part = safe_split(candidate.estimator, X, y, rows)
        weights = check_method_params(X, fit_params, rows).values()
        if candidate.steps_key is not None:
            earlier = clone(candidate.estimator)[:-1]
            X_part, steps = earlier.fit_transform(X_part, y_part), earlier.steps
    except Exception:  # each ordinary fit raises it too
        return None
    return SplitData(X_part, y_part, next(iter(weights), None), steps, time.perf_counter() - began)


def bytes_of_data(X: Any) -> float:
    """Return the memory of data that a network may read; infinity for objects that do not tell their size."""
    if sparse.issparse(X):
        return float(X.data.nbytes + 12 * X.nnz)
    shape = getattr(X, "shape", (math.inf,))
    return float(getattr(X, "nbytes", 8 * math.prod(shape)))


def train_cell(
    cell: Cell, make_set: Callable[[int], SplitData | None], n_splits: int, max_memory: float
) -> dict[Key, Finished | None]:
    """Fit candidates on all sets of a cell, and take them out of it; scikit-learn makes the fits that are None.

    They are the first ones whose fitted networks, on all splits of the search, stay below ``max_memory``.
    """
    candidates = cell.candidates
    finished: dict[Key, Finished] = {}
    waiting: list[_Fit] = []
    n_bytes = seconds = 0.0
    for s in cell.splits:
        made = make_set(s)
        if made is None:
            continue
        began = time.perf_counter() - made.seconds
        read = _read(cell.first, made)
        if read is not None:
            if candidates is cell.candidates:
                candidates = dict(islice(candidates.items(), _room(cell.first, read, max_memory / n_splits)))
            n_bytes += bytes_of_data(read.X)
            for fit in _fits(candidates, s, made, read):
                waiting.append(fit)
                n_bytes += sum(job.n_bytes for job in fit.jobs)
                if n_bytes > max_memory:
                    finished.update(_train(waiting))
                    waiting, n_bytes = [], 0.0
        seconds += time.perf_counter() - began
    began = time.perf_counter()
    finished.update(_train(waiting))
    seconds += time.perf_counter() - began
    for one in finished.values():
        one.seconds = seconds / len(finished)
    cell.candidates = {c: candidate for c, candidate in cell.candidates.items() if c not in candidates}
    return {**dict.fromkeys(product(candidates, cell.splits)), **finished}


SetArguments = tuple[Candidate, Any, Any, NDArray[np.integer[Any]], Mapping[str, Any]]
SetOrArguments = SplitData | SetArguments | None
"""A training set, or the arguments of ``training_set`` to make it."""


def train_whole_cell(
    cell: Cell, sets: Mapping[int, SetOrArguments], n_splits: int, max_memory: float
) -> dict[Key, Finished | None]:
    """Fit all candidates of a cell; ``sets`` are those of its splits."""

    def make_set(s: int) -> SplitData | None:
        made = sets[s]
        return training_set(*made) if isinstance(made, tuple) else made

    finished: dict[Key, Finished | None] = {}
    while cell.candidates:
        finished.update(train_cell(cell, make_set, n_splits, max_memory))
    return finished


def _read(candidate: Candidate, made: SplitData) -> FitData | None:
    """Return a training set as validated and encoded, once for all candidates of a cell; None where that fails."""
    try:
        return candidate.network._read(candidate.settings, made.X, made.y, made.weight)
    except Exception:  # each ordinary fit raises it too
        return None


def _room(candidate: Candidate, read: FitData, max_memory: float) -> int:
    """Return the number of fitted networks that stay below ``max_memory``, at least one."""
    network = candidate.settings.network(read.X.shape[1], read.targets.n_outputs, bottom=read.features.bottom())
    return max(1, int(max_memory // (candidate.settings.n_members * network.layout.size * read.dtype.itemsize)))


@dataclass
class _Fit:
    """An estimator that waits for the end of its jobs."""

    key: Key
    estimator: Any
    network: Any
    data: FitData
    plan: Ensemble
    jobs: list[Job]


def _fits(candidates: Mapping[int, Candidate], s: int, made: SplitData, read: FitData) -> Iterator[_Fit]:
    """Yield the fits of candidates on one training set."""
    for c, candidate in candidates.items():
        network = estimator = clone(candidate.network)
        if candidate.estimator is not candidate.network:
            name, _ = candidate.estimator.steps[-1]
            estimator = clone(candidate.estimator).set_params(steps=[*made.steps, (name, network)])
        try:
            # A generator as random_state is cloned for each fit.
            plan = Ensemble(replace(candidate.settings, random_state=network.random_state), read)
            jobs = plan.jobs()
        except Exception:  # each ordinary fit raises it too
            continue
        yield _Fit((c, s), estimator, network, read, plan, jobs)


def _train(fits: list[_Fit]) -> dict[Key, Finished]:
    finished: dict[Key, Finished] = {}
    try:
        results = iter(fit_jobs([job for fit in fits for job in fit.jobs]))
    except Exception:  # of a user-defined function, for one batch of many members: ordinary fits find whose it is
        return finished
    for fit in fits:
        finished[fit.key] = Finished(fit.estimator)
        try:
            states = completed([next(results) for _ in fit.jobs])
            for state in states:
                state.run_state = None  # twice the size of the weights, and no training continues from it
            fit.network._assign(fit.data, fit.plan.join(states), states)
            warn_of(states, stacklevel=6)
        except Exception as error:
            finished[fit.key].error = error
    return finished
