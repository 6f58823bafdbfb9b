"""The training of one network, from initial parameters to outcome.

Solvers take runs. Those that train in minibatches take several of one ``kind`` at once, as the members of one
objective; the others take one after the other.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from .batches import Data, Order
from .losses import Loss
from .members import Array, for_members
from .monitor import Monitor, Outcome
from .network import Network
from .objective import Objective
from .optimizers import Optimizer
from .schedules import Progress, Schedule
from .sweeps import CHUNK_ROWS


@dataclass
class RunState:
    """The state that a resumed run continues from: generators, progress, and the optimizer with its memory."""

    rng: np.random.RandomState
    progress: Progress = field(default_factory=Progress)
    optimizer: Optimizer | None = None
    noise: list[np.random.Generator] | None = None  # of dropout, a list of one
    in_progress: bool = False  # partial_fit is in progress: pickle this state
    pending: list[int] = field(default_factory=list)  # sizes of orders that no batch depended on, not drawn yet

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update({"pending": [], **state})  # files of version 0.1 have no such attribute

    def draw_pending(self) -> None:
        """Bring the generator to the state that it has once all orders are drawn."""
        for n_rows in self.pending:
            self.rng.permutation(n_rows)
        self.pending = []

    def fork(self) -> RunState:
        """Return a copy for another run, which shares the generator and has no optimizer."""
        return RunState(self.rng, copy.copy(self.progress), None, copy.deepcopy(self.noise), self.in_progress)


@dataclass
class Paused:
    """The state from which a paused run continues."""

    theta: Array  # (1, P)
    averaged: Array | None
    state: RunState
    order: Order | None
    monitor: Monitor  # without what the job gives it


Training = RunState  # deprecated: remove in 0.5 - the name in files of version 0.1


@dataclass(eq=False)
class Run:
    """One network in training; its solver writes ``theta``, and ``outcome`` or ``error``."""

    network: Network
    loss: Loss
    data: Data
    theta: Array  # (1, P)
    alpha: float
    batch_size: int  # all rows for solvers without minibatches
    options: Mapping[str, Any]  # the hyperparameters that the solver reads
    monitor: Monitor
    state: RunState
    stream: Hashable = None  # equal for runs that draw the same numbers in training, on the same data
    n_passes: int | Fraction = 1  # over the rows in an epoch, which ends with a validation; 1/k is the k-th part of one
    averaged: Array | None = None  # (1, P), the moving average of theta where it is wanted
    schedule: Schedule | None = None  # of the learning rate, otherwise set by solvers from their options
    until: float = math.inf  # epochs after which the run pauses
    order: Order | None = None  # of the rows, as they were last shuffled
    outcome: Outcome | None = None
    error: Exception | None = None

    def paused(self) -> Paused:
        """Return the state from which the run continues; runs of one stream share their generator."""
        return Paused(self.theta, self.averaged, self.state, self.order, self.monitor.paused())

    def attempt(self, step: Callable[..., None], *arguments: Any) -> None:
        """Take a step of this run, unless one has failed; an error does not affect other runs."""
        if self.error is None:
            try:
                step(self, *arguments)
            except Exception as error:
                self.error = error

    @property
    def kind(self) -> Hashable:
        """Equal for runs that can be members of one objective: whatever is not one number per member."""
        X, Y, weight = self.data.X, self.data.Y, self.data.weight
        loss: Hashable = (type(self.loss), *vars(self.loss).items())
        try:
            hash(loss)
        except TypeError:  # a user-defined loss
            loss = id(self.loss)
        # Where rows without weight may fill a batch, that member alone skips the step.
        alone = weight is not None and self.batch_size < self.data.n_rows and not weight.all()
        data = (self.data.n_rows, Y.shape[1], Y.dtype, weight is None, sparse.issparse(X), id(self) if alone else 0)
        scheduled = None if self.schedule is None else (self.schedule, self.state.progress.n_planned)
        options = (self.options.get("shuffle"), self.options.get("nesterovs_momentum"))
        flags = (*options, self.n_passes, scheduled, self.averaged is not None)
        clipped = self.options.get("max_grad_norm") is not None
        return (self.network.kind, loss, self.theta.dtype, self.batch_size, data, flags, clipped)


def unfinished(runs: Sequence[Run]) -> list[int]:
    """Return the numbers of the runs that have neither an outcome nor an error."""
    return [m for m, run in enumerate(runs) if run.outcome is None and run.error is None]


def objective_of(runs: Sequence[Run]) -> Objective:
    """Return the runs as members of one objective; their parameters become rows of its theta."""
    first, n_rows = runs[0], runs[0].data.n_rows
    # A batch of all rows has no order.
    one_order = first.batch_size == n_rows or len({run.stream or run for run in runs}) == 1
    shared = one_order and all(run.data is first.data for run in runs)
    networks, alphas = [run.network for run in runs], [run.alpha for run in runs]
    noise = [rng for run in runs for rng in run.state.noise or ()] or None
    objective = Objective(
        first.network.joined(networks),
        first.loss,
        [first.data] if shared else [run.data for run in runs],
        theta=first.theta if len(runs) == 1 else np.concatenate([run.theta for run in runs]),
        alpha=for_members(alphas),
        max_batch=first.batch_size if first.batch_size < n_rows else CHUNK_ROWS,
        noise=noise,
    )
    for m, run in enumerate(runs):
        run.theta = objective.theta[m : m + 1]
    return objective
