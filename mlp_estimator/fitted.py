"""Between the fitted attributes of an estimator and the arrays of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .engine.layout import Array
from .engine.losses import Loss
from .engine.network import Network


def attributes_of(network: Network, theta: Array, loss: Loss) -> dict[str, Any]:
    """What prediction reads; weights and biases are views of theta (1, P)."""
    affine = [p for p in network.layout.views(theta) if p]
    return {
        "coefs_": [W[0] for W, _ in affine],
        "intercepts_": [b[0, :, 0] for _, b in affine],
        "n_layers_": len(affine) + 1,
        "n_outputs_": network.widths[-1],
        "out_activation_": loss.link,
        "_loss": loss,
    }


def theta_of(estimator: Any, network: Network, dtype: Any) -> Array:
    """The fitted parameters as one vector, (1, P)."""
    theta = np.empty((1, network.layout.size), dtype)
    fitted = network.params(estimator.coefs_, estimator.intercepts_)
    for views, arrays in zip(network.layout.views(theta), fitted, strict=True):
        for view, array in zip(views, arrays, strict=True):
            np.copyto(view, array)
    return theta


def collect(network: Network, params: Any, X: Any, link: Callable[[Array, Array], object], rows=None) -> Array:
    """Run X through the network chunk by chunk; ``link(raw, out)`` of all of it, (n, K)."""
    n = X.shape[0] if rows is None else len(rows)
    result = np.empty((n, network.widths[-1]), params[0][0].dtype)
    for part, raw in network.outputs(params, X, rows):
        link(raw, raw)
        np.copyto(result[part], raw[0].T)
    return result


def as_it_is(raw: Array, out: Array) -> None:
    """The link that leaves numbers as they are, ``out`` being ``raw``."""
