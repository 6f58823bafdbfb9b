"""What the classifier and the regressor share: the scikit-learn contract around a run of the engine.

Validate, encode, build, solve, keep. Fitted parameters live in ``coefs_`` and ``intercepts_`` and nowhere else, so what
a user reads, changes or pickles there is what predicts and what further training starts from.
"""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .callbacks import EpochTasks
from .engine.activations import ACTIVATIONS, Activation
from .engine.layout import Array
from .engine.losses import Loss
from .engine.monitor import Monitor
from .engine.network import ROWS_AT_A_TIME, Network
from .engine.objective import Objective
from .engine.schedules import SCHEDULES, Progress
from .engine.solvers import SOLVERS, Training
from .fitted import as_it_is, attributes_of, collect, theta_of
from .parameters import check_combination, check_needs, dropout_rates, hidden_sizes, network_of, options_for
from .threads import limited_threads
from .validation import HeldOut, split_rows


class MultilayerPerceptron(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the two estimators; not for use on its own."""

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
        context = self._init_callback_context(max_subtasks=self.max_iter)
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
            resume = hasattr(self, "coefs_") and (incremental or self.warm_start)
            solver = SOLVERS[self.solver]
            check_combination(self, solver, validation)
            X, y = self._validate(X, y, reset=not resume)
            dtype = self._computation_dtype(X, resume)
            Y, loss = self._encode(y, dtype, resume=resume, incremental=incremental, classes=classes)
            check_needs(self, solver, loss)
            sample_weight = _checked_weight(sample_weight, X, dtype)
            weigh = self._weigher(Y, sample_weight)
            weight = weigh(Y, sample_weight)

            network, theta, training = self._start(X, Y, loss, dtype, resume, incremental)
            rows, held_out = None, None
            if self.early_stopping:
                if validation[0] is None:
                    rows, others = split_rows(len(Y), self.validation_fraction, self._strata(Y), weight, training.rng)
                    held_out = HeldOut(X, y, Y, sample_weight, weight, others)
                else:
                    held_out = self._validation_set(validation, Y, loss, weigh)
            n_rows = X.shape[0] if rows is None else len(rows)
            options = options_for(self, solver, n_rows)
            if incremental:
                options["max_iter"] = 1
            batch_size = options.get("batch_size", n_rows)
            objective = Objective(
                *(network, loss, X, Y, weight),
                theta=theta.astype(solver.dtype or dtype, copy=False),
                alpha=0.0 if self.alpha == "auto" else float(self.alpha),  # which the solver then finds
                rows=rows,
                max_batch=batch_size if batch_size < n_rows else ROWS_AT_A_TIME,
                noise=training.noise,
            )

            def fitted(copied: bool = False) -> dict[str, Any]:
                """Attributes that predict with the parameters of this moment."""
                return attributes_of(network, objective.theta.astype(dtype) if copied else objective.theta, loss)

            monitor = self._monitor(loss, resume, incremental)
            if held_out is not None:
                monitor.validate = held_out.score_of(self, network, loss, objective.theta, fitted)
                if resume:  # what it has to beat is where it starts from, by the score and set of now
                    monitor.best_score, monitor.best_theta = monitor.validate(), objective.theta.copy()
            if callbacks is not None and getattr(self, "_skl_callbacks", None):
                context, data = callbacks
                monitor.watcher = EpochTasks(context, self, lambda: fitted(copied=True), data)
            quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the monitor looks at the loss
            with quiet, limited_threads(network, objective.max_batch):
                outcome = solver.run(objective, monitor, training, options)
            monitor.close()
            best = objective.theta if monitor.best_theta is None else monitor.best_theta
            monitor.check_finite(float(np.abs(best).max()))
            self._keep(attributes_of(network, best.astype(dtype, copy=False), loss), monitor, training, resume)
            self._found(outcome.found)
            _warn(monitor.ended or outcome, incremental)
            return self

    def _validation_set(self, given, Y_train, loss, weigh):
        X, y, sample_weight = given
        X, y = self._validate(X, y, reset=False)
        Y, sample_weight = self._encode_validation(y, Y_train, loss), _checked_weight(sample_weight, X)
        weight = weigh(Y, sample_weight)
        if weight is not None and not weight.any():
            raise ValueError("No sample of the validation set has a weight above zero, class weights included.")
        return HeldOut(X, y, Y, sample_weight, weight)

    def _start(self, X, Y, loss, dtype, resume, incremental):
        """The network, its parameters to start from (1, P), and the generator with what else a run goes on from."""
        n_outputs = len(self.classes_) if loss.codes else Y.shape[1] * loss.n_outputs
        hidden = hidden_sizes(self.hidden_layer_sizes)
        sizes = [X.shape[1], *hidden, n_outputs]
        dropout = dropout_rates(self.dropout, len(hidden))
        network = network_of(self, sizes, sparse.issparse(X) and SOLVERS[self.solver].needs != "residuals", dropout)
        training = Training(check_random_state(self.random_state), Progress(self.t_ if resume else 0))
        if resume and incremental and hasattr(self, "_training"):
            # Copies, so that a failed call leaves what it went on from. Only a generator that an int seeded is our own.
            before = self._training
            rng = copy.deepcopy(before.rng) if isinstance(self.random_state, Integral) else training.rng
            training = Training(rng, *copy.deepcopy((before.progress, before.optimizer, before.noise)))
            if not before.under_way:  # that was a fit, whose plan is carried out
                training.progress.n_epochs = 0
        training.under_way = incremental
        training.progress.n_planned = self.max_iter
        if resume:
            self._check_sizes(sizes)
            theta = theta_of(self, network, dtype)
        else:
            theta = np.empty((1, network.layout.size), dtype)
            network.init(theta, [training.rng])
        if any(dropout) and training.noise is None:
            training.noise = [np.random.default_rng(training.rng.randint(2**31))]
        return network, theta, training

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

    def _fitted_sizes(self):
        return (self.coefs_[0].shape[0], *(W.shape[1] for W in self.coefs_))

    def _check_sizes(self, sizes):
        fitted = list(self._fitted_sizes())
        if fitted != sizes:
            raise ValueError(
                f"The fitted network has layer sizes {fitted}, but the data and hidden_layer_sizes now ask for "
                f"{sizes}. Training can go on with the same sizes only: set warm_start=False to start afresh."
            )

    def _monitor(self, loss, resume, incremental):
        monitor = Monitor(
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            verbose=bool(self.verbose),
            max_time=np.inf if self.max_time is None else float(self.max_time),
        )
        best_loss = getattr(self, "best_loss_", None) if resume else None
        if best_loss is not None and type(getattr(self, "_loss", loss)) is type(loss):
            monitor.best_loss = best_loss
        if resume and incremental:
            monitor.n_flat = getattr(self, "_no_improvement_count", 0)
        return monitor

    def _keep(self, fitted, monitor, training, resume):
        """Set the fitted attributes, all at once at the end."""
        self.__dict__.update(fitted)
        self.n_iter_ = monitor.n_iter
        self.t_ = training.progress.n_seen
        self.loss_ = monitor.loss
        validated = monitor.validate is not None
        self.best_loss_ = None if validated else monitor.best_loss
        self.best_validation_score_ = monitor.best_score if validated else None
        for name, new, wanted in (
            ("loss_curve_", monitor.loss_curve, True),
            ("validation_scores_", monitor.validation_scores, validated),
        ):
            old = (getattr(self, name, None) if resume else None) or []
            setattr(self, name, [*old, *new] if wanted else None)
        self._no_improvement_count = monitor.n_flat
        if monitor.diverged:
            training.optimizer = None  # its memory is not finite
        self._training = training

    def _found(self, found):
        """Keep what the solver found besides weights, and forget what an earlier one did."""
        for name in ("alpha_", "n_effective_params_", "noise_variance_", "_posterior"):
            self.__dict__.pop(name, None)
        self.__dict__.update(found)

    # Predicting.

    def _predict(self, X, link=None, layer=None):
        """Return predictions (n, K), or another ``link``, of the network's output or that of its first layers."""
        X = self._validate_further(X)
        network = network_of(self, self._fitted_sizes(), sparse.issparse(X))
        if layer is not None:
            network = Network(network.layers[:layer], X.shape[1])
        dtype = _float_type(self.coefs_[0])  # weights set by hand may be integers
        weights, biases = ([np.asarray(a, dtype) for a in arrays] for arrays in (self.coefs_, self.intercepts_))
        return collect(network, network.params(weights, biases), X, link or self._loss.predict)

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
        activations : ndarray of shape (n_samples, n_units)
            The activation of each unit of that layer.

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
        return self._predict(X, as_it_is, 2 * (layer % n_hidden + 1))

    def __getstate__(self):
        # Optimizer state is twice the size of the weights: it is stored only where training is under way.
        state = dict(super().__getstate__())  # scikit-learn hands out the estimator's own dictionary
        if not getattr(state.get("_training"), "under_way", False):
            state.pop("_training", None)
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


def _warn(outcome, incremental):
    """Say what there is to say of how a run ended."""
    if outcome.message and not (incremental and outcome.status == "exhausted"):
        category = ConvergenceWarning if outcome.status == "exhausted" else UserWarning
        warnings.warn(outcome.message, category, stacklevel=6)
