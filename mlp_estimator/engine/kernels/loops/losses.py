"""Losses: one loop over the rows. Exponentials of many classes are NumPy's, which has them as SIMD."""

from __future__ import annotations

import math

import numpy as np

from .compiler import loop, of


def softmax_cross_entropy(y, raw, weight, d_raw, work, smoothing):
    _shift(raw)
    np.exp(raw, out=d_raw)
    return _softmax_cross_entropy(y, raw, weight, d_raw, raw.dtype.type(smoothing))


@loop
def _shift(raw):
    for m in range(len(raw)):
        for j in range(raw.shape[2]):
            highest = raw[m, 0, j]
            for k in range(1, raw.shape[1]):
                highest = max(highest, raw[m, k, j])
            for k in range(raw.shape[1]):
                raw[m, k, j] -= highest


@loop
def _softmax_cross_entropy(y, raw, weight, d_raw, smoothing):
    n_classes, one = raw.shape[1], raw.dtype.type(1)
    elsewhere = smoothing / raw.dtype.type(n_classes)
    at_class = one - smoothing + elsewhere
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value = 0.0
        for j in range(raw.shape[2]):
            code, w, total, hits = y[of(y, m), 0, j], one, raw.dtype.type(0), raw.dtype.type(0)
            if weight is not None:
                w = weight[of(weight, m), 0, j]
            for k in range(n_classes):
                total += d_raw[m, k, j]
            for k in range(n_classes):
                hit = at_class if k == code else elsewhere
                hits += hit * raw[m, k, j]
                d_raw[m, k, j] = w * (d_raw[m, k, j] / total - hit)
            value += w * (math.log(total) - hits)
        values[m] = value
    return values


@loop
def sigmoid_cross_entropy(y, raw, weight, d_raw, work):
    one, zero = raw.dtype.type(1), raw.dtype.type(0)
    values = np.zeros(len(raw), raw.dtype)
    for m in range(len(raw)):
        value = 0.0
        for k in range(raw.shape[1]):
            for j in range(raw.shape[2]):
                r, t, w = raw[m, k, j], y[of(y, m), k, j], one
                if weight is not None:
                    w = weight[of(weight, m), 0, j]
                e = math.exp(-abs(r))
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
