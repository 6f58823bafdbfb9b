"""What the two tabular estimators share: read a table, train a portfolio on folds, mix, predict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from ..compat import check_sample_weight, check_targets, fit_method
from ..engine.batches import Data
from ..engine.losses import LOSSES, Loss
from ..engine.members import Array
from ..fitting.data import HeldOut, Source, Targets, TrainingData
from ..fitting.features import MatrixLike
from ..fitting.predicting import predict
from ..fitting.settings import Settings
from ..fitting.state import restored_on_error
from .categories import TargetMeans
from .columns import Columns, read_columns
from .parameters import TabularParameters
from .portfolio import Setting
from .table import NumericColumn, Table
from .training import Fold, Trained, train_portfolio

MAX_SEED = np.iinfo(np.int32).max


class TabularMLP(TabularParameters, ABC):
    """Base of the tabular estimators; not for direct use."""

    settings_: list[Setting]
    mixture_weights_: NDArray[np.float64]
    _table: Table
    _means: TargetMeans
    _loss: Loss
    _thetas: list[Array]
    _residuals: list[NDArray[np.float64]]
    _n_outputs: int
    _n_folds: int
    _stored_types: ClassVar[tuple[type, ...]] = (*LOSSES.values(), Setting, Table, NumericColumn, TargetMeans)

    @abstractmethod
    def _read_targets(self, y: Any, sample_weight: NDArray[Any] | None, settings: Settings) -> Targets:
        """Encode the targets, and choose the loss and the weights of rows for them."""

    @abstractmethod
    def _split(self, Y: NDArray[Any], n_folds: int, groups: Any, rng: np.random.RandomState) -> list[Fold]:
        """Return the folds."""

    @abstractmethod
    def _combine(self, trained: Sequence[Trained], data: TrainingData, folds: Sequence[Fold]) -> dict[str, Any]:
        """Return the fitted attributes that follow from out-of-fold predictions."""

    @fit_method
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the members to a raw table.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            The table: a pandas or polars frame, an array, or a list of lists. Text, categories, booleans and missing
            values are read as they are.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or numbers of any scale.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples.

        groups : array-like of shape (n_samples,), default=None
            Group of each sample. No group is in two folds.

        X_val : {DataFrame, array-like} of shape (n_val, n_features), default=None
            A validation set. All members then train on all of `X` and watch this set; no folds are made.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation set.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation set.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If the table or the targets cannot be read, or parameters do not go together. A previously fitted estimator
            does not change then.
        """
        with restored_on_error(vars(self)):
            attributes = self._trained(X, y, sample_weight, groups, (X_val, y_val, sample_weight_val))
            vars(self).pop("_residuals", None)
            vars(self).update(attributes)
        return self

    def _trained(
        self, X: Any, y: Any, sample_weight: Any, groups: Any, validation: tuple[Any, Any, Any]
    ) -> dict[str, Any]:
        """Return the fitted attributes."""
        columns = self._columns(X, reset=True)
        rng = check_random_state(self.random_state)
        portfolio = self._portfolio()
        settings = self._engine_settings(len(portfolio))
        table = Table.learn(columns, self._categorical(columns), self.max_categories, self.n_bins)
        weight = check_sample_weight(sample_weight, np.empty((columns.n_rows, 1)), settings.dtype)
        y = self._targets(y, columns.n_rows)
        targets = self._read_targets(y, weight, settings)
        folds = self._folds(targets, columns.n_rows, groups, validation, rng)
        numbers, codes = table.transform(columns)
        means, out_of_fold = TargetMeans.learn(codes, table.n_levels, targets, folds)
        array = self._array(numbers, out_of_fold, codes)
        data = TrainingData(
            X=array,
            targets=targets,
            dtype=np.dtype(self.dtype),
            weight=targets.weigh(targets.Y, weight),
            source=Source(X, y, weight),
        )
        if validation[0] is not None:
            data.held_out = self._held_out(table, means, data, validation)
        n_numbers = array.shape[1] - len(table.n_levels)
        tasks = [(setting, setting.network(table, n_numbers, targets.n_outputs)) for setting in portfolio]
        seeds = rng.randint(MAX_SEED, size=(len(portfolio), len(folds)))
        trained = train_portfolio(tasks, self.n_jobs, settings, data, folds, seeds.tolist(), self.batch_size)
        attributes: dict[str, Any] = {
            "settings_": [one.setting for one in trained],
            "validation_scores_": [one.curves for one in trained],
            "n_iter_": max(one.n_iter for one in trained),
            "categories_": table.categories,
            "_table": table,
            "_means": means,
            "_loss": targets.loss,
            "_thetas": [one.theta for one in trained],
            "_n_outputs": targets.n_outputs,
            "_n_folds": len(folds),
            **targets.learned,
        }
        return {**attributes, **self._combine(trained, data, folds)}

    def _targets(self, y: Any, n_rows: int) -> NDArray[Any]:
        """Validate targets, of a fit or of a validation set."""
        validated = check_targets(y, numeric=is_regressor(self))
        check_consistent_length(range(n_rows), validated)
        if validated.ndim == 2 and validated.shape[1] == 1:
            validated = column_or_1d(validated, warn=True)
        return validated

    def _columns(self, X: Any, reset: bool) -> Columns:
        """Read a table, its columns in the order of those in ``fit``."""
        if not reset:
            names = getattr(self, "feature_names_in_", None)
            if names is not None and hasattr(X, "columns") and set(names) <= set(X.columns):
                X = X[list(names)]
        columns = read_columns(X)
        validate_data(
            self,
            X if hasattr(X, "shape") else np.empty((columns.n_rows, len(columns.values))),
            reset=reset,
            skip_check_array=True,
        )
        return columns

    def _categorical(self, columns: Columns) -> NDArray[np.bool_]:
        """Tell which columns are categories: those of text, and those that ``categorical_features`` names."""
        mask = np.array(columns.is_category, dtype=bool)
        chosen = self.categorical_features
        if chosen is None or isinstance(chosen, str):
            return mask
        chosen = np.asarray(chosen)
        if chosen.dtype.kind == "b":
            if chosen.shape != mask.shape:
                raise ValueError(
                    f"categorical_features set as a boolean mask should have shape (n_features,), got: {chosen.shape}"
                )
            both: NDArray[np.bool_] = mask | chosen
            return both
        for name in chosen.tolist():
            if isinstance(name, str):
                if columns.names is None or name not in columns.names:
                    raise ValueError(
                        f"categorical_features has an item value '{name}' which is not a feature name of X."
                    )
                mask[columns.names.index(name)] = True
            elif isinstance(name, int) and 0 <= name < len(mask):
                mask[name] = True
            else:
                raise ValueError(f"categorical_features has the entry {name!r}: give names, indices or a mask.")
        return mask

    def _folds(
        self, targets: Targets, n_rows: int, groups: Any, validation: tuple[Any, Any, Any], rng: np.random.RandomState
    ) -> list[Fold]:
        if (validation[0] is None) != (validation[1] is None):
            raise ValueError("A validation set needs both X_val and y_val (and may have sample_weight_val).")
        if validation[0] is not None:
            return [(None, None)] * self.n_folds
        n_folds = min(self.n_folds, n_rows if groups is None else len(np.unique(np.asarray(groups))))
        if n_folds < 2:
            return [(None, None)]
        return self._split(targets.Y, n_folds, groups, rng)

    def _array(self, numbers: Array, means: Array, codes: Array) -> Array:
        """Return a table as the network reads it: numbers, target means of categories, codes."""
        array: Array = np.concatenate([numbers, means, codes], axis=1).astype(self.dtype, copy=False)
        return np.ascontiguousarray(array)

    def _further_array(self, table: Table, means: TargetMeans, columns: Columns) -> Array:
        """Return other rows than those of the fit as the network reads them."""
        numbers, codes = table.transform(columns)
        return self._array(numbers, means.transform(codes), codes)

    def _held_out(self, table: Table, means: TargetMeans, data: TrainingData, validation: tuple[Any, ...]) -> HeldOut:
        X, y, sample_weight = validation
        columns = self._columns(X, reset=False)
        array = self._further_array(table, means, columns)
        Y = data.targets.encode(self._targets(y, columns.n_rows))
        weight = check_sample_weight(sample_weight, array)
        return HeldOut(Data(array, Y, data.targets.weigh(Y, weight)), lambda: Source(X, y, weight))

    def _members(self, X: Any) -> Array:
        """Return the mixed predictions of each fold's members (M, n, K), by the inverse link of the loss."""
        check_is_fitted(self, "_thetas")
        array = self._further_array(self._table, self._means, self._columns(X, reset=False))
        n_numbers = array.shape[1] - len(self._table.n_levels)
        mixed: Any = 0.0
        for weight, setting, theta in zip(self.mixture_weights_.tolist(), self.settings_, self._thetas, strict=True):
            if weight > 0.0:
                network = setting.network(self._table, n_numbers, self._n_outputs)
                params = network.layout.views(theta)
                members = predict(network, params, array, self._loss.predict, members=True)
                mixed = mixed + weight * np.repeat(members, self._n_folds // len(members), axis=0)
        predictions: Array = mixed
        return predictions

    def _checked_residuals(self, coverage: float) -> list[NDArray[np.float64]]:
        """Return the out-of-fold residuals, for intervals or sets of a coverage."""
        check_is_fitted(self, "_thetas")
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage={coverage!r}: must be a number between 0 and 1, such as 0.9.")
        if not hasattr(self, "_residuals"):
            raise ValueError(
                "Intervals and sets need out-of-fold predictions of one target: fit without a validation set, on at "
                "least two rows, with a loss that predicts one value."
            )
        return self._residuals

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def linked(raw: Array, loss: Loss) -> Array:
    """Return predictions (n, K) by the inverse link of the loss from raw outputs (n, K)."""
    prediction = raw.T[None].copy()
    loss.predict(prediction, prediction)
    columns: Array = prediction[0].T
    return columns
