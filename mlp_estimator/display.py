"""Pictures of fits and searches, in scikit-learn's Display convention; matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .training import each


def _axes(ax: Any, n: int = 1) -> tuple[Any, list[Any]]:
    """A figure and n axes below each other in it, or those given."""
    if ax is not None:
        axes = list(np.ravel(ax))
        if len(axes) < n:
            raise ValueError(f"This picture needs {n} axes, one for losses and one for scores, but ax has {len(axes)}.")
        return axes[0].figure, axes
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Pictures need matplotlib: pip install 'mlp-estimator[plot]'.") from error
    figure, grid = plt.subplots(n, sharex=True, squeeze=False, layout="constrained")
    return figure, list(grid.flat)


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
    def from_estimator(cls, estimator, *, ax=None, log=False, name=None):
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
    def from_estimators(cls, estimators, *, ax=None, log=False):
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
                name: each(getattr(network, attribute), network._n_fitted())
                for name, network in networks.items()
                if getattr(network, attribute) is not None
            }
            for attribute in ("loss_curve_", "validation_scores_", "best_validation_score_")
        ]
        return cls(losses=curves[0], scores=curves[1], kept=curves[2]).plot(ax=ax, log=log)

    def plot(self, ax=None, *, log=False):
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
        self.figure_, self.axes_ = _axes(ax, 2 if self.scores else 1)
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


class ValidationHeatmapDisplay:
    """Mean scores of a search over two of its parameters.

    Made by :meth:`from_search`. Where other parameters were searched too, a cell has the best score over these.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        Mean scores on the test folds; NaN where a combination was not searched.

    rows, columns : list
        The values of the two parameters.

    names : tuple of (str, str)
        Their names, that of the rows first.

    label : str, default='mean_test_score'
        What the scores are.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.

    ax_ : matplotlib.axes.Axes
        The axes.

    image_ : matplotlib.image.AxesImage
        The cells.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mlp_estimator import MLPClassifier, MLPGridSearchCV, ValidationHeatmapDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"alpha": [0.01, 1.0], "learning_rate_init": [0.01, 0.1]}
    >>> search = MLPGridSearchCV(MLPClassifier((10,), max_iter=1000, random_state=0), grid, cv=3).fit(X, y)
    >>> ValidationHeatmapDisplay.from_search(search)  # doctest: +SKIP
    """

    def __init__(self, *, scores, rows, columns, names, label="mean_test_score"):
        self.scores, self.rows, self.columns, self.names, self.label = scores, rows, columns, names, label

    @classmethod
    def from_search(cls, search, *, params=None, metric="score", ax=None):
        """Draw a fitted search.

        Parameters
        ----------
        search : MLPGridSearchCV, MLPRandomizedSearchCV or a search of scikit-learn
            The fitted search.

        params : tuple of (str, str), default=None
            The parameters of rows and columns, by the names of the search; None takes those of which there are two.

        metric : str, default='score'
            Which score, if there are several.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ValidationHeatmapDisplay
            The picture.

        Raises
        ------
        ValueError
            If `params` or `metric` are not those of the search, or if it has not two parameters to choose from.
        ImportError
            If matplotlib is missing.
        """
        check_is_fitted(search, "cv_results_")
        results, label = search.cv_results_, f"mean_test_{metric}"
        searched = sorted({name for one in results["params"] for name in one})
        if params is None:
            params = [name for name in searched if len({str(one.get(name)) for one in results["params"]}) > 1]
        if len(params) != 2 or not set(params) <= set(searched):
            raise ValueError(f"A heat map has two parameters, but params={tuple(params)}: name two of {searched}.")
        if label not in results:
            there = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
            raise ValueError(f"metric={metric!r} is not a score of this search: choose among {there}.")
        values = [list({str(one.get(name)): one.get(name) for one in results["params"]}.values()) for name in params]
        table = np.full([len(v) for v in values], np.nan)
        for one, score in zip(results["params"], results[label], strict=True):
            at = tuple([str(x) for x in v].index(str(one.get(name))) for name, v in zip(params, values, strict=True))
            table[at] = np.fmax(table[at], score)
        return cls(scores=table, rows=values[0], columns=values[1], names=tuple(params), label=label).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the cells, with their numbers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ValidationHeatmapDisplay
            This object.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        self.figure_, (self.ax_, *_) = _axes(ax)
        self.image_ = self.ax_.imshow(self.scores, aspect="auto")
        middle = (np.nanmin(self.scores) + np.nanmax(self.scores)) / 2
        for (row, column), score in np.ndenumerate(self.scores):
            if np.isfinite(score):
                color = "black" if score > middle else "white"
                self.ax_.text(column, row, f"{score:.3g}", ha="center", va="center", color=color)
        self.ax_.set_yticks(range(len(self.rows)), [str(value) for value in self.rows])
        self.ax_.set_xticks(range(len(self.columns)), [str(value) for value in self.columns])
        short = [name.split("__")[-1] for name in self.names]
        self.ax_.set(ylabel=short[0], xlabel=short[1], title=self.label)
        return self
