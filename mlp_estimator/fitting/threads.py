"""How many threads the matrix products of a run may use; nothing is left changed afterwards.

Two measured facts (``benchmarks/threads.py``). Products of small matrices are faster on one thread, and far faster when
another process is busy. And NumPy and SciPy wheels each bring a BLAS with threads of its own, which wait spinning:
where both take turns, as in L-BFGS, two threads are slower than one, so all BLAS libraries but NumPy's get one.
The number is never raised: what joblib or the user allows is the upper limit.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

from ..engine.network import Network

WORTH_THREADS = 8e6
"""Multiplications and additions of the largest product of a batch from which on threads pay: two threads take 1.2 of
the time of one at 3 to 4 million, 0.7 at 17 million."""


class OneThread:
    """One thread for some libraries while any fit asks for it.

    The number of threads belongs to the process, and fits may overlap in threads of Python: the first one
    in sets the limit, the last one out takes it back.
    """

    def __init__(self, libraries: ThreadpoolController):
        self._libraries = libraries
        self._lock = Lock()
        self._n_fits = 0
        self._limiter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_fits == 0:
                self._limiter = self._libraries.limit(limits=1)
            self._n_fits += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._n_fits -= 1
            if self._n_fits == 0:
                self._limiter.restore_original_limits()


LOOKING = Lock()  # functools.cache lets two threads make two


@cache
def _blas() -> tuple[OneThread, OneThread]:
    """NumPy's BLAS and all others; looked for once, since that takes 4 ms."""
    found = ThreadpoolController().select(user_api="blas")
    paths = [library["filepath"] for library in found.info()]
    others = [path for path in paths if "numpy.libs" not in path] if len(paths) > 1 else []
    mine = [path for path in paths if path not in others]
    return OneThread(found.select(filepath=mine)), OneThread(found.select(filepath=others))


def limited_threads(network: Network, batch_size: int) -> ExitStack:
    """Context in which BLAS threads are as few as serves sweeps over batches of this size."""
    largest = max(math.prod(param.shape) for layer in network.layout.params for param in layer)
    with LOOKING:
        numpys, others = _blas()
    context = ExitStack()
    context.enter_context(others)
    if 2 * largest * batch_size < WORTH_THREADS:
        context.enter_context(numpys)
    return context
