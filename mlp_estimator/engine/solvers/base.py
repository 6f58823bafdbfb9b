"""What the solvers share: their contract, interrupts, and the first loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from ..losses import Loss
from ..members import Array
from ..monitor import INTERRUPTED, Monitor, Outcome
from ..objective import Objective
from ..runs import Run, objective_of, unfinished


class Solver(ABC):
    """One way to minimise an objective.

    A solver reports every epoch or iteration to the monitors of its runs. A keyboard interrupt passes through it, and
    leaves the parameters of the last completed update.
    """

    reads: tuple[str, ...] = ()
    """The estimators' parameters that it uses."""
    calls: tuple[str, ...] = ()
    """Methods of the loss that it needs besides ``value_and_grad``."""
    incremental: ClassVar[bool] = False
    """Whether it trains in minibatches: ``partial_fit`` can continue, and members train side by side."""
    dtype: ClassVar[DTypeLike | None] = None
    """The type that it works in, None for that of the data."""

    @abstractmethod
    def run(self, runs: Sequence[Run]) -> None:
        """Train runs of one kind until each is finished."""

    def minimizes(self, *losses: type[Loss]) -> bool:
        """Tell whether losses have the methods that it calls."""
        return all(hasattr(loss, method) for loss in losses for method in self.calls)


def interrupt(runs: Sequence[Run]) -> None:
    """End the runs that are in training or have not begun, after a keyboard interrupt."""
    for m in unfinished(runs):
        if np.isnan(runs[m].monitor.loss):  # before the end of the first epoch or iteration
            runs[m].monitor.loss = float(objective_of([runs[m]]).value()[0])
        runs[m].outcome = INTERRUPTED


class FullBatch(Solver):
    """A solver that works on all data of one run, in float64."""

    dtype = np.float64

    def run(self, runs: Sequence[Run]) -> None:
        for run in runs:
            objective = objective_of([run])
            accepted = objective.theta.copy()
            try:
                run.attempt(self._minimize, objective, accepted)
            finally:
                np.copyto(objective.theta, accepted)

    def _minimize(self, run: Run, objective: Objective, accepted: Array) -> None:
        run.outcome = self.minimize(objective, accepted, run.monitor, run.options)

    @abstractmethod
    def minimize(self, objective: Objective, accepted: Array, monitor: Monitor, options: Mapping[str, Any]) -> Outcome:
        """Move ``accepted`` (1, P), a copy of ``objective.theta``, to a minimum, one accepted step after the other."""
