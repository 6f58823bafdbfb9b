"""What the tabular estimators share: read a table, plan folds and configurations, train, mix, predict."""

from __future__ import annotations

import copy
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Self, cast

import numpy as np
from joblib import parallel_config
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..callbacks import fit_tasks
from ..compat import CallbackSupportMixin, fit_method_with_callbacks
from ..engine.kernels import form_of_process
from ..engine.members import Array
from ..engine.schedules import N_CYCLES
from ..explanation import Explanation
from ..fitting.chunks import Chunks, TableLike, read_chunks, taken_out
from ..fitting.contributions import N_BACKGROUND, Contributions
from ..fitting.data import FitData, HeldOut, Source
from ..fitting.features import Coded, Features, Table
from ..fitting.features.kinds.category import UNKNOWN
from ..fitting.fitted import Fitted
from ..fitting.frames import Column
from ..fitting.held_out import check_validation_set, held_out_set
from ..fitting.importances import RowSample, importances
from ..fitting.intervals import Residuals
from ..fitting.jobs import interrupts_are_raised
from ..fitting.member_config import PRESETS, MemberConfig
from ..fitting.plans import Folds, draw_seeds
from ..fitting.plans.folds import Trained, fold_of_rows, in_blocks, make_folds
from ..fitting.reading import read_groups, read_weights
from ..fitting.settings import Settings
from ..fitting.state import restored_on_error
from ..fitting.store import StoredRows, zeros
from ..fitting.targets import Encoded, Targets, read_targets
from ..hints import with_hints
from ..legacy import tabular_state
from ..persistence import restored
from .parameters import TabularParameters

ONE_GROUP = (
    "All rows are of one group, so that there are no folds: no epoch is chosen, and there are no out-of-fold "
    "predictions, scores and intervals. Leave groups out, or name smaller groups."
)
WITHOUT_RESIDUALS = (
    "Intervals and sets need predictions of rows that members have not seen: fit on at least two rows that are not all "
    "of one group, or with a validation set of at least two rows. A refit has none: it holds no row out."
)
LIKE_CODES = (
    "Whole numbers of the column(s) {} behave as codes: targets are alike where the number is the same, and not where "
    "it is the next one. Name the column(s) in categorical_features."
)
OUT_OF_FOLD = ("oof_prediction_", "oof_target_", "oof_rows_", "oof_score_", "_residuals", "_codes", "_spread")
SECONDS_BETWEEN_LINES = 5.0
NOT_COMPILED = "This fit is not compiled. With Numba (pip install numba) it takes about half of the time."
INTERRUPTED = "Training interrupted by user. The fit keeps what {} setting(s) have reached."


