"""A stack of layers, its memory, and the three sweeps over it.

The legend of the engine
------------------------
``x`` input of a layer, ``z`` pre-activation, ``a`` activation, ``raw`` output of the last layer; ``theta`` all
parameters, ``p`` a layer's views of them; ``d_`` gradient with respect to, ``t_`` tangent along ``v``; ``n_`` counts.
M members (networks of one shape trained side by side), B rows of the batch, P parameters, K outputs.
theta is (M, P); activations are (M, features, B): a sample is a column, as in the derivations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from .activations import Activation
from .batches import SparseRows, batches_of, readable
from .layers import Dense, Dropout, Elementwise, Layer, Params, SparseDense
from .layout import Array, Layout, for_members

ROWS_AT_A_TIME = 1024
"""Rows of a chunk when all data are swept: the activations of two layers of 100 stay in a 1 MB cache."""

Step = tuple[Callable[..., None], tuple[Any, ...]]


class Workspace:
    """Memory for the arrays of a run, by name, sized once for its widest batch and read at any narrower one."""

    def __init__(self, n_members: int, max_batch: int, dtype: np.dtype[Any]):
        self.n_members, self.max_batch, self.dtype = n_members, max_batch, dtype
        self._flat: dict[Any, Array] = {}

    def array(
        self, name: object, width: int, batch: int, *, widest: int | None = None, order: Literal["C", "F"] = "C"
    ) -> Array:
        """(M, width, batch), each member in C or Fortran order; ``widest`` reserves for other widths of this name."""
        if name not in self._flat:
            size = self.n_members * (widest or width) * self.max_batch
            self._flat[name] = np.empty(size, self.dtype)
        memory = self._flat[name][: self.n_members * width * batch]
        if order == "F":
            return memory.reshape(self.n_members, batch, width).swapaxes(1, 2)
        return memory.reshape(self.n_members, width, batch)


class Sweeps:
    """The sweeps over one batch width, planned once.

    A plan is a list of (bound layer method, its arrays): a batch costs a short loop of calls, with no look-up and
    no slicing, about what the same calls written out would cost. Noisy layers take part where ``noise``, one
    generator for each member, is given.
    """

    def __init__(
        self,
        network: Network,
        params: Sequence[Params],
        gradients: Sequence[Params] | None,
        x: Array | SparseRows,
        batch: int,
        space: Workspace,
        noise: Sequence[np.random.Generator] | None = None,
    ):
        self.network, self.batch, self._space = network, batch, space
        self._steps: list[tuple[int, Any, Any, Any, Array]] = []  # number of the layer, the layer, its p, x and out
        self._forward: list[Step] = []
        a: Any = x
        layer: Any
        for i, (layer, p) in enumerate(zip(network.layers, params, strict=True)):
            if layer.noisy and noise is None:
                continue
            # A sample of a hidden layer lies in one piece: float32 products take 0.84 to 0.97 of the time with AVX-512
            # kernels. Losses reduce over outputs, which is 7 times faster where these lie apart.
            order: Literal["C", "F"] = "F" if i + 1 < len(network.layers) else "C"
            width = network.widths[i + 1]
            if layer.noisy:
                p = (space.array(("noise", i), width, batch, order=order),)
                self._forward.append((layer.draw, (p, noise)))
            out = a if layer.in_place else space.array(("a", i), width, batch, order=order)
            self._steps.append((i, layer, p, a, out))
            self._forward.append((layer.forward, (p, a, out)))
            a = out
        self.raw: Array = a
        if gradients is not None:
            self.d_raw = space.array("d_raw", network.widths[-1], batch)
            self._backward = self._backward_plan(gradients, lambda array: array)
        self._row_backward: list[Step] | None = None

    def _backward_plan(self, gradients: Sequence[Params], view: Callable[[Array], Array]) -> list[Step]:
        """Backward calls from the top down, on ``view`` of the activations and errors."""
        plan: list[Step] = []
        d_out: Any = view(self.d_raw)
        for k in reversed(range(len(self._steps))):
            i, layer, p, x, out = self._steps[k]
            width = self.network.widths[i]
            d_in, work = (view(self._delta(name, k, width)) if k else None for name in ("d", "t"))
            plan.append((layer.backward, (p, view(x), view(out), d_out, gradients[i], d_in, work)))
            d_out = d_in
        return plan

    def _delta(self, name: str, k: int, width: int) -> Array:
        """One of two arrays that take turns: a step reads the one and writes the other."""
        widest = max(self.network.widths[1:])
        return self._space.array((name, k % 2), width, self.batch, widest=widest, order="F")

    def forward(self) -> None:
        """From ``x`` to ``raw``."""
        for run, arrays in self._forward:
            run(*arrays)

    def backward(self) -> None:
        """``d_raw`` to the gradient given at planning; after ``forward``."""
        for run, arrays in self._backward:
            run(*arrays)

    def row_gradients(self) -> Array:
        """``d_raw`` to a gradient for each row by itself, (B, P); after ``forward``, of one member.

        The rows take the place of the members: theirs are the first axis of all arrays, and their batches have one row.
        The same layers, on transposed views, so give the Jacobian of the raw output, one output at a time.
        """
        if self._row_backward is None:
            flat = self._space.array("rows", self.network.layout.size, self.batch, order="F")
            self._rows = flat[0].T
            self._row_backward = self._backward_plan(
                self.network.layout.views(self._rows), lambda a: a.transpose(2, 1, 0)
            )
        for run, arrays in self._row_backward:
            run(*arrays)
        return self._rows

    def tangent(self, v: Array) -> Array:
        """The derivative (M, K, B) of ``raw`` along v (M, P); after ``forward``."""
        t_in: Array | None = None
        directions = self.network.layout.views(v)
        for k, (i, layer, p, x, out) in enumerate(self._steps):
            t_out, work = (self._delta(name, k, self.network.widths[i + 1]) for name in ("t", "d"))
            layer.tangent(p, x, out, directions[i], t_in, t_out, work)
            t_in = t_out
        assert t_in is not None
        return t_in


class Network:
    """Layers in order, the widths between them, and the layout of their parameters."""

    def __init__(self, layers: Sequence[Layer], n_in: int):
        self.layers = list(layers)
        self.widths = [n_in]
        for layer in self.layers:
            self.widths.append(layer.n_out(self.widths[-1]))
        self.layout = Layout([layer.params(n) for layer, n in zip(self.layers, self.widths, strict=False)])
        self.noisy = any(layer.noisy for layer in self.layers)
        self.kind = (n_in, *(layer.kind for layer in self.layers))  # equal for networks that can be members of one

    @property
    def sizes(self) -> list[int]:
        """The widths of inputs, hidden layers and outputs: between layers that have parameters."""
        return [self.widths[0], *(n for n, p in zip(self.widths[1:], self.layout.params, strict=True) if p)]

    def init(self, theta: Array, rngs: Sequence[np.random.RandomState]) -> None:
        """Draw the parameters of each member from its generator, layer by layer."""
        for m, rng in enumerate(rngs):
            for layer, p in zip(self.layers, self.layout.views(theta[m : m + 1]), strict=True):
                layer.init(p, rng)

    def params(self, weights: Sequence[Array], biases: Sequence[Array]) -> list[Params]:
        """Weights and biases of each affine layer, ([M,] n_in, n_out) and ([M,] n_out), as layers read them."""
        pairs = zip(weights, biases, strict=True)
        views = iter([(W.reshape(-1, *W.shape[-2:]), b.reshape(-1, b.shape[-1], 1)) for W, b in pairs])
        return [next(views) if layer else () for layer in self.layout.params]

    def outputs(
        self, params: Sequence[Params], X: Any, rows: np.ndarray | None = None
    ) -> Iterator[tuple[slice, Array]]:
        """Yield (stretch of the rows, raw (M, K, B) for it), in bounded memory; raw is the caller's until the next."""
        X, n = readable(X), X.shape[0] if rows is None else len(rows)
        n_members, dtype = len(params[0][0]), params[0][0].dtype
        space = Workspace(n_members, min(n, ROWS_AT_A_TIME), dtype)
        for start in range(0, n, space.max_batch):
            part = slice(start, min(start + space.max_batch, n))
            if start == 0 or part.stop == n:
                batch = part.stop - part.start
                source = batches_of([X], batch, dtype, self.layers[0].reads_sparse)
                sweeps = Sweeps(self, params, None, source.x, batch, space)
            source.gather([part if rows is None else rows[part]])
            sweeps.forward()
            yield part, sweeps.raw


