"""The tabular classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ..compat import StrOptions
from ..engine.losses import SoftmaxCrossEntropy
from ..engine.members import Array
from ..fitting.class_weight import weigher
from ..fitting.data import Targets, TrainingData, Weigh, unweighted
from ..fitting.features import MatrixLike
from ..fitting.settings import Settings
from ..scores import ScoredClassifier
from .base import TabularMLP, linked
from .intervals import label_set
from .mixture import find_temperature, log_loss_of, mixture_weights, sharpen
from .training import Fold, Trained


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

    settings : 'auto' or list of dict, default='auto'
        The portfolio: each entry is a dict of the numbers and layer sizes of one setting (`hidden_layer_sizes`,
        `activation`, `encoding`, `weight_decay`, `dropout`, `learning_rate_init`, `max_iter`, and `n_left_out`, the
        number of folds that a member does not train on), on top of the parameters of these names. 'auto' uses three
        settings: one for narrow tables, one for wide ones, one for smooth targets.

    n_folds : int, default=8
        Number of folds. A setting has one member per fold, or per `n_left_out` folds. With a validation set, the number
        of members per setting.

    categorical_features : 'from_dtype', None, or array-like of str, int or bool, default='from_dtype'
        Columns of categories besides those of text, booleans and category types: by name, index or mask.

    max_categories : int, default=64
        Maximum number of levels of a column; the rarest levels share one.

    n_bins : int or 'auto', default='auto'
        Maximum number of bins in the encoding of a numeric column; 'auto' is between 4 and 32, fewer for many columns.
        From 10,000 rows on, 'auto' gives a column with few distinct values up to 128 bins.

    learning_rate_init : float, default=0.04
        Peak of the learning rate in each cycle.

    batch_size : int or 'auto', default='auto'
        Number of samples per minibatch; 'auto' is 128, and 256 from 10,000 rows on.

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
        Maximum time of training in seconds; the best weights so far are kept.

    dtype : {'float32', 'float64'}, default='float32'
        Type of the computation, the weights and the predictions.

    random_state : int, RandomState instance or None, default=None
        Seed or generator of folds, initial weights, order of samples and dropout.

    n_jobs : int or None, default=None
        Number of processes, over which the settings are spread.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch of each member.

    class_weight : 'balanced', dict or None, default=None
        Weights of the classes in the loss, multiplied by the sample weights. A dict maps labels to weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.

    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        Probabilities of the training rows, each by the members that have not seen the row.

    oof_target_ : ndarray of shape (n_samples,)
        Targets of the training rows, as positions in `classes_`.

    oof_score_ : float
        Accuracy of the out-of-fold predictions. Optimistic where a small table has little signal, since each network
        keeps the epoch that is best on its held-out rows.

    temperature_ : float
        Temperature of the probabilities; above 1 the members were too confident.

    settings_ : list of Setting
        The settings of the portfolio.

    mixture_weights_ : ndarray of shape (n_settings,)
        Weight of each setting in predictions, at least 0 and of sum 1.

    validation_scores_ : list of list of list of float
        For each setting and member, the negative loss on its fold after each epoch, or the score by `scoring`.

    categories_ : list of ndarray
        Levels of the categorical columns.

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

    class_weight: Literal["balanced"] | dict[Any, float] | None = None
    classes_: NDArray[Any] = field(init=False)
    temperature_: float = field(init=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TabularMLP._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def _read_targets(self, y: NDArray[Any], sample_weight: NDArray[Any] | None, settings: Settings) -> Targets:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        Y = codes.reshape(-1, 1)

        def encode(y: NDArray[Any]) -> NDArray[Any]:
            y = column_or_1d(y, warn=True)
            unseen = np.setdiff1d(y, classes)
            if len(unseen):
                raise ValueError(f"y_val has the classes {unseen}, which y does not have: {classes}.")
            return np.searchsorted(classes, y)[:, None]

        weigh: Weigh = unweighted
        if self.class_weight is not None:
            weigh = weigher(self.class_weight, classes, Y, sample_weight)
        learned = {"classes_": classes}
        return Targets(Y, SoftmaxCrossEntropy(), len(classes), encode, weigh, learned=learned)

    def _split(self, Y: NDArray[Any], n_folds: int, groups: Any, rng: np.random.RandomState) -> list[Fold]:
        codes, seed = Y[:, 0], rng.randint(2**31 - 1)
        rare = np.bincount(codes).min() < n_folds
        splitter: Any = KFold if rare else StratifiedKFold
        if groups is not None:
            splitter = GroupKFold if rare else StratifiedGroupKFold
        folds = splitter(n_folds, shuffle=True, random_state=seed)
        return list(folds.split(np.empty((len(codes), 1)), codes, groups))

    def _combine(self, trained: Sequence[Trained], data: TrainingData, folds: Sequence[Fold]) -> dict[str, Any]:
        n = len(trained)
        raws = [one.raw for one in trained if one.raw is not None]
        if not raws:
            return {"mixture_weights_": np.full(n, 1.0 / n), "temperature_": 1.0}
        codes = data.targets.Y[:, 0]
        loss = log_loss_of(codes, data.weight)
        predictions = [linked(raw, data.targets.loss) for raw in raws]
        weights = mixture_weights(loss, predictions)
        mixed = np.tensordot(weights, np.stack(predictions), 1)
        temperature = find_temperature(loss, mixed)
        probability = sharpen(mixed, temperature).astype(data.dtype)
        correct = probability.argmax(axis=1) == codes
        scores = 1.0 - probability[np.arange(len(codes)), codes].astype(np.float64)
        return {
            "mixture_weights_": weights,
            "temperature_": temperature,
            "oof_prediction_": probability,
            "oof_target_": codes.astype(np.min_scalar_type(len(probability[0]))),
            "oof_score_": float(np.average(correct, weights=data.weight)),
            "_residuals": [np.sort(scores[validation]) for _, validation in folds],
        }

    def predict_proba(self, X: MatrixLike) -> Array:
        """Predict class probabilities.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`.
        """
        return sharpen(self._members(X).mean(axis=0), self.temperature_).astype(self.dtype)

    def predict_members(self, X: MatrixLike) -> Array:
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
        return self._members(X)

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict class labels.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable class of each sample.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_.take(codes)
        return labels

    def predict_set(self, X: MatrixLike, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Predict sets of labels that contain the true label with a given frequency.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Samples.

        coverage : float, default=0.9
            Fraction of samples whose set contains their label, in (0, 1).

        Returns
        -------
        belongs : ndarray of shape (n_samples, n_classes)
            Whether each class belongs to the set of the sample, by CV+.

        Raises
        ------
        ValueError
            If `coverage` is not in (0, 1), or if there are no out-of-fold predictions.
        """
        residuals = self._checked_residuals(coverage)
        members = np.stack([sharpen(member, self.temperature_) for member in self._members(X)])
        return label_set(members.astype(np.float64), residuals, coverage)
