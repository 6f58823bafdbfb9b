"""Which runs train side by side: those of one kind, as many at a time as the caches of a processor hold.

What a batch costs besides its products is the price of NumPy's calls, which members share; beyond some tens of
microseconds of arithmetic for each call there is nothing left to share, and larger arrays leave the caches.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from .runs import Run

CACHE = 2**23
"""Bytes that the arrays of a population may fill (``benchmarks/population.py``)."""


def populations(runs: Iterable[Run], cache: float = CACHE) -> Iterator[list[Run]]:
    """Yield the runs in lists of one kind, each to be trained as the members of one objective.

    Runs on the same rows in the same order stay together: they share the gathering of their batches.
    """
    kinds: dict[Hashable, dict[Hashable, list[Run]]] = {}
    for run in runs:
        kinds.setdefault(run.kind, {}).setdefault(run if run.stream is None else run.stream, []).append(run)
    for streams in kinds.values():
        most = max(1, int(cache // bytes_of(next(iter(streams.values()))[0])))
        waiting: list[Run] = []
        for stream in streams.values():
            if waiting and len(waiting) + len(stream) > most:
                yield waiting
                waiting = []
            if len(stream) > most:
                yield from _evenly(stream, most)
            else:
                waiting = [*waiting, *stream]
        if waiting:
            yield waiting


def _evenly(runs: Sequence[Run], most: int) -> Iterator[list[Run]]:
    n_parts = -(-len(runs) // most)
    for k in range(n_parts):
        yield list(runs[k * len(runs) // n_parts : (k + 1) * len(runs) // n_parts])


def bytes_of(run: Run) -> int:
    """What a member takes: parameters, gradient and moments, activations and errors of a batch."""
    widths = run.network.widths
    n_rows = min(run.batch_size, len(run.data))
    return run.theta.itemsize * (5 * run.network.layout.size + n_rows * (sum(widths[1:]) + 3 * max(widths[1:])))
