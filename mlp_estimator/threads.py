"""How many threads the matrix products of a run may use; nothing is left changed afterwards.

Two measured facts (``benchmarks/threads.py``). Products of small matrices are faster on one thread, and far faster when
another process is busy. And NumPy and SciPy wheels each bring a BLAS with threads of its own, which wait spinning:
where both take turns, as in L-BFGS, two threads are slower than one, so all BLAS libraries but NumPy's get one.
The number is never raised: what joblib or the user allows is the upper limit.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

from threadpoolctl import ThreadpoolController

from .engine.network import Network

WORTH_THREADS = 8e6
"""Multiplications and additions of the largest product of a batch from which on threads pay: two threads take 1.2 of
the time of one at 3 to 4 million, 0.7 at 17 million."""


@cache
def _blas() -> tuple[ThreadpoolController, ThreadpoolController]:
    """All BLAS libraries, and those besides NumPy's own; found once, since looking takes 4 ms."""
    controller = ThreadpoolController().select(user_api="blas")
    paths = [library["filepath"] for library in controller.info()]
    others = [path for path in paths if "numpy.libs" not in path] if len(paths) > 1 else []
    return controller, controller.select(filepath=others)


def limited_threads(network: Network, batch_size: int) -> ExitStack:
    """Context in which BLAS threads are as few as serves sweeps over batches of this size."""
    largest = max(param.shape[0] * param.shape[1] for layer in network.layout.params for param in layer)
    every, others = _blas()
    context = ExitStack()
    small = 2 * largest * batch_size < WORTH_THREADS
    context.enter_context((every if small else others).limit(limits=1))
    return context
