"""The fits of a search in cells: candidates of one shape of network on one training set, trained side by side."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .classifier import MLPClassifier
from .engine.population import bytes_of
from .engine.runs import Run
from .engine.solvers import SOLVERS
from .parameters import check_combination, hidden_sizes
from .private import _check_method_params, _safe_split
from .regressor import MLPRegressor
from .training import Start, draw, keep, runs_from, train, warn

BY_MEMBER = {
    "alpha", "batch_size", "beta_1", "beta_2", "dropout", "epsilon", "learning_rate", "learning_rate_init", "max_fun",
    "max_grad_norm", "max_iter", "momentum", "n_iter_no_change", "n_members", "nesterovs_momentum", "power_t",
    "random_state", "scoring", "shuffle", "tol", "verbose", "weight_decay",
}  # fmt: skip
"""Parameters in which the networks of a cell may differ: the data are read in the same way whatever they are."""


@dataclass
class Candidate:
    """An estimator to be fitted on several training sets."""

    estimator: Any
    network: Any  # the estimator, or the last step of a pipeline
    before: Hashable  # the setting of the steps before it, None where there are none
    shape: Hashable  # equal for networks that may be of one cell
    hidden: list[int]


@dataclass
class TrainingSet:
    """What a network is given, the fitted steps before it that have made it, and the seconds that they took."""

    X: Any
    y: Any
    weight: Any
    steps: list[tuple[str, Any]]
    seconds: float


@dataclass
class Fitted:
    """An estimator that is fitted, or with what its fit has failed, and the seconds that were its part.

    In the place of a clone: setting its parameters gives the estimator that has been fitted with them, whose first call
    of ``fit`` is a call of this object.
    """

    estimator: Any
    error: Exception | None = None
    seconds: float = 0.0

    def set_params(self, **params: Any) -> Any:
        self.estimator.fit = self
        return self.estimator

    def __call__(self, X: Any, y: Any = None, **params: Any) -> Any:
        estimator, self.estimator = self.estimator, None
        del estimator.fit
        if self.error is not None:
            raise self.error
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        try:
            pickle.dumps(self.error)
        except Exception:  # of an exception that cannot travel its words do
            return vars(self) | {"error": RuntimeError(repr(self.error))}
        return vars(self)


def network_in(estimator: Any) -> tuple[Any, str]:
    """The network that an estimator is, or in which a pipeline ends, and what stands before its parameters' names.

    None where it is neither.
    """
    last, prefix = estimator, ""
    if type(estimator) is Pipeline and estimator.transform_input is None:
        name, last = estimator.steps[-1]
        prefix = f"{name}__"
    return (last, prefix) if type(last) in (MLPClassifier, MLPRegressor) else (None, "")


def candidate_of(estimator: Any, params: Mapping[str, Any], fit_params: Mapping[str, Any]) -> Candidate | None:
    """The candidate with these parameters, or None where its fits are to be ordinary ones."""
    try:
        estimator = clone(estimator).set_params(**clone(dict(params), safe=False))
        network, prefix = network_in(estimator)
        if network is None or set(fit_params) - {prefix + "sample_weight"}:
            return None
        network._validate_params()
        check_combination(network, SOLVERS[network.solver])
        steps = [estimator, *(step for _, step in getattr(estimator, "steps", ()))]
        watched = any(getattr(step, "_skl_callbacks", None) for step in steps) or network.max_time is not None
        if watched or not SOLVERS[network.solver].incremental:
            return None
        before = None
        if len(steps) > 2:
            before = joblib.hash({name: value for name, value in params.items() if not name.startswith(prefix)})
        others = {name: value for name, value in network.get_params(deep=False).items() if name not in BY_MEMBER}
        flags = bool(np.any(network.dropout)), network.scoring is None
        shape = (type(network).__name__, *flags, joblib.hash(others))
        return Candidate(estimator, network, before, shape, hidden_sizes(network.hidden_layer_sizes))
    except Exception:  # an ordinary fit meets it too, and the search knows what to do then
        return None


def training_set(
    candidate: Candidate, X: Any, y: Any, rows: np.ndarray, fit_params: Mapping[str, Any]
) -> TrainingSet | None:
    """Some rows as the network is given them, the steps before it being fitted on the way; None where that fails."""
    began = time.perf_counter()
    X_part, y_part = _safe_split(candidate.estimator, X, y, rows)
    weights = _check_method_params(X, params=fit_params, indices=rows).values()
    fitted: list[tuple[str, Any]] = []
    if candidate.before is not None:
        steps = clone(candidate.estimator)[:-1]
        try:
            X_part, fitted = steps.fit_transform(X_part, y_part), steps.steps
        except Exception:  # ordinary fits will meet it, each for itself
            return None
    return TrainingSet(X_part, y_part, next(iter(weights), None), fitted, time.perf_counter() - began)


Sets = Mapping[int, TrainingSet | tuple[Any, ...] | None]
"""By the number of a split its training set, or the arguments with which to make it."""


def carry_out(candidates: Mapping[int, Candidate], sets: Sets, max_memory: float) -> dict[tuple[int, int], Fitted]:
    """Fit all candidates on all sets; what is missing from the answer is to be fitted by itself."""
    began, found, n_bytes = time.perf_counter(), {}, 0
    waiting: list[_Waiting] = []
    for s, given in sets.items():
        data = training_set(*given) if isinstance(given, tuple) else given
        if data is None:
            continue
        began -= 0.0 if isinstance(given, tuple) else data.seconds
        for one in _prepared(candidates, s, data):
            waiting.append(one)
            n_bytes += sum(map(bytes_of, one.runs))
            if n_bytes > max_memory:
                found.update(_trained(waiting))
                waiting, n_bytes = [], 0
    found.update(_trained(waiting))
    for fitted in found.values():
        fitted.seconds = (time.perf_counter() - began) / len(found)
    return found


@dataclass
class _Waiting:
    """A fit that is ready to be trained."""

    key: tuple[int, int]
    estimator: Any
    network: Any
    runs: list[Run]
    dtype: Any


def _prepared(candidates: Mapping[int, Candidate], s: int, data: TrainingSet) -> Iterator[_Waiting]:
    """The fits of candidates on one training set, which they read and validate once."""
    given = next(iter(candidates.values())).network
    first = copy.copy(given)
    try:
        read = first._read(data.X, data.y, data.weight)
    except Exception:  # which ordinary fits will meet, each for itself
        return
    learnt = {name: value for name, value in vars(first).items() if name not in vars(given)}
    starts: dict[Hashable, tuple[list[Start], Any]] = {}
    for c, candidate in candidates.items():
        network = copy.copy(candidate.network)
        vars(network).update(learnt)
        seed = network.random_state
        drawn_alike = isinstance(seed, Integral)  # candidates with one seed have the same start and draw the same rows
        network.random_state = copy.deepcopy(seed)
        chance = (network.n_members, int(seed)) if drawn_alike else c
        try:
            if chance not in starts:
                starts[chance] = draw(network, read, None, False, False), getattr(network, "member_seeds_", None)
            drawn, seeds = starts[chance]
            runs = runs_from([start.again() for start in drawn], network, read, False, False)
        except Exception:
            continue
        if seeds is not None:
            network.member_seeds_ = seeds
        for m, run in enumerate(runs if drawn_alike else ()):
            run.stream = (s, chance, m)
        estimator = network
        if candidate.estimator is not candidate.network:
            estimator = copy.copy(candidate.estimator)
            estimator.steps = [*data.steps, (candidate.estimator.steps[-1][0], network)]
        yield _Waiting((c, s), estimator, network, runs, read.dtype)


def _trained(waiting: list[_Waiting]) -> dict[tuple[int, int], Fitted]:
    found: dict[tuple[int, int], Fitted] = {}
    try:
        if waiting:
            train(SOLVERS[waiting[0].network.solver], [run for one in waiting for run in one.runs])
    except Exception:  # of a function of the user's, inside a batch of many: ordinary fits will tell whose it is
        return found
    for one in waiting:
        found[one.key] = Fitted(one.estimator)
        try:
            keep(one.network, one.runs, one.dtype, False)
            del one.network._training  # twice the weights, and nobody goes on from here
            warn(one.runs)
        except Exception as error:
            found[one.key].error = error
    return found
