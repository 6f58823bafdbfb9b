"""Activations as layers."""

from __future__ import annotations

from collections.abc import Hashable

from ..activations import Activation
from ..members import Array
from .contract import Diagonal, Step


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

    def forward(self, step: Step) -> None:
        self.activation.apply(step.x, step.out)

    def product(self, step: Step, a: Array, out: Array) -> None:
        self.activation._error(step.out if self.in_place else step.x, a, out, step.work)
