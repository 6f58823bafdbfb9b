"""One network, or an ensemble of networks that differ by their seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from ..data import FitData
from ..fitted import Arrays, Fitted, Networks, Perceptron, arrays_by_name
from ..jobs import Job
from ..settings import Settings, named
from ..state import FitState, check_sizes, states_of


class Ensemble:
    """A job per member; ``before`` are the fitted attributes that training continues from."""

    def __init__(
        self, settings: Settings, data: FitData, before: Mapping[str, Any] | None = None, *, partial: bool = False
    ):
        self.settings, self.data, self.partial = settings, data, partial
        n_in, n_out, bottom = data.X.shape[1], data.targets.n_outputs, data.features.bottom()
        self.network = settings.network(n_in, n_out, sparse=sparse.issparse(data.X), bottom=bottom)
        self.recipe = Perceptron(named(settings.activations))
        self.starts: Sequence[FitState | None] = [None] * settings.n_members
        if before is not None:
            check_sizes(before, self.network, settings.n_members)
            self.starts = states_of(before, self.network, data.dtype)

    def jobs(self) -> list[Job]:
        """Return the jobs."""
        settings, seeds = self.settings, [self.settings.random_state]
        is_ensemble = settings.n_members > 1
        if is_ensemble:
            seeds = [None if start is None else start.seed for start in self.starts]
            if None in seeds:
                seeds = draw_seeds(settings.random_state, settings.n_members)
        return [
            Job(settings, self.data, self.network, self.fitted, seed, start, partial=self.partial, member=is_ensemble)
            for seed, start in zip(seeds, self.starts, strict=True)
        ]

    def join(self, states: Sequence[FitState]) -> Fitted:
        """Return the fitted ensemble."""
        theta = states[0].theta if len(states) == 1 else np.concatenate([state.theta for state in states])
        return self.fitted(arrays_by_name(self.network, theta))

    def fitted(self, arrays: Arrays) -> Fitted:
        """Return what predicts with these parameters."""
        return Fitted(self.data.features, self.data.targets, [Networks(self.recipe, arrays)])


def draw_seeds(random_state: Any, size: int | tuple[int, ...]) -> list[Any]:
    """Return seeds of networks, in lists as deep as ``size`` has axes."""
    seeds: list[Any] = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=size).tolist()
    return seeds
