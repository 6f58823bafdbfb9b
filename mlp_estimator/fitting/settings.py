"""The meaning of an estimator's parameters: all of them resolved and checked together, in one place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.metrics import get_scorer_names

from ..engine.activations import ACTIVATIONS, Activation, glorot
from ..engine.layers import Layer
from ..engine.losses import LOSSES, Loss
from ..engine.network import Network, perceptron
from ..engine.schedules import SCHEDULES, Schedule
from ..engine.solvers import SOLVERS, Solver

Activations = tuple[tuple[Activation, ...], Callable[[int, int], float]]
"""One activation per hidden layer, and the bound of the first weights of the output layer."""


@dataclass(frozen=True)
class Settings:
    """The parameters of a fit: resolved, those that the solver reads as ``options``, and as the user set them."""

    hidden: tuple[int, ...]
    activations: tuple[Activation, ...]
    output_bound: Callable[[int, int], float]
    dropout: tuple[float, ...]
    solver_name: str
    solver: Solver
    alpha: float | Literal["auto"]
    options: Mapping[str, Any]
    max_iter: int
    tol: float
    n_iter_no_change: float
    max_time: float
    verbose: bool
    early_stopping: bool
    validation_fraction: float
    scoring: Any
    random_state: Any
    n_members: int
    dtype: np.dtype[Any] | None
    parameters: Mapping[str, Any]
    # Of the tabular estimators: see ``Run``.
    n_passes: int | Fraction = 1
    schedule: Schedule | None = None
    averaged: bool = False

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Settings:
        """Resolve and check the parameters of an estimator.

        Raises
        ------
        ValueError
            If a parameter is invalid, or does not go together with another one.
        """
        solver = SOLVERS[parameters["solver"]]
        _check_combination(parameters, solver)
        _check_scorer(parameters["scoring"])
        hidden = hidden_sizes(parameters["hidden_layer_sizes"])
        activations, output_bound = resolve_activations(parameters["activation"], len(hidden))
        max_time, alpha = parameters["max_time"], parameters["alpha"]
        return cls(
            hidden=hidden,
            activations=activations,
            output_bound=output_bound,
            dropout=_dropout_rates(parameters["dropout"], len(hidden)),
            solver_name=parameters["solver"],
            solver=solver,
            alpha="auto" if alpha == "auto" else float(alpha),
            options={name: python_number(parameters[name]) for name in solver.reads},
            max_iter=int(parameters["max_iter"]),
            tol=float(parameters["tol"]),
            n_iter_no_change=parameters["n_iter_no_change"],
            max_time=np.inf if max_time is None else float(max_time),
            verbose=bool(parameters["verbose"]),
            early_stopping=bool(parameters["early_stopping"]),
            validation_fraction=parameters["validation_fraction"],
            scoring=parameters["scoring"],
            random_state=parameters["random_state"],
            n_members=int(parameters["n_members"]),
            dtype=None if parameters["dtype"] is None else np.dtype(parameters["dtype"]),
            parameters=parameters,
        )

    def network(self, n_in: int, n_out: int, *, sparse: bool = False, bottom: tuple[Layer, ...] = ()) -> Network:
        """Return the network for data with ``n_in`` features and ``n_out`` outputs."""
        sparse = sparse and "residuals" not in self.solver.calls  # a Jacobian needs dense rows
        return perceptron(
            (n_in, *self.hidden, n_out),
            self.activations,
            self.output_bound,
            dropout=self.dropout,
            sparse=sparse,
            bottom=bottom,
        )

    def options_for(self, n_rows: int) -> tuple[dict[str, Any], str]:
        """Return the options of the solver for so many training rows, and a warning or an empty string."""
        options, warning = dict(self.options), ""
        if "batch_size" in options:
            batch_size = options["batch_size"]
            if batch_size == "auto":
                options["batch_size"] = min(200, n_rows)
            elif batch_size > n_rows:
                options["batch_size"] = n_rows
                warning = (
                    f"Got `batch_size` {batch_size}, larger than the {n_rows} samples trained on. It is going to be "
                    "clipped."
                )
        return options, warning

    def loss(self, loss: str | Loss) -> Loss:
        """Return the loss of this name with its parameters, or a user-defined loss itself."""
        levels = self.parameters.get("quantile", 0.5)
        if loss != "quantile" and np.any(np.asarray(levels) != 0.5):
            raise ValueError(f"quantile={levels!r} is only used with loss='quantile': set it, or leave quantile out.")
        if not isinstance(loss, Loss):
            loss = LOSSES[loss](**{name: python_number(self.parameters[name]) for name in LOSSES[loss].reads})
        for method in self.solver.calls:
            if not hasattr(loss, method):
                raise ValueError(
                    f"solver={self.solver_name!r} calls `{method}` of the loss ({_MEANING[method]}), which "
                    f"{type(loss).__name__} does not have: choose solver='lbfgs' or 'adam' for it."
                )
        return loss


_MEANING = {
    "curvature": "a second derivative that is never negative",
    "residuals": "a sum of squares: squared_error of MLPRegressor",
}


def hidden_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return one int per hidden layer."""
    sizes = [hidden_layer_sizes] if isinstance(hidden_layer_sizes, Integral) else list(hidden_layer_sizes)
    if not all(isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0 for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes must be > 0, got {sizes}: give one positive integer per hidden layer, "
            "or () for a linear model."
        )
    return tuple(int(size) for size in sizes)


