"""Losses: one loop over the rows. Exponentials of many classes are NumPy's, which has them as SIMD."""

from __future__ import annotations

import math

import numpy as np

from ...members import lowest_exponent
from .compiler import loop, of


def softmax_cross_entropy(y, raw, weight, d_raw, work, smoothing):
    _shift(raw, work)
    raw.clip(lowest_exponent(raw.dtype), 0.0, out=d_raw)
    np.exp(d_raw, out=d_raw)
    return _softmax_cross_entropy(y, raw, weight, d_raw, work, raw.dtype.type(smoothing))


@loop
def _shift(raw, work):
    for m in range(len(raw)):
        highest = work[m, 0]
        highest[:] = raw[m, 0]
        for k in range(1, raw.shape[1]):
            for j in range(raw.shape[2]):
                highest[j] = raw[m, k, j] if raw[m, k, j] > highest[j] else highest[j]
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                raw[m, k, j] -= highest[j]


@loop
def _softmax_cross_entropy(y, raw, weight, d_raw, work, smoothing):
    n_classes, one = raw.shape[1], raw.dtype.type(1)
    elsewhere = smoothing / raw.dtype.type(n_classes)
    at_class = one - smoothing + elsewhere
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value, total, codes = 0.0, work[m, 0], y[of(y, m), 0]
        total[:] = 0
        for k in range(n_classes):
            for j in range(total.size):
                total[j] += d_raw[m, k, j]
        for j in range(total.size):
            value += math.log(total[j]) if weight is None else weight[of(weight, m), 0, j] * math.log(total[j])
            total[j] = one / total[j]
        for k in range(n_classes):
            for j in range(total.size):
                hit = at_class if codes[j] == k else elsewhere
                share, gradient = hit * raw[m, k, j], d_raw[m, k, j] * total[j] - hit
                if weight is not None:
                    share *= weight[of(weight, m), 0, j]
                    gradient *= weight[of(weight, m), 0, j]
                value -= share
                d_raw[m, k, j] = gradient
        values[m] = value
    return values


def sigmoid_cross_entropy(y, raw, weight, d_raw, work):
    return _sigmoid_cross_entropy(y, raw, weight, d_raw, raw.dtype.type(lowest_exponent(raw.dtype)))


@loop
def _sigmoid_cross_entropy(y, raw, weight, d_raw, lowest):
    one, zero = raw.dtype.type(1), raw.dtype.type(0)
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value = 0.0
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                r, t, w = raw[m, k, j], y[of(y, m), k, j], one
                if weight is not None:
                    w = weight[of(weight, m), 0, j]
                z = -abs(r)
                e = math.exp(lowest if z < lowest else z)
                value += w * ((r if r > zero else zero) + math.log1p(e) - t * r)
                d_raw[m, k, j] = w * ((one if r >= zero else e) / (one + e) - t)
        values[m] = value
    return values


@loop
def squared_error(y, raw, weight, d_raw, work):
    half = raw.dtype.type(0.5)
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value = 0.0
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                r, w = raw[m, k, j] - y[of(y, m), k, j], raw.dtype.type(1)
                if weight is not None:
                    w = weight[of(weight, m), 0, j]
                value += half * w * r * r
                d_raw[m, k, j] = w * r
        values[m] = value
    return values
