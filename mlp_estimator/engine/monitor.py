"""The only observer of a run: loss curve, validation, parameters to keep, patience and time.

A solver reports each epoch or iteration to its monitor and asks it whether progress has stalled. Optimizers and
schedules never decide that. The stopping rule is scikit-learn's: more than ``n_iter_no_change`` epochs in a row without
an improvement of ``tol`` on the best value so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Literal, NamedTuple, Protocol

from .members import Array


class Outcome(NamedTuple):
    """How a run ended: a status, a message where it ended before it converged, and what the solver estimated."""

    status: Literal["converged", "stopped", "exhausted", "interrupted", "paused"]
    message: str = ""
    estimates: Mapping[str, Any] = {}  # fitted attributes besides the weights, such as ``alpha_``


CONVERGED = Outcome("converged")
INTERRUPTED = Outcome("interrupted", "Training interrupted by user.")
STOPPED = Outcome("stopped")
PAUSED = Outcome("paused")


class Observer(Protocol):
    """An observer that is notified of every epoch; the members of a population may share one."""

    def begin(self) -> None:
        """An epoch begins, unless one is in progress."""

    def end(self) -> bool:
        """The epoch in progress, if any, ends. Return True to stop the run."""


@dataclass
class Kept:
    """The parameters to keep: those of the best score, or of a later cycle that is nearly as good.

    A cycle is nearly as good if its best loss exceeds the best one of all by at most the fraction ``tolerance``. Scores
    above 0 are no losses, and have to be as good. NaN says nothing, and keeps the last parameters.
    """

    tolerance: float = 0.0
    best_score: float = -math.inf  # of all cycles
    _score: float = -math.inf  # of this cycle
    _theta: Array | None = None
    _earlier: Array | None = None  # what was kept before this cycle

    def note(self, score: float, theta: Array) -> None:
        """Take the score of parameters (1, P)."""
        if not score <= self._score:
            self._score, self._theta = score, theta.copy()
            self.best_score = max(self.best_score, score)

    def begin_cycle(self) -> None:
        """Begin a cycle, whose parameters may replace those that are kept now."""
        self._earlier, self._score, self._theta = self.theta, -math.inf, None

    @property
    def theta(self) -> Array | None:
        """The parameters (1, P), None before there are any."""
        return self._earlier if self._score < scaled(self.best_score, 1.0 + self.tolerance) else self._theta


def scaled(score: float, factor: float) -> float:
    """Return the score of a loss times a factor; a score above 0 is no loss, and does not change."""
    return score * factor if score < 0.0 else score


DIVERGED = (
    "The loss became non-finite in epoch {epoch}: the steps are too large for these data, most often "
    "because learning_rate_init is too high or because X or y is not scaled. Lower learning_rate_init or "
    "scale X (and y in regression), for example with StandardScaler. "
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
    "preprocessed."
)


@dataclass
class Monitor:
    """The record of a run so far; best values may be handed in to continue an earlier run.

    ``validate`` returns the score of parameters (1, P), followed by their scores on parts of the validation set.
    ``kept`` are the parameters to keep by each of these scores.
    """

    tol: float
    n_iter_no_change: float
    verbose: bool = False
    name: str = ""  # what printed lines begin with, of one run among several
    max_time: float = math.inf  # seconds
    tolerance: float = 0.0  # of ``kept``
    validate: Callable[[Array], Sequence[float]] | None = None
    observer: Observer | None = None
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    kept: list[Kept] = field(default_factory=list)
    loss: float = math.nan  # of the last epoch
    n_iter: int = 0
    n_flat: int = 0  # epochs in a row without improvement
    diverged: bool = False
    ended: Outcome | None = None  # the outcome, unless the solver decided it
    time_share: float = 1.0  # of ``max_time``, where others take turns with this run
    _spent: float = 0.0  # seconds before the run paused
    _start: float | None = None

    @property
    def best_score(self) -> float:
        """The best score on the validation set."""
        return self.kept[0].best_score if self.kept else -math.inf

    @property
    def best_theta(self) -> Array | None:
        """The parameters to keep by the score on the validation set, None where there are none."""
        return self.kept[0].theta if self.kept else None

    def keep(self, scores: Sequence[float], theta: Array) -> None:
        """Keep parameters that are the best by one of the scores."""
        self.kept = self.kept or [Kept(self.tolerance) for _ in scores]
        if math.isfinite(scores[0]):
            for kept, score in zip(self.kept, scores, strict=True):
                kept.note(score, theta)

    def paused(self) -> Monitor:
        """Return the record with which a run that pauses goes on, in another cycle."""
        spent = 0.0 if self._start is None else monotonic() - self._start
        return replace(self, validate=None, observer=None, _spent=self._spent + spent, _start=None)

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
        scores = None if self.validate is None else self.validate(theta)
        self.n_iter += 1
        self.loss = loss
        self.loss_curve.append(loss)
        if self.verbose:
            print(f"{self.name}Iteration {self.n_iter}, loss = {loss:.8f}")
        if scores is None:
            improved = loss <= self.best_loss - self.tol
            self.best_loss = min(loss, self.best_loss)
        else:
            self.validation_scores.append(scores[0])
            if self.verbose:
                print(f"{self.name}Validation score: {scores[0]:f}")
            improved = scores[0] >= self.best_score + self.tol
            self.keep(scores, theta)
        self.n_flat = 0 if improved else self.n_flat + 1
        self.check_finite(loss)

    @property
    def time_is_over(self) -> bool:
        """Whether ``max_time`` has passed since the run began."""
        if self.max_time == math.inf or self._start is None:
            return False
        return self._spent + monotonic() - self._start > self.max_time * self.time_share

    def notify(self) -> None:
        """Second half of ``record``: notify the observer and check ``max_time``."""
        if self.observer is not None and self.observer.end():
            self.ended = STOPPED
        if self.time_is_over:
            limit = self.max_time * self.time_share
            self.ended = Outcome(
                "exhausted",
                f"max_time={limit:g} seconds were over after {self.n_iter} epochs, before the optimization converged; "
                "the parameters reached by then are kept.",
            )

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
                f"{self.name}{what} did not improve more than tol={self.tol:f} for "
                f"{self.n_iter_no_change} consecutive epochs. {verdict}"
            )
