"""Predictions of a fitted network, chunk by chunk in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ..engine.batches import Data
from ..engine.layers import Params
from ..engine.losses import Loss
from ..engine.members import Array
from ..engine.network import Network
from ..engine.objective import Objective
from ..engine.sweeps import outputs


def predict(
    network: Network,
    params: Sequence[Params],
    X: Any,
    link: Callable[[Array, Array], object],
    *,
    rows: NDArray[np.integer[Any]] | None = None,
    members: bool = False,
) -> Array:
    """Run X, or some of its rows, through the network, and apply ``link(raw, out)`` to the output.

    Return the mean over the members (n, K), or the predictions of each of the ``members`` (M, n, K).
    """
    first = params[network.first_trained][0]
    n, n_members = X.shape[0] if rows is None else len(rows), len(first)
    result = np.empty((n_members if members else 1, n, network.widths[-1]), first.dtype)
    # Float32 products raise the "invalid" flag now and then for finite numbers: the result tells, not the flag.
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk, raw in outputs(network, params, X, rows):
            link(raw, raw)
            mean = raw if members or n_members == 1 else np.mean(raw, axis=0, keepdims=True)
            np.copyto(result[:, chunk], mean.swapaxes(1, 2))
    return result if members else result[0]


def identity_link(raw: Array, out: Array) -> None:
    """Leave raw output unchanged; ``out`` is ``raw``."""


def squeeze_outputs(prediction: Array) -> Array:
    """Return (..., n, K) as (..., n) where there is one output."""
    return prediction[..., 0] if prediction.shape[-1] == 1 else prediction


def laplace_variance(
    network: Network, loss: Loss, theta: Array, X: Any, posterior: NDArray[np.float64], noise_variance: float
) -> Array:
    """Return the predictive variance (n, K) by Laplace's approximation: noise variance times 1 + g' A^-1 g.

    g is the gradient of an output with respect to theta (1, P), ``posterior`` the lower Cholesky factor of A.
    """
    n_outputs = network.widths[-1]
    data = Data(X, np.zeros((X.shape[0], n_outputs)))
    objective = Objective(network, loss, [data], theta=theta, alpha=0.0)
    columns = [
        1.0 + (solve_triangular(posterior, J.T, lower=True, check_finite=False) ** 2).sum(axis=0)
        for J, _ in objective.residuals()
    ]
    chunks = [np.stack(columns[i : i + n_outputs], 1) for i in range(0, len(columns), n_outputs)]
    variance: Array = noise_variance * np.concatenate(chunks)
    return variance
