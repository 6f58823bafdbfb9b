"""Where each parameter array lives inside a flat vector.

All parameters of a network lie in one vector, so that an optimizer is a few passes over memory and a
scipy solver needs no packing. A ``Layout`` reads any vector of that kind (parameters, gradient, a
direction) as the matrices the layers work with; it owns no memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Number = float | Array  # one for all members, or a float64 column (M, 1) with one for each


class Param(NamedTuple):
    """One parameter array of a layer: its shape, and whether the L2 penalty applies to it."""

    name: str
    shape: tuple[int, ...]
    decay: bool


class Layout:
    """The order of parameters in a flat (M, P) array: all that decays first, then the rest.

    Within each half the layers follow one another, which is also scikit-learn's packing order; the
    penalty and decoupled decay are one slice, ``[:, :n_decayed]``.
    """

    def __init__(self, params: Sequence[Sequence[Param]]):
        self.params = [tuple(layer) for layer in params]
        self._slices: dict[tuple[int, int], slice] = {}
        start = 0
        for decayed in (True, False):
            for i, layer in enumerate(self.params):
                for j, param in enumerate(layer):
                    if param.decay is decayed:
                        stop = start + math.prod(param.shape)
                        self._slices[i, j] = slice(start, stop)
                        start = stop
            if decayed:
                self.n_decayed = start
        self.size = start

    def views(self, flat: Array) -> list[tuple[Array, ...]]:
        """Read (M, P) as one tuple of (M, ...) arrays per layer; no memory is copied."""
        return [
            tuple(flat[:, self._slices[i, j]].reshape(-1, *param.shape) for j, param in enumerate(layer))
            for i, layer in enumerate(self.params)
        ]


def squared_norm(x: Array) -> Array:
    """The squared length of each row of (M, P), as (M,); a BLAS dot, where einsum would take 3 times as long."""
    return np.matmul(x[:, None, :], x[:, :, None])[:, 0, 0]


def for_members(numbers: Sequence[float]) -> Number:
    """One number where all members agree, which NumPy reads fastest, or a column (M, 1)."""
    if all(number == numbers[0] for number in numbers):
        return numbers[0]
    return np.array(numbers, np.float64)[:, None]


def cast(numbers: Sequence[Number], like: Array) -> Sequence[Any]:
    """Numbers that leave arrays of the type of ``like`` (M, ...) what they are: float64 columns would promote them."""
    if len(like) == 1:
        return numbers
    return [number.astype(like.dtype) if isinstance(number, np.ndarray) else number for number in numbers]
