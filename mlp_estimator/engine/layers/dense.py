"""Affine layers: of dense and of sparse rows, and with one factor per feature."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..batches import Batches, SparseRows
from ..layout import Param
from ..members import Array
from .contract import Layer, Params, Scratch, Step

Initializer = Callable[[Array, Array, np.random.RandomState], None]
"""Writes the first weights (n_in, n_out) and biases (n_out, 1) of one member."""


def uniform(bound: Callable[[int, int], float]) -> Initializer:
    """Draw from a uniform distribution within the bound, biases too: scikit-learn's draws in its order."""

    def initialize(W: Array, b: Array, rng: np.random.RandomState) -> None:
        limit = bound(*W.shape)
        for array in (W, b):
            array[:] = rng.uniform(-limit, limit, array.shape)

    return initialize


def affine(W: Array, b: Array, x: Array, out: Array) -> None:
    """Write W' x + b."""
    np.matmul(W.swapaxes(1, 2), x, out=out)
    kernels.add_bias(out, b)


def affine_gradients(x: Array, d_out: Array, dW: Array, db: Array) -> None:
    """Write dW = x d_out', and db, the sum of d_out over the batch."""
    # With one row in a batch, as in a Jacobian, these are outer products, which BLAS computes one after the other.
    (np.multiply if x.shape[2] == 1 else np.matmul)(x, d_out.swapaxes(1, 2), out=dW)
    kernels.sum_over_batch(d_out, db)


def affine_error(W: Array, d_out: Array, d_in: Array) -> None:
    """Write d_in = W d_out."""
    # With one output it is an outer product: 3 us by broadcasting at 100 x 200, 23 to 28 by BLAS.
    (np.multiply if W.shape[2] == 1 else np.matmul)(W, d_out, out=d_in)


def add_product(W: Array, x: Array, out: Array, work: Array) -> None:
    """Add W' x to out."""
    np.matmul(W.swapaxes(1, 2), x, out=work)
    np.add(out, work, out=out)


def normal(n_effective: float, n_halved: int) -> Initializer:
    """Draw weights from a normal distribution of variance 2 / n_effective, biases from [-0.5, 0.5].

    The last ``n_halved`` rows, those of an encoding, start at half of that.
    """

    def initialize(W: Array, b: Array, rng: np.random.RandomState) -> None:
        W[:] = rng.standard_normal(W.shape) * math.sqrt(2.0 / n_effective)
        W[len(W) - n_halved :] *= 0.5
        b[:] = rng.uniform(-0.5, 0.5, b.shape)

    return initialize


def zeros(W: Array, b: Array, rng: np.random.RandomState) -> None:
    """Start at zero."""
    W.fill(0.0)
    b.fill(0.0)


class Dense(Layer):
    """The affine layer z = W' x + b, W (M, n_in, n_out), b (M, n_out, 1), one column of x a sample.

    ``rates`` are factors on the learning rates of W and b.
    """

    keeps = frozenset({"x"})

    def __init__(self, width: int, initialize: Initializer, rates: tuple[float, float] = (1.0, 1.0)):
        self.width = width
        self.initialize = initialize
        self.rates = rates

    @property
    def kind(self) -> Hashable:
        return (type(self).__name__, self.width, self.rates)

    def n_out(self, n_in: int) -> int:
        return self.width

    def params(self, n_in: int) -> tuple[Param, ...]:
        W_rate, b_rate = self.rates
        return Param("W", (n_in, self.width), True, W_rate), Param("b", (self.width,), False, b_rate)

    def init(self, p: Params, rng: np.random.RandomState) -> None:
        W, b = p
        self.initialize(W[0], b[0], rng)

    def forward(self, step: Step) -> None:
        W, b = step.p
        affine(W, b, step.x, step.out)

    def backward(self, step: Step) -> None:
        if step.dp:
            affine_gradients(step.x, step.d_out, *step.dp)
        if step.d_in is not None:
            affine_error(step.p[0], step.d_out, step.d_in)

    def tangent(self, step: Step) -> None:
        (W, _), (V, v_b) = step.p, step.v
        affine(V, v_b, step.x, step.t_out)
        if step.t_in is not None:
            add_product(W, step.t_in, step.t_out, step.work)


class SparseDense(Dense):
    """The affine layer at the bottom of a network that reads sparse rows."""

    bottom = True

    def batches(self, Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any]) -> Batches:
        return SparseRows(Xs, n_rows, dtype)

    def forward(self, step: Step) -> None:
        sparse_affine(step.p, step.x, step.out)

    def backward(self, step: Step) -> None:
        dW, db = step.dp
        for dW_m, d_m, batch in zip(dW, step.d_out, _rows_of(step.x, len(dW)), strict=True):
            np.copyto(dW_m, batch.T @ d_m.T)
        kernels.sum_over_batch(step.d_out, db)

    def tangent(self, step: Step) -> None:
        sparse_affine(step.v, step.x, step.t_out)


def sparse_affine(p: Params, x: Array, out: Array) -> None:
    """Write W' x + b of sparse rows."""
    W, b = p
    for W_m, out_m, batch in zip(W, out, _rows_of(x, len(W)), strict=True):
        np.copyto(out_m, (batch @ W_m).T)
    kernels.add_bias(out, b)


def _rows_of(x: Array, n_members: int) -> list[Any]:
    assert isinstance(x, SparseRows)
    return x.of_members(n_members)


class ScaledDense(Dense):
    """The affine layer z = W' (s * x) + b with one factor s (M, n_in, 1) per feature, 1 at the start.

    As the first affine layer it learns the relevance of the features (Holzmueller, Grinsztajn and Steinwart 2024).
    ``scale_rate`` is a factor on the learning rate of s. The gradient of s follows from that of W, without the error
    of s * x: a third of the products of a wide first layer.
    """

    def __init__(
        self,
        width: int,
        initialize: Initializer,
        rates: tuple[float, float] = (1.0, 1.0),
        scale_rate: float = 1.0,
    ):
        super().__init__(width, initialize, rates)
        self.scale_rate = scale_rate

    @property
    def kind(self) -> Hashable:
        return (super().kind, self.scale_rate)

    def params(self, n_in: int) -> tuple[Param, ...]:
        return (*super().params(n_in), Param("scales", (n_in,), decay=False, rate=self.scale_rate))

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        return (Scratch("scaled", n_in),)

    def init(self, p: Params, rng: np.random.RandomState) -> None:
        super().init(p[:2], rng)
        p[2].fill(1.0)

    def forward(self, step: Step) -> None:
        (W, b, s), (scaled,) = step.p, step.scratch
        np.multiply(s, step.x, out=scaled)
        affine(W, b, scaled, step.out)

    def backward(self, step: Step) -> None:
        (W, _, s), (dW, db, ds), d_in = step.p, step.dp, step.d_in
        affine_gradients(step.x, step.d_out, dW, db)
        kernels.scale_gradients(s, W, dW, ds)
        if d_in is not None:
            affine_error(W, step.d_out, d_in)
            np.multiply(s, d_in, out=d_in)

    def tangent(self, step: Step) -> None:
        (W, _, s), (V, v_b, v_s), (scaled,) = step.p, step.v, step.scratch
        np.multiply(s, step.x, out=scaled)
        affine(V, v_b, scaled, step.t_out)
        for factor, a in ((v_s, step.x), (s, step.t_in)):
            if a is not None:
                np.multiply(factor, a, out=scaled)
                add_product(W, scaled, step.t_out, step.work)
