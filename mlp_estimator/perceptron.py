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
from functools import update_wrapper
from numbers import Integral, Real
from types import MethodType
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .engine.activations import ACTIVATIONS
from .engine.layout import Array
from .engine.losses import LOSSES, Loss
from .engine.monitor import Monitor
from .engine.network import ROWS_AT_A_TIME, perceptron
from .engine.objective import Objective
from .engine.schedules import SCHEDULES, Progress
from .engine.solvers import SOLVERS, Training
from .threads import limited_threads

BY_LINK = {loss.link: loss for loss in LOSSES.values()}


class UnavailableError(AttributeError, ValueError):
    """A method does not go with the parameters: an attribute that is missing, for a reason that can be named."""


class incremental_fit:  # noqa: N801
    """``partial_fit``, where the parameters allow it.

    As with scikit-learn's ``available_if`` the attribute is missing otherwise, but the error says why.
    """

    def __init__(self, method: Callable[..., Any]):
        self.method = method
        update_wrapper(self, method)  # type: ignore[arg-type]

    def __get__(self, estimator: MultilayerPerceptron | None, owner: type | None = None) -> Any:
        if estimator is None:
            return self.method
        if estimator.solver in [name for name, solver in SOLVERS.items() if not solver.incremental]:
            raise UnavailableError(
                f"partial_fit is only available for stochastic optimizers: {estimator.solver} is not stochastic, "
                "choose solver='adam' or 'sgd'."
            )
        if estimator.early_stopping:
            raise UnavailableError(
                "partial_fit does not support early_stopping=True: it sees one chunk of the data at a time. "
                "Set early_stopping=False and score a validation set between the calls."
            )
        return MethodType(self.method, estimator)


