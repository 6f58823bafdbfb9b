"""What an estimator has read: validated and encoded training data, and data held out for validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import indexable

from ..compat import safe_indexing
from ..engine.batches import Data
from ..engine.layers import Layer
from ..engine.losses import Loss
from .reading import check_total

Weigh = Callable[[NDArray[Any], NDArray[Any] | None], NDArray[Any] | None]
Metric = Callable[[NDArray[Any], NDArray[Any], NDArray[Any] | None], float]


def unweighted(Y: NDArray[Any], sample_weight: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return the sample weights as the weights of the rows."""
    return sample_weight


@dataclass(eq=False)
class Source:
    """X, y and sample weights as scorers see them: X is the user's own, a frame with its names included."""

    X: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None

    def take(self, rows: NDArray[np.integer[Any]]) -> Source:
        """Return some of the rows."""
        (X,) = indexable(self.X)
        return Source(safe_indexing(X, rows), self.y[rows], None if self.weight is None else self.weight[rows])


@dataclass(eq=False)
class HeldOut:
    """Rows that are not trained on: ``data`` as the network reads them, ``source`` as scorers do."""

    data: Data
    source: Callable[[], Source]


@dataclass(frozen=True, eq=False)
class Targets:
    """Encoded targets, and the loss for them."""

    Y: NDArray[Any]  # targets (n, K), or class codes (n, 1)
    loss: Loss
    n_outputs: int  # of the network
    encode: Callable[[NDArray[Any]], NDArray[Any]]  # further targets, of a validation set
    weigh: Weigh  # the weights of rows in the loss, from targets and sample weights
    metric: Metric | None = None  # the default validation score, for ``scoring=None``
    strata: NDArray[Any] | None = None  # groups that the early-stopping split keeps in proportion
    learned: Mapping[str, Any] = field(default_factory=dict)  # fitted attributes that follow from y


@dataclass(eq=False)
class TrainingData:
    """All that a fit learned by reading X and y; jobs train on it, or on some of its rows."""

    X: Any  # as the bottom layer reads it
    targets: Targets
    dtype: np.dtype[Any]
    weight: NDArray[Any] | None  # in the loss, class weights included
    source: Source
    predictor: Callable[..., Any] | None = None  # from fitted attributes to an estimator, for scorers
    bottom: tuple[Layer, ...] = ()
    learned: Mapping[str, Any] = field(default_factory=dict)  # fitted attributes that follow from X and y
    held_out: HeldOut | None = None  # a validation set of the user
    rows: Data = field(init=False)

    def __post_init__(self) -> None:
        check_total(self.weight, self.dtype)
        self.rows = self.select(None)

    def select(self, rows: NDArray[np.integer[Any]] | None) -> Data:
        """Return some of the rows for the engine; None selects all."""
        return Data(self.X, self.targets.Y, self.weight, rows)
