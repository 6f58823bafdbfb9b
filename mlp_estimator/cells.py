"""The fits of a search in cells: candidates of one shape of network on one training set, trained side by side."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .classifier import MLPClassifier
from .engine.population import bytes_of
from .engine.runs import Run, Training
from .engine.solvers import SOLVERS
from .parameters import check_combination
from .perceptron import _check_method_params, _safe_split
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
    before: Hashable  # the setting of the steps before it
    shape: Hashable  # equal for networks that may be of one cell


@dataclass
class TrainingSet:
    """What a network is given, and the fitted steps before it that have made it."""

    X: Any
    y: Any
    weight: Any = None
    steps: list[tuple[str, Any]] = field(default_factory=list)


@dataclass
class Fitted:
    """An estimator that is fitted, or with what its fit has failed, and the seconds that were its part.

    In the place of a clone: setting its parameters gives the estimator that has been fitted with them, whose ``fit`` is
    this object.
    """

    estimator: Any
    error: Exception | None = None
    seconds: float = 0.0

    def set_params(self, **params: Any) -> Any:
        self.estimator.fit = self
        return self.estimator

    def __call__(self, X: Any, y: Any = None, **params: Any) -> Any:
        if self.error is not None:
            raise self.error
        return self.estimator


def network_in(estimator: Any) -> Any:
    """The network that an estimator is, or in which a pipeline ends; None where it is neither."""
    last = estimator.steps[-1][1] if type(estimator) is Pipeline and estimator.transform_input is None else estimator
    return last if type(last) in (MLPClassifier, MLPRegressor) else None


def candidate_of(estimator: Any, params: Mapping[str, Any], fit_params: Mapping[str, Any]) -> Candidate | None:
    """The candidate with these parameters, or None where its fits are to be ordinary ones."""
    try:
        estimator = clone(estimator).set_params(**clone(dict(params), safe=False))
        network = network_in(estimator)
        if network is None or set(fit_params) - {_before_name(estimator) + "sample_weight"}:
            return None
        network._validate_params()
        check_combination(network, SOLVERS[network.solver])
        steps = [estimator, *(step for _, step in getattr(estimator, "steps", ()))]
        watched = any(getattr(step, "_skl_callbacks", None) for step in steps) or network.max_time is not None
        if watched or not SOLVERS[network.solver].incremental:
            return None
        before = {name: value for name, value in params.items() if not name.startswith(_before_name(estimator))}
        others = {name: value for name, value in network.get_params(deep=False).items() if name not in BY_MEMBER}
        shape = (type(network).__name__, bool(np.any(network.dropout)), joblib.hash(others))
        return Candidate(estimator, network, joblib.hash(before), shape)
    except Exception:  # an ordinary fit meets it too, and the search knows what to do then
        return None


def _before_name(estimator: Any) -> str:
    """What stands before the names of the network's parameters."""
    return f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""


def training_set(
    candidate: Candidate, X: Any, y: Any, rows: np.ndarray, fit_params: Mapping[str, Any]
) -> TrainingSet | None:
    """Some rows as the network is given them, the steps before it being fitted on the way; None where that fails."""
    estimator = candidate.estimator
    X_part, y_part = _safe_split(estimator, X, y, rows)
    weights = _check_method_params(X, params=fit_params, indices=rows).values()
    weight = next(iter(weights), None)
    if estimator is candidate.network or len(estimator.steps) == 1:
        return TrainingSet(X_part, y_part, weight)
    steps = clone(estimator)[:-1]
    try:
        return TrainingSet(steps.fit_transform(X_part, y_part), y_part, weight, steps.steps)
    except Exception:  # ordinary fits will meet it, each for itself
        return None


def carry_out(
    candidates: Mapping[int, Candidate], sets: Mapping[int, TrainingSet], max_memory: float
) -> dict[tuple[int, int], Fitted]:
    """Fit all candidates on all sets; what is missing from the answer is to be fitted by itself."""
    began, found, n_bytes = time.perf_counter(), {}, 0
    waiting: list[_Waiting] = []
    for one in _prepared(candidates, sets):
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


def _prepared(candidates: Mapping[int, Candidate], sets: Mapping[int, TrainingSet]) -> Iterator[_Waiting]:
    for s, data in sets.items():
        first = copy.copy(next(iter(candidates.values())).network)
        try:
            read = first._read(data.X, data.y, data.weight)
        except Exception:  # which ordinary fits will meet, each for itself
            continue
        given = vars(next(iter(candidates.values())).network)
        learnt = {name: value for name, value in vars(first).items() if name not in given}
        starts: dict[Hashable, _Starts] = {}
        for c, candidate in candidates.items():
            network = copy.copy(candidate.network)
            vars(network).update(learnt)
            network.random_state = copy.deepcopy(network.random_state)  # each fit draws from where it stands
            try:
                chance = _chance(network, c)
                if chance not in starts:
                    starts[chance] = _Starts(network, read)
                drawn = starts[chance]
                runs = runs_from(drawn.again(network), network, read, False, False)
            except Exception:
                continue
            for m, run in enumerate(runs):
                run.stream = (s, id(drawn), m)
            estimator = network
            if candidate.estimator is not candidate.network:
                estimator = copy.copy(candidate.estimator)
                estimator.steps = [*data.steps, (candidate.estimator.steps[-1][0], network)]
            yield _Waiting((c, s), estimator, network, runs, read.dtype)


def _chance(network: Any, c: int) -> Hashable:
    """Equal for candidates of a cell that chance treats alike."""
    seed = network.random_state
    return (network.n_members, int(seed)) if isinstance(seed, Integral) else c


class _Starts:
    """Starts that candidates share, in a copy for each."""

    def __init__(self, network: Any, read: Any):
        self._starts: list[Start] = draw(network, read, None, False, False)
        self._seeds = {name: value for name, value in vars(network).items() if name == "member_seeds_"}

    def again(self, network: Any) -> list[Start]:
        vars(network).update(self._seeds)
        return [
            replace(start, theta=start.theta.copy(), training=replace(start.training, **self._own(start.training)))
            for start in self._starts
        ]

    @staticmethod
    def _own(training: Training) -> dict[str, Any]:
        """What a run changes by itself; the generator is the stream's."""
        return {"progress": copy.copy(training.progress), "noise": copy.deepcopy(training.noise)}


def _trained(waiting: list[_Waiting]) -> dict[tuple[int, int], Fitted]:
    if waiting:
        train(SOLVERS[waiting[0].network.solver], [run for one in waiting for run in one.runs])
    found = {}
    for one in waiting:
        found[one.key] = Fitted(one.estimator)
        try:
            keep(one.network, one.runs, one.dtype, False)
            warn(one.runs)
        except Exception as error:
            found[one.key].error = error
    return found
