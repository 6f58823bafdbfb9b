"""What the classifier and the regressor share: the scikit-learn contract around a run of the engine.

Validate, encode, build, solve, keep. Fitted parameters live in ``coefs_`` and ``intercepts_`` and nowhere else, so what
a user reads, changes or pickles there is what predicts and what further training starts from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.metrics import get_scorer_names
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from .callbacks import EpochTasks
from .engine.activations import ACTIVATIONS, Activation
from .engine.batches import Data
from .engine.layout import Array
from .engine.losses import Loss
from .engine.network import Network
from .engine.schedules import SCHEDULES
from .engine.solvers import SOLVERS
from .fitted import as_it_is, collect
from .parameters import check_combination, check_needs, network_of
from .private import Interval, Options, StrOptions, _check_sample_weight, _fit_context
from .training import Reading, at_this_moment, draw, keep, runs_from, train, warn
from .validation import HeldOut

DOC_LINK = "https://mlp-estimator.readthedocs.io/en/stable/generated/mlp_estimator.{estimator_name}.html"


class MultilayerPerceptron(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the two estimators; not for use on its own."""

    _doc_link_module = "mlp_estimator"  # of scikit-learn's HTML representation
    _doc_link_template = DOC_LINK

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), Activation, "array-like"],
        "solver": [StrOptions(set(SOLVERS))],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions(set(SCHEDULES)), callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64"}), None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype=None,
        dropout=0.0,
        weight_decay=0.0,
        max_grad_norm=None,
        scoring=None,
        max_time=None,
        n_members=1,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.scoring = scoring
        self.max_time = max_time
        self.n_members = n_members

    # What the two estimators differ in.

    @abstractmethod
    def _encode(
        self, y: np.ndarray, dtype: np.dtype[Any], *, resume: bool, incremental: bool, classes: Any
    ) -> tuple[np.ndarray, Loss]:
        """Return the targets as the engine reads them, (n, K) or (n, 1) codes, and the loss for them."""

    @abstractmethod
    def _encode_validation(self, y: np.ndarray, Y: np.ndarray, loss: Loss) -> np.ndarray:
        """Return further targets in the form of those, Y, that ``_encode`` has returned."""

    @abstractmethod
    def _strata(self, Y: np.ndarray) -> np.ndarray | None:
        """What an early-stopping split keeps in proportion, or None."""

    @abstractmethod
    def _validation_score(self, Y: np.ndarray, prediction: Array, weight: np.ndarray | None) -> float:
        """The score that early stopping watches, of ``prediction`` (n, K) for encoded targets."""

    def _weigher(self, Y: np.ndarray, sample_weight: np.ndarray | None) -> Callable[..., Any]:
        """Return ``weigh(Y, sample_weight)``, the weights of rows in the loss; it is learnt from those of the fit."""
        return lambda Y, sample_weight: sample_weight

    # Fitting.

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the network to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data: an array, a list of lists, a DataFrame, or a CSR or CSC matrix or array. Best scaled to
            unit order, for example by :class:`~sklearn.preprocessing.StandardScaler`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values: class labels or a multilabel indicator matrix in classification, real
            numbers in regression.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples, not all zero; None weighs all samples alike.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Data for early stopping, in the place of a part of `X`: a later period, other groups. In a pipeline it
            goes through the steps before with ``Pipeline(..., transform_input=["X_val"])`` and metadata routing.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Their target values.

        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data are empty, not numeric, not finite or of inconsistent length, if parameters do not go together,
            or if the loss becomes non-finite in training. A previously fitted estimator is then left as it was.
        """
        # Members may take turns, and each then has epochs of its own.
        context = self._init_callback_context(max_subtasks=self.max_iter if self.n_members == 1 else None)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": metadata}
        context.call_on_fit_task_begin(estimator=self, **data)
        self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val), callbacks=(context, data))
        context.call_on_fit_task_end(estimator=self, reconstruction_attributes={}, **data)
        return self

    def _fit(
        self, X, y, sample_weight, *, validation=(None, None, None), callbacks=None, incremental=False, classes=None
    ):
        with self._unchanged_on_error():
            solver, resume = SOLVERS[self.solver], hasattr(self, "coefs_") and (incremental or self.warm_start)
            check_combination(self, solver, validation)
            read = self._read(X, y, sample_weight, resume, incremental, classes)
            given = None if validation[0] is None else self._validation_set(validation, read)
            starts = draw(self, read, given, resume, incremental)
            runs = runs_from(starts, self, read, resume, incremental)
            if callbacks is not None and getattr(self, "_skl_callbacks", None):
                watcher = EpochTasks(callbacks[0], self, lambda: at_this_moment(runs, read.dtype), callbacks[1])
                for run in runs:
                    run.monitor.watcher = watcher
            train(solver, runs)
            keep(self, runs, read.dtype, resume)
            warn(runs, incremental)
            return self

    def _read(self, X, y, sample_weight, resume=False, incremental=False, classes=None):
        """Validate and encode the data, and set what is learnt from them by looking."""
        X, y = self._validate(X, y, reset=not resume)
        dtype = self._computation_dtype(X, resume)
        Y, loss = self._encode(y, dtype, resume=resume, incremental=incremental, classes=classes)
        check_needs(self, SOLVERS[self.solver], loss)
        sample_weight = _checked_weight(sample_weight, X, dtype)
        return Reading(X, y, Y, loss, sample_weight, self._weigher(Y, sample_weight), dtype)

    def _validation_set(self, given, read):
        X, y, sample_weight = given
        X, y = self._validate(X, y, reset=False)
        Y, sample_weight = self._encode_validation(y, read.Y, read.loss), _checked_weight(sample_weight, X)
        weight = read.weigh(Y, sample_weight)
        if weight is not None and not weight.any():
            raise ValueError("No sample of the validation set has a weight above zero, class weights included.")
        return HeldOut(Data(X, Y, weight), y, sample_weight)

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Fitting replaces attributes, never what they hold: going back is putting the old ones back."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def _validate(self, X, y, reset):
        # dtype="numeric" leaves integers, float16 and memory maps as they are: batches are cast, not X.
        options = {"multi_output": True, "y_numeric": is_regressor(self)}
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype="numeric", reset=reset, **options)
        _check_numeric("X", X)
        if y.ndim == 2 and y.shape[1] == 1 and not sparse.issparse(y):
            y = column_or_1d(y, warn=True)
        return X, y

    def _computation_dtype(self, X, resume):
        if self.dtype is not None:
            return np.dtype(self.dtype)
        return _float_type(self.coefs_[0] if resume else X)

    def _n_fitted(self):
        """How many members the fitted network has."""
        return 1 if self.coefs_[0].ndim == 2 else len(self.coefs_[0])

    def _fitted_sizes(self):
        return (self.coefs_[0].shape[-2], *(W.shape[-1] for W in self.coefs_))

    # Predicting.

    def _predict(self, X, link=None, layer=None, members=False):
        """Return predictions (n, K), or another ``link``, of the network's output or that of its first layers.

        Means over the members, or those of each of the ``members`` (M, n, K).
        """
        X = self._validate_further(X)
        network = network_of(self, self._fitted_sizes(), sparse.issparse(X))
        if layer is not None:
            network = Network(network.layers[:layer], X.shape[1])
        dtype = _float_type(self.coefs_[0])  # weights set by hand may be integers
        weights, biases = ([np.asarray(a, dtype) for a in arrays] for arrays in (self.coefs_, self.intercepts_))
        return collect(network, network.params(weights, biases), X, link or self._loss.predict, members=members)

    def _validate_further(self, X):
        check_is_fitted(self, "coefs_")
        X = validate_data(self, X, accept_sparse="csr", dtype="numeric", reset=False)
        _check_numeric("X", X)
        return X

    def hidden_activations(self, X, layer=-1):
        """Return the output of a hidden layer, as a representation of the samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        layer : int, default=-1
            Which hidden layer: 0 is the one next to the input, -1 the one next to the output.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units) or (n_members, n_samples, n_units)
            The activation of each unit of that layer, of each member where there are several.

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
            raise ValueError(f"layer={layer!r} is not there: the network has {n_hidden} hidden layer(s), 0 the first.")
        activations = self._predict(X, as_it_is, 2 * (layer % n_hidden + 1), members=True)
        return activations[0] if len(activations) == 1 else activations

    def __getstate__(self):
        # Optimizer state is twice the size of the weights: it is stored only where training is under way.
        state = dict(super().__getstate__())  # scikit-learn hands out the estimator's own dictionary
        training = state.get("_training")
        if training is not None and not (training[0] if isinstance(training, list) else training).under_way:
            del state["_training"]
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _check_numeric(name, array) -> None:
    """Turn away what scikit-learn lets through as numbers: dates, durations, strings of digits."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}, which is not numeric: convert it to numbers first.")


def _float_type(array) -> np.dtype[Any]:
    """The type of an array of float32 or float64, and float64 for any other."""
    return array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float64)


def _checked_weight(sample_weight, X, dtype=None):
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)
