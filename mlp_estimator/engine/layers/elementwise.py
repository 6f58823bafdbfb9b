"""Activations as layers."""

from __future__ import annotations

from collections.abc import Hashable

from ..activations import Activation
from ..members import Array
from .contract import Diagonal, Params


class Elementwise(Diagonal):
    """An activation: out = f(x). Its Jacobian is diagonal, so that backward and tangent are one product."""

    overwrites_x = True

    def __init__(self, activation: Activation):
        self.activation = activation
        self.in_place = activation.saves == "output"
        self.keeps = frozenset({"out" if self.in_place else "x"})

    @property
    def kind(self) -> Hashable:
        return self.activation

    def forward(self, p: Params, x: Array, out: Array, scratch: Params) -> None:
        self.activation.apply(x, out)

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
        if d_in is not None and work is not None:
            self.activation._error(out if self.in_place else x, d_out, d_in, work)
