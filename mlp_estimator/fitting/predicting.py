"""Predictions of a fitted network, chunk by chunk in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from ..engine.batches import Data
from ..engine.layers import Params
from ..engine.losses import Loss
from ..engine.members import Array
from ..engine.network import Network
from ..engine.objective import Objective
from ..engine.sweeps import outputs


def unchanged(prediction: Array) -> NDArray[Any]:
    """Return a chunk of predictions itself."""
    return prediction


def most_probable(probability: Array) -> NDArray[np.integer[Any]]:
    """Return the code (M, B, 1) of the most probable class from probabilities of all classes, or of the second one."""
    if probability.shape[2] == 1:
        return (probability > 0.5).astype(np.intp)
    codes: NDArray[np.intp] = probability.argmax(axis=2)[..., None]
    return codes


def log_odds(score: Array) -> Array:
    """Return log(p / (1 - p)) of each class, where p is the softmax of the scores (n, K), K > 1."""
    shifted, top = score - score.max(axis=1, keepdims=True), score.argmax(axis=1)[:, None]
    others = shifted.copy()
    np.put_along_axis(others, top, -np.inf, axis=1)
    p = np.exp(others)
    rest = np.log(1.0 + (p.sum(axis=1, keepdims=True) - p))
    # 1 - p of the most probable class would cancel, and so would vanish.
    np.put_along_axis(rest, top, logsumexp(others, axis=1, keepdims=True), axis=1)
    odds: Array = shifted - rest
    return odds


def finite(reduce: Callable[[Array], NDArray[Any]]) -> Callable[[Array], NDArray[Any]]:
    """Return ``reduce`` behind a check that the predictions of a chunk are finite."""

    def checked(prediction: Array) -> NDArray[Any]:
        if not np.isfinite(prediction).all():
            raise ValueError(
                f"Predictions are not finite: X contains a value too large for a network in {prediction.dtype}. Scale "
                "X as in training, or fit with dtype='float64'."
            )
        return reduce(prediction)

    return checked


def predict(
    network: Network,
    params: Sequence[Params],
    X: Any,
    link: Callable[[Array, Array], object],
    *,
    rows: NDArray[np.integer[Any]] | None = None,
    members: bool = False,
    reduce: Callable[[Array], NDArray[Any]] = unchanged,
) -> NDArray[Any]:
    """Run X, or some of its rows, through the network, and apply ``link(raw, out)`` to the output.

    Return the mean over the members (n, K), or the predictions of each of the ``members`` (M, n, K). ``reduce`` is
    applied to those (1 or M, B, K) of each chunk, and may return fewer columns.
    """
    first = params[network.first_trained][0]
    n, n_members = X.shape[0] if rows is None else len(rows), len(first)
    result: NDArray[Any] | None = None
    # Float32 products raise the "invalid" flag now and then for finite numbers: the result tells, not the flag.
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk, raw in outputs(network, params, X, rows):
            link(raw, raw)
            mean = raw if members or n_members == 1 else np.mean(raw, axis=0, keepdims=True)
            reduced = reduce(mean.swapaxes(1, 2))
            if result is None:
                result = np.empty((len(reduced), n, reduced.shape[2]), reduced.dtype)
            np.copyto(result[:, chunk], reduced)
    assert result is not None  # validated data have rows
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
