"""An affine layer with one factor per feature."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from .. import kernels
from ..layout import Param
from ..members import Array
from .contract import Params, Scratch
from .dense import Dense, Initializer


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

    def forward(self, p: Params, x: Array, out: Array, scratch: Params) -> None:
        (W, b, s), (scaled,) = p, scratch
        np.multiply(s, x, out=scaled)
        super().forward((W, b), scaled, out, ())

    def backward(
        self,
        p: Params,
        x: Array,
        out: Array,
        scratch: Params,
        d_out: Array,
        dp: Params,
        d_in: Array | None,
        work: Array | None,
    ) -> None:
        (W, b, s), (dW, db, ds) = p, dp
        super().backward((W, b), x, out, (), d_out, (dW, db), d_in, work)
        kernels.scale_gradients(s, W, dW, ds)
        if d_in is not None:
            np.multiply(s, d_in, out=d_in)

    def tangent(
        self,
        p: Params,
        x: Array,
        out: Array,
        scratch: Params,
        v: Params,
        t_in: Array | None,
        t_out: Array,
        work: Array,
    ) -> None:
        (W, b, s), (V, v_b, v_s), (scaled,) = p, v, scratch
        np.multiply(s, x, out=scaled)
        super().tangent((W, b), scaled, out, (), (V, v_b), None, t_out, work)
        for factor, a in ((v_s, x), (s, t_in)):
            if a is not None:
                np.multiply(factor, a, out=scaled)
                np.matmul(W.swapaxes(1, 2), scaled, out=work)
                np.add(t_out, work, out=t_out)
