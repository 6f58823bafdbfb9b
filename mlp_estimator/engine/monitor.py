"""The only observer of a run: loss curve, validation, best parameters, patience, time, and who else wants to know.

A solver reports each epoch (or iteration) to its monitor and asks it whether progress has stalled; optimizers and
schedules never decide that. The stopping rule is scikit-learn's: more than ``n_iter_no_change`` epochs in a row without
an improvement of ``tol`` on the best so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, NamedTuple, Protocol

from .layout import Array


class Outcome(NamedTuple):
    """How a run ended, with a message where it ended before it had converged."""

    status: Literal["converged", "stopped", "exhausted", "interrupted"]
    message: str = ""
    found: Mapping[str, Any] = {}


CONVERGED = Outcome("converged")
INTERRUPTED = Outcome("interrupted", "Training interrupted by user.")
STOPPED = Outcome("stopped")


class Watcher(Protocol):
    """Somebody who is told of every epoch; the members of a population may share one."""

    def begin(self) -> None:
        """An epoch begins, unless one is under way."""
        ...

    def end(self) -> bool:
        """The epoch that is under way, if any, ends; return True to stop the run."""
        ...


DIVERGED = (
    "The loss became non-finite in epoch {epoch}: the steps are too large for these data, most often "
    "because learning_rate_init is too high or because X or y is not scaled. Lower learning_rate_init or "
    "scale X (and y in regression), for example with StandardScaler. "
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)


@dataclass
class Monitor:
    """What a run has shown so far; bests may be handed in to continue an earlier run."""

    tol: float
    n_iter_no_change: float
    verbose: bool = False
    max_time: float = math.inf  # seconds
    validate: Callable[[Array], float] | None = None  # the score of parameters (1, P)
    watcher: Watcher | None = None
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_theta: Array | None = None
    loss: float = math.nan  # of the last epoch
    n_iter: int = 0
    n_flat: int = 0  # epochs in a row without improvement
    diverged: bool = False
    ended: Outcome | None = None  # what ended the run, unless its solver did
    _start: float | None = None

    def begin(self) -> None:
        """An epoch begins, if none is under way."""
        if self._start is None:
            self._start = monotonic()
        if self.watcher is not None:
            self.watcher.begin()

    def close(self) -> None:
        """The run is over; an epoch that it left unfinished ends here."""
        if self.watcher is not None:
            self.watcher.end()

    def record(self, loss: float, theta: Array) -> None:
        """An epoch has ended with this mean loss and these parameters.

        Raises
        ------
        ValueError
            If the loss is not finite and no validated parameters can be gone back to.
        """
        self.note(loss, theta)
        self.tell()

    def note(self, loss: float, theta: Array) -> None:
        """The part of ``record`` that concerns this run alone."""
        score = None if self.validate is None else self.validate(theta)
        self.n_iter += 1
        self.loss = loss
        self.loss_curve.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter}, loss = {loss:.8f}")
        if score is None:
            improved = loss <= self.best_loss - self.tol
            self.best_loss = min(loss, self.best_loss)
        else:
            improved = self._validated(score, theta)
        self.n_flat = 0 if improved else self.n_flat + 1
        self.check_finite(loss)

    def tell(self) -> None:
        """The rest of it, when all members of a population have noted theirs: the watcher's word, and the time."""
        if self.watcher is not None and self.watcher.end():
            self.ended = STOPPED
        if self.max_time < math.inf and self._start is not None and monotonic() - self._start > self.max_time:
            self.ended = Outcome(
                "exhausted",
                f"max_time={self.max_time:g} seconds were over after {self.n_iter} epochs, before the optimization had "
                "converged; what was reached by then is kept.",
            )

    def _validated(self, score: float, theta: Array) -> bool:
        self.validation_scores.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        improved = score >= self.best_score + self.tol
        if score > self.best_score:
            self.best_score, self.best_theta = score, theta.copy()
        return improved

    def check_finite(self, value: float) -> None:
        """Stop where a value is not finite: for good, or by ``ended`` where a validated optimum exists."""
        if math.isfinite(value):
            return
        if not math.isfinite(self.best_score):
            raise ValueError(DIVERGED.format(epoch=self.n_iter))
        self.diverged = True
        self.ended = Outcome(
            "exhausted",
            f"The loss became non-finite in epoch {self.n_iter}; the weights of the best validation score before that "
            "are kept. Lower learning_rate_init or scale X and y.",
        )

    @property
    def stalled(self) -> bool:
        """Whether patience has run out."""
        return self.n_flat > self.n_iter_no_change

    def gives_up(self) -> bool:
        """Whether the validation score has stalled, for solvers whose own rule looks at the gradient only."""
        if self.validate is None or not self.stalled:
            return False
        self.say_stalled("Stopping.")
        return True

    def say_stalled(self, verdict: str) -> None:
        """Print, if verbose, scikit-learn's sentence on patience that ran out."""
        if self.verbose:
            what = "Training loss" if self.validate is None else "Validation score"
            print(
                f"{what} did not improve more than tol={self.tol:f} for "
                f"{self.n_iter_no_change} consecutive epochs. {verdict}"
            )
