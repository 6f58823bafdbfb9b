"""Multilabel indicators: several labels, each of which a sample has or has not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ...engine.graph import Graph
from ...engine.losses import Loss
from ...engine.members import Array
from ..mixture import SMALLEST, binary_log_losses, sharpen_each
from .contract import Encoded, Weight
from .labels import Labels


@dataclass
class Indicators(Labels):
    """Labels, one logistic output each; ``classes`` are their numbers, ``binarizer`` is scikit-learn's encoder."""

    binarizer: LabelBinarizer = field(default_factory=LabelBinarizer)

    multilabel = True
    without_residuals = "Sets are for labels that exclude each other: choose labels by predict_proba."

    @property
    def kind(self) -> str:
        return "multilabel-indicator"

    @property
    def class_outputs(self) -> bool:
        return True

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        return len(self.classes)

    def encode(self, y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the indicators, dense."""
        return np.ascontiguousarray(self.binarizer.transform(y), dtype)

    def strata(self, Y: NDArray[Any]) -> NDArray[Any] | None:
        """Return None: there are too many combinations."""
        return None

    def columns(self, Y: NDArray[Any]) -> NDArray[np.float64]:
        return Y.astype(np.float64)

    @property
    def n_columns(self) -> int:
        return len(self.classes)

    def metric(self, Y: NDArray[Any], prediction: Array, weight: Weight) -> float:
        """Return the fraction of samples all of whose labels are right."""
        return float(accuracy_score(Y > 0.5, prediction > 0.5, sample_weight=weight))

    def constant(self, encoded: Encoded) -> Array:
        """Return the weighted frequency of each label."""
        frequencies: Array = np.average(encoded.Y, axis=0, weights=encoded.some_weight)
        return frequencies

    def calibrated(self, prediction: Array, temperature: float) -> Array:
        return sharpen_each(prediction, temperature)

    def calibrated_error(self, prediction: Array, temperature: float, k: int) -> Array:
        error = np.zeros_like(prediction)
        p = np.clip(prediction[:, k], SMALLEST, 1.0 - np.finfo(prediction.dtype).epsneg)
        q = sharpen_each(p, temperature)
        error[:, k] = q * (1.0 - q) / (temperature * p * (1.0 - p))
        return error

    def calibrated_nodes(self, g: Graph, prediction: str, temperature: float) -> str:
        p, q = (g("Log", g("Max", value, SMALLEST)) for value in (prediction, g("Sub", 1.0, prediction)))
        return g("Sigmoid", g("Div", g("Sub", p, q), temperature))

    def row_errors(self, encoded: Encoded, prediction: Array) -> NDArray[np.float64]:
        return binary_log_losses(prediction, encoded.Y)

    def out_of_fold(
        self, prediction: Array, encoded: Encoded, folds: Sequence[NDArray[np.integer[Any]]]
    ) -> Mapping[str, Any]:
        """Return probabilities, indicators, and the fraction of samples all of whose labels are right."""
        return {
            "oof_prediction_": prediction,
            "oof_target_": encoded.Y.astype(np.uint8),
            "oof_score_": self.metric(encoded.Y, prediction, encoded.sample_weight),
        }

    def decide(self, prediction: Array) -> NDArray[Any]:
        """Return the probabilities: a threshold decides on each."""
        return prediction

    def decoded(self, decided: NDArray[Any]) -> NDArray[Any]:
        """Return the indicators (n, K)."""
        indicators: NDArray[Any] = self.binarizer.inverse_transform(decided)
        return indicators


def learn_classes(
    y: NDArray[Any], loss_of: Callable[[str], Loss], *, each_class: bool, classes: Any = None
) -> Labels | Indicators:
    """Learn labels or label indicators, by scikit-learn's type of target.

    ``each_class`` asks for an output of each class also of two. ``classes`` names all that will ever occur.

    Raises
    ------
    ValueError
        If y is neither.
    """
    if y.ndim == 1 and y.dtype.kind == "O":  # to sort all of many objects takes most of the time of reading y
        y = np.array(sorted(set(y.tolist())), dtype=object)
    check_classification_targets(y)
    if type_of_target(y) == "multiclass-multioutput":
        raise ValueError(
            f"y has {y.shape[1]} columns of labels: pass one, or indicators of 0 and 1. For several columns there is "
            "sklearn.multioutput.MultiOutputClassifier."
        )
    if type_of_target(y).startswith("multilabel"):
        values = np.unique(y.data if sparse.issparse(y) else y)
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                f"Label indicators are 0 and 1, and y has {values.tolist()}: pass these, or one column of labels."
            )
        binarizer = LabelBinarizer().fit(y)
        known = binarizer.classes_ if classes is None else unique_labels(classes)
        return Indicators(known, loss_of("sigmoid_cross_entropy"), binarizer=binarizer)
    if sparse.issparse(y):
        raise ValueError("y is sparse, which label indicators of 0 and 1 alone may be: use y.toarray().")
    known = LabelBinarizer().fit(y if classes is None else unique_labels(classes)).classes_
    softmax = each_class or len(known) > 2
    return Labels(known, loss_of("softmax_cross_entropy" if softmax else "sigmoid_cross_entropy"))
