"""Indicators of categories."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contract import Encoding, Step


class OneHot(Encoding):
    """The inputs but the last ones, followed by indicators of these: 1[x = code] for the codes 0 ... n_levels - 1.

    Larger codes share the last indicator. Another value, such as -1 for an unknown category, gives zeros. A feature
    with two levels has one column, 1 for code 1, -1 for code 0 and 0 for others. The layer has no parameters and stands
    at the bottom of a network.

    Parameters
    ----------
    n_levels : sequence of int
        Number of levels of each of the last features.
    """

    def __init__(self, n_levels: Sequence[int]):
        self.n_levels = tuple(n_levels)
        widths = [1 if n == 2 else n for n in self.n_levels]
        stops = np.cumsum(widths, dtype=int).tolist()
        self._places = [slice(stop - width, stop) for stop, width in zip(stops, widths, strict=True)]
        self.width = sum(widths)
        """Number of indicators."""
        self.starts = np.cumsum([0, *widths], dtype=np.intp)
        """The first indicator of each feature, and the end."""

    @property
    def kind(self) -> Hashable:
        return ("one_hot", self.n_levels)

    def n_out(self, n_in: int) -> int:
        return n_in - len(self.n_levels) + self.width

    def sources(self, inputs: NDArray[Any]) -> NDArray[Any]:
        n_numbers = len(inputs) - len(self.n_levels)
        return np.concatenate([inputs[:n_numbers], np.repeat(inputs[n_numbers:], np.diff(self.starts))])

    def forward(self, step: Step) -> None:
        x, out = step.x, step.out
        n_numbers = x.shape[1] - len(self.n_levels)
        np.copyto(out[:, :n_numbers], x[:, :n_numbers])
        for k, (n, place) in enumerate(zip(self.n_levels, self._places, strict=True), start=n_numbers):
            column, indicators = x[:, k : k + 1], out[:, n_numbers:][:, place]
            if n == 2:  # ((6 x + 1)^2 - 25) / 24 maps 0, 1, -1 to -1, 1, 0
                np.minimum(column, 1.0, out=indicators)
                np.multiply(indicators, 6.0, out=indicators)
                np.add(indicators, 1.0, out=indicators)
                np.multiply(indicators, indicators, out=indicators)
                np.subtract(indicators, 25.0, out=indicators)
                np.divide(indicators, 24.0, out=indicators)
            else:
                np.equal(column, np.arange(n - 1, dtype=np.float32)[:, None], out=indicators[:, :-1])
                np.greater_equal(column, n - 1.0, out=indicators[:, -1:])
