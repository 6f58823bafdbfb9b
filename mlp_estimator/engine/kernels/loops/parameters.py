"""Loops over parameters (M, P)."""

from __future__ import annotations

import numpy as np

from .compiler import loop, row, table


def adam(grad, mean, square, numbers):
    _adam(grad, mean, square, table(numbers, grad))


@loop
def _adam(grad, mean, square, numbers):
    for m in range(len(grad)):
        beta_1, beta_2, epsilon, scale = numbers[m, 0], numbers[m, 1], numbers[m, 2], numbers[m, 3]
        g, first, second = row(grad[m]), row(mean[m]), row(square[m])
        for j in range(g.size):
            mu = beta_1 * first[j] + g[j]
            v = beta_2 * second[j] + g[j] * g[j]
            first[j], second[j] = mu, v
            g[j] = mu / (np.sqrt(v) + epsilon) * scale


BLOCK = (
    2048  # parameters, whose four arrays stay in the first cache while one short loop after the other runs over them
)


def move(theta, step, rates, numbers, scaled, averaged):
    n_decayed = 0 if scaled is None else scaled.shape[1]
    _move(theta, step, rates, table(numbers, theta), n_decayed, averaged)


@loop
def _move(theta, step, rates, numbers, n_decayed, averaged):
    for m in range(len(theta)):
        decay, memory = numbers[m, 0], numbers[m, 1]
        for start in range(0, theta.shape[1], BLOCK):
            at, s = row(theta[m, start : start + BLOCK]), row(step[m, start : start + BLOCK])
            if rates is not None:
                factors = rates[start : start + BLOCK]
                for j in range(at.size):
                    s[j] *= factors[j]
            if start < n_decayed:
                W = at[: n_decayed - start]
                for j in range(W.size):
                    s[j] -= decay * W[j]
            for j in range(at.size):
                at[j] += s[j]
            if averaged is not None:
                average = row(averaged[m, start : start + BLOCK])
                for j in range(at.size):
                    average[j] = at[j] + memory * (average[j] - at[j])


def penalise(theta, grad, scale, scaled):
    return _penalise(theta, grad, table((scale,), theta), scaled.shape[1])


@loop
def _penalise(theta, grad, numbers, n_decayed):
    norms = np.empty(len(theta), theta.dtype)
    for m in range(len(theta)):
        scale, norm = numbers[m, 0], theta.dtype.type(0)
        W, dW = row(theta[m, :n_decayed]), row(grad[m])
        for j in range(W.size):
            dW[j] += scale * W[j]
            norm += W[j] * W[j]
        norms[m] = norm
    return norms
