"""Layers whose Jacobian is diagonal: activations and dropout."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import Self

import numpy as np

from .. import kernels
from ..activations import Activation
from ..members import Array, Number, for_members
from .contract import Layer, Noise, Params, Scratch, Step


class Diagonal(Layer):
    """A layer whose Jacobian is diagonal, and so its own transpose: tangent and backward are one product."""

    @abstractmethod
    def product(self, step: Step, a: Array, out: Array) -> None:
        """Write the Jacobian times a to out; a, out and work are alike."""

    def backward(self, step: Step) -> None:
        if step.d_in is not None:
            self.product(step, step.d_out, step.d_in)

    def tangent(self, step: Step) -> None:
        if step.t_in is None:
            step.t_out.fill(0.0)
        else:
            self.product(step, step.t_in, step.t_out)


class Elementwise(Diagonal):
    """An activation: out = f(x)."""

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


class Dropout(Diagonal):
    """Inverted dropout: out = mask * x, the mask 0 with probability ``rate``, else 1 / (1 - rate).

    The expectation of out is x (Srivastava et al. 2014). The mask is scratch memory that ``draw`` fills; the noise may
    lower the rate by its factor.
    """

    noisy = True

    def __init__(self, rate: Number):
        self.rate = rate

    @property
    def kind(self) -> Hashable:
        return "dropout"

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        return (Scratch("mask", n_in),)

    def joined(self, layers: Sequence[Self]) -> Layer:
        return Dropout(for_members([layer.rate for layer in layers if isinstance(layer.rate, float)]))

    def draw(self, scratch: Params, noise: Noise) -> None:
        """Draw the mask of each member from its generator, sample by sample."""
        (mask,) = scratch
        for mask_m, rng in zip(mask, noise.generators, strict=True):
            rng.random(dtype=mask.dtype, out=mask_m.T)
        rate = self.rate * noise.factor
        kernels.dropout_mask(mask, rate, 1.0 / (1.0 - rate))

    def forward(self, step: Step) -> None:
        np.multiply(step.x, step.scratch[0], out=step.out)

    def product(self, step: Step, a: Array, out: Array) -> None:
        np.multiply(a, step.scratch[0], out=out)
