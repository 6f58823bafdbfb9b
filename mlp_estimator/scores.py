"""The default scores: accuracy, R2, and for several quantiles the explained fraction of their pinball loss."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.utils.validation import check_is_fitted

from .engine.losses import Loss, Quantile
from .engine.members import Array
from .fitting.class_weight import codes_of
from .fitting.data import Metric
from .fitting.features import MatrixLike
from .fitting.reading import labels, numbers


class ScoredClassifier(ClassifierMixin):
    """scikit-learn's mixin, which reads y as ``fit`` does."""

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels. Of multilabel targets all labels of a sample must be right.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The accuracy.
        """
        weight = numbers("sample_weight", sample_weight)
        return float(cast(Any, super()).score(X, labels("y", y), sample_weight=weight))


class ScoredRegressor(RegressorMixin):
    """scikit-learn's mixin, which reads y as ``fit`` does and scores several quantiles."""

    _loss: Loss

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2 of the predictions; for several quantiles the mean of their D2 pinball scores.

        Both are 1 for perfect predictions, and 0 for a constant prediction of the mean or the quantile of `y`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The score, at most 1.
        """
        check_is_fitted(self)
        metric = regression_metric(self._loss)
        prediction = self.predict(X)  # type: ignore[attr-defined]
        return metric(numbers("y", y), prediction, numbers("sample_weight", sample_weight))


def accuracy(Y: NDArray[Any], probability: Array, weight: NDArray[Any] | None) -> float:
    """Return the accuracy of predicted probabilities (n, K) for encoded targets."""
    codes = probability.shape[1] > Y.shape[1]  # against one probability for each class
    decided = probability.argmax(axis=1) if codes else (probability > 0.5).astype(int)
    return float(accuracy_score(codes_of(Y), decided, sample_weight=weight))


def regression_metric(loss: Loss) -> Metric:
    """Return the default score of what a loss predicts.

    Raises
    ------
    ValueError
        If the loss predicts several numbers per target that are not quantiles.
    """
    if loss.gives_variance or loss.n_outputs == 1:
        return _r2
    if isinstance(loss, Quantile):
        return partial(_d2_of_quantiles, cast(Sequence[float], loss.quantile))
    raise ValueError(
        f"{type(loss).__name__} predicts {loss.n_outputs} numbers per target, for which there is no default score: "
        "choose scoring='loss' for early stopping, and a scorer of your own elsewhere."
    )


def _r2(y: Any, prediction: Array, weight: Any) -> float:
    """Return R2 of the means; some losses have variances behind them."""
    means = prediction[:, : y.shape[1]] if np.ndim(y) == prediction.ndim == 2 else prediction
    return float(r2_score(y, means, sample_weight=weight))


def _d2_of_quantiles(levels: Sequence[float], y: Any, prediction: Array, weight: Any) -> float:
    """Return the mean over quantiles of the explained fraction of the pinball loss."""
    scores = [
        d2_pinball_score(y, column, sample_weight=weight, alpha=q)
        for q, column in zip(levels, prediction.T, strict=True)
    ]
    return float(np.mean(scores))
