"""Heat map of the scores of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .figure import axes_for


class ValidationHeatmapDisplay:
    """Mean scores of a search over two of its parameters.

    Use :meth:`from_search` to create it. If other parameters were searched too, a cell shows the best score over them.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        Mean scores on the test folds; NaN for combinations that were not searched.

    rows, columns : list
        Values of the two parameters.

    names : tuple of (str, str)
        Names of the parameters of rows and columns.

    label : str, default='mean_test_score'
        Title of the plot, the name of the score.

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

    def __init__(
        self,
        *,
        scores: NDArray[Any],
        rows: Sequence[Any],
        columns: Sequence[Any],
        names: tuple[str, ...],
        label: str = "mean_test_score",
    ):
        self.scores, self.rows, self.columns, self.names, self.label = scores, rows, columns, names, label

    @classmethod
    def from_search(
        cls, search: Any, *, params: Sequence[str] | None = None, metric: str = "score", ax: Any = None
    ) -> Self:
        """Plot the scores of a fitted search.

        Parameters
        ----------
        search : MLPGridSearchCV, MLPRandomizedSearchCV or a search of scikit-learn
            The fitted search.

        params : tuple of (str, str), default=None
            Names of the parameters of rows and columns. None uses the parameters with several values, if there are two.

        metric : str, default='score'
            Name of the score, for searches with several.

        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : ValidationHeatmapDisplay
            The plot.

        Raises
        ------
        ValueError
            If `params` or `metric` do not exist in the search, or if `params` is None and the number of parameters with
            several values is not two.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(search)
        if not hasattr(search, "cv_results_"):
            raise ValueError(f"{type(search).__name__} is no search: fit a search over two parameters.")
        results, label = search.cv_results_, f"mean_test_{metric}"
        searched = sorted({name for one in results["params"] for name in one})
        values = {name: {str(one.get(name)): one.get(name) for one in results["params"]} for name in searched}
        if params is None:
            params = [name for name in searched if len(values[name]) > 1]
        if len(params) != 2 or not set(params) <= set(searched):
            raise ValueError(f"A heat map has two parameters, but params={tuple(params)}: name two of {searched}.")
        if label not in results:
            there = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
            raise ValueError(f"metric={metric!r} is not a score of this search: choose among {there}.")
        rows, columns = (list(values[name].values()) for name in params)
        table = np.full((len(rows), len(columns)), np.nan)
        for one, score in zip(results["params"], results[label], strict=True):
            at = tuple(list(values[name]).index(str(one.get(name))) for name in params)
            table[at] = np.fmax(table[at], score)
        return cls(scores=table, rows=rows, columns=columns, names=tuple(params), label=label).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot the scores as colours and numbers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : ValidationHeatmapDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, (self.ax_, *_) = axes_for(ax)
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
