"""How the learning rate changes from epoch to epoch, as pure functions.

A schedule maps the progress of a run to a factor on ``learning_rate_init``. It has no state: the run keeps its
``Progress``, and a resumed run continues it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np


@dataclass
class Progress:
    """The progress of a run at the end of an epoch."""

    n_seen: int = 0  # training rows seen so far, earlier calls included
    n_plateaus: int = 0  # how often patience has run out
    n_epochs: float = 0  # since the run began; between two steps not a whole number
    n_planned: int = 1  # maximum number of epochs of the run

    @property
    def fraction(self) -> float:
        """The fraction of the planned epochs that is done, at most 1."""
        return min(self.n_epochs / self.n_planned, 1.0)


class Schedule(NamedTuple):
    """A factor on the learning rate as a function of the progress and of ``power_t``.

    ``lowers_on_plateau``: the rate falls when patience runs out, and only the smallest rate stops the run.
    ``budgeted``: the schedule spans the planned epochs, and a run that completes them has converged.
    ``regularisation``: the schedule changes from step to step, and this factor on dropout and weight decay with it, as
    a function of the fraction done.
    """

    factor: Callable[[Progress, float], float]
    lowers_on_plateau: bool = False
    budgeted: bool = False
    regularisation: Callable[[float], float] | None = None


def of_fraction(factor: Callable[[float], float]) -> Schedule:
    """Return a schedule over the planned epochs from a function of the fraction of training done, in [0, 1]."""
    return Schedule(lambda at, power_t: factor(at.fraction), budgeted=True)


def cosine(done: float) -> float:
    """Fall from 1 to 0 along half a cosine wave (Loshchilov and Hutter 2017, without restarts)."""
    return (1.0 + math.cos(math.pi * done)) / 2.0


WARM_UP, FIRST, LAST = 0.3, 1 / 25, 1 / 250_000  # of one_cycle: fraction of the run that rises, factors at both ends


def one_cycle(done: float) -> float:
    """Rise to 1 and fall below the start along half cosine waves (Smith and Topin 2019; PyTorch's OneCycleLR)."""
    if done < WARM_UP:
        return FIRST + (1.0 - FIRST) * cosine(1.0 - done / WARM_UP)
    return LAST + (1.0 - LAST) * cosine((done - WARM_UP) / (1.0 - WARM_UP))


N_CYCLES = 4


def cycles(progress: Progress, power_t: float) -> float:
    """Rise and fall in four cycles of doubling length, from 0 to 0: (1 - cos(2 pi log2(1 + 15 t))) / 2."""
    return (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + (2**N_CYCLES - 1) * progress.fraction))) / 2.0


def fade(done: float) -> float:
    """Stay at 1 for half of each cycle, then fall to 0 along half a cosine wave: dropout and weight decay.

    Each cycle then ends in parameters worth keeping.
    """
    parts = 1.0 + (2**N_CYCLES - 1) * done
    of_cycle = 1.0 if done == 1.0 else parts / 2.0 ** math.floor(math.log2(parts)) - 1.0
    return 1.0 if of_cycle < 0.5 else cosine(2.0 * of_cycle - 1.0)


CYCLES = Schedule(cycles, budgeted=True, regularisation=fade)
"""The schedule of the tabular estimators, which is not an option (Holzmueller, Grinsztajn and Steinwart 2024)."""

ScheduleName = Literal["constant", "invscaling", "adaptive", "cosine", "one_cycle"]

SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(lambda at, power_t: 1.0),
    "invscaling": Schedule(lambda at, power_t: (at.n_seen + 1) ** -power_t),
    "adaptive": Schedule(lambda at, power_t: 5.0**-at.n_plateaus, lowers_on_plateau=True),
    "cosine": of_fraction(cosine),
    "one_cycle": of_fraction(one_cycle),
}


def schedule_of(learning_rate: str | Callable[[float], float], ignored: Sequence[str] = ()) -> Schedule:
    """Return the schedule of a name or of a function of the fraction done; ignored ones are constant."""
    if isinstance(learning_rate, str):
        return SCHEDULES["constant" if learning_rate in ignored else learning_rate]
    return of_fraction(lambda done: _factor(learning_rate(done)))


def _factor(value: Any) -> float:
    if np.ndim(value) or np.asarray(value).dtype.kind not in "iuf":
        raise TypeError(
            f"learning_rate returned {value!r}: a callable must return a number, the factor on learning_rate_init."
        )
    return float(value)


def rate(schedule: Schedule, progress: Progress, options: Mapping[str, Any]) -> float:
    """Return the learning rate at this progress."""
    factor: float = options["learning_rate_init"] * schedule.factor(progress, options["power_t"])
    return factor
