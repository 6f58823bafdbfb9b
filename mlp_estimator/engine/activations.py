"""Elementwise functions and their slopes.

An activation is two functions of arrays: ``apply(z, out)`` writes a = f(z), ``slope(saved, out, work)`` writes f'(z).
``saved`` is the output a or the input z, whichever makes the slope cheaper. The Jacobian of an elementwise layer is its
own transpose, so the forward, backward and tangent sweeps need only these two. Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr

from . import kernels
from .graph import Graph
from .kernels.vectorised import error_by, logistic_slope, mish_slope, relu_slope, tanh_slope
from .members import Array


def glorot(n_in: int, n_out: int) -> float:
    """Return the bound of Glorot and Bengio (2010), for functions near the identity: sqrt(6 / (n_in + n_out))."""
    return math.sqrt(6.0 / (n_in + n_out))


def narrow_glorot(n_in: int, n_out: int) -> float:
    """Return scikit-learn's bound for the logistic function: sqrt(2 / (n_in + n_out))."""
    return math.sqrt(2.0 / (n_in + n_out))


def he(n_in: int, n_out: int) -> float:
    """Return the bound of He et al. (2015), for rectifiers, which halve the second moment: sqrt(6 / n_in)."""
    return math.sqrt(6.0 / n_in)


def lecun(n_in: int, n_out: int) -> float:
    """Return the bound of LeCun et al. (1998), which preserves the variance, for selu: sqrt(3 / n_in)."""
    return math.sqrt(3.0 / n_in)


@dataclass(frozen=True)
class Activation:
    """An elementwise function f, its slope, and the bound of the initial weights in front of it.

    Parameters
    ----------
    apply : callable
        ``apply(z, out)`` writes f(z) to ``out``, an array with the shape and dtype of ``z``. ``out`` is ``z`` itself if
        ``saves="output"``, and another array if ``saves="input"``.

    slope : callable
        ``slope(saved, out, work)`` writes f'(z) to ``out`` and does not change ``saved``. ``work`` is a scratch array
        of the same shape. At a kink of f, any value between the slopes of its two sides is valid.

    saves : {'output', 'input'}, default='output'
        Content of ``saved``: f(z), which is computed in place and needs no more memory; or z, as left by ``apply``.

    init : callable, default=glorot
        ``init(n_in, n_out)`` returns the bound b of the uniform distribution U(-b, b) of the initial weights.

    nodes : callable or None, default=None
        ``nodes(g, z)`` returns f(z) as the name of a value in an ONNX graph, for :func:`mlp_estimator.onnx.register`.
        ``g("Mul", a, b)`` adds a node to the graph and returns the name of its output; numbers and arrays become
        constants of the type ``g.dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from mlp_estimator import Activation, check_activation
    >>> def softsign(z, out):
    ...     np.abs(z, out=out)
    ...     np.add(out, 1.0, out=out)
    ...     np.divide(z, out, out=out)
    >>> def softsign_slope(z, out, work):
    ...     np.abs(z, out=out)
    ...     np.add(out, 1.0, out=out)
    ...     np.power(out, -2.0, out=out)
    >>> check_activation(Activation(softsign, softsign_slope, saves="input"))
    """

    apply: Callable[[Array, Array], object]
    slope: Callable[[Array, Array, Array], object]
    saves: Literal["output", "input"] = "output"
    init: Callable[[int, int], float] = glorot
    nodes: Callable[[Graph, str], str] | None = None

    def _error(self, saved: Array, d_out: Array, d_in: Array, work: Array) -> None:
        """Write f'(z) * d_out to ``d_in``."""
        error_by(self.slope)(saved, d_out, d_in, work)


@dataclass(frozen=True)
class Fused(Activation):
    """An activation whose product of slope and error is a pass of the kernels, named ``error_pass``."""

    error_pass: str = ""

    def _error(self, saved: Array, d_out: Array, d_in: Array, work: Array) -> None:
        getattr(kernels, self.error_pass)(saved, d_out, d_in, work)


