"""How many threads of BLAS a fit may use, also where fits overlap and where a process is forked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import RLock, get_ident
from typing import Any

import scipy.linalg  # noqa: F401 - loads SciPy's BLAS
from threadpoolctl import ThreadpoolController

from ..engine.network import Network

MIN_FLOP_FOR_THREADS = 8e6
"""Operations of the largest product of a batch above which several threads are used: two threads take 1.2 of the time
of one at 3 to 4 million, 0.7 at 17 million."""


class OneThread:
    """Limit some libraries to one thread while at least one fit is under way.

    The number of threads is a property of the process, and fits may overlap in Python threads: the first fit that
    begins sets the limit, the last one that ends restores it. To end a fit twice, or one that has not begun, changes
    nothing.
    """

    def __init__(self, libraries: ThreadpoolController):
        self._libraries = libraries
        self._lock = RLock()
        self._fits: dict[object, int] = {}  # the Python thread of each
        self._limiter: Any = None

    def begin(self, fit: object) -> None:
        """A fit begins."""
        with self._lock:
            self._fits[fit] = get_ident()
            if self._limiter is None:
                self._limiter = self._libraries.limit(limits=1)

    def end(self, fit: object) -> None:
        """A fit ends."""
        with self._lock:
            self._fits.pop(fit, None)
            self._restore()

    def _restore(self) -> None:
        if not self._fits and self._limiter is not None:
            self._limiter.restore_original_limits()
            self._limiter = None

    def after_fork(self) -> None:
        """Forget the other threads, which a forked process does not have: their fits, and the lock if one held it."""
        self._lock = RLock()
        self._fits = {fit: thread for fit, thread in self._fits.items() if thread == get_ident()}
        self._restore()


class LimitedThreads:
    """The context of a fit under some limits. A keyboard interrupt may come at any moment of it."""

    def __init__(self, limits: Sequence[OneThread]):
        self._limits = limits

    def __enter__(self) -> None:
        try:
            for limit in self._limits:
                limit.begin(self)
        except BaseException:
            self._end()
            raise

    def __exit__(self, *exception: object) -> None:
        try:
            self._end()
        except KeyboardInterrupt:
            self._end()
            raise

    def _end(self) -> None:
        for limit in self._limits:
            limit.end(self)


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


def limited_threads(network: Network, batch_size: int) -> LimitedThreads:
    """Return a context that limits BLAS threads to a suitable number for sweeps over batches of this size."""
    small = 2 * network.n_multiplications * batch_size < MIN_FLOP_FOR_THREADS
    return one_thread() if small else LimitedThreads([OTHER_LIMIT])


def one_thread() -> LimitedThreads:
    """Return a context in which BLAS has one thread: sums have the same bits in any process then."""
    return LimitedThreads([OTHER_LIMIT, NUMPY_LIMIT])