def resolve_activations(activation: Any, n_hidden: int) -> Activations:
    """Return the activation of each hidden layer, and the bound of the first weights of the output layer.

    The output layer has the bound of the last hidden layer, as in scikit-learn.
    """
    single = isinstance(activation, str | Activation)
    chosen = _per_layer("activation", activation, n_hidden, single)
    activations = tuple(_activation(one) for one in chosen)
    if activations:
        return activations, activations[-1].init
    return (), _activation(activation).init if single else glorot


def named(activations: Iterable[Activation]) -> list[str | Activation]:
    """Return the names of activations, of a user's own the activation itself."""
    names = {activation: name for name, activation in ACTIVATIONS.items()}
    return [names.get(activation, activation) for activation in activations]


def _activation(chosen: Any) -> Activation:
    activation = ACTIVATIONS.get(chosen) if isinstance(chosen, str) else chosen
    if not isinstance(activation, Activation):
        raise ValueError(
            f"activation has the entry {chosen!r}: choose among {sorted(ACTIVATIONS)}, or give an Activation object."
        )
    return activation


def _dropout_rates(dropout: Any, n_hidden: int) -> tuple[float, ...]:
    rates = _per_layer("dropout", dropout, n_hidden, isinstance(dropout, Real))
    if not all(isinstance(rate, Real) and 0 <= float(rate) < 1 for rate in rates):
        raise ValueError(f"dropout={dropout!r}: rates are numbers from 0 to below 1, one for each hidden layer.")
    return tuple(float(rate) for rate in rates)


def _per_layer(name: str, value: Any, n_hidden: int, single: bool) -> tuple[Any, ...]:
    """Return one entry per hidden layer; a ``single`` value is that of all."""
    if single:
        return (value,) * n_hidden
    if not isinstance(value, Iterable):
        raise ValueError(f"{name}={value!r}: give one entry for each hidden layer, or a single one for all.")
    entries = tuple(value)
    if len(entries) != n_hidden:
        raise ValueError(
            f"{name} has {len(entries)} entries for {n_hidden} hidden layer(s): give one for each, or a single one "
            "for all."
        )
    return entries


def python_number(value: Any) -> Any:
    """Return a Python number for a NumPy scalar: a NumPy float64 would promote float32 arrays."""
    return value.item() if isinstance(value, np.generic) else value


def _check_scorer(scoring: Any) -> None:
    """Raise an error for the name of a scorer that there is not, with the nearest names."""
    if isinstance(scoring, str) and scoring not in (names := ["loss", *get_scorer_names()]):
        near = ", ".join(map(repr, difflib.get_close_matches(scoring, names, 3)))
        raise ValueError(
            f"scoring={scoring!r} is no scorer{f': did you mean {near}?' if near else '.'} Give 'loss', a function, or "
            "a name of sklearn.metrics.get_scorer_names()."
        )


def _check_combination(parameters: Mapping[str, Any], solver: Solver) -> None:
    name, schedule, alpha = parameters["solver"], parameters["learning_rate"], parameters["alpha"]
    for option in ("dropout", "weight_decay", "max_grad_norm"):
        if option not in solver.reads and np.any(parameters[option]):
            raise ValueError(f"{option} needs training in minibatches: choose solver='adam' or 'sgd', not {name!r}.")
    if "learning_rate" not in solver.reads and (callable(schedule) or SCHEDULES[schedule].budgeted):
        raise ValueError(
            f"learning_rate={schedule!r} is a schedule for solver='adam' or 'sgd'; {name!r} finds its steps by itself: "
            "leave learning_rate='constant'."
        )
    if alpha == "auto" and "alpha" not in solver.reads:
        raise ValueError(f"alpha='auto' is found by solver='lm' only: give {name!r} a number.")
    if alpha == "auto" and parameters["early_stopping"]:
        raise ValueError(
            "alpha='auto' finds how far to fit without a validation set: set early_stopping=False, or give alpha a "
            "number."
        )
    if not parameters["early_stopping"] and parameters["scoring"] is not None:
        raise ValueError("scoring is only used with early_stopping=True: set it, or leave scoring out.")
