"""Losses of regression: real, non-negative or positive targets. Shapes and contract: ``contract.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import xlogy

from .. import kernels
from ..graph import Graph
from ..kernels.vectorised import weigh, weighted_sum
from ..members import Array
from .contract import Loss


def _halves(array: Array) -> tuple[Array, Array]:
    """Return the first and the second half of the outputs (M, K, B)."""
    half = array.shape[1] // 2
    return array[:, :half], array[:, half:]


@lru_cache(maxsize=16)
def _column(numbers: tuple[float, ...], dtype: np.dtype[Any]) -> Array:
    """Return numbers, one for each output, as a column."""
    return np.array(numbers, dtype)[:, None]


def half_max_exponent(dtype: np.dtype[Any]) -> float:
    """Return half of the largest exponent: exp of it is far from any mean of data, and far from an overflow."""
    return float(np.log(np.finfo(dtype).max)) / 2


class SquaredError(Loss):
    """Half squared error, summed over outputs: 1/2 sum_k (raw_k - y_k)^2."""

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        value: Array = kernels.squared_error(y, raw, weight, d_raw, work)
        return value

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        weigh(t, weight)

    def residuals(self, y: Array, raw: Array, r: Array, slope: Array) -> None:
        np.subtract(raw, y, out=r)
        slope.fill(1.0)


class AbsoluteError(Loss):
    """Absolute error, summed over outputs: sum_k |raw_k - y_k|; its best prediction is the median."""

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        np.subtract(raw, y, out=d_raw)
        sizes = np.abs(d_raw, out=work[:, 1:])
        np.sign(d_raw, out=d_raw)
        weigh(d_raw, weight)
        return weighted_sum(sizes, weight)


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss of r = raw_k - y_k, summed over outputs: 1/2 r^2 up to |r| = delta, delta (|r| - delta / 2) beyond.

    With c the residual clipped to +-delta that is c (r - c / 2), and c is its derivative (Huber 1964).
    """

    reads: ClassVar[tuple[str, ...]] = ("huber_delta",)
    huber_delta: float = 1.0

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.subtract(raw, y, out=work[:, 1:])
        terms.clip(-self.huber_delta, self.huber_delta, out=d_raw)
        np.multiply(d_raw, -0.5, out=d_raw)
        np.add(terms, d_raw, out=terms)
        np.multiply(d_raw, -2.0, out=d_raw)
        np.multiply(terms, d_raw, out=terms)
        weigh(d_raw, weight)
        return weighted_sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        np.multiply(t, np.abs(raw - y) <= self.huber_delta, out=t)
        weigh(t, weight)


@dataclass(frozen=True)
class Quantile(Loss):
    """Pinball loss of one or several quantiles q: sum_k r (1[r > 0] - q_k) with r = raw_k - y.

    One output for each quantile (Koenker and Bassett 1978). Outputs that cross are sorted in predictions, which never
    raises the loss (Chernozhukov, Fernandez-Val and Galichon 2010).
    """

    reads: ClassVar[tuple[str, ...]] = ("quantile",)
    quantile: float | Sequence[float] = 0.5

    def __post_init__(self) -> None:
        levels: list[Any] = [self.quantile] if isinstance(self.quantile, Real) else list(self.quantile)  # type: ignore[arg-type]
        if not levels or not all(isinstance(q, Real) and 0 < float(q) < 1 for q in levels):
            raise ValueError(
                f"quantile={self.quantile!r}: must be a number between 0 and 1, or a sequence of such numbers."
            )
        if sorted(set(levels)) != levels:
            raise ValueError(f"quantile={self.quantile!r}: several quantiles must be in increasing order.")
        object.__setattr__(self, "quantile", tuple(float(q) for q in levels))

    @property
    def n_outputs(self) -> int:
        return len(self.quantile)  # type: ignore[arg-type]

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.subtract(raw, y, out=work[:, 1:])
        np.greater(terms, 0.0, out=d_raw)
        np.subtract(d_raw, _column(self.quantile, raw.dtype), out=d_raw)
        np.multiply(terms, d_raw, out=terms)
        weigh(d_raw, weight)
        return weighted_sum(terms, weight)

    def predict(self, raw: Array, out: Array) -> None:
        super().predict(raw, out)
        if self.n_outputs > 1:
            out.sort(axis=-2)

    def nodes(self, g: Graph, raw: str) -> str:
        if self.n_outputs == 1:
            return raw
        return g("TopK", raw, [self.n_outputs], axis=-1, largest=0, n_outputs=2)


