"""One factor per feature."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from .. import kernels
from ..layout import Param
from ..members import Array
from .contract import Layer, Params, Scratch


class Scale(Layer):
    """The layer z = s * x with one factor s (M, n_in, 1) per feature, 1 at the start.

    In front of the first affine layer it is a learned relevance of the features (Holzmueller, Grinsztajn and Steinwart
    2024). ``rate`` is a factor on its learning rate.
    """

    keeps = frozenset({"x"})

    def __init__(self, rate: float = 1.0):
        self.rate = rate

    @property
    def kind(self) -> Hashable:
        return ("scale", self.rate)

    def params(self, n_in: int) -> tuple[Param, ...]:
        return (Param("scales", (n_in,), decay=False, rate=self.rate),)

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        return (Scratch("products", n_in),)

    def init(self, p: Params, rng: np.random.RandomState) -> None:
        p[0].fill(1.0)

    def forward(self, p: Params, x: Array, out: Array, scratch: Params) -> None:
        np.multiply(p[0], x, out=out)

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
        (s,), (products,) = p, scratch
        kernels.scale_error(s, x, d_out, dp[0], d_in, products)

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
        np.multiply(v[0], x, out=t_out)
        if t_in is not None:
            np.multiply(p[0], t_in, out=work)
            np.add(t_out, work, out=t_out)
