"""Losses of classification: class codes, two classes, or independent labels. Contract: ``contract.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from .. import kernels
from ..graph import Graph
from ..kernels.vectorised import weigh
from ..members import Array
from .contract import Loss


class SigmoidCrossEntropy(Loss):
    """Binary cross-entropy of each output, summed over outputs: log(1 + e^raw) - y raw, y in [0, 1].

    For two classes (one output) and for multilabel targets (independent labels).
    """

    link = "logistic"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        value: Array = kernels.sigmoid_cross_entropy(y, raw, weight, d_raw, work)
        return value

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

    def nodes(self, g: Graph, raw: str) -> str:
        limits = np.finfo(g.dtype)
        return g("Min", g("Max", g("Sigmoid", raw), float(limits.tiny)), 1.0 - float(limits.epsneg))


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
        value: Array = kernels.softmax_cross_entropy(y, raw, weight, d_raw, work, self.label_smoothing)
        return value

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

    def nodes(self, g: Graph, raw: str) -> str:
        return g("Max", g("Softmax", raw, axis=-1), float(np.finfo(g.dtype).tiny))


CLASSIFICATION: dict[str, type[Loss]] = {
    "sigmoid_cross_entropy": SigmoidCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
