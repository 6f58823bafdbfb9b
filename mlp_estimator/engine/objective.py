"""Network, loss, penalty and data as one function of the parameters: the waist between model and solvers.

f(theta) = (sum_i w_i loss(y_i, raw_i) + alpha / 2 ||W||^2) / sum_i w_i over the rows at hand. This is the one place
that divides by the weights, and the penalty is divided with the rest: by a minibatch's weights in a
minibatch, as scikit-learn does it, so that a sum of minibatch losses is the loss of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .batches import Data, DenseRows, Rows, batches_of
from .layout import Array, Number, cast, for_members, squared_norm
from .losses import Loss
from .network import ROWS_AT_A_TIME, Network, Sweeps, Workspace


class _Batch:
    """Buffers and planned sweeps for batches of one width."""

    def __init__(self, objective: Objective, n_rows: int):
        o, space, data = objective, objective._space, objective.data
        X = batches_of([d.X for d in data], n_rows, o.theta.dtype, o.network.layers[0].reads_sparse)
        Y = DenseRows([d.Y for d in data], n_rows, data[0].Y.dtype)
        self._sources, self.y = [X, Y], Y.x
        self.weight: Array | None = None
        if data[0].weight is not None:
            weight = DenseRows([d.weight[:, None] for d in data if d.weight is not None], n_rows, data[0].weight.dtype)
            self._sources.append(weight)
            self.weight = weight.x
        params, gradients = (o.network.layout.views(flat) for flat in (o.theta, o.grad))
        self.sweeps = Sweeps(o.network, params, gradients, X.x, n_rows, space, o.noise)
        self.work = space.array("work", o.network.widths[-1] + 1, n_rows)

    def gather(self, rows: Sequence[Rows]) -> None:
        for source in self._sources:
            source.gather(rows)

    def weights(self) -> Number:
        """What the rows that have been gathered weigh together."""
        if self.weight is None:
            return float(self.sweeps.batch)
        return for_members(np.add.reduce(self.weight, axis=(1, 2)).tolist())


class Objective:
    """The mean loss of each member of a network on data, with its gradient in ``grad``.

    ``theta`` (M, P) and ``grad`` (M, P) are the arrays that the planned sweeps read and write, for the whole run: a
    solver changes theta in place and copies what it wants to keep. The members share one set of ``data``, or have
    one each, of the same number of rows.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        *data: Data,
        theta: Array,
        alpha: Number,
        max_batch: int = ROWS_AT_A_TIME,
        noise: Sequence[np.random.Generator] | None = None,
    ):
        self.network, self.loss, self.data, self.noise = network, loss, data, noise
        self.theta, self.grad = theta, np.empty_like(theta)
        self.alpha: Any = alpha
        decayed = slice(network.layout.n_decayed)
        self._W, self._dW = theta[:, decayed], self.grad[:, decayed]
        self._scaled = np.empty_like(self._W)
        self.n_rows = len(data[0])
        self.total_weight: Any = for_members([d.total_weight for d in data])
        self.max_batch = min(max_batch, self.n_rows)
        self._space = Workspace(len(theta), self.max_batch, theta.dtype)
        self._batches: dict[int, _Batch] = {}
        self._loaded: _Batch | None = None  # the one batch that holds all rows, once it does
        self._sum: Array | None = None

    def value_and_grad(self, rows: np.ndarray | None = None) -> Array | None:
        """Return f (M,) over some rows, or over all, and leave its gradient in ``grad``.

        ``rows`` are (B,) for all, or (n_data, B). None, and no gradient, where they weigh nothing.
        """
        if rows is None:
            return self._whole()
        batch = self._batch(rows.shape[-1])
        self._loaded = None
        batch.gather([rows] * len(self.data) if rows.ndim == 1 else rows)  # type: ignore[arg-type]
        weight = batch.weights()
        if isinstance(weight, float) and weight == 0.0:
            return None
        return self._evaluate(batch, weight) + self._penalise(weight)

    def _batch(self, n_rows: int) -> _Batch:
        if n_rows not in self._batches:
            self._batches[n_rows] = _Batch(self, n_rows)
        return self._batches[n_rows]

    def _evaluate(self, batch: _Batch, weight: Number) -> Array:
        """The data term (M,) and its gradient, ``weight`` being what the sums are divided by."""
        value, d_raw = self._loss_of(batch), batch.sweeps.d_raw
        np.multiply(d_raw, _inverse(weight, d_raw), out=d_raw)
        batch.sweeps.backward()
        return value / _flat(weight)

    def _loss_of(self, batch: _Batch) -> Array:
        """The summed loss (M,); its gradient is in ``batch.sweeps.d_raw``."""
        sweeps = batch.sweeps
        sweeps.forward()
        return self.loss.value_and_grad(batch.y, sweeps.raw, batch.weight, sweeps.d_raw, batch.work)

    def _penalise(self, weight: Number) -> Array | float:
        """The L2 term (M,); its gradient joins ``grad``."""
        if isinstance(self.alpha, float) and self.alpha == 0.0:
            return 0.0
        (scale,) = cast((self.alpha / weight,), self._W)
        np.multiply(self._W, scale, out=self._scaled)
        np.add(self._dW, self._scaled, out=self._dW)
        return self._penalty(weight)

    def _penalty(self, weight: Number) -> Array:
        return _flat(0.5 * self.alpha / weight) * squared_norm(self._W)

    def _whole(self) -> Array:
        """All rows, in chunks through the same memory: one path for any number of rows."""
        total = self.total_weight
        if self.n_rows <= self.max_batch:
            return self._evaluate(self._all_at_once(), total) + self._penalise(total)
        if self._sum is None:
            self._sum = np.empty_like(self.grad)
        self._sum.fill(0.0)
        value = np.zeros(len(self.theta), self.theta.dtype)
        for batch in self._chunks():
            value = value + self._evaluate(batch, total)
            np.add(self._sum, self.grad, out=self._sum)
        np.copyto(self.grad, self._sum)
        return value + self._penalise(total)

    def _all_at_once(self) -> _Batch:
        """All rows in one batch, gathered once for as long as nothing else is put there."""
        batch = self._batch(self.n_rows)
        if batch is not self._loaded:
            batch.gather([d.order for d in self.data])
            self._loaded = batch
        return batch

    def _chunks(self) -> Iterator[_Batch]:
        """All rows, a batch at a time."""
        n = self.n_rows
        if n <= self.max_batch:
            yield self._all_at_once()
            return
        for start in range(0, n, self.max_batch):
            stop = min(start + self.max_batch, n)
            batch = self._batch(stop - start)
            batch.gather([d.stretch(start, stop) for d in self.data])
            yield batch

    def value(self) -> Array:
        """The objective (M,) over all rows, at the price of a forward sweep; ``grad`` is left alone."""
        return self.loss_without_penalty() + self._penalty(self.total_weight)

    def curvature_product(self, v: Array, out: Array) -> None:
        """Write the Gauss-Newton product J' H J v + alpha v, over all rows and divided as f is, to out (M, P).

        H is the loss's curvature: the matrix is symmetric, and positive semidefinite for a convex loss. ``grad`` is
        spent.
        """
        (scale,) = cast((self.alpha / self.total_weight,), v)
        np.multiply(v, scale, out=out)
        out[:, self._W.shape[1] :] = 0.0
        for batch in self._chunks():
            sweeps = batch.sweeps
            sweeps.forward()
            t = sweeps.tangent(v)
            self.loss.curvature(batch.y, sweeps.raw, batch.weight, t)
            np.multiply(t, _inverse(self.total_weight, t), out=sweeps.d_raw)
            sweeps.backward()
            np.add(out, self.grad, out=out)

    def residuals(self) -> Iterator[tuple[Array, Array]]:
        """Yield (J (B, P), r (B,)) for a stretch of rows and one output, of one member and a sum of squares.

        r = sqrt(w) (raw - y), and J is its Jacobian; both are the caller's until the next.
        """
        for batch in self._chunks():
            sweeps = batch.sweeps
            sweeps.forward()
            root = 1.0 if batch.weight is None else np.sqrt(batch.weight[0, 0])
            for k in range(sweeps.raw.shape[1]):
                sweeps.d_raw.fill(0.0)
                sweeps.d_raw[0, k] = root
                yield sweeps.row_gradients(), (sweeps.raw[0, k] - batch.y[0, k]) * root

    def loss_without_penalty(self) -> Array:
        """The mean loss (M,) over all rows, without its gradient: what a validation set is for."""
        total = np.zeros(len(self.theta), self.theta.dtype)
        for batch in self._chunks():
            total += self._loss_of(batch)
        return total / _flat(self.total_weight)


def _flat(number: Number) -> Number:
    """A number for each of (M,)."""
    return number if isinstance(number, float) else number[:, 0]


def _inverse(weight: Number, like: Array) -> Number:
    """1 / weight, to multiply (M, K, B) with."""
    return 1.0 / weight if isinstance(weight, float) else cast((1.0 / weight,), like)[0][:, :, None]
