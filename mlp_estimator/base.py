"""What the classifier and the regressor share: scikit-learn's contract around a list of jobs.

Read X and y, make jobs, train them, assign the fitted attributes. Fitted parameters live in ``coefs_`` and
``intercepts_`` and nowhere else: weights that a user reads, changes or pickles there are the ones that predict and that
further training starts from.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from .callbacks import PartTasks, fit_tasks
from .compat import CallbackSupportMixin, fit_method_with_callbacks
from .engine.losses import LOSSES, Loss
from .engine.members import Array
from .engine.network import Network, perceptron
from .engine.optimizers import OPTIMIZERS
from .engine.runs import Training
from .engine.schedules import Progress
from .fitting.data import HeldOut, Source, Targets, TrainingData
from .fitting.features import Features, MatrixLike, NumericFeatures, float_type
from .fitting.held_out import check_validation_set, held_out_set
from .fitting.jobs import completed, fit_jobs, jobs_of
from .fitting.predicting import finite, identity_link, predict, unchanged
from .fitting.reading import check_range, labels, numbers, weights
from .fitting.settings import Settings, resolve_activations
from .fitting.state import ESTIMATES, FitState, attributes_of, fitted_sizes, restored_on_error, stored_weights, warn_of
from .parameters import Parameters


class MultilayerPerceptron(CallbackSupportMixin, Parameters, ABC):
    """Base of the two estimators; not for direct use."""

    coefs_: list[Array]
    intercepts_: list[Array]
    n_outputs_: int
    out_activation_: str
    loss_curve_: list[Any]
    _loss: Loss
    _features: ClassVar[Features] = NumericFeatures()
    """The reader of X. It has no state of its own; an estimator whose reader learns sets the attribute in ``fit``."""
    _target_validation: ClassVar[Mapping[str, Any]] = {"multi_output": True}
    """Options of scikit-learn's ``validate_data`` for y."""
    _stored_types: ClassVar[tuple[type, ...]] = (*LOSSES.values(), *OPTIMIZERS.values(), Training, Progress)

    @abstractmethod
    def _read_targets(
        self,
        settings: Settings,
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        dtype: np.dtype[Any],
        *,
        resume: bool,
        partial: bool,
        classes: Any,
    ) -> Targets:
        """Encode validated targets, and choose the loss and the weights of rows for them."""

    @fit_method_with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data: an array, a list of lists, a DataFrame or a sparse matrix, scaled to unit order, for example
            with :class:`~sklearn.preprocessing.StandardScaler`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values: class labels or a multilabel indicator matrix in classification, real numbers in regression.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples, not all zero. None gives all samples the same weight.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data for early stopping, instead of a part of `X`: a later period, other groups. In a pipeline,
            ``Pipeline(..., transform_input=["X_val"])`` and metadata routing pass it through the earlier steps.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Target values of the validation data.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data are empty, not numeric, not finite or of inconsistent length, if parameters do not go together,
            or if the loss becomes non-finite in training. A previously fitted estimator does not change then.
        """
        n_epochs = self.max_iter if self.n_members == 1 else None  # members that take turns have epochs of their own
        with fit_tasks(self, "epoch", n_epochs, X, y, sample_weight) as tasks:
            self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val), tasks=tasks)
        return self

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        validation: tuple[Any, Any, Any] = (None, None, None),
        tasks: PartTasks | None = None,
        partial: bool = False,
        classes: Any = None,
    ) -> Self:
        raises_interrupt = vars(self).pop("_raises_interrupt", False)
        if partial and hasattr(self, "coefs_"):  # scikit-learn validates the parameters of the first call only
            cast(Any, self)._validate_params()
        with restored_on_error(vars(self)):
            settings = Settings.of(self._parameters())
            validated = check_validation_set(settings, *validation)
            resume = hasattr(self, "coefs_") and (partial or self.warm_start)
            data = self._read(settings, X, y, sample_weight, resume=resume, partial=partial, classes=classes)
            if validated:
                data.held_out = self._read_held_out(data, *validation)
            jobs = jobs_of(settings, data, vars(self) if resume else None, partial=partial)
            states = completed(fit_jobs(jobs, tasks, keep_interrupted=not raises_interrupt))
            self._assign(data, states)
            warn_of(states, partial)
        return self

    def _read(
        self,
        settings: Settings,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        resume: bool = False,
        partial: bool = False,
        classes: Any = None,
    ) -> TrainingData:
        """Validate and encode training data."""
        validated, y = self._validate(X, y, reset=not (resume and hasattr(self, "n_features_in_")))
        features = self._features.fit(validated)
        readable = features.transform(validated)
        dtype = settings.dtype or float_type(self.coefs_[0] if resume else readable)
        check_range("X", readable, dtype)
        weight = weights(sample_weight, readable, dtype)
        targets = self._read_targets(settings, y, weight, dtype, resume=resume, partial=partial, classes=classes)
        learned = dict(targets.learned)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                learned[name] = getattr(self, name)
        return TrainingData(
            X=readable,
            targets=targets,
            dtype=dtype,
            weight=targets.weigh(targets.Y, weight),
            source=Source(X, y, weight),
            predictor=self._with_attributes,
            bottom=features.layers(),
            learned=learned,
        )

    def _read_held_out(self, data: TrainingData, X: Any, y: Any, sample_weight: Any) -> HeldOut:
        """Validate and encode a validation set of the user."""
        validated, y = self._validate(X, y, reset=False)
        readable, Y = self._features.transform(validated), data.targets.encode(y)
        check_range("X_val", readable, data.dtype)
        weight = weights(sample_weight, readable, data.dtype)
        return held_out_set(data, readable, Y, weight, lambda: Source(X, y, weight))

    def _validate(self, X: Any, y: Any, reset: bool) -> tuple[Any, NDArray[Any]]:
        X, y = numbers("X", X), (numbers if is_regressor(self) else labels)("y", y)
        X, y = validate_data(self, X, y, reset=reset, **self._target_validation, **self._features.validation)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _assign(self, data: TrainingData, states: Sequence[FitState]) -> None:
        """Set all fitted attributes."""
        for name in (*ESTIMATES, "member_seeds_"):
            vars(self).pop(name, None)
        vars(self).update({**data.learned, **attributes_of(states)})

    def _population_settings(self) -> Settings | None:
        """Return the settings if jobs can replace a call of ``fit``, None where ``fit`` itself must run."""
        cast(Any, self)._validate_params()
        settings = Settings.of(self._parameters())
        observed = bool(getattr(self, "_skl_callbacks", None)) or self.max_time is not None
        replaced = type(self).fit is not MultilayerPerceptron.fit
        return None if observed or replaced or not settings.solver.incremental else settings

    def _with_attributes(self, attributes: Mapping[str, Any]) -> Self:
        """Return an estimator that predicts with these fitted attributes."""
        predictor = copy.copy(self)
        vars(predictor).update(attributes)
        return predictor

    def _network(self, X: Any) -> Network:
        """Return the fitted network, for X as the bottom layer reads it."""
        sizes, bottom = (X.shape[1], *fitted_sizes(vars(self))[1:]), self._features.layers()
        activations, output_bound = resolve_activations(self.activation, len(self.coefs_) - 1)
        return perceptron(sizes, activations, output_bound, sparse=sparse.issparse(X), bottom=bottom)

    def _predict(
        self,
        X: Any,
        link: Callable[[Array, Array], object] | None = None,
        *,
        n_layers: int | None = None,
        members: bool = False,
        reduce: Callable[[Array], NDArray[Any]] = unchanged,
    ) -> NDArray[Any]:
        """Return predictions (n, K), the means over the members, or those of each of the ``members`` (M, n, K).

        ``link`` replaces the inverse link of the loss, ``n_layers`` cuts the network above so many layers, ``reduce``
        makes each chunk smaller.
        """
        X = self._read_further(X)
        network = self._network(X)
        params = network.params(stored_weights(network, vars(self), float_type(self.coefs_[0])))
        if n_layers is not None:
            network = Network(network.layers[:n_layers], network.widths[0])
        return predict(network, params, X, link or self._loss.predict, members=members, reduce=finite(reduce))

    def _read_further(self, X: Any) -> Any:
        check_is_fitted(self, "coefs_")
        X = validate_data(self, numbers("X", X), reset=False, **self._features.validation)
        X = self._features.transform(X)
        check_range("X", X, float_type(self.coefs_[0]))
        return X

    def hidden_activations(self, X: MatrixLike, layer: int = -1) -> Array:
        """Return the output of a hidden layer, as a representation of the samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        layer : int, default=-1
            Index of the hidden layer: 0 is next to the input, -1 next to the output.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units) or (n_members, n_samples, n_units)
            The activation of each unit of that layer, by member if there are several.

        Raises
        ------
        ValueError
            If there is no such layer.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from mlp_estimator import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier((8, 3), solver="lbfgs", random_state=0).fit(X, y)
        >>> model.hidden_activations(X).shape
        (150, 3)
        """
        check_is_fitted(self, "coefs_")
        n_hidden = len(self.coefs_) - 1
        if layer not in range(-n_hidden, n_hidden):
            raise ValueError(f"layer={layer!r} does not exist: the network has {n_hidden} hidden layer(s), from 0 on.")
        n_layers = 2 * (layer % n_hidden + 1) + len(self._features.layers())
        activations = self._predict(X, identity_link, n_layers=n_layers, members=True)
        return activations[0] if len(activations) == 1 else activations

    def __getstate__(self) -> dict[str, Any]:
        # Optimizer state is twice the size of the weights: it is pickled only while partial_fit is in progress.
        state, training = super().__getstate__(), vars(self).get("_training")
        if training is not None and not (training[0] if isinstance(training, list) else training).in_progress:
            del state["_training"]
        return state
