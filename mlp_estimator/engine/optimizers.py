"""One update of the parameters from a gradient, in place.

An optimizer owns what it remembers between steps (momentum, moments) and the learning rate now in
force; it knows nothing of layers, since all parameters are one (M, P) array. ``step`` may spend the gradient as
its scratch memory, and changes ``theta`` in its last call only: an interrupt between two calls leaves the parameters
of the last whole step. Hyperparameters are numbers, or (M, 1) arrays for members that differ.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np

from .layout import Array


class Optimizer(Protocol):
    """What the minibatch loop needs to know of an optimizer."""

    reads: ClassVar[tuple[str, ...]]  # hyperparameters, by the estimators' names
    keeps_rate: ClassVar[tuple[str, ...]]  # schedules that scikit-learn does not apply to it
    learning_rate: float

    def step(self, theta: Array, grad: Array) -> None: ...


class SGD:
    """Stochastic gradient descent with (Nesterov) momentum.

    v <- momentum v - rate g, then theta <- theta + v, or with Nesterov's look-ahead
    theta <- theta + momentum v - rate g (Sutskever et al. 2013).

    ============  =================
    symbol        attribute
    ============  =================
    momentum v    ``velocity``
    ============  =================

    Storing the product spares the look-ahead a scratch array.
    """

    reads: ClassVar = ("learning_rate_init", "momentum", "nesterovs_momentum")
    keeps_rate: ClassVar = ()

    def __init__(
        self,
        theta: Array,
        *,
        learning_rate_init: float,
        momentum: float,
        nesterovs_momentum: bool,
    ):
        self.learning_rate = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.velocity = np.zeros_like(theta)

    def step(self, theta: Array, grad: Array) -> None:
        np.multiply(grad, -self.learning_rate, out=grad)
        if self.nesterovs_momentum:
            np.add(self.velocity, grad, out=self.velocity)
            np.multiply(self.velocity, self.momentum, out=self.velocity)
            np.add(grad, self.velocity, out=grad)
        else:
            np.add(grad, self.velocity, out=grad)
            np.multiply(grad, self.momentum, out=self.velocity)
        np.add(theta, grad, out=theta)


class Adam:
    """Adam (Kingma and Ba 2015), with both moments kept without their factors 1 - beta.

    m <- beta_1 m + g and v <- beta_2 v + g^2 are the paper's moments divided by 1 - beta_1 and 1 - beta_2: two
    passes over memory less per step. With r = rate sqrt(1 - beta_2^t) / (1 - beta_1^t),
    theta <- theta - r (1 - beta_1) m / (sqrt((1 - beta_2) v) + epsilon).

    ============  =====================================
    symbol        attribute
    ============  =====================================
    m             ``mean``, first moment / (1 - beta_1)
    v             ``square``, second / (1 - beta_2)
    t             ``n_steps``
    ============  =====================================
    """

    reads: ClassVar = ("learning_rate_init", "beta_1", "beta_2", "epsilon")
    keeps_rate: ClassVar = ("invscaling", "adaptive")

    def __init__(
        self,
        theta: Array,
        *,
        learning_rate_init: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ):
        self.learning_rate = learning_rate_init
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_steps = 0
        self.mean = np.zeros_like(theta)
        self.square = np.zeros_like(theta)

    def step(self, theta: Array, grad: Array) -> None:
        self.n_steps += 1
        t, root = self.n_steps, (1.0 - self.beta_2) ** 0.5
        rate = self.learning_rate * (1.0 - self.beta_2**t) ** 0.5 / (1.0 - self.beta_1**t)
        np.multiply(self.mean, self.beta_1, out=self.mean)
        np.add(self.mean, grad, out=self.mean)
        np.square(grad, out=grad)
        np.multiply(self.square, self.beta_2, out=self.square)
        np.add(self.square, grad, out=self.square)
        np.sqrt(self.square, out=grad)
        np.add(grad, self.epsilon / root, out=grad)
        np.divide(self.mean, grad, out=grad)
        np.multiply(grad, -rate * (1.0 - self.beta_1) / root, out=grad)
        np.add(theta, grad, out=theta)


OPTIMIZERS: dict[str, type[Any]] = {"sgd": SGD, "adam": Adam}
