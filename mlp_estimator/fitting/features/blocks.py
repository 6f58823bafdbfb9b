"""The columns of a coded table, by block: the one place that lays them out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...engine.layers import Layer, OneHot, Piecewise

ENCODED, NUMBERS, MISSING, MEANS, CODES = BLOCKS = ("encoded", "numbers", "missing", "means", "codes")
"""Blocks in their order: numbers with a piecewise-linear encoding, other numbers, indicators of missing values, means
of the target by category, codes of categories. The bottom layers read the first and the last of them."""


@dataclass
class Feature:
    """One column of the coded table."""

    name: str
    block: str
    edges: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # of an encoding
    n_levels: int = 0  # of codes


class TableLayout:
    """The places of features in the coded table: by block, and within a block in their order.

    ``encoding_means`` are subtracted from the components of the encoding.
    """

    def __init__(self, features: Iterable[Feature], encoding_means: NDArray[np.float32] | None = None):
        given = list(features)
        order = sorted(range(len(given)), key=lambda k: BLOCKS.index(given[k].block))
        self.features = [given[k] for k in order]
        self.places = np.argsort(order, kind="stable").tolist()
        """The place of each of the given features."""
        self.encoding_means = encoding_means

    def block(self, block: str) -> slice:
        """Return the places of the features of a block."""
        places = [k for k, feature in enumerate(self.features) if feature.block == block]
        return slice(places[0], places[-1] + 1) if places else slice(0, 0)

    @property
    def encoding(self) -> Piecewise | None:
        """The layer that encodes numbers, None where none is encoded."""
        edges = [feature.edges for feature in self.features[self.block(ENCODED)]]
        return Piecewise(edges, self.encoding_means) if edges else None

    def bottom(self, *, encoding: bool) -> tuple[Layer, ...]:
        """Return the layers that read a coded table, below the first affine one."""
        n_levels = [feature.n_levels for feature in self.features[self.block(CODES)]]
        layers = [OneHot(n_levels) if n_levels else None, self.encoding if encoding else None]
        return tuple(layer for layer in layers if layer is not None)
