"""What a prediction is made of: the contribution of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting.frames import ArrayColumn, is_missing


@dataclass(eq=False)
class Explanation:
    """Contributions of columns to predictions, as `explain` of the tabular estimators returns them.

    Contributions of a row and its base value add up to its prediction. The fields have the names of those of
    ``shap.Explanation``.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns) or (n_samples, n_columns, n_outputs)
        Contributions to `predict` of a regressor, in the unit of y, or to `predict_proba` of a classifier.

    base_values : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Mean prediction of the background rows, the same one for all samples.

    data : ndarray of shape (n_samples, n_columns)
        The samples, as objects.

    feature_names : list of str
        Names of the columns.

    output_names : list of str, default=None
        Names of the outputs, where there are several.

    See Also
    --------
    ExplanationDisplay : Pictures of it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from mlp_estimator import TabularMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = TabularMLPRegressor(settings=[{"hidden_layer_sizes": (16,)}], n_folds=4, random_state=0).fit(X, y)
    >>> explanation = model.explain(X[:5])
    >>> explanation.values.shape
    (5, 10)
    >>> bool(abs(explanation.values.sum(axis=1) + explanation.base_values - model.predict(X[:5])).max() < 1e-6)
    True
    """

    values: NDArray[np.float64]
    base_values: NDArray[np.float64]
    data: NDArray[Any]
    feature_names: list[str]
    output_names: list[str] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def of_output(self, output: int | str) -> Explanation:
        """Return the contributions to one of several outputs.

        Parameters
        ----------
        output : int or str
            Position or name of the output; that of the only one is 0.

        Returns
        -------
        explanation : Explanation
            Contributions of shape (n_samples, n_columns).

        Raises
        ------
        ValueError
            If there is no such output.
        """
        if self.values.ndim == 2 and output in (0, -1):
            return self
        names, n = self.output_names or [], 1 if self.values.ndim == 2 else self.values.shape[2]
        k = names.index(output) if output in names else output
        if not isinstance(k, int | np.integer) or self.values.ndim == 2 or not -n <= k < n:
            raise ValueError(f"output={output!r}: there are the outputs {names or list(range(n))}.")
        return Explanation(self.values[:, :, k], self.base_values[:, k], self.data, self.feature_names)

    def to_shap(self) -> Any:
        """Return it as SHAP's plots take it: dates as days since 1970, missing numbers as NaN, other ones as text.

        Returns
        -------
        explanation : shap.Explanation
            The same values.

        Raises
        ------
        ImportError
            If shap is not installed.
        """
        try:
            from shap import Explanation as ShapExplanation
        except ImportError as error:
            raise ImportError("to_shap needs SHAP: pip install shap.") from error
        return ShapExplanation(
            self.values,
            base_values=self.base_values,
            data=np.stack([_plotted(column) for column in self.data.T], axis=1),
            feature_names=self.feature_names,
            output_names=self.output_names,
        )


def _plotted(column: NDArray[Any]) -> NDArray[Any]:
    """Return values that can be sorted, as objects: numbers or text."""
    read = ArrayColumn("", column)
    holds = read.holds()
    if holds == {"date"}:
        return ((read.instants() - np.datetime64(0, "us")) / np.timedelta64(1, "D")).astype(object)
    if holds <= {"number", "boolean"}:
        return read.numbers().astype(object)
    return np.array(["missing" if is_missing(value) else str(value) for value in column], object)
