"""What columns do: importances of a fit, and contributions to predictions."""

from __future__ import annotations

from datetime import datetime, time
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ..explanation import Explanation
from ..fitting.frames import ArrayColumn, is_missing, missing_entries
from .figure import axes_for

MAX_LEVELS = 20
"""Levels of a category that are shown, the most frequent ones."""

HIGHER, LOWER = "#c4523b", "#3b6fb0"
"""Colours of contributions above and below 0."""


class ImportanceDisplay:
    """Bars of the importances of columns, with two standard errors to each side.

    Use :meth:`from_estimator` to create it.

    Parameters
    ----------
    importances : ndarray of shape (n_columns,)
        Rise of the error where the column is permuted.

    errors : ndarray of shape (n_columns,)
        Standard errors of the importances.

    feature_names : list of str
        Names of the columns.

    name : str, default=None
        What is above the picture.

    error : str, default='the error'
        What rises.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.

    ax_ : matplotlib.axes.Axes
        The axes.

    bars_ : matplotlib.container.BarContainer
        The bars, the longest one on top.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mlp_estimator import ImportanceDisplay, TabularMLPClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = TabularMLPClassifier(settings=[{"hidden_layer_sizes": (8,)}], n_folds=2, random_state=0).fit(X, y)
    >>> ImportanceDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        importances: NDArray[np.float64],
        errors: NDArray[np.float64],
        feature_names: list[str],
        name: str | None = None,
        error: str = "the error",
    ):
        self.importances, self.errors, self.feature_names = importances, errors, feature_names
        self.name, self.error = name, error

    @classmethod
    def from_estimator(cls, estimator: Any, *, max_columns: int = 15, name: str | None = None, ax: Any = None) -> Self:
        """Plot `feature_importances_`.

        Parameters
        ----------
        estimator : TabularMLPClassifier or TabularMLPRegressor
            The fitted estimator.

        max_columns : int, default=15
            Number of columns to show, the most important ones.

        name : str, default=None
            What is above the picture. None uses the name of the class.

        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : ImportanceDisplay
            The plot.

        Raises
        ------
        AttributeError
            If the estimator has no importances.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator)
        importances, names = estimator.feature_importances_, estimator.column_names_
        error = "the log-loss" if is_classifier(estimator) else "1 - R2"
        if getattr(estimator, "loss", None) == "quantile":
            error = "the pinball loss"
        chosen = np.argsort(-importances, kind="stable")[:max_columns]
        return cls(
            importances=importances[chosen],
            errors=estimator.feature_importances_error_[chosen],
            feature_names=[names[k] for k in chosen],
            name=type(estimator).__name__ if name is None else name,
            error=error,
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : ImportanceDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, (self.ax_, *_) = axes_for(ax)
        places = np.arange(len(self.importances))[::-1]
        self.bars_ = self.ax_.barh(places, self.importances, color=LOWER, xerr=2.0 * self.errors, ecolor="0.4")
        self.ax_.set_yticks(places, self.feature_names)
        self.ax_.set(xlabel=f"rise of {self.error} where the column is permuted", title=self.name)
        self.ax_.axvline(0.0, color="0.4", linewidth=0.8)
        return self


class ExplanationDisplay:
    """Contributions to predictions: of all samples, of one sample, or by the values of one column.

    Use :meth:`from_explanation` to create it.

    Parameters
    ----------
    explanation : Explanation
        Contributions to one output.

    row : int, default=None
        The sample to show, from its base value to its prediction.

    column : str, default=None
        The column whose contributions are shown by its values.

    output : str, default=None
        Name of the output.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.

    ax_ : matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mlp_estimator import ExplanationDisplay, TabularMLPClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = TabularMLPClassifier(settings=[{"hidden_layer_sizes": (8,)}], n_folds=2, random_state=0).fit(X, y)
    >>> explanation = model.explain(X)
    >>> ExplanationDisplay.from_explanation(explanation, row=0, output="2")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        explanation: Explanation,
        row: int | None = None,
        column: str | None = None,
        output: str | None = None,
    ):
        self.explanation, self.row, self.column, self.output = explanation, row, column, output

    @classmethod
    def from_explanation(
        cls,
        explanation: Explanation,
        *,
        row: int | None = None,
        column: str | None = None,
        output: int | str = -1,
        max_columns: int = 10,
        ax: Any = None,
    ) -> Self:
        """Plot the mean size of contributions, or with `row` those to a prediction, or with `column` those of a column.

        Parameters
        ----------
        explanation : Explanation
            What `explain` returned.

        row : int, default=None
            A sample: its contributions, from the base value to the prediction.

        column : str, default=None
            A column: its contributions by its values.

        output : int or str, default=-1
            Which of several outputs: a class by its position or its name. The last one is the second of two classes.

        max_columns : int, default=10
            Number of columns to show. Those with the smallest contributions are added up.

        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : ExplanationDisplay
            The plot.

        Raises
        ------
        ValueError
            If both `row` and `column` are given, or there is no such row, column or output.
        TypeError
            If the explanation is something else, such as an estimator.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(explanation, Explanation):
            raise TypeError(f"explanation is a {type(explanation).__name__}: give what model.explain(X) returns.")
        if row is not None and column is not None:
            raise ValueError("Give a row or a column, not both: each is a picture of its own.")
        if column is not None and column not in explanation.feature_names:
            raise ValueError(f"column={column!r} is none of {explanation.feature_names}.")
        if row is not None and not isinstance(row, Integral):
            raise ValueError(f"row={row!r}: give the number of a row.")
        if row is not None and not -len(explanation) <= row < len(explanation):
            raise ValueError(f"row={row}: the explanation has {len(explanation)} rows.")
        chosen, names = explanation.of_output(output), explanation.output_names
        name = None if names is None else output if isinstance(output, str) else names[output]
        return cls(explanation=chosen, row=row, column=column, output=name).plot(max_columns, ax=ax)

    def plot(self, max_columns: int = 10, ax: Any = None) -> Self:
        """Plot the contributions.

        Parameters
        ----------
        max_columns : int, default=10
            Number of columns to show.

        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : ExplanationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, (self.ax_, *_) = axes_for(ax)
        if self.column is not None:
            self._dependence(self.column)
        elif self.row is not None:
            self._waterfall(self.row, max_columns)
        else:
            sizes = np.abs(self.explanation.values).mean(axis=0)
            chosen = np.argsort(-sizes, kind="stable")[:max_columns][::-1]
            self.ax_.barh([self.explanation.feature_names[k] for k in chosen], sizes[chosen], color=LOWER)
            self.ax_.set(xlabel="mean size of the contribution")
        return self

    def _waterfall(self, row: int, max_columns: int) -> None:
        """Draw the way from the base value to the prediction, the largest steps last."""
        values, data = self.explanation.values[row], self.explanation.data[row]
        base = float(self.explanation.base_values[row])
        order = np.argsort(np.abs(values), kind="stable")
        few, shown = order[: max(0, len(order) - max_columns)], order[max(0, len(order) - max_columns) :]
        steps = ([values[few].sum()] if len(few) else []) + values[shown].tolist()
        labels = [f"{len(few)} others"] * bool(len(few))
        labels += [f"{self.explanation.feature_names[k]} = {_shown(data[k])}" for k in shown]
        starts = base + np.concatenate([[0.0], np.cumsum(steps)[:-1]])
        colors = [HIGHER if step > 0 else LOWER for step in steps]
        self.ax_.barh(np.arange(len(steps)), steps, left=starts, color=colors)
        self.ax_.set_yticks(np.arange(len(steps)), labels)
        for k, (start, step) in enumerate(zip(starts, steps, strict=True)):
            text = ("+" if step > 0.0 else "") + _number(step)
            self.ax_.annotate(text, (start + max(step, 0.0), k), (3, 0), textcoords="offset points", va="center")
        self.ax_.axvline(base, color="0.4", linewidth=0.8, linestyle=":")
        self.ax_.use_sticky_edges = False  # bars would end at the edge of the picture
        self.ax_.axvline(base + values.sum(), color="0.4", linewidth=0.8)
        self.ax_.margins(x=0.25)
        of_class = f" of {self.output}" if self.output else ""
        what = f"from {_number(base)}, the mean prediction{of_class}, to {_number(base + values.sum())}"
        self.ax_.set(xlabel=what, title=f"row {row}: up in red, down in blue")

    def _dependence(self, column: str) -> None:
        """Draw the contributions by value: points by numbers, or by levels in the order of their mean contribution."""
        k = self.explanation.feature_names.index(column)
        data, values = self.explanation.data[:, k], self.explanation.values[:, k]
        read, missing = ArrayColumn(column, data), missing_entries(data)
        holds = read.holds()
        readers = {"number": read.numbers, "date": read.instants, "duration": read.seconds}
        if len(holds) <= 1 and (kind := next(iter(holds), "number")) in readers:
            places = readers[kind]()[~missing]
            self.ax_.plot(places, values[~missing], ".", markersize=4, color=LOWER)
            if missing.any():
                self.ax_.axhline(values[missing].mean(), color=HIGHER, linewidth=1, label="missing (mean)")
                self.ax_.legend()
        else:
            levels: dict[str, list[float]] = {}
            for value, contribution in zip(data, values.tolist(), strict=True):
                levels.setdefault(_shown(value), []).append(contribution)
            frequent = sorted(levels, key=lambda level: -len(levels[level]))[:MAX_LEVELS]
            ordered = sorted(frequent, key=lambda level: float(np.mean(levels[level])))
            self.ax_.boxplot([levels[level] for level in ordered])
            self.ax_.set_xticks(np.arange(1, len(ordered) + 1), ordered, rotation=60 if len(ordered) > 4 else 0)
        self.ax_.axhline(0.0, color="0.4", linewidth=0.8, linestyle=":")
        self.ax_.set(xlabel=column, ylabel=f"contribution of {column}")


def _shown(value: Any) -> str:
    """Return a value as a short text."""
    if is_missing(value):
        return "missing"
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return _number(value) if isinstance(value, Real) and not isinstance(value, bool | np.bool_) else str(value)[:24]


def _number(value: Any) -> str:
    """Return a number with four digits, but whole ones with all of theirs."""
    number = float(value)
    return f"{number:,.0f}" if np.isfinite(number) and (number.is_integer() or abs(number) >= 1e4) else f"{number:.4g}"
