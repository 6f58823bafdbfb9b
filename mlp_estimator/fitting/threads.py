from __future__ import annotations

import math
import os
from contextlib import ExitStack
from threading import RLock, get_ident
from typing import Any

import scipy.linalg  # noqa: F401 - loads SciPy's BLAS
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
        self._lock = RLock()
        self._fits: list[int] = []  # the Python thread of each
        self._limiter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._fits:
                self._limiter = self._libraries.limit(limits=1)
            self._fits.append(get_ident())

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._fits.remove(get_ident())
            self._restore()

    def _restore(self) -> None:
        if not self._fits and self._limiter is not None:
            self._limiter.restore_original_limits()
            self._limiter = None

    def after_fork(self) -> None:
        """Forget the other threads, which a forked process does not have: their fits, and the lock if one held it."""
        self._lock = RLock()
        self._fits = [thread for thread in self._fits if thread == get_ident()]
        self._restore()


def _limits() -> tuple[OneThread, OneThread]:
    """Return limits for NumPy's BLAS and for all others."""
    libraries = ThreadpoolController().select(user_api="blas")
    paths = [library["filepath"] for library in libraries.info()]
    others = [path for path in paths if "numpy.libs" not in path] if len(paths) > 1 else []
    of_numpy = [path for path in paths if path not in others]
    return OneThread(libraries.select(filepath=of_numpy)), OneThread(libraries.select(filepath=others))


# Made at the import: the search for libraries takes 4 ms, and a process must not be forked meanwhile.
NUMPY_LIMIT, OTHER_LIMIT = _limits()
if hasattr(os, "register_at_fork"):  # not on Windows
    for _limit in (NUMPY_LIMIT, OTHER_LIMIT):
        os.register_at_fork(after_in_child=_limit.after_fork)


def limited_threads(network: Network, batch_size: int) -> ExitStack:
    """Return a context that limits BLAS threads to a suitable number for sweeps over batches of this size."""
    largest = max(math.prod(param.shape) for layer in network.layout.params for param in layer)
    context = ExitStack()
    context.enter_context(OTHER_LIMIT)
    if 2 * largest * batch_size < MIN_FLOP_FOR_THREADS:
        context.enter_context(NUMPY_LIMIT)
    return context
