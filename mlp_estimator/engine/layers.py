"""Layers: a forward, a backward and a tangent pass over arrays that the caller owns.

A layer is shapes and arithmetic, no state. ``backward`` writes (never accumulates) the gradients of its parameters
and of its input, ``tangent`` the directional derivative of its output; each is one line of ``docs/derivations.md``.
Letters: see ``network.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from .activations import Activation
from .batches import SparseRows
from .layout import Array, Number, Param, cast

Params = tuple[Array, ...]


class Layer(Protocol):
    """What a network asks of a layer; ``n_in`` is the width below it."""

    in_place: bool  # the output may take the place of the input
    reads_sparse: bool  # x may be sparse rows
    kind: Hashable  # equal for layers that compute alike, however they start and whatever their rate
    noisy: bool  # p is an array like the output, of random numbers that ``draw(p, rngs)`` writes for each batch

    def n_out(self, n_in: int) -> int: ...

    def params(self, n_in: int) -> tuple[Param, ...]: ...

    def init(self, p: Params, rng: np.random.RandomState) -> None: ...

    def forward(self, p: Params, x: Array, out: Array) -> None: ...

    def backward(
        self, p: Params, x: Array, out: Array, d_out: Array, dp: Params, d_in: Array | None, work: Array | None
    ) -> None:
        """Write dp and, unless None, d_in; ``x`` and ``out`` are those of ``forward``, ``work`` is like d_in."""
        ...

    def tangent(
        self,
        p: Params,
        x: Array,
        out: Array,
        v: Params,
        t_in: Array | None,
        t_out: Array,
        work: Array,
    ) -> None:
        """Write the derivative of ``out`` along (v, t_in); None is a zero tangent; ``work`` is like t_out."""
        ...


@lru_cache(maxsize=32)
def _ones(n_rows: int, dtype: np.dtype[Any]) -> Array:
    return np.ones((n_rows, 1), dtype)


def _sum_over_batch(d_out: Array, out: Array) -> None:
    """Sum (M, n_out, B) to (M, n_out, 1) as a product: 2.4 us at 256 x 200 where add.reduce takes 10.7, einsum 4.4."""
    if d_out.shape[2] == 1:
        np.copyto(out, d_out)
    else:
        np.matmul(d_out, _ones(d_out.shape[2], d_out.dtype), out=out)


class Dense:
    """The affine layer z = W' x + b, W (M, n_in, n_out), b (M, n_out, 1), one column of x a sample."""

    in_place = False
    reads_sparse = False
    noisy = False

    def __init__(self, width: int, bound: Callable[[int, int], float]):
        self.width = width
        self.bound = bound
        self.kind: Hashable = (type(self).__name__, width)

    def n_out(self, n_in: int) -> int:
        return self.width

    def params(self, n_in: int) -> tuple[Param, ...]:
        return (
            Param("W", (n_in, self.width), decay=True),
            Param("b", (self.width, 1), decay=False),
        )

    def init(self, p: Params, rng: np.random.RandomState) -> None:
        """Uniform within the bound, biases too: scikit-learn's draws in its order."""
        bound = self.bound(*p[0].shape[1:])
        for array in p:
            array[0] = rng.uniform(-bound, bound, array.shape[1:])

    def forward(self, p: Params, x: Array, out: Array) -> None:
        W, b = p
        np.matmul(W.swapaxes(1, 2), x, out=out)
        np.add(out, b, out=out)

    def backward(
        self, p: Params, x: Array, out: Array, d_out: Array, dp: Params, d_in: Array | None, work: Array | None
    ) -> None:
        (W, _), (dW, db) = p, dp
        # A batch of one (each row by itself, for a Jacobian) makes outer products, which BLAS takes one by one.
        (np.multiply if x.shape[2] == 1 else np.matmul)(x, d_out.swapaxes(1, 2), out=dW)
        _sum_over_batch(d_out, db)
        if d_in is not None:
            # With one output it is an outer product: 3 us by broadcasting at 100 x 200, 23 to 28 by BLAS.
            (np.multiply if self.width == 1 else np.matmul)(W, d_out, out=d_in)

    def tangent(
        self,
        p: Params,
        x: Array,
        out: Array,
        v: Params,
        t_in: Array | None,
        t_out: Array,
        work: Array,
    ) -> None:
        (W, _), (V, v_b) = p, v
        np.matmul(V.swapaxes(1, 2), x, out=t_out)
        np.add(t_out, v_b, out=t_out)
        if t_in is not None:
            np.matmul(W.swapaxes(1, 2), t_in, out=work)
            np.add(t_out, work, out=t_out)


