"""One update of the parameters from a gradient, in place.

An optimizer turns a gradient into a step; what else changes a step stands before it (clipping) or behind it (weight
decay), and ``Update`` puts them in order. All parameters being one (M, P) array, none of this knows of layers.
Hyperparameters are numbers, or columns (M, 1) for members that differ: ``joined`` makes one optimizer of several.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from .layout import Array, Number, cast, for_members, squared_norm


class Optimizer(Protocol):
    """What the minibatch loop needs to know of an optimizer."""

    reads: ClassVar[tuple[str, ...]]  # hyperparameters, by the estimators' names
    memory: ClassVar[tuple[str, ...]]  # attributes that a step changes
    keeps_rate: ClassVar[tuple[str, ...]]  # schedules that scikit-learn does not apply to it
    learning_rate: Number

    def step(self, grad: Array) -> None:
        """Put the step in the place of the gradient."""
        ...


class SGD:
    """Stochastic gradient descent with (Nesterov) momentum.

    v <- momentum v - rate g, and the step is v, or with Nesterov's look-ahead momentum v - rate g (Sutskever et al.
    2013).

    ============  =================
    symbol        attribute
    ============  =================
    momentum v    ``velocity``
    ============  =================

    Storing the product spares the look-ahead a scratch array.
    """

    reads: ClassVar = ("learning_rate_init", "momentum", "nesterovs_momentum")
    memory: ClassVar = ("velocity",)
    keeps_rate: ClassVar = ()

    def __init__(
        self,
        theta: Array,
        *,
        learning_rate_init: Number,
        momentum: Number,
        nesterovs_momentum: bool,
    ):
        self.learning_rate = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.velocity = np.zeros_like(theta)

    def step(self, grad: Array) -> None:
        momentum, scale = cast((self.momentum, -self.learning_rate), grad)
        np.multiply(grad, scale, out=grad)
        if self.nesterovs_momentum:
            np.add(self.velocity, grad, out=self.velocity)
            np.multiply(self.velocity, momentum, out=self.velocity)
            np.add(grad, self.velocity, out=grad)
        else:
            np.add(grad, self.velocity, out=grad)
            np.multiply(grad, momentum, out=self.velocity)


class Adam:
    """Adam (Kingma and Ba 2015), with both moments kept without their factors 1 - beta.

    m <- beta_1 m + g and v <- beta_2 v + g^2 are the paper's moments divided by 1 - beta_1 and 1 - beta_2: two
    passes over memory less per step. With r = rate sqrt(1 - beta_2^t) / (1 - beta_1^t),
    the step is -r (1 - beta_1) m / (sqrt((1 - beta_2) v) + epsilon).

    ============  =====================================
    symbol        attribute
    ============  =====================================
    m             ``mean``, first moment / (1 - beta_1)
    v             ``square``, second / (1 - beta_2)
    t             ``n_steps``
    ============  =====================================
    """

    reads: ClassVar = ("learning_rate_init", "beta_1", "beta_2", "epsilon")
    memory: ClassVar = ("mean", "square", "n_steps")
    keeps_rate: ClassVar = ("invscaling", "adaptive")

    def __init__(
        self,
        theta: Array,
        *,
        learning_rate_init: Number,
        beta_1: Number,
        beta_2: Number,
        epsilon: Number,
    ):
        self.learning_rate = learning_rate_init
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_steps = 0
        self.mean = np.zeros_like(theta)
        self.square = np.zeros_like(theta)

    def step(self, grad: Array) -> None:
        self.n_steps += 1
        t, root = self.n_steps, (1.0 - self.beta_2) ** 0.5
        rate = self.learning_rate * (1.0 - self.beta_2**t) ** 0.5 / (1.0 - self.beta_1**t)
        numbers = self.beta_1, self.beta_2, self.epsilon / root, -rate * (1.0 - self.beta_1) / root
        beta_1, beta_2, epsilon, scale = cast(numbers, grad)
        np.multiply(self.mean, beta_1, out=self.mean)
        np.add(self.mean, grad, out=self.mean)
        np.square(grad, out=grad)
        np.multiply(self.square, beta_2, out=self.square)
        np.add(self.square, grad, out=self.square)
        np.sqrt(self.square, out=grad)
        np.add(grad, epsilon, out=grad)
        np.divide(self.mean, grad, out=grad)
        np.multiply(grad, scale, out=grad)


class Update:
    """One change of theta: the gradient clipped, made a step by the optimizer, joined by the decay, and added.

    ``max_grad_norm`` bounds the Euclidean length of the whole gradient, penalty included (Pascanu, Mikolov and Bengio
    2013). ``weight_decay`` takes rate * weight_decay * W from the weights W at every step, whatever optimizer and batch
    size: with Adam that is AdamW (Loshchilov and Hutter 2019). The gradient is spent, and theta changes in the last
    call only: an interrupt leaves the parameters of the last whole step.
    """

    reads: ClassVar = ("max_grad_norm", "weight_decay")

    def __init__(self, optimizer: Optimizer, theta: Array, n_decayed: int, limits: Mapping[str, Any]):
        self.optimizer = optimizer
        self.theta, self._W = theta, theta[:, :n_decayed]
        self.max_grad_norm, self.weight_decay = (limits[name] for name in self.reads)
        self._changes: list[Callable[[Array], None]] = [optimizer.step]
        if self.max_grad_norm is not None:
            self._changes.insert(0, self._clip)
        if np.any(self.weight_decay):
            self._decayed = np.empty_like(self._W)
            self._changes.append(self._decay)

    def __call__(self, grad: Array) -> None:
        for change in self._changes:
            change(grad)
        np.add(self.theta, grad, out=self.theta)

    def _clip(self, grad: Array) -> None:
        norm, (longest,) = np.sqrt(squared_norm(grad))[:, None], cast((self.max_grad_norm,), grad)
        np.multiply(grad, longest / np.maximum(norm, longest), out=grad)

    def _decay(self, step: Array) -> None:
        (rate,) = cast((self.optimizer.learning_rate * self.weight_decay,), self._W)
        np.multiply(self._W, rate, out=self._decayed)
        decayed = step[:, : self._W.shape[1]]
        np.subtract(decayed, self._decayed, out=decayed)


def joined(optimizers: Sequence[Any]) -> Any:
    """One optimizer for all members: memories behind each other, numbers in a column where they differ."""
    if len(optimizers) == 1:
        return optimizers[0]
    whole = copy.copy(optimizers[0])
    for name, value in vars(whole).items():
        values = [getattr(optimizer, name) for optimizer in optimizers]
        setattr(whole, name, np.concatenate(values) if isinstance(value, np.ndarray) else for_members(values))
    return whole


def part(whole: Any, optimizers: Sequence[Any]) -> None:
    """Give back to the optimizers what steps have made of their memories in the whole."""
    for m, optimizer in enumerate(optimizers):
        for name in whole.memory if optimizer is not whole else ():
            found, own = getattr(whole, name), getattr(optimizer, name)
            if isinstance(own, np.ndarray):
                np.copyto(own, found[m : m + 1])
            else:
                setattr(optimizer, name, type(own)(found[m, 0] if isinstance(found, np.ndarray) else found))


OPTIMIZERS: dict[str, type[Any]] = {"sgd": SGD, "adam": Adam}
