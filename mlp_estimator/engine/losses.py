"""From raw network output and target to loss, gradient and curvature, and to predictions.

A loss and its link belong together: the network ends in ``raw`` numbers on the whole real line, and only
the loss knows what they mean. Values are sums over the rows (and outputs) of a batch; the objective alone
divides. Shapes: ``raw`` (M, K, B), feature-major; ``y`` (1 or M, K, B), or (1 or M, 1, B) of class codes where
``codes`` is true; ``weight`` (1 or M, 1, B) or None. Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.special import expit, xlogy

from .layout import Array


class Loss(Protocol):
    """What a loss offers to the objective and the estimators."""

    codes: bool  # targets are class codes (one row of integers) instead of one row per output
    non_negative: bool  # targets below zero have no meaning
    link: str  # scikit-learn's name of the inverse link, ``out_activation_``

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        """Return the summed loss (M,) and write its gradient to ``d_raw``.

        ``work`` is (M, K + 1, B) to compute in; ``raw`` may be spent, but only by a shift that leaves
        ``curvature`` and ``predict`` as they were.
        """
        ...

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        """Multiply t by d2 loss / d raw2, row by row, in place."""
        ...

    def predict(self, raw: Array, out: Array) -> None:
        """The inverse link: raw output to prediction; ``out`` may be ``raw``."""
        ...


def _weigh(array: Array, weight: Array | None) -> None:
    """Weight the rows of (M, k, B) in place."""
    if weight is not None:
        np.multiply(array, weight, out=array)


def _sum(terms: Array, weight: Array | None) -> Array:
    """Sum (M, k, B) to (M,), rows weighted; ``terms`` is spent."""
    _weigh(terms, weight)
    return np.add.reduce(terms, axis=(-2, -1))


@lru_cache(maxsize=16)
def _class_codes(n_classes: int) -> np.ndarray:
    """The codes 0 .. K - 1 as a column, to compare a row of targets with."""
    return np.arange(n_classes)[:, None]


class SquaredError:
    """Half squared error, summed over outputs: 1/2 sum_k (raw_k - y_k)^2."""

    codes = False
    non_negative = False
    link = "identity"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        np.subtract(raw, y, out=d_raw)
        squares = np.square(d_raw, out=work[:, 1:])
        _weigh(d_raw, weight)
        return 0.5 * _sum(squares, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        if out is not raw:
            np.copyto(out, raw)


class PoissonDeviance:
    """Half Poisson deviance with log link, summed over outputs: y log(y / mu) - y + mu, mu = exp(raw).

    Beyond ``raw = limit`` the exponential goes on as its tangent, so that no raw output overflows and
    value and gradient stay those of one convex function. The limit is far from any mean that data have:
    half of the largest exponent, exp(354) in float64, exp(44) in float32.
    """

    codes = False
    non_negative = True
    link = "exp"

    @staticmethod
    def _limit(raw: Array) -> float:
        return float(np.log(np.finfo(raw.dtype).max)) / 2

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        limit = self._limit(raw)
        terms = work[:, 1:]
        self.predict(raw, out=d_raw)
        np.subtract(raw, limit, out=terms)
        np.maximum(terms, 0.0, out=terms)
        np.add(terms, 1.0, out=terms)
        np.multiply(terms, d_raw, out=terms)  # exp(raw), then its tangent
        np.subtract(d_raw, y, out=d_raw)
        _weigh(d_raw, weight)
        value = _sum(terms, weight)
        np.multiply(raw, y, out=terms)
        value -= _sum(terms, weight)
        np.subtract(xlogy(y, y, out=terms), y, out=terms)
        return value + _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        mean = np.exp(np.minimum(raw, self._limit(raw)))
        mean[raw > self._limit(raw)] = 0.0
        np.multiply(t, mean, out=t)
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        np.minimum(raw, self._limit(raw), out=out)
        np.exp(out, out=out)


class SigmoidCrossEntropy:
    """Binary cross-entropy of each output, summed over outputs: log(1 + e^raw) - y raw.

    For two classes (one output) and for multilabel targets (independent labels).
    """

    codes = False
    non_negative = False
    link = "logistic"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.logaddexp(0.0, raw, out=work[:, 1:])
        np.multiply(raw, y, out=d_raw)
        np.subtract(terms, d_raw, out=terms)
        expit(raw, out=d_raw)
        np.subtract(d_raw, y, out=d_raw)
        _weigh(d_raw, weight)
        return _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        p = expit(raw)
        p *= 1.0 - p
        np.multiply(t, p, out=t)
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        # In exact arithmetic never 0 nor 1: rounding stays inside, so that log(p) and log(1 - p) are finite.
        expit(raw, out=out)
        limits = np.finfo(out.dtype)
        out.clip(float(limits.tiny), 1.0 - float(limits.epsneg), out=out)


class SoftmaxCrossEntropy:
    """Cross-entropy of mutually exclusive classes: log sum_k e^raw_k - raw_y, y a class code."""

    codes = True
    non_negative = False
    link = "softmax"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        row, hit = work[:, :1], work[:, 1:]
        self._shifted_exp(raw, d_raw, row)
        np.add.reduce(d_raw, axis=-2, keepdims=True, out=row)
        np.divide(d_raw, row, out=d_raw)
        # 1[y = k], written out: a comparison takes 2 us at 10 x 200, three fancy indexings 13.
        np.equal(y, _class_codes(raw.shape[-2]), out=hit)
        np.subtract(d_raw, hit, out=d_raw)
        _weigh(d_raw, weight)
        np.log(row, out=row)
        np.multiply(hit, raw, out=hit)
        return _sum(row, weight) - _sum(hit, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        p = np.empty_like(raw)
        self.predict(raw, out=p)
        np.subtract(t, np.add.reduce(p * t, axis=-2, keepdims=True), out=t)
        np.multiply(t, p, out=t)
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        np.subtract(raw, np.maximum.reduce(raw, axis=-2, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, np.add.reduce(out, axis=-2, keepdims=True), out=out)
        np.maximum(out, float(np.finfo(out.dtype).tiny), out=out)  # log(p) is finite

    @staticmethod
    def _shifted_exp(raw: Array, out: Array, row: Array) -> None:
        """Shift ``raw`` so that its maximum over classes is 0, which no prediction sees; ``out`` is its exponential."""
        np.maximum.reduce(raw, axis=-2, keepdims=True, out=row)
        np.subtract(raw, row, out=raw)
        np.exp(raw, out=out)


LOSSES: dict[str, Loss] = {
    "squared_error": SquaredError(),
    "poisson": PoissonDeviance(),
    "sigmoid_cross_entropy": SigmoidCrossEntropy(),
    "softmax_cross_entropy": SoftmaxCrossEntropy(),
}
