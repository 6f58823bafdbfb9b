"""The member axis: numbers and arrays of networks that are trained side by side.

Axis 0 of every engine array is the member. A hyperparameter is one Python float where all members agree, which NumPy
reads fastest, and a float64 column (M, 1) where they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Number = float | Array  # one for all members, or a float64 column (M, 1)


def for_members(numbers: Sequence[float]) -> Number:
    """Return one number where all members agree, otherwise a column (M, 1)."""
    if all(number == numbers[0] for number in numbers):
        return numbers[0]
    return np.array(numbers, np.float64)[:, None]


def options_for_members(options: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Any]:
    """Return the options of these names, each for all members: None where it is None."""
    return {name: for_members([of_member[name] for of_member in options]) for name in names}


def cast(numbers: Sequence[Number], like: Array) -> Sequence[Any]:
    """Return the numbers in the type of ``like`` (M, ...): float64 columns would promote float32 arrays."""
    if len(like) == 1:
        return numbers
    return [number.astype(like.dtype) if isinstance(number, np.ndarray) else number for number in numbers]


def as_vector(number: Number) -> Number:
    """Return a number that broadcasts against one value per member, (M,)."""
    return number if isinstance(number, float) else number[:, 0]


def of_batch(number: Number, like: Array) -> Number:
    """Return a number in the type of ``like`` (M, K, B), against which it broadcasts."""
    if not isinstance(number, np.ndarray):
        return number
    column: Array = cast((number,), like)[0][:, :, None]
    return column


def squared_norm(x: Array) -> Array:
    """Return the squared length of each row of (M, P), as (M,): a BLAS dot takes a third of einsum's time."""
    norms: Array = np.matmul(x[:, None, :], x[:, :, None])[:, 0, 0]
    return norms
