"""Network, loss, penalty and data as one function of the parameters: the waist between model and solvers.

f(theta) = (sum_i w_i loss(y_i, raw_i) + alpha / 2 ||W||^2) / sum_i w_i over the rows of a batch. This is the one place
that divides by the weights. The penalty is divided too, by the weights of the minibatch in a minibatch, as in
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .batches import Batches, Data, DenseRows, Rows
from .layers import Noise
from .losses import Loss, WithCurvature, WithResiduals
from .members import Array, Number, as_vector, cast, for_members, of_batch, squared_norm
from .network import Network
from .sweeps import CHUNK_ROWS, Sweeps, Workspace


class _Batch:
    """Buffers and planned sweeps for batches of one width."""

    def __init__(self, objective: Objective, n_rows: int):
        o, space, data = objective, objective._space, objective.data
        Xs, Ys = [d.X for d in data], [d.Y for d in data]
        weights = [d.weight[:, None] for d in data if d.weight is not None]
        X = o.network.layers[0].batches(Xs, n_rows, o.theta.dtype)
        Y = DenseRows(Ys, n_rows, Ys[0].dtype)
        self._sources: list[Batches] = [X, Y]
        self.y = Y.x
        self.weight: Array | None = None
        if weights:
            weight = DenseRows(weights, n_rows, weights[0].dtype)
            self._sources.append(weight)
            self.weight = weight.x
        params, gradients = o.network.layout.views(o.theta), o.network.layout.views(o.grad)
        self.sweeps = Sweeps(o.network, params, gradients, X.x, n_rows, space, o.noise)
        self.work = space.array("work", o.network.widths[-1] + 1, n_rows)

    def gather(self, rows: Sequence[Rows]) -> None:
        for source in self._sources:
            source.gather(rows)

    def weights(self) -> Number:
        """Return the sum of the weights of the gathered rows."""
        if self.weight is None:
            return float(self.sweeps.batch)
        return for_members(np.add.reduce(self.weight, axis=(1, 2)).tolist())


class Objective:
    """The mean loss of each member of a network on data, with its gradient in ``grad``.

    The planned sweeps read ``theta`` (M, P) and write ``grad`` (M, P) for the whole run: a solver changes theta in
    place and copies what it wants to keep. The members share one set of ``data``, or have one each, of the same number
    of rows.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        data: Sequence[Data],
        *,
        theta: Array,
        alpha: Number,
        max_batch: int = CHUNK_ROWS,
        noise: Sequence[np.random.Generator] | None = None,
    ):
        self.network, self.loss, self.data = network, loss, data
        self.noise = None if noise is None else Noise(noise)
        self.theta, self.grad = theta, np.empty_like(theta)
        self.alpha: Any = alpha
        decayed = slice(network.layout.n_decayed)
        self._W = theta[:, decayed]
        self._scaled = np.empty_like(self._W)
        self.n_rows = data[0].n_rows
        self.total_weight: Any = for_members([d.total_weight for d in data])
        self.max_batch = min(max_batch, self.n_rows)
        self._space = Workspace(len(theta), self.max_batch, theta.dtype)
        self._batches: dict[int, _Batch] = {}
        self._loaded: _Batch | None = None  # the one batch that holds all rows, once it does
        self._sum: Array | None = None

    def value_and_grad(self, rows: NDArray[np.integer[Any]] | None = None) -> Array | None:
        """Return f (M,) over some rows, or over all, and leave its gradient in ``grad``.

        ``rows`` are (B,) for all members, or (n_data, B). Return None, without a gradient, where their weights are 0.
        """
        if rows is None:
            return self._over_all_rows()
        batch = self._batch(rows.shape[-1])
        self._loaded = None
        batch.gather([rows] * len(self.data) if rows.ndim == 1 else list(rows))
        weight = batch.weights()
        if isinstance(weight, float) and weight == 0.0:
            return None
        return self._evaluate(batch, weight) + self._penalise(weight)

    def _batch(self, n_rows: int) -> _Batch:
        if n_rows not in self._batches:
            self._batches[n_rows] = _Batch(self, n_rows)
        return self._batches[n_rows]

    def _evaluate(self, batch: _Batch, weight: Number) -> Array:
        """Return the data term (M,) and leave its gradient in ``grad``; the sums are divided by ``weight``."""
        value, d_raw = self._loss_of(batch), batch.sweeps.d_raw
        np.multiply(d_raw, of_batch(1.0 / weight, d_raw), out=d_raw)
        batch.sweeps.backward()
        return value / as_vector(weight)

    def _loss_of(self, batch: _Batch) -> Array:
        """Return the summed loss (M,), its gradient in ``batch.sweeps.d_raw``."""
        sweeps = batch.sweeps
        sweeps.forward()
        return self.loss.value_and_grad(batch.y, sweeps.raw, batch.weight, sweeps.d_raw, batch.work)

    def _penalise(self, weight: Number) -> Array | float:
        """Return the L2 term (M,) and add its gradient to ``grad``."""
        if isinstance(self.alpha, float) and self.alpha == 0.0:
            return 0.0
        norms = kernels.penalise(self.theta, self.grad, self.alpha / weight, self._scaled)
        return self._penalty(weight, norms)

    def _penalty(self, weight: Number, norms: Array) -> Array:
        return as_vector(0.5 * self.alpha / weight) * norms

    def _over_all_rows(self) -> Array:
        """Evaluate all rows, in chunks through the same memory."""
        total = self.total_weight
        if self.n_rows <= self.max_batch:
            return self._evaluate(self._all_at_once(), total) + self._penalise(total)
        if self._sum is None:
            self._sum = np.empty_like(self.grad)
        self._sum.fill(0.0)
        value: Array = np.zeros(len(self.theta), self.theta.dtype)
        for batch in self._chunks():
            value = value + self._evaluate(batch, total)
            np.add(self._sum, self.grad, out=self._sum)
        np.copyto(self.grad, self._sum)
        return value + self._penalise(total)

    def _all_at_once(self) -> _Batch:
        """Return the batch of all rows, which is gathered again only after another batch was."""
        batch = self._batch(self.n_rows)
        if batch is not self._loaded:
            batch.gather([d.stretch(0, self.n_rows) for d in self.data])
            self._loaded = batch
        return batch

    def _chunks(self) -> Iterator[_Batch]:
        """Yield all rows in batches."""
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
        """Return the objective (M,) over all rows by a forward sweep; ``grad`` does not change."""
        return self.loss_without_penalty() + self._penalty(self.total_weight, squared_norm(self._W))

    def curvature_product(self, v: Array, out: Array) -> None:
        """Write the Gauss-Newton product J' H J v + alpha v, over all rows and divided like f, to out (M, P).

        H is the loss's curvature, so that the matrix is symmetric and positive semidefinite. ``grad`` is overwritten.
        """
        assert isinstance(self.loss, WithCurvature)
        (scale,) = cast((self.alpha / self.total_weight,), v)
        np.multiply(v, scale, out=out)
        out[:, self._W.shape[1] :] = 0.0
        for batch in self._chunks():
            sweeps = batch.sweeps
            sweeps.forward()
            t = sweeps.tangent(v)
            self.loss.curvature(batch.y, sweeps.raw, batch.weight, t)
            np.multiply(t, of_batch(1.0 / self.total_weight, t), out=sweeps.d_raw)
            sweeps.backward()
            np.add(out, self.grad, out=out)

    def residuals(self) -> Iterator[tuple[Array, Array]]:
        """Yield (J (B, P), r (B,)) for a stretch of rows and one output, of one member and a loss with residuals.

        r are the weighted residuals, f = 1/2 ||r||^2 / sum of weights without the penalty, and J is their Jacobian;
        both belong to the caller until the next.
        """
        assert isinstance(self.loss, WithResiduals)
        for batch in self._chunks():
            sweeps = batch.sweeps
            sweeps.forward()
            root = 1.0 if batch.weight is None else np.sqrt(batch.weight)
            r, slope = (self._space.array(name, sweeps.raw.shape[1], sweeps.batch) for name in ("r", "slope"))
            self.loss.residuals(batch.y, sweeps.raw, r, slope)
            np.multiply(r, root, out=r)
            np.multiply(slope, root, out=slope)
            for k in range(r.shape[1]):
                sweeps.d_raw.fill(0.0)
                sweeps.d_raw[0, k] = slope[0, k]
                yield sweeps.row_gradients(), r[0, k]

    def loss_without_penalty(self) -> Array:
        """Return the mean loss (M,) over all rows, for validation."""
        total: Array = np.zeros(len(self.theta), self.theta.dtype)
        for batch in self._chunks():
            total += self._loss_of(batch)
        return total / as_vector(self.total_weight)
