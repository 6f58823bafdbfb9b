"""One update of the parameters from a gradient: a chain of links, each a change of the step in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from .layout import Layout
from .members import Array, cast, squared_norm
from .optimizers import Optimizer


class Clip:
    """Scale a gradient that is longer than ``max_grad_norm`` down to that length (Pascanu, Mikolov and Bengio 2013).

    The length is the Euclidean norm of the whole gradient, penalty included.
    """

    def __init__(self, max_grad_norm: Any):
        self.max_grad_norm = max_grad_norm

    def __call__(self, grad: Array) -> None:
        norm, (limit,) = np.sqrt(squared_norm(grad))[:, None], cast((self.max_grad_norm,), grad)
        np.multiply(grad, limit / np.maximum(norm, limit), out=grad)


class Rates:
    """Multiply the step of each parameter by its factor on the learning rate, ``Param.rate``."""

    def __init__(self, rates: Array):
        self.rates = rates

    def __call__(self, step: Array) -> None:
        np.multiply(step, self.rates, out=step)


class Decay:
    """Subtract learning rate * ``weight_decay`` * W from the step of the weights W, whatever the optimizer.

    With Adam that is AdamW (Loshchilov and Hutter 2019). The learning rate is that of the optimizer, without
    ``Param.rate``.
    """

    def __init__(self, optimizer: Optimizer, W: Array, weight_decay: Any):
        self.optimizer, self.W, self.weight_decay, self.factor = optimizer, W, weight_decay, 1.0
        self._scaled = np.empty_like(W)

    def __call__(self, step: Array) -> None:
        (rate,) = cast((self.optimizer.learning_rate * self.weight_decay * self.factor,), self.W)
        np.multiply(self.W, rate, out=self._scaled)
        decayed = step[:, : self.W.shape[1]]
        np.subtract(decayed, self._scaled, out=decayed)


class Update:
    """Clip the gradient, turn it into a step, apply the rates and the decay, and add the step to theta.

    A link that has nothing to do is left out. The gradient is overwritten. theta changes in the last call only: an
    interrupt leaves the parameters of the last complete step.

    ``averaged`` (M, P), where there is one, becomes the exponential moving average of theta over the steps: the factor
    of the past is t / (t + 9) in step t, up to ``MAX_MEMORY``.
    """

    reads: ClassVar[tuple[str, ...]] = ("max_grad_norm", "weight_decay")
    MAX_MEMORY: ClassVar[float] = 0.98

    def __init__(
        self,
        optimizer: Optimizer,
        theta: Array,
        layout: Layout,
        limits: Mapping[str, Any],
        averaged: Array | None = None,
    ):
        self.optimizer, self.theta, self.averaged = optimizer, theta, averaged
        self.links: list[Callable[[Array], None]] = [optimizer.step]
        if limits["max_grad_norm"] is not None:
            self.links.insert(0, Clip(limits["max_grad_norm"]))
        rates = layout.rates()
        if rates is not None:
            self.links.append(Rates(rates.astype(theta.dtype)))
        self.decay: Decay | None = None
        if np.any(limits["weight_decay"]):
            self.decay = Decay(optimizer, theta[:, : layout.n_decayed], limits["weight_decay"])
            self.links.append(self.decay)

    def __call__(self, grad: Array) -> None:
        self.optimizer.n_steps += 1
        for link in self.links:
            link(grad)
        np.add(self.theta, grad, out=self.theta)
        if self.averaged is not None:
            t = self.optimizer.n_steps
            (memory,) = cast((np.minimum(self.MAX_MEMORY, t / (t + 9.0)),), grad)
            np.subtract(self.averaged, self.theta, out=grad)
            np.multiply(grad, memory, out=grad)
            np.add(self.theta, grad, out=self.averaged)
