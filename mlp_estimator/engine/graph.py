"""What activations and losses ask of a graph that computes as they do, such as one of ONNX."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Graph(Protocol):
    """A graph under construction: ``g("Mul", a, b)`` adds a node, and returns the name of its first output.

    Inputs are names; numbers and arrays become constants of the type ``dtype``.
    """

    dtype: np.dtype[Any]

    def __call__(self, op: str, *inputs: Any, n_outputs: int = 1, **attributes: Any) -> str:
        """Add a node."""

    @staticmethod
    def type_of(dtype: Any) -> int:
        """Return the number of a type, for the attribute ``to`` of "Cast"."""
