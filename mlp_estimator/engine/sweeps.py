"""The three sweeps over a network, forward, backward and tangent, planned once per batch width, and their memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .batches import as_readable
from .layers import Noise, Params, Step
from .members import Array
from .network import Network

CHUNK_ROWS = 1024
"""Rows of a chunk when all data are swept: the activations of two layers of 100 stay in a 1 MB cache."""

Plan = list[tuple[int, Callable[[Step], None], Step]]
"""A pass of each layer, in the order of the sweep: the number of the layer, the pass, its step."""


class Workspace:
    """Arrays by name, allocated once for the widest batch of a run and read at any narrower one."""

    def __init__(self, n_members: int, max_batch: int, dtype: np.dtype[Any]):
        self.n_members, self.max_batch, self.dtype = n_members, max_batch, dtype
        self._flat: dict[object, Array] = {}

    def array(
        self,
        name: object,
        width: int,
        batch: int,
        *,
        max_width: int | None = None,
        order: Literal["C", "F"] = "C",
        shared: bool = False,
    ) -> Array:
        """Return (M, width, batch), each member in C or Fortran order.

        ``max_width`` reserves memory for other widths of this name; ``shared`` is one array for all members, (1, width,
        batch).
        """
        n_members = 1 if shared else self.n_members
        if name not in self._flat:
            self._flat[name] = np.empty(n_members * (max_width or width) * max(self.max_batch, batch), self.dtype)
        memory = self._flat[name][: n_members * width * batch]
        if order == "F":
            return memory.reshape(n_members, batch, width).swapaxes(1, 2)
        return memory.reshape(n_members, width, batch)


class Sweeps:
    """The sweeps over one batch width.

    A plan is a list of bound layer methods and their steps. A batch costs a short loop of calls, without look-ups and
    slicing, about as much as the same calls written out. Noisy layers take part only with ``noise``. With ``d_x``,
    memory like x, the backward sweep goes down to x, and with ``gradients`` None it writes the error of x alone.
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
        d_x: Array | None = None,
    ):
        self.network, self.batch, self._space = network, batch, space
        self._forward: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._tangent: Plan = []
        active = [i for i, layer in enumerate(network.layers) if not layer.noisy or noise is not None]
        a, below = x, None
        shared = space.n_members > 1 and isinstance(x, np.ndarray) and len(x) == 1  # one array serves all members
        for i in active:
            layer, p = network.layers[i], params[i]
            shared = shared and not (p or layer.noisy or layer.splits)
            if layer.overwrites_x and (below is None or "out" in below.keeps):
                copy = space.array(("x", i), network.widths[i], batch, order="F", shared=shared)
                self._forward.append((np.copyto, (copy, a)))
                a = copy
            scratch = []
            for name, width, n_rows in network.scratch[i]:
                scratch.append(space.array((name, i), width, n_rows or batch, order="F"))
            out = a
            if not layer.in_place:
                # A sample of a hidden layer lies in one piece: float32 products take 0.84 to 0.97 of the time with
                # AVX-512 kernels. Losses reduce over outputs, which is 7 times faster where these lie apart.
                order: Literal["C", "F"] = "C" if i == active[-1] else "F"
                out = space.array(("a", i), network.widths[i + 1], batch, order=order, shared=shared)
            step = Step(p, a, out, tuple(scratch))
            if layer.noisy:
                self._forward.append((layer.draw, (step.scratch, noise)))
            self._forward.append((layer.forward, (step,)))
            self._tangent.append((i, layer.tangent, step))
            a, below = out, layer
        self.raw: Array = a
        if gradients is not None or d_x is not None:
            self.d_raw = space.array("d_raw", network.widths[-1], batch)
            self._backward = self._plan_back(gradients, d_x)
        self._row_backward: Plan = []

    def _plan_back(self, gradients: Sequence[Params] | None, d_x: Array | None) -> Plan:
        """Return the plan of the backward sweep, and complete that of the tangent sweep."""
        plan: Plan = []
        network = self.network
        max_width = max(network.widths[1:])
        lowest = network.first_trained if d_x is None else 0
        d_in, t_in = d_x, None
        for k, (i, _, step) in enumerate(self._tangent):
            # Errors and tangents between the layers: two arrays of each alternate, a step reads one and writes the
            # other. It computes in an array of the other sweep.
            width, space = network.widths[i + 1], self._space
            d_out = space.array(("d", k % 2), width, self.batch, max_width=max_width, order="F")
            t_out = space.array(("t", k % 2), width, self.batch, max_width=max_width, order="F")
            step.t_in, step.t_out, step.work = t_in, t_out, d_out
            if i >= lowest:
                dp = () if gradients is None else gradients[i]
                work = t_out if t_in is None else t_in
                back = Step(step.p, step.x, step.out, step.scratch, d_out, dp, d_in, work=work)
                plan.append((i, network.layers[i].backward, back))
                d_in = d_out
            t_in = t_out
        back.d_out = self.d_raw
        return plan[::-1]

    def forward(self) -> None:
        """Compute ``raw`` from ``x``."""
        for run, arguments in self._forward:
            run(*arguments)

    def backward(self) -> None:
        """Compute the gradient given at planning from ``d_raw``; after ``forward``."""
        for _, run, step in self._backward:
            run(step)

    def row_gradients(self) -> Array:
        """Compute a gradient for each row by itself, (B, P), from ``d_raw``; after ``forward``, of one member.

        The rows take the place of the members: they are the first axis of all arrays, and their batches have one row.
        The same layers on transposed views give the Jacobian of the raw output, one output at a time.
        """
        if not self._row_backward:
            flat = self._space.array("rows", self.network.layout.size, self.batch, order="F")
            self._rows: Array = flat[0].T
            gradients = self.network.layout.views(self._rows)
            self._row_backward = [(i, run, _by_rows(step, gradients[i])) for i, run, step in self._backward]
        for _, run, step in self._row_backward:
            run(step)
        return self._rows

    def tangent(self, v: Array) -> Array:
        """Compute the derivative (M, K, B) of ``raw`` along v (M, P); after ``forward``."""
        directions = self.network.layout.views(v)
        for i, run, step in self._tangent:
            step.v = directions[i]
            run(step)
        return step.t_out


def _by_rows(step: Step, dp: Params) -> Step:
    """Return a backward step whose first axis is that of the rows, not of the members: dp (B, ...)."""

    def turned(a: Any) -> Any:
        return None if a is None else a.transpose(2, 1, 0)

    x, out, d_out, d_in, work = map(turned, (step.x, step.out, step.d_out, step.d_in, step.work))
    return Step(step.p, x, out, tuple(map(turned, step.scratch)), d_out, dp, d_in, work=work)


def outputs(
    network: Network, params: Sequence[Params], X: Any, rows: NDArray[np.integer[Any]] | None = None
) -> Iterator[tuple[slice, Array]]:
    """Yield (stretch of the rows, raw (M, K, B) for it), in bounded memory.

    ``raw`` belongs to the caller until the next chunk.
    """
    X, n = as_readable(X), X.shape[0] if rows is None else len(rows)
    first = params[network.first_trained][0]
    space = Workspace(len(first), min(n, CHUNK_ROWS), first.dtype)
    for start in range(0, n, CHUNK_ROWS):
        chunk = slice(start, min(start + space.max_batch, n))
        if start == 0 or chunk.stop == n:
            batch = chunk.stop - chunk.start
            source = network.layers[0].batches([X], batch, first.dtype)
            sweeps = Sweeps(network, params, None, source.x, batch, space)
        source.gather([chunk if rows is None else rows[chunk]])
        sweeps.forward()
        yield chunk, sweeps.raw
