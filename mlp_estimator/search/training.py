"""The fits of a cell, trained as one list of jobs."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ..compat import check_method_params, safe_split
from ..fitting.data import TrainingData
from ..fitting.jobs import Job, completed, fit_jobs, jobs_of
from ..fitting.state import warn_of
from .planning import Candidate

Key = tuple[int, int]  # numbers of a candidate and of a split


@dataclass
class TrainingSet:
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

    def __getstate__(self) -> dict[str, Any]:
        try:
            pickle.dumps(self.error)
        except Exception:  # an unpicklable exception is replaced by its repr
            return vars(self) | {"error": RuntimeError(repr(self.error))}
        return vars(self)


def training_set(
    candidate: Candidate, X: Any, y: Any, rows: NDArray[np.integer[Any]], fit_params: Mapping[str, Any]
) -> TrainingSet | None:
    """Return some rows as the network reads them, and fit the earlier steps of a pipeline; None where that fails."""
    began = time.perf_counter()
    X_part, y_part = safe_split(candidate.estimator, X, y, rows)
    weights = check_method_params(X, fit_params, rows).values()
    steps: list[tuple[str, Any]] = []
    if candidate.steps_key is not None:
        earlier = clone(candidate.estimator)[:-1]
        try:
            X_part, steps = earlier.fit_transform(X_part, y_part), earlier.steps
        except Exception:  # each ordinary fit raises it too
            return None
    return TrainingSet(X_part, y_part, next(iter(weights), None), steps, time.perf_counter() - began)


Sets = Mapping[int, TrainingSet | tuple[Any, ...] | None]
"""By the number of a split its training set, or the arguments of ``training_set`` to make it."""


def train_cell(candidates: Mapping[int, Candidate], sets: Sets, max_memory: float) -> dict[Key, Finished]:
    """Fit all candidates on all sets; scikit-learn fits what is missing from the answer."""
    began, finished, n_bytes = time.perf_counter(), {}, 0
    waiting: list[_Fit] = []
    for s, of_split in sets.items():
        data = training_set(*of_split) if isinstance(of_split, tuple) else of_split
        if data is None:
            continue
        began -= 0.0 if isinstance(of_split, tuple) else data.seconds
        for fit in _fits(candidates, s, data):
            waiting.append(fit)
            n_bytes += sum(job.n_bytes for job in fit.jobs)
            if n_bytes > max_memory:
                finished.update(_train(waiting))
                waiting, n_bytes = [], 0
    finished.update(_train(waiting))
    for one in finished.values():
        one.seconds = (time.perf_counter() - began) / len(finished)
    return finished


@dataclass
class _Fit:
    """An estimator that waits for the end of its jobs."""

    key: Key
    estimator: Any
    network: Any
    data: TrainingData
    jobs: list[Job]


def _fits(candidates: Mapping[int, Candidate], s: int, data: TrainingSet) -> Iterator[_Fit]:
    """Yield the fits of candidates on one training set, which is read and validated once."""
    first = next(iter(candidates.values()))
    try:
        read = first.network._read(first.settings, data.X, data.y, data.weight)
    except Exception:  # each ordinary fit raises it too
        return
    for c, candidate in candidates.items():
        network = estimator = clone(candidate.network)
        if candidate.estimator is not candidate.network:
            estimator = clone(candidate.estimator)
            estimator.steps = [*data.steps, (estimator.steps[-1][0], network)]
        try:
            # A generator as random_state is cloned for each fit.
            jobs = jobs_of(replace(candidate.settings, random_state=network.random_state), read)
        except Exception:  # as above
            continue
        yield _Fit((c, s), estimator, network, read, jobs)


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
                state.training = None  # twice the size of the weights, and no training continues from it
            fit.network._assign(fit.data, states)
            warn_of(states)
        except Exception as error:
            finished[fit.key].error = error
    return finished
