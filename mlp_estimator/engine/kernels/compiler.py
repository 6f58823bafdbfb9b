"""How Numba compiles a loop, and how a loop reaches the memory of arrays. The one module that imports Numba.

A loop is compiled at its first call, for the types of its arguments, and stored. It releases the lock of the
interpreter. Of fast arithmetic only what holds for infinity and NaN too is allowed, so that a diverging fit shows.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

loop = njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
part = njit(nogil=True, error_model="numpy")


def loop_or(numpy_form):
    """Decorate a loop that returns whether it takes the memory of its arrays; the NumPy form takes all other memory."""

    def decorate(function):
        compiled = loop(function)

        @wraps(function)
        def run(*arguments):
            compiled(*arguments) or numpy_form(*arguments)

        return run

    return decorate


@intrinsic
def _pointer(typing: Any, of: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.cast(builder, values[0], signature.args[0], signature.return_type)

    return types.CPointer(of.dtype)(of), generate


@part
def line(x, m):
    """Return the memory of x[m] as one contiguous array, in its own order: compilers need a fixed stride."""
    return carray(_pointer(x[m].ctypes), x[0].size)


@part
def row(x):
    """Return a one-dimensional x without gaps as a contiguous array."""
    return carray(_pointer(x.ctypes), x.size)


@part
def of(x, m):
    """Return the index of member m in an array with one entry for all members, or one for each."""
    return m if len(x) > 1 else 0


@part
def gapless(x):
    """Whether each member lies in one piece, by samples or by features."""
    by_samples = x.strides[1] == x.itemsize and x.strides[2] == x.itemsize * x.shape[1]
    return by_samples or (x.strides[2] == x.itemsize and x.strides[1] == x.itemsize * x.shape[2])


@part
def alike(x, y, z):
    """Whether the members of all three lie in one piece and in one order."""
    return gapless(x) and x.strides[1:] == y.strides[1:] and x.strides[1:] == z.strides[1:]


def table(numbers, like):
    """Return numbers, one for all members or a column each, as an array (M, k) of the type of ``like``."""
    if len(like) == 1:
        return np.array((numbers,), like.dtype)
    table = np.empty((len(like), len(numbers)), like.dtype)
    for k, number in enumerate(numbers):
        table[:, k : k + 1] = number
    return table