def joined(networks: Sequence[Network]) -> Network:
    """One network for members of one kind, which may differ in their rates of dropout."""
    if all(network is networks[0] for network in networks):
        return networks[0]
    layers: list[Layer] = [
        Dropout(for_members([layer.rate for layer in alike])) if alike[0].noisy else alike[0]
        for alike in zip(*(network.layers for network in networks), strict=True)
    ]
    return Network(layers, networks[0].widths[0])


@lru_cache(maxsize=128)
def perceptron(
    sizes: tuple[int, ...], activations: tuple[Activation, ...], dropout: tuple[float, ...] = (), sparse: bool = False
) -> Network:
    """Affine layers of the given sizes (inputs first), after each hidden one its activation and its rate of dropout.

    ``activations`` has one more entry than there are hidden layers; the last one is not applied, but the weights of the
    output are drawn for it. A network is a description without state, so one serves all runs and predictions of its
    kind: to make it anew takes 40 us, a third of scikit-learn's time to predict one row.
    """
    layers: list[Layer] = []
    for i, (width, activation) in enumerate(zip(sizes[1:], activations, strict=True)):
        affine = SparseDense if sparse and not layers else Dense
        layers += [affine(width, activation.init), Elementwise(activation)]
        if any(dropout[i : i + 1]):
            layers.append(Dropout(dropout[i]))
    return Network(layers[:-1], sizes[0])
