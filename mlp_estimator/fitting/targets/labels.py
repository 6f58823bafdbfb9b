"""Labels of classes that exclude each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ...engine.graph import Graph
from ...engine.losses import Loss
from ...engine.members import Array
from ..intervals import Residuals
from ..mixture import SMALLEST, find_temperature, log_losses, sharpen
from .class_weight import class_weights, codes_of, of_rows
from .contract import Encoded, Targets, Weight


def log_odds(score: Array) -> Array:
    """Return log(p / (1 - p)) of each class, where p is the softmax of the scores (n, K), K > 1."""
    shifted, top = score - score.max(axis=1, keepdims=True), score.argmax(axis=1)[:, None]
    others = shifted.copy()
    np.put_along_axis(others, top, -np.inf, axis=1)
    p = np.exp(others)
    rest = np.log(1.0 + (p.sum(axis=1, keepdims=True) - p))
    # 1 - p of the most probable class would cancel, and so would vanish.
    np.put_along_axis(rest, top, logsumexp(others, axis=1, keepdims=True), axis=1)
    odds: Array = shifted - rest
    return odds


@dataclass
class Labels(Targets):
    """Classes, one output each, or one output for the second of two by a loss with a logistic link.

    ``class_weights`` has the weight of each class, ``smoothing`` is the fraction of a target that is spread over both
    of two classes.
    """

    classes: NDArray[Any]
    loss: Loss
    smoothing: float = 0.0
    class_weights: list[NDArray[np.float64]] = field(default_factory=list)

    has_labels = True
    multilabel = False

    @property
    def kind(self) -> str:
        """scikit-learn's type of target."""
        return "multiclass" if len(self.classes) > 2 else "binary"

    @property
    def class_outputs(self) -> bool:
        """Whether predictions have a column for each class, not one for the second of two."""
        return self.loss.codes

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        return len(self.classes) if self.loss.codes else 1

    def encode(self, y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return class codes, or the probability of the second of two classes."""
        codes = np.searchsorted(self.classes, y)[:, None]
        if self.loss.codes:
            return codes
        targets = codes.astype(dtype)
        return targets * (1 - self.smoothing) + self.smoothing / 2 if self.smoothing else targets

    def weigh(self, Y: NDArray[Any], sample_weight: Weight) -> Weight:
        """Return the sample weights times the weights of the classes."""
        return of_rows(self.class_weights, Y, sample_weight) if self.class_weights else sample_weight

    def strata(self, Y: NDArray[Any]) -> NDArray[Any] | None:
        """Return the classes."""
        return Y[:, 0]

    def columns(self, Y: NDArray[Any]) -> NDArray[np.float64]:
        """Return an indicator for each class but the first."""
        indicators: NDArray[np.float64] = np.eye(len(self.classes))[Y[:, 0].astype(int)][:, 1:]
        return indicators

    @property
    def n_columns(self) -> int:
        return len(self.classes) - 1

    def metric(self, Y: NDArray[Any], prediction: Array, weight: Weight) -> float:
        return float(accuracy_score(codes_of(Y), self.decide(prediction), sample_weight=weight))

    def attributes(self) -> Mapping[str, Any]:
        return {"classes_": self.classes}

    def mean_loss(self, encoded: Encoded) -> Callable[[Array], float]:
        """Return the log-loss of probabilities."""
        return lambda prediction: float(np.average(self.row_errors(encoded, prediction), weights=encoded.some_weight))

    def constant(self, encoded: Encoded) -> Array:
        """Return the weighted frequency of each class, or of each label of a logistic output."""
        sums = np.bincount(encoded.Y[:, 0].astype(int), encoded.some_weight, len(self.classes))
        frequencies: Array = sums / sums.sum()
        return frequencies if self.loss.codes else frequencies[1:]

    def find_temperature(self, prediction: Array, encoded: Encoded) -> float:
        return find_temperature(self.mean_loss(encoded), prediction, self.calibrated)

    def calibrated(self, prediction: Array, temperature: float) -> Array:
        return sharpen(prediction, temperature)

    def calibrated_error(self, prediction: Array, temperature: float, k: int) -> Array:
        p, others = np.maximum(prediction, SMALLEST), np.arange(prediction.shape[1])
        q = sharpen(p, temperature)
        error: Array = q[:, [k]] * ((others == k) - q) / (temperature * p)
        return error

    def calibrated_nodes(self, g: Graph, prediction: str, temperature: float) -> str:
        return g("Softmax", g("Div", g("Log", g("Max", prediction, SMALLEST)), temperature), axis=-1)

    def row_errors(self, encoded: Encoded, prediction: Array) -> NDArray[np.float64]:
        return log_losses(prediction, encoded.Y[:, 0])

    def out_of_fold(
        self, prediction: Array, encoded: Encoded, folds: Sequence[NDArray[np.integer[Any]]]
    ) -> Mapping[str, Any]:
        """Return probabilities, codes, accuracy, and 1 - p of the classes by fold."""
        codes, counts = encoded.Y[:, 0], encoded.counts
        scores = 1.0 - prediction[np.arange(len(codes)), codes].astype(np.float64)
        return {
            "oof_prediction_": prediction,
            "oof_target_": codes.astype(np.min_scalar_type(len(self.classes))),
            "oof_score_": self.metric(encoded.Y, prediction, encoded.sample_weight),
            "_residuals": [[Residuals.of(scores, counts, rows) for rows in folds]],
        }

    def weighted(self, class_weight: Any, y: NDArray[Any], sample_weight: Weight) -> Self:
        """Return the same labels with weights of classes, as the parameter ``class_weight`` asks for them."""
        if class_weight is None:
            return replace(self, class_weights=[])
        Y = replace(self, smoothing=0.0).encode(y, np.dtype(np.float64))
        classes = None if self.multilabel else self.classes
        return replace(self, class_weights=class_weights(class_weight, classes, Y, sample_weight))

    def decide(self, prediction: Array) -> NDArray[Any]:
        """Return the code (n, 1) of the most probable class."""
        if not self.class_outputs:
            return (prediction > 0.5).astype(np.intp)
        codes: NDArray[np.intp] = prediction.argmax(axis=-1)[..., None]
        return codes

    def decoded(self, decided: NDArray[Any]) -> NDArray[Any]:
        """Return labels (n,) by their codes (n, 1)."""
        return self.classes.take(decided[:, 0], mode="clip")  # a single class has no second

    def check_kind(self, y: NDArray[Any], name: str) -> None:
        """Raise an error for labels instead of a multilabel indicator, and the other way round."""
        kind = type_of_target(y)
        if self.multilabel != kind.startswith("multilabel"):
            raise ValueError(
                f"{name} is {kind}, but training so far was on a {self.kind} target: it continues with the same kind "
                "of target only."
            )

    def check_continuation(self, y: NDArray[Any], classes: Any) -> None:
        """Raise an error for targets with which partial_fit cannot continue."""
        if classes is not None and not np.array_equal(self.classes, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes!r}."
            )
        self.check_kind(y, "`y`")
        labels = unique_labels(y)
        if len(np.setdiff1d(labels, self.classes)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. 'y' has {labels}. "
                "Name all classes that will ever occur in the first call: partial_fit(X, y, classes=...)."
            )

    def check_same(self, y: NDArray[Any]) -> None:
        """Raise an error for targets with which a warm start cannot continue: other classes, or missing ones."""
        self.check_kind(y, "`y`")
        labels = unique_labels(y)
        if len(np.setdiff1d(labels, self.classes)) or len(labels) < len(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes}, `y` has {labels}"
            )

    def check_further(self, y: NDArray[Any]) -> None:
        """Raise an error for validation targets of another kind or with unknown classes."""
        check_classification_targets(y)
        self.check_kind(y, "`y_val`")
        unseen = np.setdiff1d(unique_labels(y), self.classes)
        if len(unseen):
            raise ValueError(f"y_val has the classes {unseen}, which y does not have: {self.classes}.")
