"""How the learning rate changes from epoch to epoch, as pure functions.

A schedule maps where a run stands to a factor on ``learning_rate_init``. It holds no state: what it
needs to know is in ``Progress``, which the run keeps and a resumed run continues.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass
class Progress:
    """Where a run stands at the end of an epoch."""

    n_seen: int = 0  # training rows seen so far, earlier calls included
    n_plateaus: int = 0  # times that patience ran out so far
    n_epochs: int = 0  # since the run began
    n_planned: int = 1  # epochs that the run may take

    @property
    def fraction(self) -> float:
        """The part of the planned epochs that is done, at most 1."""
        return min(self.n_epochs / self.n_planned, 1.0)


class Schedule(NamedTuple):
    """A factor of the learning rate, and what the schedule makes of plateaus and of the planned number of epochs."""

    factor: Callable[[Progress, float], float]  # of the progress and ``power_t``
    lowers_on_plateau: bool = False  # the rate, before patience that ran out may stop the run
    budgeted: bool = False  # the run is complete when its epochs are


def of_fraction(factor: Callable[[float], float]) -> Schedule:
    """A schedule that spends the planned epochs: a factor of the fraction of training done, from 0 to 1."""
    return Schedule(lambda at, power_t: factor(at.fraction), budgeted=True)


def cosine(done: float) -> float:
    """Half a cosine wave from 1 to 0 (Loshchilov and Hutter 2017, without restarts)."""
    return (1.0 + math.cos(math.pi * done)) / 2.0


WARM_UP, FIRST, LAST = 0.3, 1 / 25, 1 / 250_000  # of one_cycle: part of the run that rises, factors at both ends


def one_cycle(done: float) -> float:
    """Rise to 1 and fall below the start, by half cosine waves (Smith and Topin 2019; PyTorch's OneCycleLR)."""
    if done < WARM_UP:
        return FIRST + (1.0 - FIRST) * cosine(1.0 - done / WARM_UP)
    return LAST + (1.0 - LAST) * cosine((done - WARM_UP) / (1.0 - WARM_UP))


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(lambda at, power_t: 1.0),
    "invscaling": Schedule(lambda at, power_t: (at.n_seen + 1) ** -power_t),
    "adaptive": Schedule(lambda at, power_t: 5.0**-at.n_plateaus, lowers_on_plateau=True),
    "cosine": of_fraction(cosine),
    "one_cycle": of_fraction(one_cycle),
}
