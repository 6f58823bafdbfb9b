"""Limit the BLAS threads of a run, and restore their number afterwards.

Two measurements (``benchmarks/threads.py``) explain the limits. Products of small matrices are faster on one thread, in
particular when another process is busy. NumPy and SciPy wheels each include a BLAS with its own threads, which spin
while they wait: if calls alternate, as in L-BFGS, two threads are slower than one. So all BLAS libraries except NumPy's
use one thread. The number of threads is never raised above the limit of joblib or the user.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

from ..engine.network import Network

MIN_FLOP_FOR_THREADS = 8e6
"""Operations of the largest product of a batch above which several threads are used: two threads take 1.2 of the time
of one at 3 to 4 million, 0.7 at 17 million."""


class OneThread:
    """Limit some libraries to one thread while at least one fit is in this context.

    The number of threads is a property of the process, and fits may overlap in Python threads: the first fit that
    enters sets the limit, the last one that leaves restores it.
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


_blas_lock = Lock()  # functools.cache may call a function twice from two threads


@cache
def _blas() -> tuple[OneThread, OneThread]:
    """Return limits for NumPy's BLAS and for all others; cached, because the search for libraries takes 4 ms."""
    libraries = ThreadpoolController().select(user_api="blas")
    paths = [library["filepath"] for library in libraries.info()]
    others = [path for path in paths if "numpy.libs" not in path] if len(paths) > 1 else []
    of_numpy = [path for path in paths if path not in others]
    return OneThread(libraries.select(filepath=of_numpy)), OneThread(libraries.select(filepath=others))


def limited_threads(network: Network, batch_size: int) -> ExitStack:
    """Return a context that limits BLAS threads to a suitable number for sweeps over batches of this size."""
    largest = max(math.prod(param.shape) for layer in network.layout.params for param in layer)
    with _blas_lock:
        numpy_limit, other_limit = _blas()
    context = ExitStack()
    context.enter_context(other_limit)
    if 2 * largest * batch_size < MIN_FLOP_FOR_THREADS:
        context.enter_context(numpy_limit)
    return context