def identity(z: Array, out: Array) -> None:
    if out is not z:
        np.copyto(out, z)


def identity_slope(a: Array, out: Array, work: Array) -> None:
    out.fill(1.0)


def logistic(z: Array, out: Array) -> None:
    # (1 + tanh(z / 2)) / 2 cannot overflow, and is 4 to 8 times faster than scipy's expit.
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    np.add(out, 1.0, out=out)
    np.multiply(out, 0.5, out=out)


def tanh(z: Array, out: Array) -> None:
    np.tanh(z, out=out)


def relu(z: Array, out: Array) -> None:
    kernels.relu(z, out)


LEAK = 0.01  # slope of leaky_relu below 0 (Maas, Hannun and Ng 2013)


def leaky_relu(z: Array, out: Array) -> None:
    np.multiply(z, LEAK, out=out)
    np.maximum(z, out, out=out)


def leaky_relu_slope(z: Array, out: Array, work: Array) -> None:
    np.greater(z, 0.0, out=out)
    np.multiply(out, 1.0 - LEAK, out=out)
    np.add(out, LEAK, out=out)


def elu(z: Array, out: Array) -> None:
    # z above 0, e^z - 1 below (Clevert, Unterthiner and Hochreiter 2016): the larger of the two, since e^z - 1 >= z.
    z.clip(-np.inf, 0.0, out=out)
    np.expm1(out, out=out)
    np.maximum(z, out, out=out)


def elu_slope(z: Array, out: Array, work: Array) -> None:
    z.clip(-np.inf, 0.0, out=out)
    np.exp(out, out=out)


# Klambauer et al. (2017): these constants make mean 0 and variance 1 a fixed point of the layers.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(z: Array, out: Array) -> None:
    # scale (max(z, 0) + alpha (e^min(z, 0) - 1)); the second term is saved in z.
    z.clip(0.0, np.inf, out=out)
    z.clip(-np.inf, 0.0, out=z)
    np.expm1(z, out=z)
    np.multiply(z, SELU_ALPHA, out=z)
    np.add(out, z, out=out)
    np.multiply(out, SELU_SCALE, out=out)


def selu_slope(saved: Array, out: Array, work: Array) -> None:
    # scale (saved + alpha) below 0; scale above 0, where saved is 0.
    np.add(saved, SELU_ALPHA, out=out)
    np.equal(saved, 0.0, out=work)
    np.multiply(work, SELU_ALPHA - 1.0, out=work)
    np.subtract(out, work, out=out)
    np.multiply(out, SELU_SCALE, out=out)


def gelu(z: Array, out: Array) -> None:
    """Write z Phi(z), with the exact normal distribution function Phi (Hendrycks and Gimpel 2016)."""
    ndtr(z, out=out)
    np.multiply(out, z, out=out)


def gelu_slope(z: Array, out: Array, work: Array) -> None:
    # Phi(z) + z phi(z)
    np.square(z, out=work)
    np.multiply(work, -0.5, out=work)
    np.exp(work, out=work)
    np.multiply(work, (2.0 * np.pi) ** -0.5, out=work)
    np.multiply(work, z, out=work)
    ndtr(z, out=out)
    np.add(out, work, out=out)


def silu(z: Array, out: Array) -> None:
    """Write z / (1 + e^-z), also known as swish (Elfwing, Uchibe and Doya 2018)."""
    logistic(z, out)
    np.multiply(out, z, out=out)


def silu_slope(z: Array, out: Array, work: Array) -> None:
    # With s the logistic function: s (1 + z (1 - s)).
    logistic(z, out)
    np.subtract(1.0, out, out=work)
    np.multiply(work, z, out=work)
    np.add(work, 1.0, out=work)
    np.multiply(out, work, out=out)


def mish(z: Array, out: Array) -> None:
    """Write z tanh(log(1 + e^z)) (Misra 2020)."""
    kernels.mish(z, out)


