"""Layers: one file for each kind. ``contract.py`` says what a network asks of a layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..activations import ACTIVATIONS, glorot
from .contract import Layer, Noise, Params, Step
from .dense import Dense, ScaledDense, SparseDense, normal, uniform, zeros
from .diagonal import Dropout, Elementwise
from .level_numbers import LevelNumbers
from .lookup_dense import LookupDense
from .one_hot import OneHot
from .piecewise import Piecewise

__all__ = [
    "LAYERS",
    "Dense",
    "Dropout",
    "Elementwise",
    "Layer",
    "LevelNumbers",
    "LookupDense",
    "Noise",
    "OneHot",
    "Params",
    "Piecewise",
    "ScaledDense",
    "SparseDense",
    "Step",
    "normal",
    "uniform",
    "zeros",
]

EDGES, MEANS = [np.array([-1.0, 0.0, 0.5]), np.array([0.0, 1.0])], np.array([0.3, 0.2, 0.1])

LAYERS: dict[str, Callable[[], Layer]] = {
    "dense": lambda: Dense(5, uniform(glorot)),
    "sparse_dense": lambda: SparseDense(5, uniform(glorot)),
    "elementwise": lambda: Elementwise(ACTIVATIONS["tanh"]),
    "dropout": lambda: Dropout(0.4),
    "scaled_dense": lambda: ScaledDense(5, uniform(glorot), scale_rate=6.0),
    "level_numbers": lambda: LevelNumbers(1, [0], [np.arange(24.0).reshape(1, 3, 4, 2)]),
    "one_hot": lambda: OneHot([2, 3]),
    "piecewise": lambda: Piecewise(EDGES),
    "lookup_dense": lambda: LookupDense(5, uniform(glorot), Piecewise(EDGES, MEANS), OneHot([3]), scale_rate=6.0),
}
"""An example of each layer, for at least two inputs. The identity tests run over this table."""