class MultilayerPerceptron(BaseEstimator, ABC):
    """Base of the two estimators; not for use on its own."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions(set(SOLVERS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
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

    # What the two estimators differ in.

    @abstractmethod
    def _encode(
        self, y: Any, dtype: np.dtype[Any], *, resume: bool, incremental: bool, classes: Any
    ) -> tuple[np.ndarray, Loss]:
        """Return the targets as the engine reads them, (n, K) or (n, 1) codes, and the loss for them."""

    @abstractmethod
    def _strata(self, Y: np.ndarray) -> np.ndarray | None:
        """What an early-stopping split keeps in proportion, or None."""

    @abstractmethod
    def _validation_score(self, Y: np.ndarray, prediction: Array, weight: np.ndarray | None) -> float:
        """The score that early stopping watches, of ``prediction`` (n, K) for encoded targets."""

    # Fitting.

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
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

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data are empty, not numeric, not finite or of inconsistent length, or if the loss becomes non-finite
            in training. A previously fitted estimator is then left as it was.
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X, y, sample_weight, *, incremental=False, classes=None):
        with self._unchanged_on_error():
            resume = hasattr(self, "coefs_") and (incremental or self.warm_start)
            solver = SOLVERS[self.solver]
            X, y = self._validate(X, y, reset=not resume)
            dtype = self._computation_dtype(X, resume)
            Y, loss = self._encode(y, dtype, resume=resume, incremental=incremental, classes=classes)
            weight = None
            if sample_weight is not None:
                weight = _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)

            network, theta, training = self._start(X, Y, loss, dtype, resume, incremental)
            rows, validation_rows = None, None
            if self.early_stopping and solver.incremental:  # as in scikit-learn, lbfgs takes no notice of it
                rows, validation_rows = self._split(Y, weight, training.rng)
            n_rows = X.shape[0] if rows is None else len(rows)
            options = self._options(solver.reads, n_rows)
            if incremental:
                options["max_iter"] = 1
            batch_size = options.get("batch_size", n_rows)
            objective = Objective(
                network,
                loss,
                X,
                Y,
                weight,
                theta=theta.astype(solver.dtype or dtype, copy=False),
                alpha=float(self.alpha),
                rows=rows,
                max_batch=batch_size if batch_size < n_rows else ROWS_AT_A_TIME,
            )
            validate = None if validation_rows is None else self._validator(objective, validation_rows)
            monitor = self._monitor(validate, theta, resume, incremental)
            quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the monitor looks at the loss
            with quiet, limited_threads(network, objective.max_batch):
                outcome = solver.run(objective, monitor, training, options)
            best = objective.theta if monitor.best_theta is None else monitor.best_theta
            monitor.check_finite(float(np.abs(best).max()))
            self._keep(network, best.astype(dtype, copy=False), loss, monitor, training, resume)
            self._warn(monitor, outcome, incremental)
            return self

    def _start(self, X, Y, loss, dtype, resume, incremental):
        """The network, its parameters to start from (1, P), and the generator with what else a run goes on from."""
        n_outputs = len(self.classes_) if loss.codes else Y.shape[1]
        sizes = [X.shape[1], *self._hidden_sizes(), n_outputs]
        network = perceptron(tuple(sizes), ACTIVATIONS[self.activation], sparse.issparse(X))
        training = Training(check_random_state(self.random_state), Progress(self.t_ if resume else 0))
        if resume and incremental and hasattr(self, "_training"):
            # Copies, so that a failed call leaves what it went on from. Only a generator that an int seeded is our own.
            before = self._training
            rng = copy.deepcopy(before.rng) if isinstance(self.random_state, Integral) else training.rng
            training = Training(rng, copy.deepcopy(before.progress), copy.deepcopy(before.optimizer))
        training.under_way = incremental
        theta = np.empty((1, network.layout.size), dtype)
        if resume:
            self._check_sizes(sizes)
            fitted = network.params(self.coefs_, self.intercepts_)
            for views, arrays in zip(network.layout.views(theta), fitted, strict=True):
                for view, array in zip(views, arrays, strict=True):
                    np.copyto(view, array)
        else:
            network.init(theta, [training.rng])
        return network, theta, training

    @staticmethod
    def _warn(monitor, outcome, incremental):
        """Say how a run ended that did not converge."""
        if monitor.diverged:
            warnings.warn(
                f"The loss became non-finite in epoch {monitor.n_iter}; the weights of the best "
                "validation score before that are kept. Lower learning_rate_init or scale X and y.",
                ConvergenceWarning,
                stacklevel=5,
            )
        elif outcome.status == "interrupted":
            warnings.warn(outcome.message, stacklevel=5)
        elif outcome.status == "exhausted" and not incremental:
            warnings.warn(outcome.message, ConvergenceWarning, stacklevel=5)

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
        return X, y

    def _computation_dtype(self, X, resume):
        if self.dtype is not None:
            return np.dtype(self.dtype)
        return _float_type(self.coefs_[0] if resume else X)

    def _hidden_sizes(self):
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, Integral) else list(sizes)
        if not all(isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes must be > 0, got {sizes}: give one positive integer per hidden layer, "
                "or () for a linear model."
            )
        return [int(size) for size in sizes]

    def _fitted_sizes(self):
        return (self.coefs_[0].shape[0], *(W.shape[1] for W in self.coefs_))

    def _check_sizes(self, sizes):
        fitted = list(self._fitted_sizes())
        if fitted != sizes:
            raise ValueError(
                f"The fitted network has layer sizes {fitted}, but the data and hidden_layer_sizes now ask for "
                f"{sizes}. Training can go on with the same sizes only: set warm_start=False to start afresh."
            )

    def _split(self, Y, weight, rng):
        """Row numbers for training and for validation."""
        rows, options = np.arange(len(Y)), {"test_size": self.validation_fraction, "random_state": rng}
        try:
            parts = train_test_split(rows, stratify=self._strata(Y), **options)
        except ValueError:  # a class with one member, or more classes than rows in a part
            parts = train_test_split(rows, **options)
        if len(parts[1]) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        for part, name in zip(parts, ("training", "validation"), strict=True):
            if weight is not None and not weight[part].any():
                raise ValueError(
                    f"All sample weights in the {name} part of the early-stopping split are zero. Give more samples "
                    "a positive weight, or set early_stopping=False."
                )
        return parts

    def _options(self, names, n_rows):
        """The parameters a solver reads, as plain numbers: a NumPy float64 would promote float32 arrays."""
        options = {name: getattr(self, name) for name in names}
        options = {k: v.item() if isinstance(v, np.generic) else v for k, v in options.items()}
        if "batch_size" in options:
            if self.batch_size == "auto":
                options["batch_size"] = min(200, n_rows)
            elif self.batch_size > n_rows:
                warnings.warn(
                    f"Got `batch_size` {self.batch_size}, larger than the {n_rows} samples trained on. It is going to "
                    "be clipped.",
                    stacklevel=5,
                )
                options["batch_size"] = n_rows
        return options

    def _validator(self, objective, rows):
        Y = objective.Y[rows]
        weight = None if objective.weight is None else objective.weight[rows, 0]
        params = objective.network.layout.views(objective.theta)

        def score() -> float:
            prediction = _collect(objective.network, params, objective.X, objective.loss.predict, rows)
            if not np.isfinite(prediction).all():
                return float("nan")
            return float(self._validation_score(Y, prediction, weight))

        return score

    def _monitor(self, validate, theta, resume, incremental):
        monitor = Monitor(
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            verbose=bool(self.verbose),
            validate=validate,
        )
        if resume and validate is None:
            best = getattr(self, "best_loss_", None)
            monitor.best_loss = np.inf if best is None else best
        elif resume and (score := getattr(self, "best_validation_score_", None)) is not None:
            monitor.best_score, monitor.best_theta = score, theta.copy()
        if resume and incremental:
            monitor.n_flat = getattr(self, "_no_improvement_count", 0)
        return monitor

    def _keep(self, network, theta, loss, monitor, training, resume):
        """Set the fitted attributes, all at once at the end."""
        affine = [p for p in network.layout.views(theta) if p]
        self.coefs_ = [W[0] for W, _ in affine]
        self.intercepts_ = [b[0, :, 0] for _, b in affine]
        self.n_layers_ = len(affine) + 1
        self.n_outputs_ = network.widths[-1]
        self.out_activation_ = loss.link
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

    # Predicting.

    def _predict(self, X, link=None):
        """Return predictions, or another ``link`` of the network's output, (n, K)."""
        check_is_fitted(self, "coefs_")
        X = validate_data(self, X, accept_sparse="csr", dtype="numeric", reset=False)
        _check_numeric("X", X)
        network = perceptron(self._fitted_sizes(), ACTIVATIONS[self.activation], sparse.issparse(X))
        dtype = _float_type(self.coefs_[0])  # weights set by hand may be integers
        weights, biases = ([np.asarray(a, dtype) for a in arrays] for arrays in (self.coefs_, self.intercepts_))
        params = network.params(weights, biases)
        return _collect(network, params, X, link or self._fitted_loss().predict)

    def _fitted_loss(self) -> Loss:
        """A loss with the link that the network was fitted for."""
        return BY_LINK[self.out_activation_]

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


def _collect(network, params, X, link, rows=None) -> Array:
    """Run X through the network chunk by chunk; ``link(raw, out)`` of all of it, (n, K)."""
    n = X.shape[0] if rows is None else len(rows)
    result = np.empty((n, network.widths[-1]), params[0][0].dtype)
    for part, raw in network.outputs(params, X, rows):
        link(raw, raw)
        np.copyto(result[part], raw[0].T)
    return result