def softplus(z: Array, out: Array) -> None:
    np.logaddexp(0.0, z, out=out)


def softplus_slope(a: Array, out: Array, work: Array) -> None:
    # The logistic function of z, which is 1 - e^-a.
    np.negative(a, out=out)
    np.expm1(out, out=out)
    np.negative(out, out=out)


# Nodes of ONNX graphs, by elementary operations: ONNX Runtime has Elu, Selu, LeakyRelu and Softplus in float32 only.
# They are functions with names, so that networks can be pickled.


def identity_nodes(g: Graph, z: str) -> str:
    return z


def logistic_nodes(g: Graph, z: str) -> str:
    return g("Sigmoid", z)


def tanh_nodes(g: Graph, z: str) -> str:
    return g("Tanh", z)


def relu_nodes(g: Graph, z: str) -> str:
    return g("Relu", z)


def leaky_relu_nodes(g: Graph, z: str) -> str:
    return g("Max", z, g("Mul", z, LEAK))


def elu_nodes(g: Graph, z: str, alpha: float = 1.0) -> str:
    return g("Add", g("Relu", z), g("Mul", g("Sub", g("Exp", g("Min", z, 0.0)), 1.0), alpha))


def selu_nodes(g: Graph, z: str) -> str:
    return g("Mul", elu_nodes(g, z, SELU_ALPHA), SELU_SCALE)


def silu_nodes(g: Graph, z: str) -> str:
    return g("Mul", z, g("Sigmoid", z))


def gelu_nodes(g: Graph, z: str) -> str:
    # z (1 + erf(z / sqrt 2)) / 2; ONNX Runtime has erf in float32 only.
    erf = g("Erf", g("Cast", g("Mul", z, math.sqrt(0.5)), to=g.type_of(np.float32)))
    return g("Mul", g("Mul", z, 0.5), g("Add", g("Cast", erf, to=g.type_of(g.dtype)), 1.0))


def softplus_nodes(g: Graph, z: str) -> str:
    # max(z, 0) + log(1 + e^-|z|) does not overflow, and is faster in ONNX Runtime than its Softplus.
    return g("Add", g("Relu", z), g("Log", g("Add", g("Exp", g("Neg", g("Abs", z))), 1.0)))


def mish_nodes(g: Graph, z: str) -> str:
    # tanh(log(1 + e)) = n / (n + 2) with e = exp(z) and n = e (e + 2), which is 1 beyond z = 20.
    e = g("Exp", g("Min", z, 20.0))
    n = g("Mul", e, g("Add", e, 2.0))
    return g("Mul", z, g("Div", n, g("Add", n, 2.0)))


ActivationName = Literal[
    "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus"
]

ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(identity, identity_slope, nodes=identity_nodes),
    "logistic": Fused(
        logistic,
        logistic_slope,
        init=narrow_glorot,
        nodes=logistic_nodes,
        error_pass="logistic_error",
    ),
    "tanh": Fused(tanh, tanh_slope, nodes=tanh_nodes, error_pass="tanh_error"),
    "relu": Fused(relu, relu_slope, nodes=relu_nodes, error_pass="relu_error"),
    "leaky_relu": Activation(leaky_relu, leaky_relu_slope, "input", he, nodes=leaky_relu_nodes),
    "elu": Activation(elu, elu_slope, "input", he, nodes=elu_nodes),
    "selu": Activation(selu, selu_slope, "input", lecun, nodes=selu_nodes),
    "gelu": Activation(gelu, gelu_slope, "input", he, nodes=gelu_nodes),
    "silu": Activation(silu, silu_slope, "input", he, nodes=silu_nodes),
    "mish": Fused(mish, mish_slope, "input", he, nodes=mish_nodes, error_pass="mish_error"),
    "softplus": Activation(softplus, softplus_slope, init=he, nodes=softplus_nodes),
}
