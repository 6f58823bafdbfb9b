"""How the learning rate changes from epoch to epoch, as pure functions.

A schedule maps where a run stands to a factor on ``learning_rate_init``. It holds no state: what it
needs to know is in ``Progress``, which the run keeps and a resumed run continues.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass
class Progress:
    """Where a run stands at the end of an epoch."""

    n_seen: int = 0  # training rows seen so far, earlier calls included
    n_plateaus: int = 0  # times that patience ran out so far


class Schedule(NamedTuple):
    """A factor of the learning rate, and whether a plateau lowers the rate before it may stop the run."""

    factor: Callable[[Progress, float], float]  # of the progress and ``power_t``
    lowers_on_plateau: bool = False


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(lambda at, power_t: 1.0),
    "invscaling": Schedule(lambda at, power_t: (at.n_seen + 1) ** -power_t),
    "adaptive": Schedule(lambda at, power_t: 5.0**-at.n_plateaus, lowers_on_plateau=True),
}
