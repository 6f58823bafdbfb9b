"""The tabular classifier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..compat import StrOptions
from ..engine.members import Array
from ..fitting.chunks import TableLike
from ..fitting.intervals import Residuals, label_set
from ..fitting.mixture import logarithm
from ..fitting.plans import Folds
from ..fitting.plans.folds import Trained
from ..fitting.settings import Settings
from ..fitting.targets import Labels, Targets, learn_classes
from ..fitting.targets.labels import log_odds
from ..fitting.targets.numbers import squeeze_outputs
from ..hints import hinting, with_hints
from ..scores import ScoredClassifier
from .base import TabularMLP


@hinting
@dataclass(eq=False, repr=False, match_args=False, kw_only=True)
class TabularMLPClassifier(ScoredClassifier, TabularMLP):
    """Classifier for raw tables: an ensemble over folds and settings, with calibrated probabilities.

    It accepts text, missing values and outliers. For each setting, one network per fold trains on the other folds. The
    prediction of each row by the networks that have not seen it weighs the settings, calibrates the probabilities and
    gives a score without a test set [1]_, [2]_.

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
        Number of samples per minibatch; 'auto' is 32 below 1,250 rows, 64 below 2,500, 128 below 10,000, 256 below
        250,000, and 1024 from there on.

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
        Type of the computation, the weights and the predictions.

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

    class_weight : 'balanced', dict, list of dict or None, default=None
        Weights of the classes in the loss, multiplied by the sample weights; probabilities are those of classes that
        are as frequent as weighted. A dict maps labels to weights. For label indicators, a list of one dict per label.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; for label indicators the column numbers.

    oof_prediction_ : ndarray of shape (n_rows, n_classes)
        Probabilities of the training rows in `oof_rows_`, each by the members that have not seen the row.

    oof_target_ : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Targets of these rows, as positions in `classes_`, or as indicators.

    oof_rows_ : ndarray of shape (n_rows,)
        Numbers of the rows of `X` with out-of-fold predictions: those with a weight above 0 in folds that have members.

    oof_score_ : float
        Without a validation set: accuracy of the out-of-fold predictions, weighted by the sample weights as in `score`.

    temperature_ : float
        Temperature of the probabilities; above 1 the members were too confident.

    settings_ : list of MemberConfig
        The settings of the portfolio.

    mixture_weights_ : ndarray of shape (n_settings,)
        Weight of each setting in predictions, at least 0. The rest up to 1 is the weight of the frequencies of the
        classes.

    validation_scores_ : list of list of list of float
        For each setting and member, the negative loss on its fold after each epoch, or the score by `scoring`.

    feature_importances_, feature_importances_error_ : ndarray of shape (n_columns,)
        Rise of the log-loss where a column is permuted, and its standard error; computed at the first look.

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
    TabularMLPRegressor : The regressor.
    MLPClassifier : Networks for numeric arrays, with scikit-learn's parameters and numbers.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by default: Strong pre-tuned MLPs and boosted trees on
       tabular data", NeurIPS 2024.
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning",
       NeurIPS 2022.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlp_estimator import TabularMLPClassifier
    >>> X = pd.DataFrame({"age": [22, 38, None, 35, 54, 2] * 10, "sex": ["m", "f", "f", None, "m", "m"] * 10})
    >>> y = ["no", "yes", "yes", "yes", "no", "no"] * 10
    >>> model = TabularMLPClassifier(settings=[{"hidden_layer_sizes": (16,)}], random_state=0).fit(X, y)
    >>> model.predict(X[:3]).tolist()
    ['no', 'yes', 'yes']
    """

    class_weight: Literal["balanced"] | dict[Any, float] | list[dict[Any, float]] | None = None
    classes_: NDArray[Any] = field(init=False)
    temperature_: float = field(init=False)

    _has_labels = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TabularMLP._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def _loss_parameters(self) -> dict[str, Any]:
        return {"label_smoothing": 0.0}

    def _learn_targets(self, settings: Settings, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> Targets:
        labels = learn_classes(y, settings.loss, each_class=True)
        return labels.weighted(self.class_weight, y, sample_weight)

    def _attributes(self, plan: Folds, trained: list[Trained]) -> dict[str, Any]:
        attributes = super()._attributes(plan, trained)
        return attributes | {"temperature_": attributes["_fitted"].temperature}

    def predict_proba(self, X: TableLike) -> Array:
        """Predict class probabilities.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`; for label indicators of each label.
        """
        return self._predict(X)

    def decision_function(self, X: TableLike) -> Array:
        """Return the log-odds of the classes: ``log(p / (1 - p))``, where p is a probability of `predict_proba`.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        score : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The log-odds of each class or label. For two classes one number, the log-odds of ``classes_[1]``.
        """
        probability = self.predict_proba(X)
        if probability.shape[1] == 1 or cast(Labels, self._fitted.targets).multilabel:
            return squeeze_outputs(logarithm(probability) - logarithm(1.0 - probability))
        scores = logarithm(probability)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else log_odds(scores)

    def predict_members(self, X: TableLike) -> Array:
        """Predict class probabilities by the members of each fold.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probability : ndarray of shape (n_folds, n_samples, n_classes)
            The probabilities by the members of each fold, mixed over the settings, before the temperature.
        """
        return self._predict(X, members=True)

    @with_hints
    def predict_set(self, X: TableLike, coverage: float = 0.9, *, by: str | int | None = None) -> NDArray[np.bool_]:
        """Predict sets of labels that contain the true label with a given frequency.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        coverage : float, default=0.9
            Fraction of samples whose set contains their label, in (0, 1).

        by : str or int, default=None
            A column of categories, by name (or position, of a table without names): the coverage then holds among the
            rows of each of its levels. A set has all labels where a level has too few rows, as with fewer than 9 for a
            coverage of 0.9. A level that was not in `fit` has the sets of all rows.

        Returns
        -------
        belongs : ndarray of shape (n_samples, n_classes)
            Whether each class belongs to the set of the sample, by CV+.

        Raises
        ------
        ValueError
            If `coverage` is not in (0, 1), if `by` is no column of categories, or if there are no out-of-fold
            predictions.
        """

        def sets(members: Array, spread: Array, residuals: list[list[Residuals]]) -> NDArray[np.bool_]:
            calibrated = self._fitted.targets.calibrated(members, self._fitted.temperature)
            return label_set(calibrated.astype(np.float64), residuals[0], coverage)

        return self._with_residuals(X, coverage, by, sets)

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
