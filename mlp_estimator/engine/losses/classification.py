"""Losses of classification: class codes, two classes, or independent labels. Contract: ``contract.py``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..members import Array
from .contract import Loss, weigh, weighted_sum


@lru_cache(maxsize=16)
def _class_codes(n_classes: int) -> NDArray[np.integer[Any]]:
    """Return the codes 0 .. K - 1 as a column, to compare a row of targets with."""
    return np.arange(n_classes)[:, None]


class SigmoidCrossEntropy(Loss):
    """Binary cross-entropy of each output, summed over outputs: log(1 + e^raw) - y raw, y in [0, 1].

    For two classes (one output) and for multilabel targets (independent labels).
    """

    link = "logistic"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.logaddexp(0.0, raw, out=work[:, 1:])
        np.multiply(raw, y, out=d_raw)
        np.subtract(terms, d_raw, out=terms)
        expit(raw, out=d_raw)
        np.subtract(d_raw, y, out=d_raw)
        weigh(d_raw, weight)
        return weighted_sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        p = expit(raw)
        p *= 1.0 - p
        np.multiply(t, p, out=t)
        weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        # In exact arithmetic never 0 nor 1: rounding stays inside, so that log(p) and log(1 - p) are finite.
        expit(raw, out=out)
        limits = np.finfo(out.dtype)
        out.clip(float(limits.tiny), 1.0 - float(limits.epsneg), out=out)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of mutually exclusive classes: log sum_k e^raw_k - raw_y, y a class code.

    Label smoothing by s replaces 1[y = k] by (1 - s) 1[y = k] + s / K (Szegedy et al. 2016).
    """

    reads: ClassVar[tuple[str, ...]] = ("label_smoothing",)
    codes = True
    link = "softmax"
    label_smoothing: float = 0.0

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        row, hit = work[:, :1], work[:, 1:]
        self._shifted_exp(raw, d_raw, row)
        np.add.reduce(d_raw, axis=-2, keepdims=True, out=row)
        np.divide(d_raw, row, out=d_raw)
        # 1[y = k], written out: a comparison takes 2 us at 10 x 200, three fancy indexings 13.
        np.equal(y, _class_codes(raw.shape[-2]), out=hit)
        if self.label_smoothing:
            np.multiply(hit, 1.0 - self.label_smoothing, out=hit)
            np.add(hit, self.label_smoothing / raw.shape[-2], out=hit)
        np.subtract(d_raw, hit, out=d_raw)
        weigh(d_raw, weight)
        np.log(row, out=row)
        np.multiply(hit, raw, out=hit)
        return weighted_sum(row, weight) - weighted_sum(hit, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        p = np.empty_like(raw)
        self.predict(raw, out=p)
        np.subtract(t, np.add.reduce(p * t, axis=-2, keepdims=True), out=t)
        np.multiply(t, p, out=t)
        weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        np.subtract(raw, np.maximum.reduce(raw, axis=-2, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, np.add.reduce(out, axis=-2, keepdims=True), out=out)
        np.maximum(out, float(np.finfo(out.dtype).tiny), out=out)  # log(p) is finite

    @staticmethod
    def _shifted_exp(raw: Array, out: Array, row: Array) -> None:
        """Shift ``raw`` to a maximum of 0 over the classes, and write its exponential."""
        np.maximum.reduce(raw, axis=-2, keepdims=True, out=row)
        np.subtract(raw, row, out=raw)
        np.exp(raw, out=out)


CLASSIFICATION: dict[str, type[Loss]] = {
    "sigmoid_cross_entropy": SigmoidCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
