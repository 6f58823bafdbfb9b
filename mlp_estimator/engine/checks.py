"""Check user-defined activations and losses against finite differences."""

from __future__ import annotations

import numpy as np

from .activations import Activation
from .losses import Loss, WithCurvature, WithResiduals
from .members import Array

STEP = 1e-6  # of central differences


def check_activation(activation: Activation, *, tol: float = 1e-6) -> None:
    """Check the slope of an activation against central differences, its dtype, and what it reads and writes.

    Parameters
    ----------
    activation : Activation
        The activation.

    tol : float, default=1e-6
        Maximum difference between the slope and the differences, in float64. A kink does not matter unless it lies on
        one of the 1001 points from -6 to 6.006.

    Raises
    ------
    ValueError
        If a check fails, with the place.

    Examples
    --------
    >>> from mlp_estimator import check_activation
    >>> from mlp_estimator.engine.activations import ACTIVATIONS
    >>> check_activation(ACTIVATIONS["gelu"])
    """
    z = np.linspace(-6.0, 6.006, 1001)
    slope = _value_and_slope(activation, z)[1]
    ahead, behind = (_value_and_slope(activation, z + move)[0] for move in (STEP, -STEP))
    error = np.abs(slope - (ahead - behind) / (2.0 * STEP))
    worst = np.argmax(np.where(np.isnan(error), np.inf, error))
    if not error[worst] <= tol:
        raise ValueError(
            f"The slope at z = {z[worst]:.4g} is {slope[worst]:.6g}, but differences of apply give "
            f"{(ahead - behind)[worst] / (2.0 * STEP):.6g}."
        )
    for dtype in (np.float32, np.float64):
        for extreme in np.array([-1e4, 1e4], dtype):
            if not np.isfinite(_value_and_slope(activation, np.full(3, extreme))).all():
                raise ValueError(f"The value or the slope at z = {extreme:g} in {np.dtype(dtype)} is not finite.")


def _value_and_slope(activation: Activation, z: Array) -> tuple[Array, Array]:
    """Return f(z) and f'(z), computed as in a layer."""
    z, (a, slope, work) = z.copy(), np.full((3, *z.shape), np.nan, z.dtype)
    in_place = activation.saves == "output"
    if in_place:
        a = z
    activation.apply(z, a)
    saved = a if in_place else z
    before = saved.copy()
    activation.slope(saved, slope, work)
    if not np.array_equal(saved, before, equal_nan=True):
        raise ValueError("slope changes the array that it reads, which other sweeps need too.")
    return a, slope


def check_loss(loss: Loss, *, tol: float = 1e-6) -> None:
    """Check a loss of two members: derivatives against central differences, weights against repeated rows.

    ``curvature`` and ``residuals`` are checked where the loss has them.

    Parameters
    ----------
    loss : Loss
        A loss of the regressor.

    tol : float, default=1e-6
        Maximum relative difference, in float64.

    Raises
    ------
    ValueError
        If a check fails.

    Examples
    --------
    >>> from mlp_estimator import check_loss
    >>> from mlp_estimator.engine.losses import Huber
    >>> check_loss(Huber(huber_delta=0.5))
    """
    rng = np.random.default_rng(0)
    raw, v = rng.normal(size=(2, 2, loss.n_outputs, 40))  # of two members, with targets and weights of their own
    y = rng.normal(size=(2, 1, 40))
    y = y if loss.domain == "real" else np.abs(y)
    weight = rng.integers(1, 4, size=(2, 1, 40)).astype(float)

    def value_and_grad(raw: Array, y: Array, weight: Array | None) -> tuple[Array, Array]:
        raw, d_raw = raw.copy(), np.empty_like(raw)
        work = np.empty((len(raw), raw.shape[1] + 1, raw.shape[2]))
        return np.array(loss.value_and_grad(y, raw, weight, d_raw, work)), d_raw

    (ahead, d_ahead), (behind, d_behind) = (value_and_grad(raw + move * v, y, weight) for move in (STEP, -STEP))
    value, d_raw = value_and_grad(raw, y, weight)
    if value.shape != (2,):
        raise ValueError(f"{loss!r} returns values of shape {value.shape} for two members: sum over the last two axes.")
    of_repeated_rows = []
    for m, times in enumerate(weight[:, 0].astype(int)):
        repeated_raw, repeated_y = (array[m : m + 1].repeat(times, axis=2) for array in (raw, y))
        of_repeated_rows.append(value_and_grad(repeated_raw, repeated_y, None)[0][0])

    def compare(what: str, actual: Array, expected: Array) -> None:
        size = max(float(np.max(np.abs(expected))), 1.0)
        if not np.max(np.abs(actual - expected)) <= tol * size:
            raise ValueError(f"The {what} of {loss!r} differs by {np.max(np.abs(actual - expected)) / size:.2g}.")

    compare("gradient", (d_raw * v).sum(axis=(1, 2)), (ahead - behind) / (2.0 * STEP))
    compare("value of weighted rows", value, np.array(of_repeated_rows))
    if isinstance(loss, WithCurvature):
        t = v.copy()
        loss.curvature(y, raw, weight, t)
        compare("curvature", t, (d_ahead - d_behind) / (2.0 * STEP))
        if (np.sum(t * v, axis=1) < -tol).any():
            raise ValueError(f"The curvature of {loss!r} is negative somewhere: a loss that is not convex has none.")
    if isinstance(loss, WithResiduals):

        def residuals(raw: Array) -> tuple[Array, Array]:
            r, slope = np.empty_like(raw), np.empty_like(raw)
            loss.residuals(y, raw, r, slope)
            return r, slope

        r, slope = residuals(raw)
        (r_ahead, _), (r_behind, _) = (residuals(raw + move * v) for move in (STEP, -STEP))
        compare(
            "sum of the squared residuals, halved, against the value", 0.5 * (weight * r**2).sum(axis=(1, 2)), value
        )
        compare("slope of the residuals", slope * v, (r_ahead - r_behind) / (2.0 * STEP))
