"""Which fits of a search train together: candidates of one shape on some of the training sets are a cell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import joblib
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..fitting.data import FitData
from ..fitting.fitted import Fitted
from ..fitting.settings import Settings
from ..fitting.state import FitState

ENOUGH_MEMBERS = 24
"""Members beyond which a larger population gains nothing (``benchmarks/population.py``)."""


class PopulationEstimator(Protocol):
    """An estimator whose fits a search may train side by side: it says so by these methods."""

    def _population_settings(self) -> Settings | None:
        """Return the settings of a fit that jobs may replace, None where ``fit`` itself must run."""

    def _reading_key(self) -> Hashable:
        """Return a key that is equal for estimators that read data alike."""

    def _read(self, settings: Settings, X: Any, y: Any, sample_weight: Any) -> FitData:
        """Validate and encode training data."""

    def _assign(self, data: FitData, fitted: Fitted, states: Sequence[FitState]) -> None:
        """Set the fitted attributes."""


@dataclass
class Candidate:
    """An estimator with the parameters of a candidate, to be fitted on several training sets."""

    estimator: Any
    network: PopulationEstimator  # the estimator, or the last step of a pipeline
    settings: Settings
    steps_key: Hashable  # the parameters of the earlier steps, None where there are none
    shape: Hashable  # equal for networks that may be in one cell


@dataclass
class Cell:
    """Candidates of one shape, and the splits on whose training rows they are fitted together.

    Nothing here depends on X, which only the first step of a pipeline may be able to read.
    """

    candidates: dict[int, Candidate]
    splits: range

    @property
    def first(self) -> Candidate:
        """A candidate that stands for all in what they share."""
        return next(iter(self.candidates.values()))


def network_in(estimator: Any) -> tuple[Any, str]:
    """Return the network that an estimator is, or in which a pipeline ends, and the prefix of its parameter names.

    None if it is neither.
    """
    last, prefix = estimator, ""
    if type(estimator) is Pipeline and estimator.transform_input is None:
        try:
            name, last = estimator.steps[-1]
        except Exception:  # malformed steps, which the pipeline reports itself
            return None, ""
        prefix = f"{name}__"
    is_network = hasattr(last, "_population_settings") and not isinstance(last, type)
    return (last, prefix) if is_network else (None, "")


def candidate_of(estimator: Any, params: Mapping[str, Any], fit_params: Mapping[str, Any]) -> Candidate | None:
    """Return the candidate with these parameters, None where scikit-learn must fit it."""
    try:
        estimator = clone(estimator).set_params(**clone(dict(params), safe=False))
        network, prefix = network_in(estimator)
        if network is None or set(fit_params) - {prefix + "sample_weight"}:
            return None
        settings = network._population_settings()
        steps = [estimator, *(step for _, step in getattr(estimator, "steps", ()))]
        if settings is None or any(getattr(step, "_skl_callbacks", None) for step in steps):
            return None
        steps_key = None
        if len(steps) > 2:
            steps_key = joblib.hash({name: value for name, value in params.items() if not name.startswith(prefix)})
        shape = (type(network).__name__, settings.hidden, network._reading_key())
        return Candidate(estimator, network, settings, steps_key, shape)
    except Exception:  # an ordinary fit raises it too, and the search handles it there
        return None


def cells_of(candidates: Mapping[int, Candidate], n_splits: int) -> list[Cell]:
    """Arrange candidates in cells with enough members."""
    groups: dict[Hashable, dict[int, Candidate]] = {}
    for c, candidate in candidates.items():
        groups.setdefault((candidate.steps_key, candidate.shape), {})[c] = candidate
    cells = []
    for group in groups.values():
        n_sets = -(-ENOUGH_MEMBERS // sum(candidate.settings.n_members for candidate in group.values()))
        cells += [Cell(dict(group), range(s, min(s + n_sets, n_splits))) for s in range(0, n_splits, n_sets)]
    return cells
