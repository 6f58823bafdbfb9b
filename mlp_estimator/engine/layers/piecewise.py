"""Piecewise-linear encoding of numeric features."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..members import Array
from .contract import Encoding, Step


class Piecewise(Encoding):
    """The inputs, followed by a piecewise-linear encoding of the first of them.

    With the edges e_0 < ... < e_T of a feature x, component t of its encoding is (x - e_{t-1}) / (e_t - e_{t-1})
    clipped to [0, 1], where the first bin goes down to -1 and the last one up to 2, minus ``mean`` (Gorishniy, Rubachev
    and Babenko 2022). The layer has no parameters and stands at the bottom of a network: a batch is encoded where it
    was gathered, and the encoded table is never stored.

    Parameters
    ----------
    edges : sequence of ndarray of shape (T + 1,)
        Increasing edges of the first features, one array each, in the type of the computation.

    mean : ndarray of shape (n_components,), optional
        What is subtracted from each component: its mean over the training rows.
    """

    def __init__(self, edges: Sequence[Array], mean: Array | None = None):
        n_bins = [len(e) - 1 for e in edges]
        self.starts = np.concatenate([[0], np.cumsum(n_bins, dtype=np.intp)])
        """The first component of each feature, and the end."""
        self._features = np.repeat(np.arange(len(edges)), n_bins)
        of_features = [np.stack(_bins(np.asarray(e))) for e in edges]
        lower, width, low, high = np.concatenate(of_features or [np.empty((4, 0), np.float32)], axis=1)
        self.bins = np.stack([lower, 1.0 / width, low, high, np.zeros_like(lower) if mean is None else mean])
        """Lower edge, slope, lower and upper limit, and mean of each component: (5, n_components)."""

    @property
    def kind(self) -> Hashable:
        return ("piecewise", id(self))

    def n_out(self, n_in: int) -> int:
        return n_in + len(self._features)

    def sources(self, inputs: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([inputs, inputs[self._features]])

    def forward(self, step: Step) -> None:
        n_in = step.x.shape[1]
        np.copyto(step.out[:, :n_in], step.x)
        self.encode(step.x, step.out[:, n_in:])

    def means(self, parts: Iterable[tuple[Array, Array]]) -> Array:
        """Return the means of the components over rows (n, n_in) with weights (n,), before ``mean`` is subtracted."""
        total, weight = np.zeros(len(self._features)), 0.0
        for rows, weights in parts:
            x = np.ascontiguousarray(rows.T)[None]
            components = np.empty((1, len(self._features), x.shape[2]), x.dtype)
            self.encode(x, components)
            total += components[0] @ weights
            weight += weights.sum()
        return total / weight

    def encode(self, x: Array, out: Array) -> None:
        """Write the components (M, n_components, B) of the first features of x."""
        kernels.piecewise(x, self._features, self.bins, out)

    def places(self, x: Array, out: Array) -> None:
        """Write where the values of the first features of x lie (M, n_encoded, B): bin + fraction within the bin."""
        kernels.places(x, self.bins, self.starts, out)


def _bins(edges: Array) -> tuple[Array, Array, Array, Array]:
    """Return the lower edges of the bins of a feature, their widths, and the bounds of its components."""
    width = np.diff(edges)
    if not (len(edges) > 1 and (width > 0).all()):
        raise ValueError(f"The edges of a feature must be at least two and increasing, got {edges}.")
    low, high = np.zeros_like(width), np.ones_like(width)
    low[0], high[-1] = -1.0, 2.0
    return edges[:-1], width, low, high
