"""What a fit leaves, to and from fitted attributes.

With one member a fitted attribute is the value itself, as in scikit-learn; with several it has one entry per member.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..engine.losses import Loss
from ..engine.members import Array
from ..engine.monitor import CONVERGED, Outcome
from ..engine.network import Network
from ..engine.runs import Training
from .reading import check_range

WEIGHTS = {"W": "coefs_", "b": "intercepts_"}
"""scikit-learn's names for the parameters of affine layers; a parameter ``name`` of another layer is ``name_``."""

ESTIMATES = ("alpha_", "n_effective_params_", "noise_variance_", "_posterior")
"""Attributes that a solver may estimate besides the weights."""


@dataclass
class FitState:
    """The result of training one network, or the state that further training starts from."""

    network: Network
    loss: Loss | None
    theta: Array  # (1, P)
    training: Training | None = None  # None where fit ended and the estimator was pickled
    n_seen: int = 0  # training rows, over all epochs
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] | None = None
    last_loss: float = np.nan
    best_loss: float | None = None
    best_score: float | None = None
    n_iter: int = 0
    n_flat: int = 0  # epochs in a row without improvement
    outcome: Outcome = CONVERGED
    warning: str = ""  # about the settings
    seed: int | None = None  # of a member of an ensemble


def attribute_name(param: str) -> str:
    """Return the fitted attribute that keeps the parameters of this name."""
    return WEIGHTS.get(param, f"{param}_")


def weight_attributes(network: Network, theta: Array, loss: Loss) -> dict[str, Any]:
    """Return the attributes that prediction reads; the weights are views of theta (M, P)."""
    attributes: dict[str, Any] = {
        attribute_name(name): [array[0] if len(theta) == 1 else array for array in arrays]
        for name, arrays in network.named(theta).items()
    }
    return attributes | {
        "n_layers_": len(attributes["coefs_"]) + 1,
        "n_outputs_": network.widths[-1],
        "out_activation_": loss.link,
        "_loss": loss,
    }


def stored_weights(network: Network, attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, list[Array]]:
    """Return the fitted weights by parameter name, as ``Network.params`` takes them."""
    return {name: [_cast(array, dtype) for array in attributes[attribute_name(name)]] for name in network.param_names}


def _cast(array: Any, dtype: np.dtype[Any]) -> Array:
    """Return an array of weights, which the user may have set, in a type."""
    weights: Array = np.asarray(array)
    if weights.dtype != dtype:
        check_range("coefs_ or intercepts_", weights, dtype)
        weights = weights.astype(dtype)
    return weights


