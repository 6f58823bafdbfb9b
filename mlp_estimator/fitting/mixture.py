"""From the out-of-fold predictions of several configurations to one prediction: weights, temperature."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from ..engine.members import Array

PRIOR_ROWS = 10.0
"""Rows whose loss is the price of a squared distance of 1 from equal weights."""


SMALLEST = float(np.finfo(np.float32).tiny)
"""Smallest probability of which a logarithm is taken."""


def mixture_weights(
    loss: Callable[[Array], float], predictions: Sequence[Array], constant: Array, n_rows: float
) -> NDArray[np.float64]:
    """Return the weights, at least 0 and of sum at most 1, that minimise the loss of the mixed prediction.

    ``predictions`` are (n, K) of each configuration, for ``n_rows`` rows, each as often as it counts. The rest of the
    weight is that of the ``constant`` (K,) or (n, K), which is all that can be predicted where X says nothing. The
    weights are shrunk to equal ones without a rest, because a choice on few rows overfits.
    """
    n = len(predictions)
    # Differences of a loss need float64, and NumPy 1 keeps the float32 of a prediction multiplied by a float64 number.
    predictions = [prediction.astype(np.float64) for prediction in predictions]
    predictions.append(np.broadcast_to(constant.astype(np.float64), predictions[0].shape))
    equal = np.append(np.full(n, 1.0 / n), 0.0)
    base = abs(loss(np.tensordot(equal, np.stack(predictions), 1))) or 1.0
    shrinkage = PRIOR_ROWS / n_rows * base

    def objective(w: NDArray[np.float64]) -> float:
        mixed = sum(weight * prediction for weight, prediction in zip(w, predictions, strict=True))
        return (loss(np.asarray(mixed)) + shrinkage * float(np.sum((w - equal) ** 2))) / base

    constraint = {"type": "eq", "fun": lambda w: w.sum() - 1.0}
    found = minimize(objective, equal, method="SLSQP", bounds=[(0.0, 1.0)] * (n + 1), constraints=[constraint])
    weights = np.clip(found.x, 0.0, None)
    if not np.isfinite(weights).all() or weights.sum() <= 0.0:
        return equal[:-1]
    best: NDArray[np.float64] = weights / weights.sum()
    return (best if objective(best) <= objective(equal) else equal)[:-1]


def log_losses(probability: Array, codes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the log-loss (n,) of each row of probabilities (n, K)."""
    p = np.maximum(probability[np.arange(len(codes)), codes].astype(np.float64), 1e-15)
    losses: NDArray[np.float64] = -np.log(p)
    return losses


def binary_log_losses(probability: Array, Y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return for each row the sum (n,) of the log-losses of labels Y (n, K)."""
    p = np.clip(probability.astype(np.float64), 1e-15, 1.0 - 1e-15)
    losses: NDArray[np.float64] = -(Y * np.log(p) + (1.0 - Y) * np.log1p(-p)).sum(axis=1)
    return losses


def logarithm(probability: Array) -> Array:
    """Return logarithms, of the smallest normal number where a probability is 0."""
    logarithms: Array = np.log(np.maximum(probability, np.finfo(probability.dtype).tiny))
    return logarithms


def sharpen(probability: Array, temperature: float) -> Array:
    """Return probabilities proportional to p^(1 / temperature)."""
    if temperature == 1.0:
        return probability
    z = logarithm(probability) / temperature
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    sharpened: Array = (z / z.sum(axis=-1, keepdims=True)).astype(probability.dtype)
    return sharpened


def sharpen_each(probability: Array, temperature: float) -> Array:
    """Return probabilities of labels, each with its log-odds divided by the temperature."""
    if temperature == 1.0:
        return probability
    p = np.clip(probability, np.finfo(probability.dtype).tiny, 1.0 - np.finfo(probability.dtype).epsneg)
    sharpened: Array = expit((np.log(p) - np.log1p(-p)) / temperature).astype(probability.dtype)
    return sharpened


def find_temperature(
    loss: Callable[[Array], float], probability: Array, sharpen: Callable[[Array, float], Array]
) -> float:
    """Return the temperature that minimises the loss of sharpened probabilities, between 1/4 and 4."""
    found = minimize_scalar(
        lambda log_t: loss(sharpen(probability, float(np.exp(log_t)))),
        bounds=(-np.log(4.0), np.log(4.0)),
        method="bounded",
    )
    temperature = float(np.exp(found.x))
    return temperature if loss(sharpen(probability, temperature)) < loss(probability) else 1.0
