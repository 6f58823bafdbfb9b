"""Training losses and validation scores by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..fitting.state import n_fitted, per_member
from .figure import axes_for


def _network(fitted: Any) -> Any:
    """The network itself, of one, of a pipeline that ends in one, or of a search over either."""
    fitted = getattr(fitted, "best_estimator_", fitted)
    fitted = getattr(fitted, "regressor_", fitted)  # of a TransformedTargetRegressor
    network = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    check_is_fitted(network, "loss_curve_")
    return network


class LossCurveDisplay:
    """Training losses, and validation scores where there are any, epoch by epoch.

    Made by :meth:`from_estimator` and :meth:`from_estimators`.

    Parameters
    ----------
    losses : dict of str to list of list of float
        By the name of a fit, the loss curve of each of its members.

    scores : dict of str to list of list of float
        Validation scores likewise, of the fits that have them.

    kept : dict of str to list of float
        The score of the weights that each of these has kept.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.

    axes_ : list of matplotlib.axes.Axes
        The axes of the losses and, where there are validation scores, of these.

    lines_ : list of matplotlib.lines.Line2D
        The curves.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mlp_estimator import LossCurveDisplay, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.01, early_stopping=True, random_state=0).fit(X, y)
    >>> LossCurveDisplay.from_estimator(network)  # doctest: +SKIP
    """

    def __init__(
        self, *, losses: Mapping[str, list[Any]], scores: Mapping[str, list[Any]], kept: Mapping[str, list[float]]
    ):
        self.losses, self.scores, self.kept = losses, scores, kept

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, log: bool = False, name: str | None = None) -> Self:
        """Draw the curves of one fit.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Pipeline or search
            A fitted network, a pipeline that ends in one, or a search, whose ``best_estimator_`` is drawn.

        ax : matplotlib Axes or array of them, default=None
            Where to draw: one for losses, a second one if there are validation scores. None makes a figure.

        log : bool, default=False
            Whether losses have a logarithmic axis.

        name : str, default=None
            A label; None is the name of the class.

        Returns
        -------
        display : LossCurveDisplay
            The picture.

        Raises
        ------
        ValueError
            If `ax` has fewer axes than are needed.
        ImportError
            If matplotlib is missing.
        """
        name = type(_network(estimator)).__name__ if name is None else name
        return cls.from_estimators({name: estimator}, ax=ax, log=log)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any] | Sequence[Any], *, ax: Any = None, log: bool = False
    ) -> Self:
        """Draw the curves of several fits into one picture.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimator
            Fitted networks, pipelines or searches as in :meth:`from_estimator`, by the name to call them.

        ax : matplotlib Axes or array of them, default=None
            Where to draw: one for losses, a second one if there are validation scores. None makes a figure.

        log : bool, default=False
            Whether losses have a logarithmic axis.

        Returns
        -------
        display : LossCurveDisplay
            The picture.

        Raises
        ------
        ValueError
            If `ax` has fewer axes than are needed.
        ImportError
            If matplotlib is missing.
        """
        if not isinstance(estimators, Mapping):
            estimators = {str(i): estimator for i, estimator in enumerate(estimators)}
        networks = {name: _network(estimator) for name, estimator in estimators.items()}
        curves: list[dict[str, Any]] = [
            {
                name: per_member(getattr(network, attribute), n_fitted(vars(network)))
                for name, network in networks.items()
                if getattr(network, attribute) is not None
            }
            for attribute in ("loss_curve_", "validation_scores_", "best_validation_score_")
        ]
        return cls(losses=curves[0], scores=curves[1], kept=curves[2]).plot(ax=ax, log=log)

    def plot(self, ax: Any = None, *, log: bool = False) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Where to draw: one for losses, a second one if there are validation scores. None makes a figure.

        log : bool, default=False
            Whether losses have a logarithmic axis.

        Returns
        -------
        display : LossCurveDisplay
            This object.

        Raises
        ------
        ValueError
            If `ax` has fewer axes than are needed.
        ImportError
            If matplotlib is missing.
        """
        self.figure_, self.axes_ = axes_for(ax, 2 if self.scores else 1)
        self.lines_ = []
        colors = {name: f"C{k}" for k, name in enumerate(self.losses)}
        for axes, curves in zip(self.axes_, (self.losses, self.scores), strict=False):
            for name, members in curves.items():
                width = 1.5 if len(members) == 1 else 0.8
                for m, curve in enumerate(members):
                    epochs, label = np.arange(1, len(curve) + 1), name if m == 0 else None
                    self.lines_ += axes.plot(epochs, curve, color=colors[name], linewidth=width, label=label)
        mark: str | None = "weights kept"
        for name, members in self.scores.items():
            for curve, best in zip(members, self.kept[name], strict=True):
                (epochs,) = np.nonzero(np.asarray(curve) == best)
                if len(epochs):  # not so where a warm start has kept what it started from
                    self.axes_[1].plot(epochs[:1] + 1, [best], "o", color=colors[name], markersize=5, label=mark)
                    mark = None
        for axes, label in zip(self.axes_, ["loss", "validation score"][: 1 + bool(self.scores)], strict=False):
            axes.set_ylabel(label)
            axes.legend()
        if log:
            self.axes_[0].set_yscale("log")
        self.axes_[-1].set_xlabel("epoch or iteration")
        return self