class OutOfFold:
    """An attribute of a fit with folds, which the value that such a fit sets hides."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        check_is_fitted(instance, "_fitted")
        raise AttributeError(
            f"This fit has no {self.name}: it needs folds, which a fit with X_val, on rows of one group, or by refit "
            "has not."
        )


@dataclass
class _Reading:
    """Prints how far a source has been read, every few seconds."""

    n_rows: int
    last: float = field(default_factory=time.perf_counter)

    def __call__(self, n_read: int) -> None:
        if time.perf_counter() - self.last > SECONDS_BETWEEN_LINES:
            print(f"{n_read:,} of {self.n_rows:,} rows read in this pass", flush=True)
            self.last = time.perf_counter()


@dataclass
class Converted:
    """What is converted into a graph: a fit, the columns of a table, and the residuals by target and fold."""

    fitted: Fitted
    columns: list[Column]
    residuals: list[list[Residuals]]
    spread: Fitted | None = None  # what expects the size of residuals


class TabularMLP(CallbackSupportMixin, TabularParameters, ABC):
    """Base of the tabular estimators; not for direct use."""

    settings_: list[MemberConfig]
    mixture_weights_: NDArray[np.float64]
    _fitted: Fitted
    _residuals: list[list[Residuals]]  # by target and fold
    _sample: RowSample
    _importances: tuple[NDArray[np.float64], NDArray[np.float64]]
    _codes: NDArray[np.int32]
    _lengths: list[float]  # the part of all epochs after which the members of each setting are best
    _has_labels: ClassVar[bool]
    oof_prediction_, oof_target_, oof_rows_, oof_score_ = (OutOfFold() for _ in range(4))

    @abstractmethod
    def _learn_targets(self, settings: Settings, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> Targets:
        """Learn from validated targets, and choose the loss for them."""

    @with_hints
    @fit_method_with_callbacks
    def fit(
        self,
        X: TableLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: TableLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the members to a raw table.

        Parameters
        ----------
        X : {DataFrame, array-like, path, dataset, callable} of shape (n_samples, n_features)
            The table: a frame of pandas, polars, pyarrow, Dask or another library that narwhals reads, also a lazy one,
            an array, or a list of lists. Text, categories, booleans, dates and missing values are read as they are.
            Also a path, folder or pattern of Parquet, CSV or Arrow files, a dataset of pyarrow, or a function that
            returns an iterator of tables, each time the same: these, lazy frames of polars and frames of Dask are read
            in chunks.

        y : str or array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels or label indicators, or numbers of any scale, or the name of their column in `X`.

        sample_weight : str or array-like of shape (n_samples,), default=None
            Non-negative weights of the samples, or the name of their column. A sample of weight 0 is left out.

        groups : str or array-like of shape (n_samples,), default=None
            Group of each sample, or the name of their column, which is no feature then. No group is in two folds. With
            `X_val`, groups are kept together where means of the target by category are learned.

        X_val : {DataFrame, array-like} of shape (n_val, n_features), default=None
            A validation set. All members then train on all of `X` and watch this set, whose residuals make intervals
            and sets. There are no out-of-fold predictions.

        y_val : str or array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation set, or the name of their column in `X_val`; None is that of `y` if it is a name.

        sample_weight_val : str or array-like of shape (n_val,), default=None
            Weights of the validation set, or the name of their column.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If the table or the targets cannot be read, or parameters do not go together. A previously fitted estimator
            does not change then.
        OSError
            If a table larger than `max_memory` has no room in `cache_dir`.
        """
        if X_val is not None and y_val is None and isinstance(y, str):
            y_val = y
        return self._fit(X, y, sample_weight, groups, (X_val, y_val, sample_weight_val))

    @with_hints
    @fit_method_with_callbacks
    def refit(
        self,
        X: TableLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the settings of the last fit again, on all of these rows.

        After a fit with `X_val`, the rows of the validation set can be used, too. The settings stay as they were, as
        do their weights and the temperature; each one trains for the epochs after which it was best on the rows that
        the fit held out. `settings` and the numbers that replace those of settings are not read again. There are as
        many members as in a fit with `X_val`. No row is held out: there are no out-of-fold predictions, intervals, sets
        and importances.

        Parameters
        ----------
        X : {DataFrame, array-like, path, dataset, callable} of shape (n_samples, n_features)
            The table, as for `fit`.

        y : str or array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, or the name of their column in `X`.

        sample_weight : str or array-like of shape (n_samples,), default=None
            Weights of the samples, or the name of their column.

        groups : str or array-like of shape (n_samples,), default=None
            Group of each sample, or the name of their column: they are kept together where means of the target by
            category are learned. Columns that were targets, weights or groups of the last fit are no features.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As by `fit`, or if the last fit was by an earlier version. The fitted estimator does not change then.

        Examples
        --------
        >>> import numpy as np
        >>> from mlp_estimator import TabularMLPRegressor
        >>> X = np.linspace(0, 1, 60)[:, None]
        >>> y = 3 * X.ravel()
        >>> model = TabularMLPRegressor(preset="fast", random_state=0)
        >>> model = model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2]).refit(X, y)
        >>> bool(abs(model.predict(X) - y).max() < 0.2)
        True
        """
        check_is_fitted(self, "_fitted")
        if not hasattr(self, "_lengths"):
            raise ValueError(
                "This estimator was saved by version 0.2, without the length of its training: fit it again."
            )
        return self._fit(X, y, sample_weight, groups, (None, None, None), self._lengths)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        validation: tuple[Any, Any, Any],
        lengths: list[float] | None = None,
    ) -> Self:
        """Fit, or with lengths of training fit the settings again: see ``_plan``."""
        if self.verbose and form_of_process() == "numpy":
            print(NOT_COMPILED)
        with (
            restored_on_error(vars(self)),
            fit_tasks(self, "cycle", N_CYCLES, X, y, sample_weight, lambda attributes: attributes) as tasks,
            ExitStack() as stack,
        ):
            plan = self._plan(X, y, sample_weight, groups, validation, stack, lengths)
            trained: list[Trained] = []
            interrupted = False
            if tasks is not None:
                tasks.follow((), lambda: self._attributes(plan, trained) if trained else None)
            try:
                plan.train(trained, self.n_jobs, tasks)
            except KeyboardInterrupt:
                if len(trained) < (1 if lengths is None else len(lengths)) or interrupts_are_raised():
                    raise
                interrupted = True
                warnings.warn(INTERRUPTED.format(len(trained)), UserWarning, stacklevel=6)
            attributes = self._attributes(plan, trained)
            if "_residuals" in attributes:
                held_out = plan.data.held_out
                coded = plan.data.X[plan.rows] if held_out is None else held_out.data.X
                codes = cast(Table, plan.data.features).codes(coded)
                attributes |= {"_codes": codes} | ({} if interrupted else self._learn_spread(plan, attributes))
            attributes["_sample"] = plan.sample()
            for name in (*OUT_OF_FOLD, "_importances"):
                vars(self).pop(name, None)
            vars(self).update(attributes)
        return self

    def _plan(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        validation: tuple[Any, Any, Any],
        stack: ExitStack,
        lengths: list[float] | None = None,
    ) -> Folds:
        """Read the data; return the networks to train on them. Rows in a file are there until the stack ends.

        With lengths, the settings of the last fit are trained as long on all rows.
        """
        begun, rng, dtype = time.perf_counter(), check_random_state(self.random_state), np.dtype(self.dtype)
        before = None if lengths is None else self._fitted
        left_out = () if before is None else cast(Table, before.features).left_out
        chunks, row_numbers, y, weight, groups = self._read_rows(X, y, sample_weight, groups, left_out)
        if chunks.is_on_cluster:  # which trains, too
            stack.enter_context(parallel_config("dask"))
        if self.verbose:
            chunks = replace(chunks, report=_Reading(len(row_numbers)))
        n_rows = len(row_numbers)
        preset = PRESETS[self.preset].for_table(n_rows, has_labels=self._has_labels)
        configs = self._configs(preset) if lengths is None else self.settings_
        settings = self._engine_settings(len(configs) + (not self._has_labels))  # and what else is learned
        validated = check_validation_set(settings, *validation)
        has_folds = not validated and lengths is None
        targets = self._learn_targets(settings, y, weight)
        Y = targets.encode(y, dtype)
        encoded = Encoded(Y, targets.weigh(Y, weight), weight)
        n_members: Callable[[int], int] = preset.n_members if has_folds else (lambda n: 0)
        folds = make_folds(targets.strata(Y), n_rows, self.n_folds, groups, rng, n_members)
        if len(folds) == 1 and has_folds and n_rows > 1:
            warnings.warn(ONE_GROUP, UserWarning, stacklevel=7)
        table = Table.learn(
            chunks,
            n_rows,
            categorical=self.categorical_features,
            max_categories=self.max_categories,
            n_bins=self.n_bins,
            dtype=dtype.name,
            n_targets=targets.n_columns,
            counts=encoded.counts,
        )
        advice = " ".join(filter(None, [kind.advice for kind in table.kinds]))
        if advice:
            warnings.warn(advice, UserWarning, stacklevel=7)
        shape, shared = table.shape(n_rows), chunks.n_local_processes > 1
        coded = stack.enter_context(zeros(shape, table.dtype, self.cache_dir, self._max_bytes, shared=shared))
        numbers, places = fold_of_rows(folds), None
        if isinstance(coded, StoredRows):
            order, folds = in_blocks(folds, rng)
            encoded, y, row_numbers = encoded.take(order), y[order], row_numbers[order]
            places = np.empty_like(order)
            places[order] = np.arange(n_rows, dtype=order.dtype)
            groups = None if groups is None else groups[order]
        table.code_all(chunks, coded, numbers, places)

        def columns(rows: Any) -> NDArray[np.float64]:
            return targets.columns(encoded.Y[rows])

        table.learn_means(coded, len(folds), columns, encoded.counts)
        alike = table.like_codes(coded, columns)
        if alike:
            warnings.warn(LIKE_CODES.format(", ".join(map(repr, alike))), UserWarning, stacklevel=7)
        source = Source(coded, y, encoded.sample_weight)
        predictor = None if settings.scoring == "loss" else self._predicting
        data = FitData(coded, table, targets, encoded, dtype, source, predictor)
        if validated:
            data.held_out = self._read_held_out(data, table, *validation)
        n_seeds = preset.n_members(len(folds) if has_folds else self.n_folds)
        seeds = draw_seeds(rng, (len(configs) + 1, n_seeds))
        watched = [] if len(folds) == 1 else folds[: n_members(len(folds))]
        seconds = time.perf_counter() - begun
        # The networks of a setting end in time for those of the others; what is read has taken its part.
        settings = replace(settings, max_time=settings.max_time * max(0.0, 1.0 - seconds / (self.max_time or np.inf)))
        if self.verbose:
            print(f"{n_rows:,} rows of {len(table.kinds)} columns read and coded in {seconds:.1f} s")
        return Folds(
            settings=settings,
            data=data,
            configs=configs,
            lengths=lengths or [1.0] * len(configs),
            folds=watched,
            seeds=seeds,
            batch_size=self.batch_size,
            row_numbers=row_numbers,
            preset=preset,
            groups=groups,
            before=before,
            verbose=bool(self.verbose),
        )

    def _read_rows(
        self, X: Any, y: Any, sample_weight: Any, groups: Any, left_out: tuple[str, ...]
    ) -> tuple[Chunks, NDArray[np.intp], NDArray[Any], Any, Any]:
        """Return the table, the numbers of its rows in X, their targets, weights and groups.

        A row of weight 0 is not there.
        """
        chunks = replace(read_chunks(X), n_jobs=self.n_jobs, left_out=left_out)
        chunks, (y, sample_weight, groups) = chunks.take_out(y=y, sample_weight=sample_weight, groups=groups)
        validate_data(cast(Any, self), chunks.first().native, skip_check_array=True)
        y = read_targets("y", y, chunks.n_rows, as_labels=self._has_labels)
        row_numbers = np.arange(y.shape[0])
        chunks = replace(chunks, n_read=len(row_numbers))
        weight = read_weights(sample_weight, np.empty((len(row_numbers), 1)), np.dtype(self.dtype))
        groups = read_groups(groups, len(row_numbers))
        if weight is None or weight.all():
            return chunks, row_numbers, y, weight, groups
        present = weight > 0
        groups = None if groups is None else groups[present]
        return chunks.where(present), row_numbers[present], y[present], weight[present], groups

    def _read_held_out(self, data: FitData, table: Table, X: Any, y: Any, sample_weight: Any) -> HeldOut:
        """Read a validation set of the user."""
        X, (y, sample_weight) = taken_out(X, table.text_columns, y_val=y, sample_weight_val=sample_weight)
        coded = np.concatenate(list(table.pieces(table.read(X, self._validator()))))
        y = read_targets("y_val", y, len(coded), as_labels=self._has_labels)
        weight = read_weights(sample_weight, coded, data.dtype)
        return held_out_set(data, coded, y, weight, lambda: Source(coded, y, weight))

    def _taken_out(self, X: Any, **arguments: Any) -> tuple[Any, list[Any]]:
        """Return X without the columns that arguments of ``score`` name, and the arguments."""
        check_is_fitted(self, "_fitted")
        return taken_out(X, self._fitted.features.text_columns, **arguments)

    def _validator(self) -> Callable[..., Any]:
        return partial(validate_data, self, reset=False)

    def _attributes(self, plan: Folds, trained: list[Trained]) -> dict[str, Any]:
        """Return the fitted attributes."""
        fitted, out_of_fold = plan.join(trained)
        return {
            **fitted.targets.attributes(),
            "categories_": cast(Table, fitted.features).categories,
            "settings_": [one.config for one in trained],
            "mixture_weights_": fitted.mixture,
            "validation_scores_": [one.curves for one in trained],
            "n_iter_": max(one.n_iter for one in trained),
            "_lengths": [one.best_length for one in trained],
            "_fitted": fitted,
            **out_of_fold,
        }

    def _learn_spread(self, plan: Folds, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes that follow from the expected size of residuals."""
        return {}

    def _predicting(self, fitted: Fitted) -> Self:
        """Return an estimator that predicts by these networks, for scorers."""
        predictor = copy.copy(self)
        vars(predictor).update(fitted.targets.attributes(), _fitted=fitted)
        return predictor

    def _predict(self, X: Any, reduce: Any = None, **options: Any) -> NDArray[Any]:
        """Return predictions by ``Fitted.predict``."""
        check_is_fitted(self, "_fitted")
        features = self._fitted.features
        return self._fitted.predict(features.read(X, self._validator()), reduce, **options)

    def _predict_decoded(self, X: Any) -> NDArray[Any]:
        """Return what ``predict`` returns: labels, indicators or numbers."""
        decided = self._predict(X, lambda prediction: self._fitted.targets.decide(prediction))
        return self._fitted.targets.decoded(decided)

    def explain(self, X: TableLike, *, background: TableLike | None = None) -> Explanation:
        """Return what each column contributes to predictions.

        The contribution of a column to a prediction is the mean, over background rows, of its part of the integral of
        the gradient on the straight line from the background row to the sample, as the networks read both [1]_, [2]_.
        A category is the indicators and the means of its level, a missing value what the networks read for it. The
        line is sampled at one point for each background row; what is missing of the difference between the prediction
        and the base value is shared by the columns in proportion to their contributions.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        background : {DataFrame, array-like} of shape (n_background, n_features), default=None
            Rows with which the samples are compared. None is 48 rows of those that the fit has seen. Time is in
            proportion to their number: about 2 ms for each sample and 50 rows of 30 columns, by all settings and folds.

        Returns
        -------
        explanation : Explanation
            Contributions to `predict`, in the unit of y, or to `predict_proba`.

        Raises
        ------
        ValueError
            If the estimator is of a file of an earlier version, which lacks the rows.

        References
        ----------
        .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
        .. [2] G. Erion, J. D. Janizek, P. Sturmfels, S. M. Lundberg, S.-I. Lee, "Improving performance of deep learning
           models with axiomatic attribution priors and expected gradients", Nature Machine Intelligence 3, 2021.
        """
        check_is_fitted(self, "_fitted")
        table, validate = cast(Table, self._fitted.features), self._validator()
        if background is None:
            compared = self._require_sample().background(N_BACKGROUND)
        else:
            compared = np.concatenate(list(table.pieces(table.read(background, validate))))
        contributions = Contributions(self._fitted, compared)
        parts = [(contributions.of(table.code(frame)), frame.objects()) for frame in table.read(X, validate)]
        values, data = (np.concatenate(of_frames) for of_frames in zip(*parts, strict=True))
        bases = np.tile(contributions.base, (len(values), 1))
        if values.shape[2] == 1:
            return Explanation(values[:, :, 0], bases[:, 0], data, self.column_names_)
        outputs = getattr(self, "classes_", np.arange(values.shape[2]))
        return Explanation(values, bases, data, self.column_names_, [str(name) for name in outputs])

    def _require_sample(self) -> RowSample:
        """Return rows that the fit has kept."""
        if not hasattr(self, "_sample"):
            raise ValueError("This estimator was saved by version 0.2, without rows to explain it by: fit it again.")
        return self._sample

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """How much the error of predictions rises where a column is permuted, for each column of the table.

        Each of up to 4,000 rows is predicted by the members that have not seen it, or is of the validation set
        (Breiman, "Random forests", Machine Learning 45, 2001, section 10). The error is the log-loss of a classifier,
        and 1 - R2 of a regressor, or its pinball loss over that of a constant quantile. It is computed at the first
        look, within a second or so.

        Raises
        ------
        AttributeError
            If no row is unseen, because all training rows are of one group, or after `refit`.
        """
        return self._column_importances()[0]

    @property
    def feature_importances_error_(self) -> NDArray[np.float64]:
        """Standard errors of `feature_importances_` over the rows, each once however often it counts, or the groups."""
        return self._column_importances()[1]

    def _column_importances(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        check_is_fitted(self, "_fitted")
        sample = getattr(self, "_sample", None)
        if sample is None or not sample.unseen:
            raise AttributeError(
                "feature_importances_ needs rows that some members have not seen: fit with folds, and not by refit."
            )
        if not hasattr(self, "_importances"):
            self._importances = importances(self._fitted, sample)
        return self._importances

    @property
    def column_names_(self) -> list[str]:
        """Names of the columns that are features; x0, x1 and so on of tables without names."""
        check_is_fitted(self, "_fitted")
        return [kind.name for kind in cast(Table, self._fitted.features).kinds]

    def _with_residuals(
        self, X: Any, coverage: float, by: Any, reduce: Callable[[Array, Array, list[list[Residuals]]], NDArray[Any]]
    ) -> NDArray[Any]:
        """Return what ``reduce`` makes of predictions and spreads (M, n, K) of rows and of residuals.

        The residuals are those of all training rows, or of the rows with the level of the column ``by``.
        """
        self._require_residuals(coverage)
        features = cast(Table, self._fitted.features)
        if by is not None and not hasattr(self, "_codes"):
            raise ValueError(
                "by needs the categories of the training rows, which files of version 0.2 lack: fit again."
            )
        column = None if by is None else features.place_among_codes(by)
        coded_rows: Features = Coded(features)
        fitted, spread = replace(self._fitted, features=coded_rows), getattr(self, "_spread", None)
        parts = []
        for coded in features.pieces(features.read(X, self._validator())):
            members = fitted.predict(coded, members=True)
            if len(self._residuals[0]) < len(members):  # a validation set is one fold, of all members
                members = members.mean(axis=0, keepdims=True)
            sizes = np.ones(members.shape)
            if spread is not None:
                sizes = replace(spread, features=coded_rows).predict(coded, members=True)
            of_levels = [
                (chosen, reduce(members[:, chosen], sizes[:, chosen], residuals))
                for chosen, residuals in self._residuals_by(coded, column)
            ]
            result = np.empty((len(coded), *of_levels[0][1].shape[1:]), of_levels[0][1].dtype)
            for chosen, part in of_levels:
                result[chosen] = part
            parts.append(result)
        return np.concatenate(parts)

    def _require_residuals(self, coverage: float) -> None:
        """Raise an error unless there are residuals, and a coverage that they can have."""
        check_is_fitted(self, "_fitted")
        if not (isinstance(coverage, Real) and 0.0 < coverage < 1.0):
            raise ValueError(f"coverage={coverage!r}: must be one number between 0 and 1, such as 0.9.")
        if not hasattr(self, "_residuals"):
            raise ValueError(self._fitted.targets.without_residuals or WITHOUT_RESIDUALS)

    def _converted(self, X: Any, coverage: float | None) -> Converted:
        """Return what a graph of the estimator is made of."""
        check_is_fitted(self, "_fitted")
        columns = self._fitted.features.read(X, self._validator()).first().columns
        if coverage is None:
            return Converted(self._fitted, columns, [])
        self._require_residuals(coverage)
        return Converted(self._fitted, columns, self._residuals, getattr(self, "_spread", None))

    def _residuals_by(self, coded: Array, column: int | None) -> Iterator[tuple[Any, list[list[Residuals]]]]:
        """Yield which rows have a level, and the residuals of the training rows with it, all if it is unknown."""
        if column is None:
            yield slice(None), self._residuals
            return
        levels = cast(Table, self._fitted.features).codes(coded)[:, column]
        for level in np.unique(levels).tolist():
            alike, among = self._codes[:, column] == level, self._residuals
            if level != UNKNOWN:
                among = [[of_fold.among(alike) for of_fold in of_target] for of_target in among]
            yield levels == level, among

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _upgraded(self, state: dict[str, Any]) -> dict[str, Any]:
        return tabular_state(state, restored)
