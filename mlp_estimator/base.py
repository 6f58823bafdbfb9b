"""What the classifier and the regressor share: scikit-learn's contract around a fit.

Read X and y, plan jobs, train them, join their states to a fitted network, assign the fitted attributes. The fitted
parameters are ``coefs_`` and ``intercepts_``: weights that a user reads, changes or pickles there are the ones that
predict and that further training starts from.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Self, cast

from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from .callbacks import PartTasks, fit_tasks
from .compat import CallbackSupportMixin, fit_method_with_callbacks
from .engine.members import Array
from .fitting.data import FitData, HeldOut, Source
from .fitting.features import Matrix, MatrixLike
from .fitting.fitted import Fitted, identity_link
from .fitting.held_out import check_validation_set, held_out_set
from .fitting.jobs import completed, fit_jobs
from .fitting.plans import Ensemble
from .fitting.reading import check_range, float_type, read_weights
from .fitting.settings import Settings
from .fitting.state import ESTIMATES, FitState, arrays_of, attributes_of, records_of, restored_on_error, warn_of
from .fitting.targets import Encoded, Targets, read_targets
from .hints import with_hints
from .legacy import network_state
from .parameters import Parameters
from .persistence import restored


class MultilayerPerceptron(CallbackSupportMixin, Parameters, ABC):
    """Base of the two estimators; not for direct use."""

    coefs_: list[Array]
    intercepts_: list[Array]
    n_features_in_: int
    n_outputs_: int
    out_activation_: str
    loss_curve_: list[Any]
    _fitted: Fitted
    _features: ClassVar[Matrix] = Matrix()
    """The reader of X, which a fit copies."""
    _has_labels: ClassVar[bool]
    """Whether y are labels, not numbers."""

    @abstractmethod
    def _learn_targets(
        self,
        settings: Settings,
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        *,
        resume: bool,
        partial: bool,
        classes: Any,
    ) -> Targets:
        """Learn from validated targets, and choose the loss for them."""

    @with_hints
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
        with fit_tasks(self, "epoch", n_epochs, X, y, sample_weight, attributes_of) as tasks:
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
        if partial and hasattr(self, "coefs_"):  # scikit-learn validates the parameters of the first call only
            cast(Any, self)._validate_params()
        with restored_on_error(vars(self)):
            settings = Settings.of(self._parameters())
            validated = check_validation_set(settings, *validation)
            resume = hasattr(self, "coefs_") and (partial or self.warm_start)
            data = self._read(settings, X, y, sample_weight, resume=resume, partial=partial, classes=classes)
            if validated:
                data.held_out = self._read_held_out(data, *validation)
            plan = Ensemble(settings, data, vars(self) if resume else None, partial=partial)
            states = completed(fit_jobs(plan.jobs(), tasks, keep_interrupted=True))
            self._assign(data, plan.join(states), states)
            warn_of(states, partial, stacklevel=6 if partial else 7)
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
    ) -> FitData:
        """Validate and encode training data."""
        reset = not (resume and hasattr(self, "n_features_in_"))
        rows = self._features.read(X, self._validator(reset))
        y = read_targets("y", y, rows.shape[0], as_labels=self._has_labels)
        dtype = settings.dtype or float_type(self.coefs_[0] if resume else rows)
        check_range("X", rows, dtype)
        weight = read_weights(sample_weight, rows, dtype)
        targets = self._learn_targets(settings, y, weight, resume=resume, partial=partial, classes=classes)
        Y = targets.encode(y, dtype)
        return FitData(
            X=rows,
            features=Matrix(self._features.layers, dtype.name),
            targets=targets,
            encoded=Encoded(Y, targets.weigh(Y, weight), weight),
            dtype=dtype,
            source=Source(X, y, weight),
            predictor=self._predicting,
            n_features=self.n_features_in_,
            feature_names=vars(self).get("feature_names_in_"),
        )

    def _read_held_out(self, data: FitData, X: Any, y: Any, sample_weight: Any) -> HeldOut:
        """Validate and encode a validation set of the user."""
        rows = cast(Matrix, data.features).read(X, self._validator(reset=False), name="X_val")
        y = read_targets("y_val", y, rows.shape[0], as_labels=data.targets.has_labels)
        weight = read_weights(sample_weight, rows, data.dtype)
        return held_out_set(data, rows, y, weight, lambda: Source(X, y, weight))

    def _validator(self, reset: bool) -> Any:
        return partial(validate_data, self, reset=reset)

    def _assign(self, data: FitData, fitted: Fitted, states: Sequence[FitState]) -> None:
        """Set all fitted attributes."""
        for name in (*ESTIMATES, "member_seeds_"):
            vars(self).pop(name, None)
        vars(self).update({"n_features_in_": data.n_features, **attributes_of(fitted), **records_of(states)})
        if data.feature_names is not None:
            self.feature_names_in_ = data.feature_names

    def _population_settings(self) -> Settings | None:
        """Return the settings if jobs can replace a call of ``fit``, None where ``fit`` itself must run."""
        cast(Any, self)._validate_params()
        settings = Settings.of(self._parameters())
        observed = bool(getattr(self, "_skl_callbacks", None)) or self.max_time is not None
        replaced = type(self).fit is not MultilayerPerceptron.fit
        return None if observed or replaced or not settings.solver.incremental else settings

    def _predicting(self, fitted: Fitted) -> Self:
        """Return an estimator that predicts by these networks, for scorers."""
        predictor = copy.copy(self)
        vars(predictor).update(attributes_of(fitted))
        return predictor

    def _networks(self) -> Fitted:
        """Return the fitted network, with the weights that the attributes hold."""
        check_is_fitted(self, "coefs_")
        return self._fitted.holding(arrays_of(vars(self), self._fitted.groups[0].arrays))

    def _taken_out(self, X: Any, **arguments: Any) -> tuple[Any, list[Any]]:
        """Return X and arguments of ``score`` as they are: a matrix has no columns to name."""
        return X, list(arguments.values())

    def _predict(self, X: Any, reduce: Any = None, **options: Any) -> NDArray[Any]:
        """Return predictions by ``Fitted.predict``."""
        fitted = self._networks()
        return fitted.predict(fitted.features.read(X, self._validator(reset=False)), reduce, **options)

    def _predict_decoded(self, X: Any) -> NDArray[Any]:
        """Return what ``predict`` returns: labels, indicators or numbers."""
        decided = self._predict(X, lambda prediction: self._fitted.targets.decide(prediction))
        return self._fitted.targets.decoded(decided)

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
        n_layers = 2 * (layer % n_hidden + 1) + len(self._fitted.features.bottom())
        activations = self._predict(X, link=identity_link, n_layers=n_layers, members=True)
        return activations[0] if len(activations) == 1 else activations

    def __getstate__(self) -> dict[str, Any]:
        # Optimizer state is twice the size of the weights: it is pickled only while partial_fit is in progress.
        state, of_runs = super().__getstate__(), vars(self).get("_run_state")
        if of_runs is not None and not (of_runs[0] if isinstance(of_runs, list) else of_runs).in_progress:
            del state["_run_state"]
        if "_fitted" in state:  # the weights are stored as attributes
            (networks,) = state["_fitted"]["groups"]
            networks["arrays"] = {name: [] for name in networks["arrays"]}
        return state

    def _upgraded(self, state: dict[str, Any]) -> dict[str, Any]:
        return network_state(state, self._features.layers, restored(state.get("_loss")))
