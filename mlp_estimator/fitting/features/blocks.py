"""The columns of a coded table, by block: the one place that lays them out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.layers import Layer, LevelNumbers, OneHot, Piecewise
from ...engine.network import Network
from .target_means import TargetMeans

ENCODED, NUMBERS, MISSING, CODES, KEY = BLOCKS = ("encoded", "numbers", "missing", "codes", "key")
"""Blocks in their order: numbers with a piecewise-linear encoding, other numbers, indicators of missing values, codes
of categories, and the key by which means of the target are read: 0, or 1 + the fold of a training row. The bottom
layers read the first one and the last two."""


@dataclass
class Feature:
    """One column of the coded table."""

    name: str
    block: str
    edges: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # of an encoding
    n_levels: int = 0  # of codes
    n_indicators: int = 0  # the rarest levels share the last one


class TableLayout:
    """The places of features in the coded table: by block, and within a block in their order.

    ``encoding_means`` are subtracted from the components of the encoding, ``means`` are of the target by category.
    """

    def __init__(
        self,
        features: Iterable[Feature],
        encoding_means: NDArray[np.float32] | None = None,
        means: TargetMeans | None = None,
        dtype: str = "float32",
    ):
        given = list(features)
        order = sorted(range(len(given)), key=lambda k: BLOCKS.index(given[k].block))
        self.features = [given[k] for k in order]
        self.places = np.argsort(order, kind="stable").tolist()
        """The place of each of the given features."""
        self.encoding_means, self.means, self.dtype = encoding_means, means or TargetMeans(), dtype
        self._networks: dict[Hashable, Network] = {}
        self._encoding: Piecewise | None = None

    def block(self, block: str) -> slice:
        """Return the places of the features of a block."""
        places = [k for k, feature in enumerate(self.features) if feature.block == block]
        return slice(places[0], places[-1] + 1) if places else slice(0, 0)

    @property
    def encoding(self) -> Piecewise:
        """The layer that encodes numbers, one for all networks; where none is encoded, it does nothing."""
        if self._encoding is None:
            edges = [feature.edges for feature in self.features[self.block(ENCODED)]]
            self._encoding = Piecewise(edges, self.encoding_means)
        return self._encoding

    @property
    def one_hot(self) -> OneHot:
        """The layer of the indicators of categories, the last inputs above ``bottom``."""
        return OneHot([feature.n_indicators for feature in self.features[self.block(CODES)]])

    def learn_encoding_means(self, parts: Iterable[tuple[NDArray[Any], NDArray[np.float64]]]) -> None:
        """Learn what is subtracted from the components of the encoding, from coded rows and how often each counts."""
        if self.encoding.starts[-1]:
            self.encoding_means, self._encoding = self.encoding.means(parts).astype(np.float32), None

    def bottom(self, *, left_out: Collection[int] = (), new_rows: bool = False) -> tuple[Layer, ...]:
        """Return the layers of a network that read a coded table, below the encoding of numbers and categories.

        ``left_out`` are the folds that the network does not train on. With ``new_rows`` it reads no training rows.
        """
        codes = self.features[self.block(CODES)]
        layers: list[Layer] = []
        if self.means.columns:
            tables = [table.astype(self.dtype)[None] for table in self.means.tables(left_out, new_rows=new_rows)]
            layers.append(LevelNumbers(len(codes), self.means.columns, tables))
        return tuple(layers)

    def network(self, key: Hashable, make: Callable[[], Network]) -> Network:
        """Return the network of a key: made once, and kept as long as the layout is."""
        if key not in self._networks:
            self._networks[key] = make()
        return self._networks[key]
