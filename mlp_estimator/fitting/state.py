"""What a fit leaves, to and from fitted attributes.

With one member a fitted attribute is the value itself, as in scikit-learn; with several it has one entry per member.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..engine.losses import Loss
from ..engine.members import Array
from ..engine.monitor import CONVERGED, Outcome
from ..engine.network import Network
from ..engine.runs import Paused, RunState
from .fitted import Fitted, theta_of, widths
from .fitted import n_members as members_of

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
    run_state: RunState | None = None  # None where fit ended and the estimator was pickled
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
    of_parts: Sequence[Array | None] = ()  # the parameters to keep by the score on each part of the held-out rows
    paused: Paused | None = None  # of a run that goes on where a job starts from here


def attribute_name(param: str) -> str:
    """Return the fitted attribute that keeps the parameters of this name."""
    return WEIGHTS.get(param, f"{param}_")


def arrays_of(attributes: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[Array]]:
    """Return the fitted parameters of these names, as the user may have set them."""
    return {name: attributes[attribute_name(name)] for name in names}


def attributes_of(fitted: Fitted) -> dict[str, Any]:
    """Return the attributes that follow from a fitted network, which shares its weights with them."""
    (networks,) = fitted.groups
    return {
        **fitted.targets.attributes(),
        **{attribute_name(name): arrays for name, arrays in networks.arrays.items()},
        "n_layers_": len(networks.arrays["W"]) + 1,
        "n_outputs_": fitted.targets.n_outputs,
        "out_activation_": fitted.targets.loss.link,
        "_fitted": fitted,
    }


def check_sizes(fitted: Mapping[str, Any], network: Network, n_members: int) -> None:
    """Raise an error for fitted or hand-made weights that do not fit a network of so many members."""
    shapes = [param.shape for layer in network.layout.params for param in layer if param.name == "W"]
    sizes = [shapes[0][0], *(shape[1] for shape in shapes)]
    arrays = arrays_of(fitted, ["W"])
    if list(widths(arrays)) != sizes:
        raise ValueError(
            f"The fitted network has layer sizes {list(widths(arrays))}, but the data and hidden_layer_sizes now "
            f"ask for {sizes}. Training continues with the same sizes only: set warm_start=False to start afresh."
        )
    intercepts = [np.shape(b)[-1] for b in fitted.get("intercepts_", [])]
    if intercepts != sizes[1:]:
        raise ValueError(
            f"intercepts_ has the lengths {intercepts}, but the layers have {sizes[1:]} units: set both coefs_ and "
            "intercepts_, or neither."
        )
    if members_of(arrays) != n_members:
        raise ValueError(
            f"The fitted ensemble has {members_of(arrays)} member(s), but n_members={n_members}. Training continues "
            "with the same members only: set warm_start=False to start afresh."
        )


def one_or_all(values: Sequence[Any]) -> Any:
    """Return the value of a single member itself, the values of several as a list."""
    return values[0] if len(values) == 1 else list(values)


def per_member(value: Any, n_members: int) -> list[Any]:
    """Undo ``one_or_all``: one entry per member, None for each where the value is for another number of them."""
    if n_members == 1:
        return [value]
    return list(value) if isinstance(value, list) and len(value) == n_members else [None] * n_members


def records_of(states: Sequence[FitState]) -> dict[str, Any]:
    """Return the attributes that tell how the networks were trained."""
    attributes: dict[str, Any] = {
        "n_iter_": max(state.n_iter for state in states),
        "t_": one_or_all([state.n_seen for state in states]),
        "loss_": one_or_all([state.last_loss for state in states]),
        "loss_curve_": one_or_all([state.loss_curve for state in states]),
        "_no_improvement_count": one_or_all([state.n_flat for state in states]),
        "_run_state": one_or_all([state.run_state for state in states]),
    }
    for name, values in (
        ("best_loss_", [state.best_loss for state in states]),
        ("best_validation_score_", [state.best_score for state in states]),
        ("validation_scores_", [state.validation_scores for state in states]),
    ):
        attributes[name] = None if values[0] is None else one_or_all(values)
    if states[0].seed is not None:
        attributes["member_seeds_"] = np.array([state.seed for state in states])
    for name in ESTIMATES:
        if all(name in state.outcome.estimates for state in states):
            attributes[name] = one_or_all([state.outcome.estimates[name] for state in states])
    return attributes


def states_of(attributes: Mapping[str, Any], network: Network, dtype: np.dtype[Any]) -> list[FitState]:
    """Return the states that training continues from, one per member of a fitted network."""
    arrays = arrays_of(attributes, network.param_names)
    n_members, fitted = members_of(arrays), attributes.get("_fitted")

    def of_member(name: str, m: int) -> Any:
        return per_member(attributes.get(name), n_members)[m]

    seeds = attributes.get("member_seeds_") if n_members > 1 else None
    return [
        FitState(
            network=network,
            loss=None if fitted is None else fitted.targets.loss,
            theta=theta[None],
            run_state=of_member("_run_state", m),
            n_seen=of_member("t_", m) or 0,
            loss_curve=of_member("loss_curve_", m) or [],
            validation_scores=of_member("validation_scores_", m),
            best_loss=of_member("best_loss_", m),
            n_flat=of_member("_no_improvement_count", m) or 0,
            seed=None if seeds is None else int(seeds[m]),
        )
        for m, theta in enumerate(theta_of(network, arrays, dtype))
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


def warn_of(states: Sequence[FitState], partial: bool = False, *, stacklevel: int) -> None:
    """Warn once per distinct outcome; a ``partial`` fit is not meant to converge."""
    for message in dict.fromkeys(state.warning for state in states if state.warning):
        warnings.warn(message, UserWarning, stacklevel=stacklevel)
    for status, message in dict.fromkeys(state.outcome[:2] for state in states):
        if message and not (partial and status == "exhausted"):
            category = ConvergenceWarning if status == "exhausted" else UserWarning
            warnings.warn(message, category, stacklevel=stacklevel)
