"""Training losses and validation scores per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..fitting.fitted import n_members
from ..fitting.state import per_member
from .figure import axes_for


def _network(fitted: Any) -> Any:
    """Return the network of a fitted network, pipeline, search or TransformedTargetRegressor."""
    fitted = getattr(fitted, "best_estimator_", fitted)
    fitted = getattr(fitted, "regressor_", fitted)  # of a TransformedTargetRegressor
    network = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    check_is_fitted(network)
    if not hasattr(network, "loss_curve_"):
        raise ValueError(
            f"{type(network).__name__} has no loss curve: the curves are those of networks. OutOfFoldDisplay shows a "
            "tabular fit."
        )
    return network


class LossCurveDisplay:
    """Training losses and, with early stopping, validation scores per epoch.

    Use :meth:`from_estimator` or :meth:`from_estimators` to create it.

    Parameters
    ----------
    losses : dict of str to list of list of float
        For the name of each fit, the loss curves of its members.

    scores : dict of str to list of list of float
        Validation scores in the same form, for fits with early stopping.

    kept : dict of str to list of float
        Best validation score of each member, for fits with early stopping.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.

    axes_ : list of matplotlib.axes.Axes
        The axes of the losses and, if there are any, of the validation scores.

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
        """Plot the curves of one fit.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Pipeline or search
            A fitted network, a pipeline that ends in one, or a search, whose ``best_estimator_`` is used.

        ax : matplotlib Axes or array of them, default=None
            Axes for the losses, and second axes if there are validation scores. None creates a new figure.

        log : bool, default=False
            Whether to use a logarithmic axis for the losses.

        name : str, default=None
            Label of the fit. None uses the name of the class.

        Returns
        -------
        display : LossCurveDisplay
            The plot.

        Raises
        ------
        ValueError
            If `ax` has too few axes.
        ImportError
            If matplotlib is not installed.
        """
        name = type(_network(estimator)).__name__ if name is None else name
        return cls.from_estimators({name: estimator}, ax=ax, log=log)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any] | Sequence[Any], *, ax: Any = None, log: bool = False
    ) -> Self:
        """Plot the curves of several fits in one figure.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimator
            Fitted networks, pipelines or searches as in :meth:`from_estimator`. The keys of a dict are the labels; a
            list is labelled by position.

        ax : matplotlib Axes or array of them, default=None
            Axes for the losses, and second axes if there are validation scores. None creates a new figure.

        log : bool, default=False
            Whether to use a logarithmic axis for the losses.

        Returns
        -------
        display : LossCurveDisplay
            The plot.

        Raises
        ------
        ValueError
            If `ax` has too few axes.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(estimators, Mapping):
            estimators = {str(i): estimator for i, estimator in enumerate(estimators)}
        networks = {name: _network(estimator) for name, estimator in estimators.items()}
        curves: list[dict[str, Any]] = [
            {
                name: per_member(getattr(network, attribute), n_members({"W": network.coefs_}))
                for name, network in networks.items()
                if getattr(network, attribute) is not None
            }
            for attribute in ("loss_curve_", "validation_scores_", "best_validation_score_")
        ]
        return cls(losses=curves[0], scores=curves[1], kept=curves[2]).plot(ax=ax, log=log)

    def plot(self, ax: Any = None, *, log: bool = False) -> Self:
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Axes for the losses, and second axes if there are validation scores. None creates a new figure.

        log : bool, default=False
            Whether to use a logarithmic axis for the losses.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` has too few axes.
        ImportError
            If matplotlib is not installed.
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
                if len(epochs):  # empty if a warm start found no better weights than its initial ones
                    self.axes_[1].plot(epochs[:1] + 1, [best], "o", color=colors[name], markersize=5, label=mark)
                    mark = None
        for axes, label in zip(self.axes_, ["loss", "validation score"][: 1 + bool(self.scores)], strict=False):
            axes.set_ylabel(label)
            axes.legend()
        if log:
            self.axes_[0].set_yscale("log")
        self.axes_[-1].set_xlabel("epoch or iteration")
        return self