class GaussianNLL(Loss):
    """Negative log likelihood of normal targets, summed over them: 1/2 (log v + (m - y)^2 / v), v = e^s + 1e-6.

    The first half of the outputs are the means m, the second half the s; the constant log(2 pi) / 2 is left out. The
    variance is bounded away from 0: otherwise a single target that is fitted exactly dominates the loss (Nix and
    Weigend 1994). Its Hessian is not semidefinite, so that it has no ``curvature``.
    """

    convex = False
    gives_variance = True
    FLOOR: ClassVar[float] = 1e-6

    @property
    def n_outputs(self) -> int:
        return 2

    def _variance(self, s: Array, e: Array, v: Array) -> None:
        """Write e^s, s clipped far outside of the range of variances, and v; ``e`` may be ``s``, ``v`` may be ``e``."""
        limit = half_max_exponent(s.dtype)
        s.clip(-limit, limit, out=e)
        np.exp(e, out=e)
        np.add(e, self.FLOOR, out=v)

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        (m, s), (d_m, d_s), (e, v) = map(_halves, (raw, d_raw, work[:, 1:]))
        self._variance(s, e, v)
        np.subtract(m, y, out=d_m)
        np.square(d_m, out=d_s)
        np.divide(d_s, v, out=d_s)  # r^2 / v
        np.divide(d_m, v, out=d_m)
        np.divide(e, v, out=e)  # dv/ds / v
        np.log(v, out=v)
        np.add(v, d_s, out=v)
        np.subtract(1.0, d_s, out=d_s)
        np.multiply(d_s, e, out=d_s)
        np.multiply(d_s, 0.5, out=d_s)
        weigh(d_raw, weight)
        return 0.5 * weighted_sum(v, weight)

    def predict(self, raw: Array, out: Array) -> None:
        super().predict(raw, out)
        variance = _halves(out)[1]
        self._variance(variance, variance, variance)

    def nodes(self, g: Graph, raw: str) -> str:
        return raw  # of the means; the variances are left out


class _LogLink(Loss):
    """A loss whose prediction is exp(raw).

    Beyond ``raw = limit`` the exponential continues as its tangent, so that no raw output overflows and value and
    gradient belong to one convex function. The limit is far from any mean of data: half of the largest exponent,
    exp(354) in float64, exp(44) in float32.
    """

    link = "exp"

    def _exp(self, z: Array, value: Array, slope: Array) -> None:
        """Write the exponential that continues as its tangent, and its slope; ``z`` may be ``value``."""
        limit = half_max_exponent(z.dtype)
        np.minimum(z, limit, out=slope)
        np.exp(slope, out=slope)
        np.subtract(z, limit, out=value)
        np.maximum(value, 0.0, out=value)
        np.add(value, 1.0, out=value)
        np.multiply(value, slope, out=value)

    def _second_derivative(self, z: Array) -> Array:
        """Return that of the exponential that continues as its tangent."""
        limit = half_max_exponent(z.dtype)
        second = np.exp(np.minimum(z, limit))
        second[z > limit] = 0.0
        return second

    def predict(self, raw: Array, out: Array) -> None:
        limit = half_max_exponent(raw.dtype)
        raw.clip(-limit, limit, out=out)
        np.exp(out, out=out)

    def nodes(self, g: Graph, raw: str) -> str:
        limit = half_max_exponent(g.dtype)
        return g("Exp", g("Max", g("Min", raw, limit), -limit))


class PoissonDeviance(_LogLink):
    """Half Poisson deviance with log link, summed over outputs: y log(y / mu) - y + mu, mu = exp(raw)."""

    domain = "non-negative"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = work[:, 1:]
        self._exp(raw, terms, d_raw)
        np.subtract(d_raw, y, out=d_raw)
        weigh(d_raw, weight)
        value = weighted_sum(terms, weight)
        np.multiply(raw, y, out=terms)
        value -= weighted_sum(terms, weight)
        np.subtract(xlogy(y, y, out=terms), y, out=terms)
        return value + weighted_sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        np.multiply(t, self._second_derivative(raw), out=t)
        weigh(t, weight)


class GammaDeviance(_LogLink):
    """Half gamma deviance with log link, summed over outputs: log(mu / y) + y / mu - 1, mu = exp(raw)."""

    domain = "positive"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.negative(raw, out=work[:, 1:])
        self._exp(terms, terms, d_raw)
        np.multiply(d_raw, y, out=d_raw)
        np.subtract(1.0, d_raw, out=d_raw)
        weigh(d_raw, weight)
        np.multiply(terms, y, out=terms)
        np.add(terms, raw, out=terms)
        value = weighted_sum(terms, weight)
        np.add(np.log(y, out=terms), 1.0, out=terms)
        return value - weighted_sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        np.multiply(t, y * self._second_derivative(-raw), out=t)
        weigh(t, weight)


LossName = Literal["squared_error", "absolute_error", "huber", "quantile", "gaussian_nll", "poisson", "gamma"]

REGRESSION: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "gaussian_nll": GaussianNLL,
    "poisson": PoissonDeviance,
    "gamma": GammaDeviance,
}
