"""Optimizers turn a gradient into a step, in place.

All parameters are one (M, P) array, so that an optimizer knows nothing of layers. Hyperparameters are numbers, or
columns (M, 1) for members that differ.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from . import kernels
from .members import Array, cast, options_for_members


class Optimizer(ABC):
    """What the minibatch solver asks of an optimizer.

    A subclass names its hyperparameters, which become attributes, and the arrays like theta that it carries from step
    to step, which start at 0.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    """Hyperparameters besides the learning rate, by the estimators' names."""
    memory: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that a step changes."""
    ignores_schedules: ClassVar[tuple[str, ...]] = ()
    """Schedules that scikit-learn does not apply to this optimizer."""
    n_steps: Any = 0  # also of SGD in files of version 0.1, which did not count them

    def __init__(self, theta: Array, *, learning_rate_init: Any, **hyperparameters: Any):
        self.learning_rate = learning_rate_init
        self.n_steps = 0
        for name in self.reads:
            setattr(self, name, hyperparameters[name])
        for name in self.memory:
            setattr(self, name, np.zeros_like(theta))

    @abstractmethod
    def step(self, grad: Array) -> None:
        """Replace the gradient by the step; the caller has counted it in ``n_steps``."""

    @classmethod
    def stack(cls, optimizers: Sequence[Self]) -> Self:
        """Return one optimizer for all members: memories stacked, and numbers in a column where they differ."""
        if len(optimizers) == 1:
            return optimizers[0]
        stacked = copy.copy(optimizers[0])
        of_members = [vars(optimizer) for optimizer in optimizers]
        for name in cls.memory:
            setattr(stacked, name, np.concatenate([memories[name] for memories in of_members]))
        vars(stacked).update(options_for_members(of_members, vars(stacked).keys() - set(cls.memory)))
        return stacked

    def unstack(self, optimizers: Sequence[Self]) -> None:
        """Copy the memories and the number of steps back to the optimizers of the members."""
        if self is optimizers[0]:
            return
        for m, optimizer in enumerate(optimizers):
            for name in self.memory:
                np.copyto(getattr(optimizer, name), getattr(self, name)[m : m + 1])
            steps = self.n_steps
            optimizer.n_steps = int(steps[m, 0] if isinstance(steps, np.ndarray) else steps)


class SGD(Optimizer):
    """Stochastic gradient descent with (Nesterov) momentum.

    v <- momentum v - rate g, and the step is v, or with Nesterov's look-ahead momentum v - rate g (Sutskever et al.
    2013).

    ============  =================
    symbol        attribute
    ============  =================
    momentum v    ``velocity``
    ============  =================

    Storing the product saves a scratch array for the look-ahead.
    """

    reads = ("momentum", "nesterovs_momentum")
    memory = ("velocity",)
    momentum: Any
    nesterovs_momentum: bool
    velocity: Array

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


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015), with both moments stored without their factors 1 - beta.

    m <- beta_1 m + g and v <- beta_2 v + g^2 are the paper's moments divided by 1 - beta_1 and 1 - beta_2, which saves
    two passes over memory per step. With r = rate sqrt(1 - beta_2^t) / (1 - beta_1^t), the step is
    -r (1 - beta_1) m / (sqrt((1 - beta_2) v) + epsilon).

    ============  =====================================
    symbol        attribute
    ============  =====================================
    m             ``mean``, first moment / (1 - beta_1)
    v             ``square``, second / (1 - beta_2)
    t             ``n_steps``
    ============  =====================================
    """

    reads = ("beta_1", "beta_2", "epsilon")
    memory = ("mean", "square")
    ignores_schedules = ("invscaling", "adaptive")
    beta_1: Any
    beta_2: Any
    epsilon: Any
    mean: Array
    square: Array

    def step(self, grad: Array) -> None:
        t, root = self.n_steps, (1.0 - self.beta_2) ** 0.5
        rate = self.learning_rate * (1.0 - self.beta_2**t) ** 0.5 / (1.0 - self.beta_1**t)
        numbers = self.beta_1, self.beta_2, self.epsilon / root, -rate * (1.0 - self.beta_1) / root
        kernels.adam(grad, self.mean, self.square, numbers)


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}
