"""The three sweeps over a network: forward, backward and tangent, planned once per batch width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .batches import as_readable
from .layers import Layer, Noise, Params
from .members import Array
from .memory import Workspace
from .network import Network

CHUNK_ROWS = 1024
"""Rows of a chunk when all data are swept: the activations of two layers of 100 stay in a 1 MB cache."""

Call = tuple[Callable[..., None], tuple[Any, ...]]


Step = tuple[int, Layer, Params, Any, Array, Params]
"""The number of a layer, the layer, and its p, x, out and scratch."""


class Sweeps:
    """The sweeps over one batch width.

    A plan is a list of (bound layer method, its arrays). A batch costs a short loop of calls, without look-ups and
    slicing, about as much as the same calls written out. Noisy layers take part only with ``noise``.
    """

    def __init__(
        self,
        network: Network,
        params: Sequence[Params],
        gradients: Sequence[Params] | None,
        x: Any,
        batch: int,
        space: Workspace,
        noise: Noise | None = None,
    ):
        self.network, self.batch, self._space = network, batch, space
        self._steps: list[Step] = []
        self._forward: list[Call] = []
        self._between: list[tuple[Array, Array]] = []
        active = [i for i, layer in enumerate(network.layers) if not layer.noisy or noise is not None]
        a, below = x, None
        shared = space.n_members > 1 and isinstance(x, np.ndarray) and len(x) == 1  # one array serves all members
        for i in active:
            layer, p = network.layers[i], params[i]
            shared = shared and not p and not layer.noisy
            if layer.overwrites_x and (below is None or "out" in below.keeps):
                copy = space.array(("x", i), network.widths[i], batch, order="F", shared=shared)
                self._forward.append((np.copyto, (copy, a)))
                a = copy
            scratch = []
            for name, width, of_all in network.scratch[i]:
                scratch.append(space.array((name, i), width, batch, order="F", shared=of_all))
            out = a
            if not layer.in_place:
                # A sample of a hidden layer lies in one piece: float32 products take 0.84 to 0.97 of the time with
                # AVX-512 kernels. Losses reduce over outputs, which is 7 times faster where these lie apart.
                order: Literal["C", "F"] = "C" if i == active[-1] else "F"
                out = space.array(("a", i), network.widths[i + 1], batch, order=order, shared=shared)
            arrays = (p, a, out, tuple(scratch))
            if layer.noisy:
                self._forward.append((layer.draw, (arrays[3], noise)))
            self._forward.append((layer.forward, arrays))
            self._steps.append((i, layer, *arrays))
            a, below = out, layer
        self.raw: Array = a
        if gradients is not None:
            self.d_raw = space.array("d_raw", network.widths[-1], batch)
            # Errors and tangents between the layers: two arrays of each alternate, a step reads one and writes the
            # other.
            max_width = max(network.widths[1:])
            for k, i in enumerate([*active[1:], len(network.layers)]):
                d = space.array(("d", k % 2), network.widths[i], batch, max_width=max_width, order="F")
                t = space.array(("t", k % 2), network.widths[i], batch, max_width=max_width, order="F")
                self._between.append((d, t))
            self._backward = self._backward_plan(gradients)
        self._row_backward: list[Call] | None = None

    def _backward_plan(self, gradients: Sequence[Params], view: Callable[[Array], Array] | None = None) -> list[Call]:
        """Plan the calls from the top down, on the activations and errors or on a ``view`` of each."""
        plan: list[Call] = []
        d_out: Array | None = self.d_raw
        for k in reversed(range(len(self._steps))):
            i, layer, p, x, out, scratch = self._steps[k]
            if i < self.network.first_trained:
                break
            d_in, work = self._between[k - 1] if i > self.network.first_trained else (None, None)
            arrays = [x, out, scratch, d_out, d_in, work]
            if view is not None:
                arrays = [
                    tuple(map(view, a)) if isinstance(a, tuple) else None if a is None else view(a) for a in arrays
                ]
            plan.append((layer.backward, (p, *arrays[:4], gradients[i], *arrays[4:])))
            d_out = d_in
        return plan

    def forward(self) -> None:
        """Compute ``raw`` from ``x``."""
        for run, arrays in self._forward:
            run(*arrays)

    def backward(self) -> None:
        """Compute the gradient given at planning from ``d_raw``; after ``forward``."""
        for run, arrays in self._backward:
            run(*arrays)

    def row_gradients(self) -> Array:
        """Compute a gradient for each row by itself, (B, P), from ``d_raw``; after ``forward``, of one member.

        The rows take the place of the members: they are the first axis of all arrays, and their batches have one row.
        The same layers on transposed views give the Jacobian of the raw output, one output at a time.
        """
        if self._row_backward is None:
            flat = self._space.array("rows", self.network.layout.size, self.batch, order="F")
            self._rows: Array = flat[0].T
            gradients = self.network.layout.views(self._rows)
            self._row_backward = self._backward_plan(gradients, lambda a: a.transpose(2, 1, 0))
        for run, arrays in self._row_backward:
            run(*arrays)
        return self._rows

    def tangent(self, v: Array) -> Array:
        """Compute the derivative (M, K, B) of ``raw`` along v (M, P); after ``forward``."""
        t_in: Array | None = None
        directions = self.network.layout.views(v)
        for (i, layer, p, x, out, scratch), (work, t_out) in zip(self._steps, self._between, strict=True):
            layer.tangent(p, x, out, scratch, directions[i], t_in, t_out, work)
            t_in = t_out
        assert t_in is not None
        return t_in


def outputs(
    network: Network, params: Sequence[Params], X: Any, rows: NDArray[np.integer[Any]] | None = None
) -> Iterator[tuple[slice, Array]]:
    """Yield (stretch of the rows, raw (M, K, B) for it), in bounded memory.

    ``raw`` belongs to the caller until the next chunk.
    """
    X, n = as_readable(X), X.shape[0] if rows is None else len(rows)
    first = params[network.first_trained][0]
    space = Workspace(len(first), min(n, CHUNK_ROWS), first.dtype)
    for start in range(0, n, space.max_batch):
        chunk = slice(start, min(start + space.max_batch, n))
        if start == 0 or chunk.stop == n:
            batch = chunk.stop - chunk.start
            source = network.layers[0].batches([X], batch, first.dtype)
            sweeps = Sweeps(network, params, None, source.x, batch, space)
        source.gather([chunk if rows is None else rows[chunk]])
        sweeps.forward()
        yield chunk, sweeps.raw
