"""An affine layer with one factor per feature."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from .. import kernels
from ..layout import Param
from .contract import Params, Scratch, Step
from .dense import Dense, Initializer, add_product, affine, affine_error, affine_gradients


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
