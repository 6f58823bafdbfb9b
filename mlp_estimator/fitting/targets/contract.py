"""What an estimator asks of a kind of targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_consistent_length, column_or_1d

from ...compat import check_targets
from ...engine.graph import Graph
from ...engine.losses import Loss
from ...engine.members import Array
from ..mixture import mixture_weights
from ..reading import check_no_missing, read_labels, read_numbers, row_counts

Weight = NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Encoded:
    """Targets and weights of some rows as the loss reads them."""

    Y: NDArray[Any]  # targets (n, K), or class codes (n, 1)
    weight: Weight  # in the loss, class weights included
    sample_weight: Weight  # as the user gave them

    @property
    def some_weight(self) -> Weight:
        """The weight in the loss, or None where it is 0 in all rows, as in those of a class without weight."""
        return self.weight if self.weight is not None and self.weight.any() else None

    @property
    def counts(self) -> Weight:
        """How often each row counts in statistics."""
        return row_counts(self.sample_weight)

    def take(self, rows: NDArray[np.integer[Any]]) -> Encoded:
        """Return some of the rows."""
        weight, sample_weight = (w if w is None else w[rows] for w in (self.weight, self.sample_weight))
        return Encoded(self.Y[rows], weight, sample_weight)

    @property
    def n_rows(self) -> float:
        """Number of rows, each as often as it counts."""
        counts = self.counts
        return float(len(self.Y) if counts is None else counts.sum())


class Targets(ABC):
    """What a fit learned of its targets: how they are encoded and weighed, and what predictions mean.

    ``prediction`` is (n, K) by the inverse link of the loss.
    """

    loss: Loss
    n_outputs: int
    """Number of outputs of the network."""
    has_labels: bool
    """Whether ``y`` is read as labels, not as numbers."""

    without_residuals: str = ""
    """Why there are no intervals or sets for such targets, where there are none."""

    @property
    def n_predicted(self) -> int:
        """Number of predicted columns, without the variances that follow them with some losses."""
        return self.n_outputs // 2 if self.loss.gives_variance else self.n_outputs

    @abstractmethod
    def encode(self, y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return validated targets of a fit as the loss reads them."""

    def check_further(self, y: NDArray[Any]) -> None:
        """Raise an error for targets of a validation set that do not go with those of the fit."""
        return

    def weigh(self, Y: NDArray[Any], sample_weight: Weight) -> Weight:
        """Return the weights of rows in the loss."""
        return sample_weight

    def strata(self, Y: NDArray[Any]) -> NDArray[Any] | None:
        """Return the groups that splits keep in proportion, if any."""
        return None

    @abstractmethod
    def columns(self, Y: NDArray[Any]) -> NDArray[np.float64]:
        """Return encoded targets as numbers, whose means by category are features."""

    @property
    @abstractmethod
    def n_columns(self) -> int:
        """Number of these numbers."""

    @abstractmethod
    def metric(self, Y: NDArray[Any], prediction: Array, weight: Weight) -> float:
        """Return the default score of predictions of encoded targets."""

    def attributes(self) -> Mapping[str, Any]:
        """Return the public fitted attributes that follow from y."""
        return {}

    # Out-of-fold predictions of several configurations.

    def linked(self, raw: Array) -> Array:
        """Return predictions from raw outputs (n, K)."""
        prediction = raw.T[None].copy()
        self.loss.predict(prediction, prediction)
        columns: Array = prediction[0].T
        return columns

    @abstractmethod
    def mean_loss(self, encoded: Encoded) -> Callable[[Array], float]:
        """Return the mean loss as a function of mixed predictions."""

    def mix(self, raws: Sequence[Array], constants: Array, encoded: Encoded) -> NDArray[np.float64]:
        """Return the weights of configurations with these raw outputs (n, K), beside constant predictions (n, K)."""
        predictions = [self.linked(raw) for raw in raws]
        return mixture_weights(self.mean_loss(encoded), predictions, constants, encoded.n_rows)

    def constant(self, encoded: Encoded) -> Array:
        """Return the prediction (K,) of a network before training."""
        prediction: Array = self.linked(np.zeros((1, self.n_outputs)))[0]
        return prediction

    def find_temperature(self, prediction: Array, encoded: Encoded) -> float:
        """Return the temperature of mixed predictions, 1 where they have none."""
        return 1.0

    def in_unit(self, prediction: Array) -> Array:
        """Return predictions (..., K) in the unit of the targets."""
        return prediction

    def calibrated(self, prediction: Array, temperature: float) -> Array:
        """Return mixed predictions (..., K) at a temperature."""
        return prediction

    def unit_slope(self, prediction: Array) -> Array:
        """Return the derivatives of ``in_unit``, which acts on each entry by itself, like ``prediction`` (..., K)."""
        return np.ones_like(prediction)

    def calibrated_error(self, prediction: Array, temperature: float, k: int) -> Array:
        """Return the derivatives (n, K) of the calibrated prediction k with respect to mixed predictions (n, K)."""
        error: Array = np.zeros_like(prediction)
        error[:, k] = 1.0
        return error

    def unit_nodes(self, g: Graph, prediction: str) -> str:
        """Return what ``in_unit`` returns, in an ONNX graph of float64."""
        return prediction

    def calibrated_nodes(self, g: Graph, prediction: str, temperature: float) -> str:
        """Return what ``calibrated`` returns, in an ONNX graph of float64."""
        return prediction

    @abstractmethod
    def row_errors(self, encoded: Encoded, prediction: Array) -> NDArray[np.float64]:
        """Return the error (n,) of each prediction, as users get it, by which columns are rated."""

    @abstractmethod
    def decide(self, prediction: Array) -> NDArray[Any]:
        """Return what ``predict`` keeps of the predictions (..., K) of a chunk."""

    @abstractmethod
    def decoded(self, decided: NDArray[Any]) -> NDArray[Any]:
        """Return what ``predict`` returns, from (n, K) by ``decide``."""

    @abstractmethod
    def out_of_fold(
        self, prediction: Array, encoded: Encoded, folds: Sequence[NDArray[np.integer[Any]]]
    ) -> Mapping[str, Any]:
        """Return the fitted attributes that follow from calibrated out-of-fold predictions in the unit of the targets.

        ``folds`` are the rows of each fold.
        """


def read_targets(name: str, y: Any, n_rows: int | None, *, as_labels: bool) -> NDArray[Any]:
    """Return validated targets, (n,) or (n, K), as labels or as numbers.

    Raises
    ------
    ValueError, TypeError
        If y is missing, or holds something else, or has another number of rows.
    """
    if not as_labels and sparse.issparse(y):
        raise ValueError(f"{name} is sparse, which only multilabel classification accepts: use {name}.toarray().")
    values = (read_labels if as_labels else read_numbers)(name, y)
    if not as_labels:
        check_no_missing(name, values)
    validated = check_targets(values, numeric=not as_labels)
    if n_rows is not None:  # it is not known of a table that is read in chunks
        check_consistent_length(range(n_rows), validated)
    if validated.ndim == 2 and validated.shape[1] == 1:
        validated = column_or_1d(validated, warn=True)
    return validated
