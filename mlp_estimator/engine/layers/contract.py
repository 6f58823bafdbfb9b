"""What a network asks of a layer.

A layer is shapes and arithmetic on arrays that the caller owns; it has no state. Letters: see ``network.py``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..batches import Batches, DenseRows, DensifiedRows
from ..layout import Param
from ..members import Array

Params = tuple[Array, ...]


@dataclass
class Noise:
    """The generators of the members, and a factor on how much noise there is."""

    generators: Sequence[np.random.Generator]
    factor: float = 1.0


class Scratch(NamedTuple):
    """Memory (M, width, B) that a layer wants for each batch.

    A sample of it lies in one piece. ``n_rows`` replaces the width B of the batch.
    """

    name: str
    width: int
    n_rows: int | None = None


NOT_HERE: Any = None
"""Stands in a step for an array that its pass does not use."""


@dataclass(slots=True, eq=False)
class Step:
    """The arrays of a pass over a batch: a step is planned once and serves all batches of a width.

    all passes
        p        the parameters, as ``params`` describes them
        x        (M, n_in, B), or (1, n_in, B) where the members share their input; sparse rows are ``SparseRows``
        out      (M, n_out, B), or (1, n_out, B) where a layer without parameters reads such an input
        scratch  what ``scratch`` asks for; it keeps what ``forward`` writes to it
    backward
        d_out    (M, n_out, B)
        dp       like p; () where nobody asks for it, of affine and elementwise layers
        d_in     (M, n_in, B), or None where nobody asks for it
    tangent
        v        like p; set anew for each sweep
        t_in     (M, n_in, B), or None where it is zero
        t_out    (M, n_out, B)
    backward, tangent
        work     one more array to compute in, like d_in or like t_out
    """

    p: Params
    x: Array
    out: Array
    scratch: Params = ()
    d_out: Array = NOT_HERE
    dp: Params = ()
    d_in: Array | None = None
    v: Params = ()
    t_in: Array | None = None
    t_out: Array = NOT_HERE
    work: Array = NOT_HERE


class Layer(ABC):
    """A forward, a backward and a tangent pass; each is one line of ``docs/derivations.md``.

    ``n_in`` is the width below the layer.
    """

    keeps: frozenset[Literal["x", "out"]] = frozenset()
    """What ``backward`` and ``tangent`` read of the forward pass: the planner lets nobody overwrite it."""
    in_place: bool = False
    """``forward`` is handed the same array as x and as out."""
    overwrites_x: bool = False
    """``forward`` may change x: the planner hands it a copy where the layer below, or another batch, needs x."""
    noisy: ClassVar[bool] = False
    """``draw`` writes random numbers to ``scratch`` before each forward pass; predictions leave the layer out."""
    splits: bool = False
    """``out`` differs between the members also where they share ``x``."""
    bottom: ClassVar[bool] = False
    """The layer passes no error down: it stands on X, or on layers without parameters."""

    @property
    @abstractmethod
    def kind(self) -> Hashable:
        """Equal for layers that compute alike, whatever their first parameters and hyperparameters."""

    def n_out(self, n_in: int) -> int:
        """Return the width of the output."""
        return n_in

    def params(self, n_in: int) -> tuple[Param, ...]:
        """Describe the parameters."""
        return ()

    def n_multiplications(self, n_in: int) -> int:
        """Return those of its largest product of matrices, for one row."""
        return max((math.prod(param.shape) for param in self.params(n_in)), default=0)

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        """Describe the memory that the layer wants for a batch."""
        return ()

    def init(self, p: Params, rng: np.random.RandomState) -> None:
        """Write the first parameters of one member."""
        return

    def draw(self, scratch: Params, noise: Noise) -> None:
        """Write the random numbers of a batch, each member's from its generator."""
        return

    def batches(self, Xs: Sequence[Any], n_rows: int, dtype: np.dtype[Any]) -> Batches:
        """Return the reader of batches of ``n_rows`` rows that suits this layer where it is the bottom one."""
        return (DensifiedRows if sparse.issparse(Xs[0]) else DenseRows)(Xs, n_rows, dtype)

    def joined(self, layers: Sequence[Self]) -> Layer:
        """Return one layer for members with these layers of one kind, the first of which is this one."""
        return self

    @abstractmethod
    def forward(self, step: Step) -> None:
        """Write out."""

    @abstractmethod
    def backward(self, step: Step) -> None:
        """Write (never add) the gradients dp and, unless None, d_in."""

    @abstractmethod
    def tangent(self, step: Step) -> None:
        """Write t_out, the derivative of out along (v, t_in)."""


class Encoding(Layer):
    """A layer without parameters at the bottom of a network: nobody asks for a gradient here or below."""

    bottom = True

    @abstractmethod
    def sources(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return for each output which input it comes from, by what ``inputs`` calls that."""

    def backward(self, step: Step) -> None:
        """Write nothing."""

    def tangent(self, step: Step) -> None:
        step.t_out.fill(0.0)
