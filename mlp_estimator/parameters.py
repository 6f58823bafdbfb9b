"""What the parameters of an estimator mean: the network, the loss and the options that they ask for."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np

from .engine.activations import ACTIVATIONS, Activation
from .engine.losses import LOSSES, Loss
from .engine.network import Network, perceptron
from .engine.schedules import SCHEDULES
from .engine.solvers import Solver


def hidden_sizes(hidden_layer_sizes: Any) -> list[int]:
    """One int for each hidden layer."""
    sizes = [hidden_layer_sizes] if isinstance(hidden_layer_sizes, Integral) else list(hidden_layer_sizes)
    if not all(isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0 for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes must be > 0, got {sizes}: give one positive integer per hidden layer, "
            "or () for a linear model."
        )
    return [int(size) for size in sizes]


def network_of(estimator: Any, sizes: list[int], sparse: bool, dropout: tuple[float, ...] = ()) -> Network:
    """The network of these layer sizes, inputs first, with the estimator's activations."""
    given, alone = estimator.activation, (str, Activation)
    names = _per_layer("activation", given, len(sizes) - 2, alone)
    of_output = names[-1:] or (given if isinstance(given, alone) else "identity",)
    return perceptron(tuple(sizes), tuple(map(_activation, (*names, *of_output))), dropout, sparse)


def _activation(given: Any) -> Activation:
    found = ACTIVATIONS.get(given) if isinstance(given, str) else given
    if not isinstance(found, Activation):
        raise ValueError(
            f"activation has the entry {given!r}: choose among {sorted(ACTIVATIONS)}, or give an Activation object."
        )
    return found


def dropout_rates(dropout: Any, n_hidden: int) -> tuple[float, ...]:
    """One rate for each hidden layer."""
    rates = _per_layer("dropout", dropout, n_hidden, Real)
    if not all(isinstance(rate, Real) and 0 <= float(rate) < 1 for rate in rates):
        raise ValueError(f"dropout={dropout!r}: rates are numbers from 0 to below 1, one for each hidden layer.")
    return tuple(float(rate) for rate in rates)


def _per_layer(name: str, given: Any, n_hidden: int, alone: Any) -> tuple[Any, ...]:
    """A parameter as one entry for each hidden layer; an instance of ``alone`` stands for all."""
    if isinstance(given, alone):
        return (given,) * n_hidden
    entries = tuple(given)
    if len(entries) != n_hidden:
        raise ValueError(
            f"{name} has {len(entries)} entries for {n_hidden} hidden layer(s): give one for each, or a single one "
            "for all."
        )
    return entries


def loss_of(estimator: Any, name: str) -> Loss:
    """The loss of this name, with the estimator's parameters for it."""
    return LOSSES[name](**{parameter: _plain(getattr(estimator, parameter)) for parameter in LOSSES[name].reads})


def _plain(value: Any) -> Any:
    """A Python number for a NumPy one: a NumPy float64 would promote float32 arrays."""
    return value.item() if isinstance(value, np.generic) else value


def options_for(estimator: Any, solver: Solver, n_rows: int) -> dict[str, Any]:
    """The parameters a solver reads."""
    options = {name: _plain(getattr(estimator, name)) for name in solver.reads}
    if "batch_size" in options:
        if estimator.batch_size == "auto":
            options["batch_size"] = min(200, n_rows)
        elif estimator.batch_size > n_rows:
            warnings.warn(
                f"Got `batch_size` {estimator.batch_size}, larger than the {n_rows} samples trained on. It is going to "
                "be clipped.",
                stacklevel=7,
            )
            options["batch_size"] = n_rows
    return options


NEEDS = {"curvature": "a loss whose second derivative is never negative", "residuals": "squared error, of MLPRegressor"}


def check_needs(estimator: Any, solver: Solver, loss: Loss) -> None:
    """Turn away a loss that does not offer what the solver needs."""
    if solver.needs and solver.needs not in loss.offers:
        raise ValueError(
            f"solver={estimator.solver!r} needs {NEEDS[solver.needs]}, which {type(loss).__name__} is not: choose "
            "solver='lbfgs' or 'adam' for it."
        )


def check_combination(estimator: Any, solver: Solver, validation: tuple[Any, Any, Any] = (None, None, None)) -> None:
    """Turn away parameters, and a validation set (X, y, weights), that do not go together."""
    for name in ("dropout", "weight_decay", "max_grad_norm"):
        if name not in solver.reads and np.any(getattr(estimator, name)):
            raise ValueError(
                f"{name} belongs to training in minibatches: choose solver='adam' or 'sgd', not {estimator.solver!r}."
            )
    plan = estimator.learning_rate
    if "learning_rate" not in solver.reads and (callable(plan) or SCHEDULES[plan].budgeted):
        raise ValueError(
            f"learning_rate={plan!r} is a plan for solver='adam' or 'sgd'; {estimator.solver!r} finds its "
            "steps by itself: leave learning_rate='constant'."
        )
    if estimator.alpha == "auto" and "alpha" not in solver.reads:
        raise ValueError(f"alpha='auto' is found by solver='lm' only: give {estimator.solver!r} a number.")
    if estimator.alpha == "auto" and estimator.early_stopping:
        raise ValueError(
            "alpha='auto' finds how far to fit without a validation set: set early_stopping=False, or give alpha a "
            "number."
        )
    X_val, y_val, sample_weight_val = validation
    if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
        raise ValueError("A validation set needs both X_val and y_val (and may have sample_weight_val).")
    if not estimator.early_stopping and (X_val is not None or estimator.scoring is not None):
        name = "scoring" if X_val is None else "X_val"
        raise ValueError(f"{name} has a use with early_stopping=True only: set it, or leave {name} out.")
