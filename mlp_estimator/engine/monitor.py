"""The only observer of a run: loss curve, validation, best parameters, patience and time.

A solver reports each epoch or iteration to its monitor and asks it whether progress has stalled. Optimizers and
schedules never decide that. The stopping rule is scikit-learn's: more than ``n_iter_no_change`` epochs in a row without
an improvement of ``tol`` on the best value so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, NamedTuple, Protocol

from .members import Array


class Outcome(NamedTuple):
    """How a run ended: a status, a message where it ended before it converged, and what the solver estimated."""

    status: Literal["converged", "stopped", "exhausted", "interrupted"]
    message: str = ""
    estimates: Mapping[str, Any] = {}  # fitted attributes besides the weights, such as ``alpha_``


CONVERGED = Outcome("converged")
INTERRUPTED = Outcome("interrupted", "Training interrupted by user.")
STOPPED = Outcome("stopped")


class Observer(Protocol):
    """An observer that is notified of every epoch; the members of a population may share one."""

    def begin(self) -> None:
        """An epoch begins, unless one is in progress."""

    def end(self) -> bool:
        """The epoch in progress, if any, ends. Return True to stop the run."""


DIVERGED = (
    "The loss became non-finite in epoch {epoch}: the steps are too large for these data, most often "
    "because learning_rate_init is too high or because X or y is not scaled. Lower learning_rate_init or "
    "scale X (and y in regression), for example with StandardScaler. "
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)


@dataclass
class Monitor:
    """The record of a run so far; best values may be handed in to continue an earlier run."""

    tol: float
    n_iter_no_change: float
    verbose: bool = False
    max_time: float = math.inf  # seconds
    validate: Callable[[Array], float] | None = None  # the score of parameters (1, P)
    observer: Observer | None = None
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_theta: Array | None = None
    loss: float = math.nan  # of the last epoch
    n_iter: int = 0
    n_flat: int = 0  # epochs in a row without improvement
    diverged: bool = False
    ended: Outcome | None = None  # the outcome, unless the solver decided it
    _start: float | None = None

    def begin(self) -> None:
        """Start an epoch, unless one is in progress."""
        if self._start is None:
            self._start = monotonic()
        if self.observer is not None:
            self.observer.begin()

    def close(self) -> None:
        """End the run, and the epoch that it left unfinished."""
        if self.observer is not None:
            self.observer.end()

    def record(self, loss: float, theta: Array) -> None:
        """Record the end of an epoch with this mean loss and these parameters.

        Raises
        ------
        ValueError
            If the loss is not finite and there are no validated parameters to return to.
        """
        self.note(loss, theta)
        self.notify()

    def note(self, loss: float, theta: Array) -> None:
        """First half of ``record``: the curves and the best values of this run."""
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

    @property
    def time_is_over(self) -> bool:
        """Whether ``max_time`` has passed since the run began."""
        return self.max_time < math.inf and self._start is not None and monotonic() - self._start > self.max_time

    def notify(self) -> None:
        """Second half of ``record``: notify the observer and check ``max_time``."""
        if self.observer is not None and self.observer.end():
            self.ended = STOPPED
        if self.time_is_over:
            self.ended = Outcome(
                "exhausted",
                f"max_time={self.max_time:g} seconds were over after {self.n_iter} epochs, before the optimization "
                "converged; the parameters reached by then are kept.",
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
        """Stop where a value is not finite: with an error, or by ``ended`` where a validated optimum exists."""
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

    def validation_stalled(self) -> bool:
        """Tell whether the validation score has stalled, for solvers whose own rule sees the gradient only."""
        if self.validate is None or not self.stalled:
            return False
        self.print_stalled("Stopping.")
        return True

    def print_stalled(self, verdict: str) -> None:
        """Print, if verbose, scikit-learn's sentence about patience that ran out."""
        if self.verbose:
            what = "Training loss" if self.validate is None else "Validation score"
            print(
                f"{what} did not improve more than tol={self.tol:f} for "
                f"{self.n_iter_no_change} consecutive epochs. {verdict}"
            )
