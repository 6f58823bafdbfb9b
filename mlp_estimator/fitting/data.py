"""What an estimator has read: validated and encoded training data, and data held out for validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import indexable

from ..compat import safe_indexing
from ..engine.batches import Data
from .features import Features
from .fitted import Fitted
from .reading import check_total
from .targets import Encoded, Targets


@dataclass(eq=False)
class Source:
    """X, y and sample weights as scorers see them: X is the user's own with its names, or coded rows of a table."""

    X: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None

    def take(self, rows: NDArray[np.integer[Any]]) -> Source:
        """Return some of the rows."""
        (X,) = indexable(self.X)
        return Source(safe_indexing(X, rows), self.y[rows], None if self.weight is None else self.weight[rows])


@dataclass(eq=False)
class HeldOut:
    """Rows that are not trained on: ``data`` as the network reads them, ``source`` as scorers do.

    ``parts`` are some of these rows each, and together all of them: runs keep parameters for each of them, too.
    """

    data: Data
    source: Callable[[], Source]
    parts: Sequence[HeldOut] = ()


@dataclass(eq=False)
class FitData:
    """All that a fit read and learned of X and y; jobs train on it, or on some of its rows."""

    X: Any  # as the bottom layer reads it
    features: Features
    targets: Targets
    encoded: Encoded
    dtype: np.dtype[Any]
    source: Source
    predictor: Callable[[Fitted], Any] | None = None  # the estimator that scorers see
    n_features: int = 0  # columns of X, and their names
    feature_names: NDArray[Any] | None = None
    held_out: HeldOut | None = None  # a validation set of the user
    rows: Data = field(init=False)  # all of them, for the engine

    def __post_init__(self) -> None:
        check_total(self.encoded.weight, self.dtype)
        self.rows = Data(self.X, self.encoded.Y, self.encoded.weight)
