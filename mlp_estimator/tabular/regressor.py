"""The tabular regressor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from ..compat import Interval, StrOptions
from ..engine.losses import REGRESSION, Loss, LossName
from ..engine.members import Array
from ..fitting.chunks import TableLike
from ..fitting.intervals import Residuals, interval, n_outside
from ..fitting.jobs import interrupts_are_raised
from ..fitting.plans import Folds
from ..fitting.settings import Settings
from ..fitting.targets import Numbers, Targets
from ..fitting.targets.numbers import squeeze_outputs
from ..hints import hinting, with_hints
from ..scores import ScoredRegressor
from .base import TabularMLP

INFINITE = (
    "All intervals are infinite: coverage={:g} is asked for, and with {:g} residuals it can be at most {:.4g}. Ask for "
    "less, or fit on more rows."
)
MIN_SPREAD_ROWS = 100
"""Rows from which on the size of residuals is learned."""


@hinting
@dataclass(eq=False, repr=False, match_args=False, kw_only=True)
class TabularMLPRegressor(ScoredRegressor, TabularMLP):
    """Regressor for raw tables: an ensemble over folds and settings, with intervals from the same fit.

    It accepts text, missing values, outliers and targets of any scale. For each setting, one network per fold trains on
    the other folds. The prediction of each row by the networks that have not seen it weighs the settings, and gives a
    score and intervals without a test set [1]_, [2]_, [3]_.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Number of units of each hidden layer, for settings that do not name it.

    preset : {'fast', 'default', 'best'}, default='default'
        How much is trained. 'fast' trains members for half of the folds, in half of the time; out-of-fold predictions
        are those of the rows of these folds. 'best' ends settings later and adds one of 256 units, in about twice
        the time of 'default'. Figures: ``docs/tabular.md``.

    settings : 'auto' or list of dict, default='auto'
        The portfolio: each entry is a dict of the numbers and layer sizes of one setting (`hidden_layer_sizes`,
        `activation`, `encoding`, `weight_decay`, `dropout`, `learning_rate_init`, `max_iter`, and `n_left_out`, the
        number of folds that a member does not train on), on top of the parameters of these names. 'auto' uses three
        settings: one for narrow tables, one for wide ones, one for smooth targets.

    n_folds : int, default=8
        Number of folds. A setting has one member per fold, or per `n_left_out` folds, from 40,000 rows on for half of
        the folds and from 250,000 rows on for a quarter. With a validation set, the number of members per setting.

    categorical_features : 'from_dtype', None, or array-like of str, int or bool, default='from_dtype'
        Columns of categories besides those of text, booleans and category types: by name, index or mask. See
        ``docs/tabular.md`` for the kinds of columns.

    max_categories : int, default=64
        Maximum number of indicators of a column; the rarest levels share one. All levels have means of the target.

    n_bins : int or 'auto', default='auto'
        Maximum number of bins in the encoding of a numeric column; 'auto' is between 4 and 32, fewer for many columns,
        and from 10,000 rows on up to 128, more for more rows.

    learning_rate_init : float, default=0.04
        Peak of the learning rate in each cycle.

    batch_size : int or 'auto', default='auto'
        Number of samples per minibatch; 'auto' is 128, 256 from 10,000 rows on, and 1024 from 250,000 rows on.

    max_iter : int or 'auto', default='auto'
        Maximum number of epochs; 'auto' is that of each setting. An epoch of a small table is several passes over its
        rows, so that a run has at least 1500 steps.

    weight_decay : float or 'auto', default='auto'
        Decoupled weight decay; 'auto' is that of each setting.

    dropout : float or 'auto', default='auto'
        Probability with which units of hidden layers are dropped in training, in [0, 1); 'auto' is that of each
        setting.

    scoring : 'loss', str, callable or None, default=None
        The score on its fold that selects the epoch of each member. None and 'loss' are the negative loss; otherwise a
        scorer of scikit-learn, whose `X` is the table as the networks read it.

    max_time : float or None, default=None
        Maximum time of a fit in seconds, reading included; the best weights so far are kept.

    dtype : {'float32', 'float64'}, default='float32'
        Type of the computation and the weights. Predictions are float64.

    random_state : int, RandomState instance or None, default=None
        Seed or generator of folds, initial weights, order of samples and dropout.

    n_jobs : int or None, default=None
        Number of processes that read the parts of a table and train the members of a setting, -1 for all cores. None is
        1, unless a joblib context says otherwise. The fit is the same to the last bit. A frame of Dask is read and
        trained on by all workers of its cluster.

    max_memory : float or None, default=None
        Bytes up to which the coded table (4 for each number, category and indicator of missing values) stays in memory;
        a larger one is kept in a file during the fit. None is a quarter of the memory of the machine.

    cache_dir : str, path or None, default=None
        Folder for this file, which is removed at the end of the fit. None is that of temporary files.

    verbose : bool or int, default=False
        1 prints a line for each cycle of each setting, with the out-of-fold loss so far and the time, and how far a
        source in chunks has been read; 2 also the loss of each epoch of each member.

    loss : {'squared_error', 'absolute_error', 'huber', 'quantile', 'gaussian_nll', 'poisson', 'gamma'} or Loss, \
            default='squared_error'
        The loss, as in :class:`MLPRegressor`.

    huber_delta : float, default=1.0
        Residual beyond which 'huber' is linear, in standard deviations of `y`.

    quantile : float or sequence of float, default=0.5
        Level for 'quantile', in (0, 1). An increasing sequence gives one column of predictions per level.

    Attributes
    ----------
    oof_prediction_ : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Predictions for the training rows in `oof_rows_`, each by the members that have not seen the row.

    oof_target_ : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Targets of these rows.

    oof_rows_ : ndarray of shape (n_rows,)
        Numbers of the rows of `X` with out-of-fold predictions: those with a weight above 0 in folds that have members.

    oof_score_ : float
        Without a validation set: R2 of the out-of-fold predictions; for several quantiles their mean D2 pinball score.

    settings_ : list of MemberConfig
        The settings of the portfolio.

    mixture_weights_ : ndarray of shape (n_settings,)
        Weight of each setting in predictions, at least 0. The rest up to 1 is the weight of a constant, the prediction
        of an untrained network: with the squared error the mean of y.

    validation_scores_ : list of list of list of float
        For each setting and member, the negative loss on its fold after each epoch, or the score by `scoring`.

    feature_importances_, feature_importances_error_ : ndarray of shape (n_columns,)
        Rise of 1 - R2 where a column is permuted, and its standard error; computed at the first look.

    column_names_ : list of str
        Names of the columns that are features.

    categories_ : list of ndarray
        Levels of the categorical columns, numbers before text, and None for missing; booleans are 0 and 1.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if all names of `X` are strings.

    See Also
    --------
    TabularMLPClassifier : The classifier.
    MLPRegressor : Networks for numeric arrays, with scikit-learn's parameters and numbers.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by default: Strong pre-tuned MLPs and boosted trees on
       tabular data", NeurIPS 2024.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning",
       NeurIPS 2022.
    .. [3] R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, "Predictive inference with the jackknife+", Annals
       of Statistics 49, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from mlp_estimator import TabularMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> model = TabularMLPRegressor(settings=[{"hidden_layer_sizes": (16,), "encoding": False}], random_state=0)
    >>> round(model.fit(X, y).oof_score_, 1)
    0.5
    >>> low, high = model.predict_interval(X[:1], coverage=0.9)
    >>> bool(low[0] < model.predict(X[:1])[0] < high[0])
    True
    """

    loss: LossName | Loss = "squared_error"
    huber_delta: float = 1.0
    quantile: float | Sequence[float] = 0.5

    _has_labels = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TabularMLP._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION)), Loss],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
    }

    def _loss_parameters(self) -> dict[str, Any]:
        return {"huber_delta": self.huber_delta, "quantile": self.quantile}

    def _learn_targets(self, settings: Settings, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> Targets:
        return Numbers.learn(y, sample_weight, settings.loss(self.loss), standardise=True)

    @overload
    def predict(self, X: TableLike, return_std: Literal[False] = False) -> Array: ...
    @overload
    def predict(self, X: TableLike, return_std: Literal[True]) -> tuple[Array, Array]: ...
    def predict(self, X: TableLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict target values.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        return_std : bool, default=False
            Whether to also return a standard deviation: that of the members, plus the noise with
            ``loss="gaussian_nll"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted targets, within the range of those in `fit`; one column per quantile if there are several.

        std : ndarray of the same shape
            Standard deviations in the unit of the targets, if `return_std`.
        """
        if not return_std:
            return self._predict_decoded(X)

        def mean_and_variance(members: Array) -> Array:
            """Return both, by the law of total variance: disagreement of the members, and the noise that they model."""
            means, noise = self._numbers.means(members), self._numbers.variances(members)
            variance = means.var(axis=0) if noise is None else means.var(axis=0) + noise.mean(axis=0)
            return np.stack([means.mean(axis=0), variance])

        mean, variance = self._predict(X, mean_and_variance, members=True)
        return squeeze_outputs(mean), squeeze_outputs(np.sqrt(variance))

    def predict_members(self, X: TableLike) -> Array:
        """Predict target values by the members of each fold.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_folds, n_samples) or (n_folds, n_samples, n_outputs)
            The predictions by the members of each fold, mixed over the settings.
        """
        members = self._predict(X, members=True)
        return squeeze_outputs(self._numbers.means(members))

    @with_hints
    def predict_interval(
        self, X: TableLike, coverage: float = 0.9, *, by: str | int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict intervals that contain the target with a given frequency.

        Their widths follow the noise: networks on the same folds learn how large the out-of-fold residuals are.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        coverage : float, default=0.9
            Fraction of samples whose interval contains their target, in (0, 1).

        by : str or int, default=None
            A column of categories, by name (or position, of a table without names): the coverage then holds among the
            rows of each of its levels. An interval is infinite where a level has too few rows, as with fewer than 9 for
            a coverage of 0.9. A level that was not in `fit` has the intervals of all rows.

        Returns
        -------
        low, high : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Ends of the interval of each sample, by CV+ [1]_ with residuals in units of their expected size [2]_. Each
            of several targets has its own intervals, with this coverage. Under a loss for positive or non-negative
            targets none begins below 0. After a fit with a validation set, all have one width, by the residuals of
            that set.

        Raises
        ------
        ValueError
            If `coverage` is not in (0, 1), if `by` is no column of categories, or if there are no residuals, such as
            of several quantiles.

        References
        ----------
        .. [1] R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, "Predictive inference with the jackknife+",
           Annals of Statistics 49, 2021.
        .. [2] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free predictive inference
           for regression", Journal of the American Statistical Association 113, 2018, section 5.2.
        """

        def reduce(members: Array, spread: Array, residuals: list[list[Residuals]]) -> NDArray[Any]:
            means, sizes = self._numbers.means(members).astype(np.float64), spread.astype(np.float64)
            return np.stack(
                [
                    np.stack(interval(means[..., k], sizes[..., k], of_target, coverage), axis=1)
                    for k, of_target in enumerate(residuals)
                ],
                axis=2,
            )

        low, high = np.moveaxis(self._with_residuals(X, coverage, by, reduce), 1, 0)
        if n_outside(self._residuals[0], coverage) < 0.0:
            n_rows = sum(of_fold.total for of_fold in self._residuals[0])
            warnings.warn(INFINITE.format(coverage, n_rows, n_rows / (n_rows + 1.0)), UserWarning, stacklevel=3)
        if self._numbers.loss.domain != "real":
            low = np.maximum(low, 0.0)
        ends: tuple[Any, Any] = squeeze_outputs(low), squeeze_outputs(high)
        return ends

    def _learn_spread(self, plan: Folds, attributes: dict[str, Any]) -> dict[str, Any]:
        """Learn how large residuals are, and return them in units of their expected size."""
        if plan.data.encoded.n_rows < MIN_SPREAD_ROWS or not plan.folds:
            return {}
        residuals = np.empty((len(plan.rows), len(attributes["_residuals"])))
        for k, of_target in enumerate(attributes["_residuals"]):
            for of_fold in of_target:
                residuals[of_fold.rows, k] = of_fold.values
        try:
            spread, sizes = plan.learn_spread(residuals, self.n_jobs)
        except KeyboardInterrupt:
            if interrupts_are_raised():
                raise
            warnings.warn("Training interrupted by user. All intervals have one width.", UserWarning, stacklevel=7)
            return {}
        relative = [
            [of_fold.over(of_target) for of_fold in residuals]
            for residuals, of_target in zip(attributes["_residuals"], sizes.T, strict=True)
        ]
        return {"_spread": spread, "_residuals": relative}

    @property
    def _numbers(self) -> Numbers:
        return cast(Numbers, self._fitted.targets)
