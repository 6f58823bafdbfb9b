"""Numbers: one or several real targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import d2_pinball_score, r2_score

from ...engine.graph import Graph
from ...engine.losses import CLASSIFICATION, LOSSES, Loss, Quantile
from ...engine.members import Array
from ..intervals import Residuals
from ..mixture import mixture_weights
from ..reading import check_numeric, to_dtype
from .contract import Encoded, Targets, Weight

MAX_NOISE = 1e3
"""Largest standard deviation that may be predicted, in those of y."""


@dataclass
class Unit:
    """Mean and scale of standardised targets, and the range of those in ``fit``; one entry per target."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, Y: NDArray[np.float64], sample_weight: Weight, loss: Loss) -> Unit:
        """Learn from targets (n, n_targets): mean 0 and variance 1, or with a log link mean 1."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(Y, axis=0, weights=sample_weight)
            center, scale = np.zeros_like(mean), mean.copy()
            if loss.link == "identity":
                center, scale = mean, np.sqrt(np.average((Y - mean) ** 2, axis=0, weights=sample_weight))
        if not np.isfinite([mean, scale]).all() or scale.max() > np.sqrt(np.finfo(np.float64).max) / MAX_NOISE:
            raise ValueError("y is too large: its variance does not fit into float64. Divide y by a constant.")
        if ((scale < np.sqrt(np.finfo(np.float64).tiny)) & (Y.min(axis=0) < Y.max(axis=0))).any():
            raise ValueError("y is too small: its variance is 0 in float64. Multiply y by a constant.")
        scale[~(scale > np.finfo(float).eps * np.abs(mean))] = 1.0
        return cls(center, scale, Y.min(axis=0), Y.max(axis=0))

    def standardised(self, Y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return targets as the network sees them."""
        standardised: NDArray[np.float64] = (Y - self.center) / self.scale
        return standardised

    def restored(self, Y: Array) -> NDArray[np.float64]:
        """Undo ``standardised``."""
        restored: NDArray[np.float64] = Y.astype(np.float64) * self.scale + self.center
        return restored


