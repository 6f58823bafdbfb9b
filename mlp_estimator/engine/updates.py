"""One update of the parameters from a gradient: clip, optimizer, and the move with rates, decay and moving average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from . import kernels
from .layout import Layout
from .members import Array, cast, squared_norm
from .optimizers import Optimizer


def clip(grad: Array, max_grad_norm: Any) -> None:
    """Scale a gradient that is longer than ``max_grad_norm`` down to that length (Pascanu, Mikolov and Bengio 2013).

    The length is the Euclidean norm of the whole gradient, penalty included.
    """
    norm, (limit,) = np.sqrt(squared_norm(grad))[:, None], cast((max_grad_norm,), grad)
    np.multiply(grad, limit / np.maximum(norm, limit), out=grad)


FLUSH_STEPS = 50
"""Steps between two searches for numbers that are nearly 0."""


def flush(memory: Array, work: Array) -> None:
    """Replace numbers that are nearly 0 by 0, before they become subnormal.

    Moments of parameters without a gradient halve every few steps, and do not reach 0 by themselves: the product of
    the smallest subnormal numbers and 0.9 is rounded to the same number. Arithmetic on them takes up to a hundred times
    as long. At most 2^20 times the smallest normal number is far below what changes a step.
    """
    np.abs(memory, out=work)
    np.greater_equal(work, np.finfo(memory.dtype).tiny * 2.0**20, out=work)
    np.multiply(memory, work, out=memory)


class Update:
    """Clip the gradient, turn it into a step, and move theta by it, with the rates and the decay.

    The gradient is overwritten. theta changes in the last call only: an interrupt leaves the parameters of the last
    complete step.

    Rates multiply the step of each parameter by its factor on the learning rate, ``Param.rate``. Decay subtracts
    learning rate * ``weight_decay`` * W from the step of the weights W, whatever the optimizer: with Adam that is AdamW
    (Loshchilov and Hutter 2019). Its learning rate is that of the optimizer, without ``Param.rate``.
    ``decay_factor`` is a further factor, of schedules.

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
        self.max_grad_norm = limits["max_grad_norm"]
        rates = layout.rates()
        self.rates = None if rates is None else rates.astype(theta.dtype)
        self.weight_decay, self.decay_factor = limits["weight_decay"], 1.0
        self._scaled = np.empty_like(theta[:, : layout.n_decayed]) if np.any(self.weight_decay) else None
        self._n_updates = 0

    def __call__(self, grad: Array) -> None:
        optimizer = self.optimizer
        optimizer.n_steps += 1
        if self.max_grad_norm is not None:
            clip(grad, self.max_grad_norm)
        optimizer.step(grad)
        memory = 0.0
        if self.averaged is not None:
            past = optimizer.n_steps / (optimizer.n_steps + 9.0)
            memory = min(self.MAX_MEMORY, past) if isinstance(past, float) else np.minimum(self.MAX_MEMORY, past)
        decay = optimizer.learning_rate * self.weight_decay * self.decay_factor
        kernels.move(self.theta, grad, self.rates, (decay, memory), self._scaled, self.averaged)
        self._n_updates += 1
        if self._n_updates % FLUSH_STEPS == 0:
            for name in optimizer.memory:
                flush(getattr(optimizer, name), grad)
