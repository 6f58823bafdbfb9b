"""Which runs train side by side: those of one kind, as many as fit into the caches of a processor.

A batch costs its products and the price of NumPy's calls, which members share. Beyond some tens of microseconds of
arithmetic per call there is nothing left to share, and larger arrays leave the caches.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from .network import Network
from .runs import Run

CACHE_BYTES = 2**23
"""Bytes that the arrays of a population may fill (``benchmarks/population.py``)."""


def populations(runs: Iterable[Run], cache: float = CACHE_BYTES) -> Iterator[list[Run]]:
    """Yield the runs in lists of one kind, each to be trained as the members of one objective.

    Runs on the same rows in the same order stay together: they share the gathering of their batches.
    """
    runs = list(runs)
    if len(runs) == 1:  # it needs no plan
        yield runs
        return
    kinds: dict[Hashable, dict[Hashable, list[Run]]] = {}
    for run in runs:
        kinds.setdefault(run.kind, {}).setdefault(run if run.stream is None else run.stream, []).append(run)
    for streams in kinds.values():
        first = next(iter(streams.values()))[0]
        n_bytes = bytes_of(first.network, min(first.batch_size, first.data.n_rows), first.theta.itemsize)
        limit = max(1, int(cache // n_bytes))
        waiting: list[Run] = []
        for stream in streams.values():
            if waiting and len(waiting) + len(stream) > limit:
                yield waiting
                waiting = []
            if len(stream) > limit:
                yield from _evenly(stream, limit)
            else:
                waiting = [*waiting, *stream]
        if waiting:
            yield waiting


def _evenly(runs: Sequence[Run], limit: int) -> Iterator[list[Run]]:
    n_parts = -(-len(runs) // limit)
    for k in range(n_parts):
        yield list(runs[k * len(runs) // n_parts : (k + 1) * len(runs) // n_parts])


def bytes_of(network: Network, batch_size: int, itemsize: int) -> int:
    """Estimate the memory of a member: parameters, gradient and moments, activations and errors of a batch."""
    widths = network.widths
    return itemsize * (5 * network.layout.size + batch_size * (sum(widths[1:]) + 3 * max(widths[1:])))
