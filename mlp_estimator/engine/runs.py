"""A run: one network with its data, on the way from where it starts to what becomes of it.

Solvers are given runs. Those that train in minibatches take several of one ``kind`` at a time, as the members of one
objective; the others take them one after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from .batches import Data
from .layout import Array, for_members
from .losses import Loss
from .monitor import INTERRUPTED, Monitor, Outcome
from .network import ROWS_AT_A_TIME, Network, joined
from .objective import Objective
from .schedules import Progress


@dataclass
class Training:
    """What a run needs to go on where it stopped: generators, progress, and the optimizer with its memory."""

    rng: np.random.RandomState
    progress: Progress = field(default_factory=Progress)
    optimizer: Any = None
    noise: list[np.random.Generator] | None = None  # of dropout, a list of one
    under_way: bool = False  # more is to come: the state belongs into a pickle
    own: bool = False  # nobody else sees the generator
    undrawn: list[int] = field(default_factory=list)  # sizes of orders that nobody has looked at yet

    def generator(self) -> np.random.RandomState:
        """A copy of the generator as it stands when all orders have been drawn."""
        rng = copy.deepcopy(self.rng)
        for n_rows in self.undrawn:
            rng.permutation(n_rows)
        return rng

    def again(self, rng: np.random.RandomState) -> Training:
        """The same for another run, which draws from that generator and has no optimizer yet."""
        return Training(rng, copy.copy(self.progress), None, copy.deepcopy(self.noise), self.under_way, self.own)


@dataclass(eq=False)
class Run:
    """One network in training; its solver writes ``theta``, and ``outcome`` or ``error``."""

    network: Network
    loss: Loss
    data: Data
    theta: Array  # (1, P)
    alpha: float
    options: Mapping[str, Any]  # what the solver reads
    monitor: Monitor
    training: Training
    stream: Hashable = None  # equal for runs that draw the same numbers in training, on the same data
    outcome: Outcome | None = None
    error: BaseException | None = None

    @property
    def batch_size(self) -> int:
        return self.options.get("batch_size", len(self.data))

    @property
    def over(self) -> bool:
        return self.outcome is not None or self.error is not None

    def attempt(self, step: Callable[..., None], *arguments: Any) -> None:
        """Take a step of this run, unless one has failed: what goes wrong with it does not concern other runs."""
        if self.error is None:
            try:
                step(self, *arguments)
            except Exception as error:
                self.error = error

    @property
    def kind(self) -> Hashable:
        """What must be equal for runs to be members of one objective: whatever is not a number for each member."""
        X, Y, weight = self.data.X, self.data.Y, self.data.weight
        loss: Hashable = (type(self.loss), *vars(self.loss).items())
        try:
            hash(loss)
        except TypeError:  # somebody's own loss
            loss = id(self.loss)
        # Where rows without weight may make up a batch, that member alone does without a step.
        alone = weight is not None and self.batch_size < len(self.data) and not weight.all()
        of_data = (len(self.data), Y.shape[1], Y.dtype, weight is None, sparse.issparse(X), id(self) if alone else 0)
        flags = tuple(self.options.get(name) for name in ("shuffle", "nesterovs_momentum"))
        clipped = self.options.get("max_grad_norm") is not None
        return (self.network.kind, loss, self.theta.dtype, self.batch_size, of_data, flags, clipped)


def objective_of(runs: Sequence[Run]) -> Objective:
    """The runs as members of one objective, whose parameters become theirs, rows of one array."""
    first = runs[0]
    # A batch of all rows has no order.
    one_order = first.batch_size == len(first.data) or len({run.stream or run for run in runs}) == 1
    shared = one_order and all(run.data is first.data for run in runs)
    objective = Objective(
        joined([run.network for run in runs]),
        first.loss,
        *([first.data] if shared else [run.data for run in runs]),
        theta=first.theta if len(runs) == 1 else np.concatenate([run.theta for run in runs]),
        alpha=for_members([run.alpha for run in runs]),
        max_batch=first.batch_size if first.batch_size < len(first.data) else ROWS_AT_A_TIME,
        noise=[rng for run in runs for rng in run.training.noise or ()] or None,
    )
    for m, run in enumerate(runs):
        run.theta = objective.theta[m : m + 1]
    return objective


class OneByOne:
    """A solver that works on all data of one run at a time, in float64."""

    incremental = False
    dtype: Any = np.float64

    def run(self, runs: Sequence[Run]) -> None:
        for run in runs:
            if any(other.outcome == INTERRUPTED for other in runs):  # what has not begun does not begin
                run.outcome, run.monitor.loss = INTERRUPTED, float(objective_of([run]).value()[0])
            else:
                run.attempt(self._one)

    def _one(self, run: Run) -> None:
        run.outcome = self.minimise(objective_of([run]), run.monitor, run.options)

    def minimise(self, objective: Objective, monitor: Monitor, options: Mapping[str, Any]) -> Outcome:
        """Change ``objective.theta`` to a minimum."""
        raise NotImplementedError