@dataclass
class Numbers(Targets):
    """Real targets of a loss, in their own unit or standardised.

    The network sees standardised targets of unit size. Predictions of them are float64, and stay within the range of
    those in ``fit``.
    """

    loss: Loss
    n_targets: int
    unit: Unit | None = None  # None for targets in their own unit

    has_labels = False

    @classmethod
    def learn(cls, y: NDArray[Any], sample_weight: Weight, loss: Loss, *, standardise: bool) -> Numbers:
        """Learn from validated targets.

        Raises
        ------
        ValueError
            If the loss is not for such targets, or their variance does not fit into float64.
        """
        if type(loss) in CLASSIFICATION.values():
            raise ValueError(f"loss={_name(loss)!r} is for class labels: use MLPClassifier or TabularMLPClassifier.")
        targets = cls(loss, 1 if y.ndim == 1 else y.shape[1])
        if targets._has_levels and targets.n_targets > 1:
            raise ValueError(f"Several quantiles are for one target, but y has {targets.n_targets} columns.")
        if standardise:
            targets.unit = Unit.of(targets._numbers(y, np.dtype(np.float64)), sample_weight, loss)
        return targets

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        return self.n_targets * self.loss.n_outputs

    @property
    def without_residuals(self) -> str:  # type: ignore[override]
        several = "Intervals are for a loss that predicts one value: here predict returns several quantiles."
        return several if self._has_levels else ""

    @property
    def _has_levels(self) -> bool:
        """Whether a prediction is several numbers per target, and these are not a mean and a variance."""
        return self.loss.n_outputs > 1 and not self.loss.gives_variance

    def _numbers(self, y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return targets that the loss allows, (n, n_targets)."""
        check_numeric("y", y)
        Y = to_dtype("y", y.reshape(len(y), -1), dtype)
        if not self.loss.allows(Y):
            raise ValueError(
                f"loss={_name(self.loss)!r} is for {self.loss.domain} targets, but y goes down to {Y.min():g}. "
                "Use loss='squared_error', or check the target."
            )
        return Y

    def encode(self, y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return targets (n, n_targets) in the type of the computation."""
        if self.unit is None:
            return self._numbers(y, dtype)
        return to_dtype("y", self.unit.standardised(self._numbers(y, np.dtype(np.float64))), dtype)

    def check_further(self, y: NDArray[Any]) -> None:
        """Raise an error for validation targets with another number of columns."""
        n_columns = 1 if y.ndim == 1 else y.shape[1]
        if n_columns != self.n_targets:
            raise ValueError(f"y_val has {n_columns} column(s), y has {self.n_targets}.")

    def columns(self, Y: NDArray[Any]) -> NDArray[np.float64]:
        return Y.astype(np.float64)

    @property
    def n_columns(self) -> int:
        return self.n_targets

    def metric(self, Y: NDArray[Any], prediction: Array, weight: Weight) -> float:
        return regression_score(self.loss, Y, prediction, weight)

    def mean_loss(self, encoded: Encoded) -> Callable[[Array], float]:
        """Return the mean loss as a function of raw outputs (n, K)."""
        y = encoded.Y.T[None].astype(np.float64)
        weight = None if encoded.weight is None else encoded.weight.astype(np.float64)[None, None]
        total = float(y.shape[2] if weight is None else weight.sum())

        def loss(raw: Array) -> float:
            z = raw.T[None].astype(np.float64)
            d_raw, work = np.empty_like(z), np.empty((1, z.shape[1] + 1, z.shape[2]))
            return float(self.loss.value_and_grad(y, z, weight, d_raw, work)[0]) / total

        return loss

    def mix(self, raws: Sequence[Array], constants: Array, encoded: Encoded) -> NDArray[np.float64]:
        """Return the weights of configurations, found for mixed raw outputs."""
        return mixture_weights(self.mean_loss(encoded), raws, np.zeros(self.n_outputs), encoded.n_rows)

    def in_unit(self, prediction: Array) -> Array:
        """Return predictions in the unit of standardised targets, as float64 and within their range."""
        if self.unit is None:
            return prediction
        means = np.clip(self.unit.restored(self.means(prediction)), self.unit.low, self.unit.high)
        variances = self.variances(prediction)
        if variances is None:
            return means
        return np.concatenate([means, variances.astype(np.float64) * self.unit.scale**2], axis=-1)

    def unit_nodes(self, g: Graph, prediction: str) -> str:
        if self.unit is None:
            return prediction
        means, n = prediction, self.n_predicted
        if self.loss.gives_variance:
            means, variances = (g("Gather", prediction, np.arange(k, k + n), axis=-1) for k in (0, n))
        restored = g("Add", g("Mul", means, self.unit.scale), self.unit.center)
        means = g("Min", g("Max", restored, self.unit.low), self.unit.high)
        if not self.loss.gives_variance:
            return means
        return g("Concat", means, g("Mul", variances, self.unit.scale**2), axis=-1)

    def means(self, prediction: Array) -> Array:
        """Return predictions (..., K) without the variances that follow them with some losses."""
        return np.split(prediction, 2, axis=-1)[0] if self.loss.gives_variance else prediction

    def variances(self, prediction: Array) -> Array | None:
        """Return the variances in predictions, None where the loss gives none."""
        return np.split(prediction, 2, axis=-1)[1] if self.loss.gives_variance else None

    def decide(self, prediction: Array) -> NDArray[Any]:
        return self.means(prediction)

    def decoded(self, decided: NDArray[Any]) -> NDArray[Any]:
        """Return numbers (n,), or (n, K) of several."""
        return squeeze_outputs(decided)

    def unit_slope(self, prediction: Array) -> Array:
        """Return the derivatives of ``in_unit``: 0 where a mean is cut off at the range of the targets."""
        if self.unit is None:
            return np.ones_like(prediction)
        means = self.unit.restored(self.means(prediction))
        slope = np.where((self.unit.low < means) & (means < self.unit.high), self.unit.scale, 0.0)
        return np.concatenate([slope, np.ones_like(slope) * self.unit.scale**2], axis=-1)[..., : prediction.shape[-1]]

    def row_errors(self, encoded: Encoded, prediction: Array) -> NDArray[np.float64]:
        """Return squared errors in variances of the targets, or pinball losses over those of constant quantiles.

        The mean of the former over rows is 1 - R2. They are NaN for losses that predict several other numbers.
        """
        y = encoded.Y.astype(np.float64) if self.unit is None else self.unit.restored(encoded.Y)
        means = self.means(prediction)
        if isinstance(self.loss, Quantile):
            levels = np.ravel(self.loss.quantile)
            constant = np.quantile(y[:, 0], levels)
            errors, unit = (np.maximum(levels * d, (levels - 1.0) * d) for d in (y - means, y - constant))
        elif self._has_levels:
            return np.full(len(y), np.nan)
        else:
            errors, unit = (y - means) ** 2, (y - y.mean(axis=0)) ** 2
        total = unit.mean(axis=0)
        relative: NDArray[np.float64] = (errors / np.where(total > 0.0, total, 1.0)).mean(axis=1)
        return relative

    def out_of_fold(
        self, prediction: Array, encoded: Encoded, folds: Sequence[NDArray[np.integer[Any]]]
    ) -> Mapping[str, Any]:
        """Return predictions, targets, score, and the absolute residuals of each target by fold."""
        y = encoded.Y if self.unit is None else self.unit.restored(encoded.Y)
        attributes: dict[str, Any] = {
            "oof_prediction_": squeeze_outputs(prediction),
            "oof_target_": squeeze_outputs(y),
            "oof_score_": float("nan"),
        }
        if len(y) > 1 and (not self._has_levels or isinstance(self.loss, Quantile)):
            attributes["oof_score_"] = self.metric(y, prediction, encoded.sample_weight)
        if len(y) > 1 and not self._has_levels:
            residuals, counts = np.abs(y - self.means(prediction)), encoded.counts
            attributes["_residuals"] = [
                [Residuals.of(of_target, counts, rows) for rows in folds] for of_target in residuals.T
            ]
        return attributes


def _name(loss: Loss) -> str:
    return next((name for name, of_name in LOSSES.items() if of_name is type(loss)), type(loss).__name__)


def squeeze_outputs(prediction: Array) -> Array:
    """Return (..., n, K) as (..., n) where there is one output."""
    return prediction[..., 0] if prediction.shape[-1] == 1 else prediction


def regression_score(loss: Loss, y: Any, prediction: Array, weight: Any) -> float:
    """Return the default score of what a loss predicts: R2 of the means, or the mean D2 pinball score of quantiles."""
    if isinstance(loss, Quantile) and loss.n_outputs > 1:
        levels = zip(cast(Sequence[float], loss.quantile), prediction.T, strict=True)
        return float(np.mean([d2_pinball_score(y, column, sample_weight=weight, alpha=q) for q, column in levels]))
    if loss.gives_variance or loss.n_outputs == 1:
        means = prediction[:, : y.shape[1]] if np.ndim(y) == prediction.ndim == 2 else prediction  # no variances
        return float(r2_score(y, means, sample_weight=weight))
    raise ValueError(
        f"{type(loss).__name__} predicts {loss.n_outputs} numbers per target, for which there is no default score: "
        "choose scoring='loss' for early stopping, and a scorer of your own elsewhere."
    )