def theta_of(network: Network, attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> Array:
    """Return the fitted parameters as one vector per member, (M, P)."""
    params = network.params(stored_weights(network, attributes, dtype))
    theta = np.empty((n_fitted(attributes), network.layout.size), dtype)
    for views, arrays in zip(network.layout.views(theta), params, strict=True):
        for view, array in zip(views, arrays, strict=True):
            np.copyto(view, array)
    return theta


def n_fitted(attributes: Mapping[str, Any]) -> int:
    """Return the number of members of a fitted network."""
    first = attributes["coefs_"][0]
    return 1 if first.ndim == 2 else len(first)


def fitted_sizes(attributes: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the widths of the affine layers of a fitted network, inputs first."""
    coefs = attributes["coefs_"]
    return (coefs[0].shape[-2], *(W.shape[-1] for W in coefs))


def check_sizes(fitted: Mapping[str, Any], network: Network, n_members: int) -> None:
    """Raise an error for fitted or hand-made weights that do not fit a network of so many members."""
    shapes = [param.shape for layer in network.layout.params for param in layer if param.name == "W"]
    sizes = [shapes[0][0], *(shape[1] for shape in shapes)]
    if list(fitted_sizes(fitted)) != sizes:
        raise ValueError(
            f"The fitted network has layer sizes {list(fitted_sizes(fitted))}, but the data and hidden_layer_sizes now "
            f"ask for {sizes}. Training continues with the same sizes only: set warm_start=False to start afresh."
        )
    intercepts = [np.shape(b)[-1] for b in fitted.get("intercepts_", [])]
    if intercepts != sizes[1:]:
        raise ValueError(
            f"intercepts_ has the lengths {intercepts}, but the layers have {sizes[1:]} units: set both coefs_ and "
            "intercepts_, or neither."
        )
    if n_fitted(fitted) != n_members:
        raise ValueError(
            f"The fitted ensemble has {n_fitted(fitted)} member(s), but n_members={n_members}. Training continues with "
            "the same members only: set warm_start=False to start afresh."
        )


def one_or_all(values: Sequence[Any]) -> Any:
    """Return the value of a single member itself, the values of several as a list."""
    return values[0] if len(values) == 1 else list(values)


def per_member(value: Any, n_members: int) -> list[Any]:
    """Undo ``one_or_all``: one entry per member, None for each where the value is not for so many."""
    if n_members == 1:
        return [value]
    return list(value) if isinstance(value, list) and len(value) == n_members else [None] * n_members


def attributes_of(states: Sequence[FitState]) -> dict[str, Any]:
    """Return the fitted attributes of a network, or of an ensemble."""
    first = states[0]
    assert first.loss is not None
    theta = first.theta if len(states) == 1 else np.concatenate([state.theta for state in states])
    attributes = weight_attributes(first.network, theta, first.loss)
    attributes |= {
        "n_iter_": max(state.n_iter for state in states),
        "t_": one_or_all([state.n_seen for state in states]),
        "loss_": one_or_all([state.last_loss for state in states]),
        "loss_curve_": one_or_all([state.loss_curve for state in states]),
        "_no_improvement_count": one_or_all([state.n_flat for state in states]),
        "_training": one_or_all([state.training for state in states]),
    }
    for name, values in (
        ("best_loss_", [state.best_loss for state in states]),
        ("best_validation_score_", [state.best_score for state in states]),
        ("validation_scores_", [state.validation_scores for state in states]),
    ):
        attributes[name] = None if values[0] is None else one_or_all(values)
    if first.seed is not None:
        attributes["member_seeds_"] = np.array([state.seed for state in states])
    for name in ESTIMATES:
        if all(name in state.outcome.estimates for state in states):
            attributes[name] = one_or_all([state.outcome.estimates[name] for state in states])
    return attributes


def states_of(attributes: Mapping[str, Any], network: Network, dtype: np.dtype[Any]) -> list[FitState]:
    """Return the states that training continues from, one per member of a fitted network."""
    n_members = n_fitted(attributes)

    def of_members(name: str) -> list[Any]:
        return per_member(attributes.get(name), n_members)

    columns = zip(
        theta_of(network, attributes, dtype),
        *(of_members(name) for name in ("_training", "t_", "loss_curve_", "validation_scores_", "best_loss_")),
        of_members("_no_improvement_count"),
        attributes.get("member_seeds_", [None] * n_members) if n_members > 1 else [None],
        strict=True,
    )
    return [
        FitState(
            network=network,
            loss=attributes.get("_loss"),
            theta=theta[None],
            training=training,
            n_seen=n_seen or 0,
            loss_curve=loss_curve or [],
            validation_scores=scores,
            best_loss=best_loss,
            n_flat=n_flat or 0,
            seed=None if seed is None else int(seed),
        )
        for theta, training, n_seen, loss_curve, scores, best_loss, n_flat, seed in columns
    ]


@contextmanager
def restored_on_error(attributes: dict[str, Any]) -> Iterator[None]:
    """Undo changes of an estimator's attributes, such as those by scikit-learn's validation, where a fit fails."""
    before = dict(attributes)
    try:
        yield
    except BaseException:
        attributes.clear()
        attributes.update(before)
        raise


def warn_of(states: Sequence[FitState], partial: bool = False, stacklevel: int = 6) -> None:
    """Warn once per distinct outcome; a ``partial`` fit is not meant to converge."""
    for message in dict.fromkeys(state.warning for state in states if state.warning):
        warnings.warn(message, UserWarning, stacklevel=stacklevel)
    for status, message in dict.fromkeys(state.outcome[:2] for state in states):
        if message and not (partial and status == "exhausted"):
            category = ConvergenceWarning if status == "exhausted" else UserWarning
            warnings.warn(message, category, stacklevel=stacklevel)
