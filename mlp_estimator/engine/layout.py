"""Where each parameter array lives inside a flat vector.

All parameters of a network lie in one vector, so that an optimizer is a few passes over memory and a SciPy solver needs
no packing. A ``Layout`` reads any vector of that kind (parameters, gradient, a direction) as the arrays that the layers
work with. It owns no memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .members import Array


@dataclass(frozen=True)
class Param:
    """One parameter array of a layer.

    ``decay`` says whether the L2 penalty and weight decay apply to it, ``rate`` is a factor on its learning rate. A
    vector is read as a column (M, n, 1), to broadcast over the samples of a batch.
    """

    name: str
    shape: tuple[int, ...]
    decay: bool
    rate: float = 1.0

    @property
    def read_shape(self) -> tuple[int, ...]:
        """The shape in which a layer reads it, after the axis of members."""
        return self.shape if len(self.shape) > 1 else (*self.shape, 1)


class Layout:
    """The order of parameters in a flat (M, P) array: all that decays first, then all others.

    Within each half the layers follow one another, which is scikit-learn's packing order too. The penalty and decoupled
    decay act on one slice, ``[:, :n_decayed]``.
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
        """Read (M, P) as one tuple of (M, ...) arrays per layer, without copying memory."""
        return [
            tuple([flat[:, self._slices[i, j]].reshape(-1, *param.read_shape) for j, param in enumerate(layer)])
            for i, layer in enumerate(self.params)
        ]

    def rates(self) -> Array | None:
        """Return the factors (P,) on the learning rates of the parameters, None where all are 1."""
        if all(param.rate == 1.0 for layer in self.params for param in layer):
            return None
        rates = np.empty(self.size)
        for (i, j), place in self._slices.items():
            rates[place] = self.params[i][j].rate
        return rates