class SparseDense(Dense):
    """The affine layer at the bottom of a network that reads sparse rows."""

    reads_sparse = True

    def forward(self, p: Params, x: SparseRows, out: Array) -> None:  # type: ignore[override]
        W, b = p
        for W_m, out_m, batch in zip(W, out, x.of_members(len(W)), strict=True):
            np.copyto(out_m, (batch @ W_m).T)
        np.add(out, b, out=out)

    def backward(  # type: ignore[override]
        self, p: Params, x: SparseRows, out: Array, d_out: Array, dp: Params, d_in: None, work: None
    ) -> None:
        dW, db = dp
        for dW_m, d_m, batch in zip(dW, d_out, x.of_members(len(dW)), strict=True):
            np.copyto(dW_m, batch.T @ d_m.T)
        _sum_over_batch(d_out, db)

    def tangent(  # type: ignore[override]
        self,
        p: Params,
        x: SparseRows,
        out: Array,
        v: Params,
        t_in: None,
        t_out: Array,
        work: Array,
    ) -> None:
        self.forward(v, x, t_out)


class Elementwise:
    """An activation as a layer: out = f(x); its Jacobian is diagonal, so backward and tangent are one product."""

    in_place: bool
    reads_sparse = False
    noisy = False
    kind: Hashable

    def __init__(self, activation: Activation):
        self.activation = self.kind = activation
        self.in_place = activation.saves == "output"

    def n_out(self, n_in: int) -> int:
        return n_in

    def params(self, n_in: int) -> tuple[Param, ...]:
        return ()

    def init(self, p: Params, rng: np.random.RandomState) -> None:
        pass

    def forward(self, p: Params, x: Array, out: Array) -> None:
        self.activation.apply(x, out)

    def backward(
        self, p: Params, x: Array, out: Array, d_out: Array, dp: Params, d_in: Array | None, work: Array | None
    ) -> None:
        if d_in is not None and work is not None:
            self.activation.slope(out if self.in_place else x, d_in, work)
            np.multiply(d_in, d_out, out=d_in)

    def tangent(
        self,
        p: Params,
        x: Array,
        out: Array,
        v: Params,
        t_in: Array | None,
        t_out: Array,
        work: Array,
    ) -> None:
        if t_in is None:
            t_out.fill(0.0)
        else:
            self.backward(p, x, out, t_in, (), t_out, work)


class Dropout(Elementwise):
    """Inverted dropout: out = mask * x, the mask 0 with probability ``rate``, else 1 / (1 - rate).

    The expectation of out is x (Srivastava et al. 2014). ``p`` is the mask; sweeps without noise (prediction,
    validation) leave the layer out.
    """

    in_place = False
    noisy = True

    kind: Hashable = "dropout"

    def __init__(self, rate: Number):
        self.rate = rate
        self._rate = rate if isinstance(rate, float) else rate[:, :, None]

    def draw(self, p: Params, rngs: Sequence[np.random.Generator]) -> None:
        """Draw the mask of each member from its generator, sample by sample."""
        (mask,) = p
        for mask_m, rng in zip(mask, rngs, strict=True):
            rng.random(dtype=mask.dtype, out=mask_m.T)
        rate, scale = cast((self._rate, 1.0 / (1.0 - self._rate)), mask)
        np.greater_equal(mask, rate, out=mask)
        np.multiply(mask, scale, out=mask)

    def forward(self, p: Params, x: Array, out: Array) -> None:
        np.multiply(x, p[0], out=out)

    def backward(
        self, p: Params, x: Array, out: Array, d_out: Array, dp: Params, d_in: Array | None, work: Array | None
    ) -> None:
        if d_in is not None:
            np.multiply(d_out, p[0], out=d_in)
