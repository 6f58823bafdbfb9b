"""Out-of-fold predictions of a tabular fit: reliability of probabilities, or residuals with their interval."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .figure import axes_for


class OutOfFoldDisplay:
    """Out-of-fold predictions of a tabular estimator against the targets, from the fit alone.

    Use :meth:`from_estimator` to create it. For a classifier it is a reliability diagram: how often a prediction is
    right, by its predicted probability. The probability is that of the second class if there are two classes, and that
    of the predicted class otherwise. For a regressor it is the residuals by prediction, with the interval that contains
    a fraction `coverage` of them.

    Parameters
    ----------
    predicted : ndarray of shape (n_bins,) or (n_samples,)
        Mean predicted probability of each bin, or predicted targets.

    observed : ndarray of shape (n_bins,) or (n_samples,)
        Frequency in each bin, or residuals.

    half_width : float, default=None
        Half the width of the interval of the residuals. None for a reliability diagram.

    name : str, default=None
        Label of the estimator.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.

    ax_ : matplotlib.axes.Axes
        The axes.

    line_ : matplotlib.lines.Line2D
        The reliability curve, or the points.

    References
    ----------
    A. Niculescu-Mizil, R. Caruana, "Predicting good probabilities with supervised learning", ICML 2005.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mlp_estimator import OutOfFoldDisplay, TabularMLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TabularMLPClassifier(settings=[{"hidden_layer_sizes": (8,)}], n_folds=2, random_state=0).fit(X, y)
    >>> OutOfFoldDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        predicted: NDArray[Any],
        observed: NDArray[Any],
        half_width: float | None = None,
        name: str | None = None,
    ):
        self.predicted, self.observed, self.half_width, self.name = predicted, observed, half_width, name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, n_bins: int = 10, coverage: float = 0.9, name: str | None = None, ax: Any = None
    ) -> Self:
        """Plot the out-of-fold predictions of a fit.

        Parameters
        ----------
        estimator : TabularMLPClassifier or TabularMLPRegressor
            The fitted estimator.

        n_bins : int, default=10
            Number of bins of the reliability diagram, with equal numbers of samples.

        coverage : float, default=0.9
            Fraction of the residuals within the interval, in (0, 1).

        name : str, default=None
            Label of the estimator. None uses the name of its class.

        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : OutOfFoldDisplay
            The plot.

        Raises
        ------
        ValueError
            If the fit has no out-of-fold predictions of a single target.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator)
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage={coverage!r}: must be a number between 0 and 1, such as 0.9.")
        target, prediction = (getattr(estimator, key, None) for key in ("oof_target_", "oof_prediction_"))
        if target is None or prediction is None or target.ndim > 1 or prediction.ndim != 1 + is_classifier(estimator):
            raise ValueError(
                "This picture needs out-of-fold predictions of a single target: fit without a validation set, on at "
                "least two rows, with a loss that predicts one value."
            )
        name = type(estimator).__name__ if name is None else name
        if is_classifier(estimator):
            from sklearn.calibration import calibration_curve  # it imports half of scikit-learn

            binary = prediction.shape[1] == 2
            probability = prediction[:, 1] if binary else prediction.max(axis=1)
            right = target == (1 if binary else prediction.argmax(axis=1))
            observed, predicted = calibration_curve(right, probability, n_bins=n_bins, strategy="quantile")
            return cls(predicted=predicted, observed=observed, name=name).plot(ax=ax)
        residuals = target - prediction
        half_width = float(np.quantile(np.abs(residuals), coverage))
        return cls(predicted=prediction, observed=residuals, half_width=half_width, name=name).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot the curve or the residuals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : OutOfFoldDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, (self.ax_, *_) = axes_for(ax)
        if self.half_width is None:
            self.ax_.plot([0, 1], [0, 1], ":", color="gray", label="perfectly calibrated")
            (self.line_,) = self.ax_.plot(self.predicted, self.observed, "o-", label=self.name)
            self.ax_.set(xlabel="predicted probability", ylabel="frequency", xlim=(0, 1), ylim=(0, 1))
        else:
            (self.line_,) = self.ax_.plot(self.predicted, self.observed, ".", markersize=3, label=self.name)
            covered = np.mean(np.abs(self.observed) <= self.half_width)
            for k, end in enumerate((-self.half_width, self.half_width)):
                label = None if k else f"{covered:.0%} of the residuals"
                self.ax_.axhline(end, color="C1", linewidth=1, label=label)
            self.ax_.set(xlabel="prediction", ylabel="target minus prediction")
        self.ax_.legend()
        return self
