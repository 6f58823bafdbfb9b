"""The parameters that both networks share: names, types, defaults, allowed values, and what is missing with some."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import cache, update_wrapper
from numbers import Integral, Real
from types import MethodType
from typing import Any, ClassVar, Literal, TypeVar, cast

import joblib
import numpy as np
from numpy.typing import NDArray

from .compat import Interval, Options, StrOptions
from .engine.activations import ACTIVATIONS, Activation, ActivationName
from .engine.schedules import SCHEDULES, ScheduleName
from .engine.solvers import SOLVERS, SolverName
from .persistence import Persistent

DOC_LINK = "https://mlp-estimator.readthedocs.io/en/stable/generated/mlp_estimator.{estimator_name}.html"
NOT_READING = frozenset({
    "alpha", "batch_size", "beta_1", "beta_2", "dropout", "epsilon", "learning_rate", "learning_rate_init", "max_fun",
    "max_grad_norm", "max_iter", "momentum", "n_iter_no_change", "n_members", "nesterovs_momentum", "power_t",
    "random_state", "scoring", "shuffle", "tol", "verbose", "weight_decay",
})  # fmt: skip
"""Parameters that do not affect how data are read."""

Method = TypeVar("Method", bound=Callable[..., Any])


class UnavailableError(AttributeError, ValueError):
    """The method does not go with the parameters: a missing attribute, for a reason that has a name."""


class _Incremental:
    """A method that is missing where ``_no_partial_fit`` returns a reason, like scikit-learn's ``available_if``."""

    def __init__(self, method: Callable[..., Any]):
        self.method = method
        update_wrapper(cast(Any, self), method)

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        if instance is None:
            return self.method
        reason = instance._no_partial_fit()
        if reason:
            raise UnavailableError(reason)
        return MethodType(self.method, instance)


def incremental(method: Method) -> Method:
    """Decorate ``partial_fit``, which is missing with some parameters; type checkers see the method."""
    return cast(Method, _Incremental(method))


@dataclass(eq=False, repr=False, match_args=False)
class Parameters(Persistent):
    """The constructor of the estimators, one field per parameter; a subclass adds its own as fields."""

    hidden_layer_sizes: int | Sequence[int] | NDArray[np.integer[Any]] = (100,)
    activation: ActivationName | Activation | Sequence[ActivationName | Activation] = "relu"
    _: KW_ONLY
    solver: SolverName = "adam"
    alpha: float | Literal["auto"] = 0.0001
    batch_size: int | Literal["auto"] = "auto"
    learning_rate: ScheduleName | Callable[[float], float] = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: int | np.random.RandomState | None = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dtype: Literal["float32", "float64"] | None = None
    dropout: float | Sequence[float] | NDArray[np.floating[Any]] = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float | None = None
    scoring: str | Callable[..., float] | None = None
    max_time: float | None = None
    n_members: int = 1

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
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64"}), None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "scoring": [str, callable, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
    }

    _doc_link_module = "mlp_estimator"  # of scikit-learn's HTML representation
    _doc_link_template = DOC_LINK

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        # scikit-learn inspects the signature at each call: 0.1 of the 0.14 ms of a clone.
        names: list[str] = cast(Any, super())._get_param_names()
        return names

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.init}

    def _reading_key(self) -> Hashable:
        """Return a key that is equal for networks that read data alike, and so may share one reading."""
        different = {name: value for name, value in self._parameters().items() if name not in NOT_READING}
        key: str = joblib.hash(different)
        return (bool(np.any(self.dropout)), self.scoring is None, key)

    def _no_partial_fit(self) -> str:
        """Return why there is no ``partial_fit`` with these parameters, or an empty string."""
        if self.solver in [name for name, solver in SOLVERS.items() if not solver.incremental]:
            return (
                f"partial_fit is only available for stochastic optimizers: {self.solver} is not stochastic, "
                "choose solver='adam' or 'sgd'."
            )
        if self.early_stopping:
            return (
                "partial_fit does not support early_stopping=True: it sees one chunk of the data at a time. "
                "Set early_stopping=False and score a validation set between the calls."
            )
        if getattr(self, "class_weight", None) == "balanced":
            return (
                "class_weight='balanced' needs all of y at once, which partial_fit never sees: give a dict of weights, "
                "for example from sklearn.utils.class_weight.compute_class_weight."
            )
        return ""

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
