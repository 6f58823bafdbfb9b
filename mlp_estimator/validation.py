"""What early stopping watches: the rows set aside or given for it, and their score after each epoch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from .engine.batches import Data
from .engine.layout import Array
from .engine.losses import Loss
from .engine.network import Network
from .engine.objective import Objective
from .fitted import attributes_of, collect


def split_rows(n, fraction, strata, weight, rng):
    """Row numbers for training and for validation."""
    rows, options = np.arange(n), {"test_size": fraction, "random_state": rng}
    try:
        parts = train_test_split(rows, stratify=strata, **options)
    except ValueError:  # a class with one member, or more classes than rows in a part
        parts = train_test_split(rows, **options)
    if len(parts[1]) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    for part, name in zip(parts, ("training", "validation"), strict=True):
        if weight is not None and not weight[part].any():
            raise ValueError(
                f"All sample weights in the {name} part of the early-stopping split are zero. Give more samples "
                "a positive weight, or set early_stopping=False."
            )
    return parts


@dataclass
class HeldOut:
    """Rows that are not trained on."""

    data: Data
    y: np.ndarray  # as scorers read it, of all rows of X
    sample_weight: np.ndarray | None  # without those of classes, likewise
    _parts: dict[int, Any] = field(default_factory=dict)

    def _taken(self, array: Any) -> Any:
        """The rows of an array that are watched, taken once for all runs that watch them."""
        if array is None or self.data.rows is None:
            return array
        if id(array) not in self._parts:
            self._parts[id(array)] = array[self.data.rows]
        return self._parts[id(array)]

    def score_of(self, estimator: Any, network: Network, loss: Loss, dtype: Any) -> Callable[[Array], float]:
        """The score of given parameters (1, P), by the estimator's ``scoring``."""
        theta = np.empty((1, network.layout.size), dtype)
        if estimator.scoring == "loss":
            objective = Objective(network, loss, self.data, theta=theta, alpha=0.0)

            def minus_loss(given: Array) -> float:
                np.copyto(theta, given)
                return -float(objective.loss_without_penalty()[0])

            return minus_loss
        if estimator.scoring is None:
            Y, weight = self._taken(self.data.Y), self._taken(self.data.weight)

            def score(prediction: Array) -> float:
                return float(estimator._validation_score(Y, prediction, weight))
        else:
            scorer = check_scoring(estimator, estimator.scoring)
            candidate = copy.copy(estimator)
            vars(candidate).update(attributes_of(network, theta, loss))  # views of theta
            vars(candidate).pop("feature_names_in_", None)  # X has been validated and has no names any more
            X, y, weight = (self._taken(array) for array in (self.data.X, self.y, self.sample_weight))
            accepted = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters.values()
            takes_weights = any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in accepted)
            weights = {"sample_weight": weight} if takes_weights and weight is not None else {}

            def score(prediction: Array) -> float:
                return float(scorer(candidate, X, y, **weights))

        params = network.layout.views(theta)

        def defined_score(given: Array) -> float:
            np.copyto(theta, given)
            prediction = collect(network, params, self.data.X, loss.predict, self.data.rows)
            if not np.isfinite(prediction).all():  # a run that diverges: the monitor sees to it
                return float("nan")
            found = score(prediction)
            if np.isnan(found):
                raise ValueError(
                    "The validation score is not a number: it is not defined on this validation set, for example "
                    "because that has one class or one sample only. Choose another set, or another scoring."
                )
            return found

        return defined_score
