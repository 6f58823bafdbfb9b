"""What the two tabular estimators share: read a table, train a portfolio on folds, mix, predict."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from ..callbacks import PartTasks, fit_tasks
from ..compat import CallbackSupportMixin, check_targets, fit_method_with_callbacks
from ..engine.losses import LOSSES, Loss
from ..engine.members import Array
from ..engine.network import Network
from ..fitting.data import HeldOut, Source, Targets, TrainingData
from ..fitting.features import MatrixLike
from ..fitting.held_out import held_out_set
from ..fitting.predicting import predict
from ..fitting.reading import labels, numbers, weights
from ..fitting.settings import Settings
from ..fitting.state import restored_on_error, stored_weights
from .categories import TargetMeans
from .columns import Columns, categorical, read_columns
from .parameters import TabularParameters
from .portfolio import Setting
from .table import NumericColumn, Table
from .training import Fold, Trained, train_portfolio

MAX_SEED = np.iinfo(np.int32).max


class TabularMLP(CallbackSupportMixin, TabularParameters, ABC):
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

    @fit_method_with_callbacks
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
            portfolio = self._portfolio()
            with fit_tasks(self, "setting", len(portfolio), X, y, sample_weight) as tasks:
                validation = (X_val, y_val, sample_weight_val)
                attributes = self._fitted(portfolio, X, y, sample_weight, groups, validation, tasks)
                for name in ("_residuals", "oof_prediction_", "oof_target_", "oof_score_"):
                    vars(self).pop(name, None)
                vars(self).update(attributes)
        return self

    def _fitted(
        self,
        portfolio: Sequence[Setting],
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        validation: tuple[Any, Any, Any],
        tasks: PartTasks | None,
    ) -> dict[str, Any]:
        """Train the members; return the fitted attributes."""
        columns = self._columns(X, reset=True)
        rng = check_random_state(self.random_state)
        settings = self._engine_settings(len(portfolio))
        table = Table.learn(columns, categorical(columns, self.categorical_features), self.max_categories, self.n_bins)
        weight = weights(sample_weight, np.empty((columns.n_rows, 1)), np.dtype(self.dtype))
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
            source=Source(array, y, weight),
            predictor=self._member,
            learned={
                "categories_": table.categories,
                "_table": table,
                "_means": means,
                "_loss": targets.loss,
                "_n_outputs": targets.n_outputs,
                "_n_folds": len(folds),
                **targets.learned,
            },
        )
        if validation[0] is not None:
            data.held_out = self._held_out(table, means, data, validation)
        n_numbers = array.shape[1] - len(table.n_levels)
        networks = [(setting, setting.network(table, n_numbers, targets.n_outputs)) for setting in portfolio]
        seeds = rng.randint(MAX_SEED, size=(len(portfolio), len(folds))).tolist()
        trained: list[Trained] = []
        if tasks is not None:
            tasks.follow((), lambda: self._attributes(trained, data, folds) if trained else None)
        for one in train_portfolio(networks, self.n_jobs, tasks, settings, data, folds, seeds, self.batch_size):
            trained.append(one)
        return self._attributes(trained, data, folds)

    def _attributes(self, trained: Sequence[Trained], data: TrainingData, folds: Sequence[Fold]) -> dict[str, Any]:
        """Return the fitted attributes."""
        return {
            **data.learned,
            "settings_": [one.setting for one in trained],
            "validation_scores_": [one.curves for one in trained],
            "n_iter_": max(one.n_iter for one in trained),
            "_thetas": [one.theta for one in trained],
            **self._combine(trained, data, folds),
        }

    def _member(self, network: Network, attributes: Mapping[str, Any]) -> Self:
        """Return an estimator that predicts by one member, for scorers.

        It reads rows as the network does: raw ones would be read again at each validation, with target means that
        have seen their targets.
        """
        params = network.params(stored_weights(network, attributes, np.dtype(self.dtype)))
        link = attributes["_loss"].predict
        members = partial(predict, network, params, link=link, members=True)
        member = copy.copy(self)
        vars(member).update(attributes, temperature_=1.0, _members=members)
        return member

    def _targets(self, y: Any, n_rows: int) -> NDArray[Any]:
        """Validate targets, of a fit or of a validation set."""
        if sparse.issparse(y):
            raise TypeError("Sparse y was passed, but dense targets are required: use y.toarray().")
        numeric = is_regressor(self)
        validated = check_targets((numbers if numeric else labels)("y", y), numeric=numeric)
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
        weight = weights(sample_weight, array, data.dtype)
        return held_out_set(data, array, Y, weight, lambda: Source(array, y, weight))

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
