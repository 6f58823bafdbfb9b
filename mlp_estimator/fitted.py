"""Between the fitted attributes of an estimator and the arrays of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .engine.layout import Array
from .engine.losses import Loss
from .engine.network import Network


def attributes_of(network: Network, theta: Array, loss: Loss) -> dict[str, Any]:
    """What prediction reads; weights and biases are views of theta (M, P), of one member without their first axis."""
    member = 0 if len(theta) == 1 else slice(None)
    affine = [p for p in network.layout.views(theta) if p]
    return {
        "coefs_": [W[member] for W, _ in affine],
        "intercepts_": [b[member, :, 0] for _, b in affine],
        "n_layers_": len(affine) + 1,
        "n_outputs_": network.widths[-1],
        "out_activation_": loss.link,
        "_loss": loss,
    }


def theta_of(estimator: Any, network: Network, dtype: Any) -> Array:
    """The fitted parameters as one vector for each member, (M, P)."""
    fitted = network.params(estimator.coefs_, estimator.intercepts_)
    theta = np.empty((len(fitted[0][0]), network.layout.size), dtype)
    for views, arrays in zip(network.layout.views(theta), fitted, strict=True):
        for view, array in zip(views, arrays, strict=True):
            np.copyto(view, array)
    return theta


def collect(
    network: Network,
    params: Any,
    X: Any,
    link: Callable[[Array, Array], object],
    rows: Any = None,
    members: bool = False,
) -> Array:
    """Run X through the network chunk by chunk.

    ``link(raw, out)`` of all of it, the mean over the members (n, K), or of each of the ``members`` (M, n, K).
    """
    n, n_members = X.shape[0] if rows is None else len(rows), len(params[0][0])
    result = np.empty((n_members if members else 1, n, network.widths[-1]), params[0][0].dtype)
    for part, raw in network.outputs(params, X, rows):
        link(raw, raw)
        if not members and n_members > 1:
            raw = np.mean(raw, axis=0, keepdims=True)
        np.copyto(result[:, part], raw.swapaxes(1, 2))
    return result if members else result[0]


def as_it_is(raw: Array, out: Array) -> None:
    """The link that leaves numbers as they are, ``out`` being ``raw``."""
