"""What networks and tabular estimators do alike: labels, logarithms of probabilities, and the method ``score``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .engine.members import Array
from .fitting.chunks import TableLike
from .fitting.fitted import Fitted
from .fitting.mixture import logarithm
from .fitting.reading import read_labels, read_numbers
from .fitting.targets.numbers import regression_score


class ScoredClassifier(ClassifierMixin):
    """scikit-learn's mixin, which reads y as ``fit`` does."""

    _taken_out: Callable[..., tuple[Any, list[Any]]]
    _predict_decoded: Callable[[Any], NDArray[Any]]

    def predict(self, X: TableLike) -> NDArray[Any]:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Samples, as `fit` reads them.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The most probable class of each sample; for multilabel targets an indicator matrix.
        """
        return self._predict_decoded(X)

    def predict_log_proba(self, X: TableLike) -> Array:
        """Predict the logarithm of class probabilities, finite for every sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Samples, as `fit` reads them.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``, of the smallest normal number where a probability was rounded to 0.
        """
        return logarithm(cast(Any, self).predict_proba(X))

    def score(self, X: TableLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Samples, as `fit` reads them.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels, for tabular estimators also the name of their column in `X`. Of multilabel targets all labels
            of a sample must be right.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The accuracy.
        """
        X, (y, sample_weight) = self._taken_out(X, y=y, sample_weight=sample_weight)
        weight = read_numbers("sample_weight", sample_weight)
        return float(cast(Any, super()).score(X, read_labels("y", y), sample_weight=weight))


class ScoredRegressor(RegressorMixin):
    """scikit-learn's mixin, which reads y as ``fit`` does and scores several quantiles."""

    _fitted: Fitted
    _taken_out: Callable[..., tuple[Any, list[Any]]]

    def score(self, X: TableLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2 of the predictions; for several quantiles the mean of their D2 pinball scores.

        Both are 1 for perfect predictions, and 0 for a constant prediction of the mean or the quantile of `y`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Samples, as `fit` reads them.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True target values, for tabular estimators also the name of their column in `X`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The score, at most 1.
        """
        check_is_fitted(self)
        X, (y, sample_weight) = self._taken_out(X, y=y, sample_weight=sample_weight)
        prediction = self.predict(X)  # type: ignore[attr-defined]
        weight = read_numbers("sample_weight", sample_weight)
        return regression_score(self._fitted.targets.loss, read_numbers("y", y), prediction, weight)
