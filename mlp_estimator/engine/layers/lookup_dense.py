"""An affine layer on a piecewise-linear encoding that is never made."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

import numpy as np

from .. import kernels
from ..layout import Param
from ..members import Array
from .contract import Scratch, Step
from .dense import Initializer, affine_gradients
from .piecewise import Piecewise
from .scaled_dense import ScaledDense


class LookupDense(ScaledDense):
    """The layer ``ScaledDense`` on the output of ``Piecewise``, with the same parameters, in a fraction of the time.

    The encoding of a value is 1 in the bins below it, a fraction f in its bin k, and 0 in the bins above. With factors
    s, weights W and means m of the components, and V = s * W, a feature adds S_k + f V_k to the product of the inputs,
    where S are the running sums of V: a fraction between two rows of a table in place of a row for each bin. All
    features together subtract sum_t m_t V_t. The layer stands at the bottom of a network.
    """

    bottom = True
    MIN_BINS: ClassVar[dict[str, int]] = {"numpy": 40, "numba": 12}
    """Bins of a feature, on average, from which on the lookup is faster, by the form of the passes.

    Forward and backward pass of 8 members, 128 rows and units, in microseconds of a member (lookup / dense), compiled:
    8 features of 8 bins 127 / 103, of 12 bins 129 / 139, of 32 bins 184 / 338, 20 of 25 bins 450 / 765; in NumPy, whose
    lookup is a sparse product: 8 of 12 bins 343 / 179, of 32 bins 477 / 470, of 64 bins (256 rows) 1056 / 1692.
    """

    def __init__(
        self,
        width: int,
        initialize: Initializer,
        encoding: Piecewise,
        rates: tuple[float, float] = (1.0, 1.0),
        scale_rate: float = 1.0,
    ):
        super().__init__(width, initialize, rates, scale_rate)
        self.encoding = encoding

    @classmethod
    def is_faster(cls, encoding: Piecewise) -> bool:
        """Tell whether the layer is faster than the encoding and ``ScaledDense``."""
        n_features, n_components = len(encoding.starts) - 1, encoding.starts[-1]
        return bool(n_components >= n_features * cls.MIN_BINS[kernels.form_of_process()])

    @property
    def kind(self) -> Hashable:
        return (super().kind, self.encoding.kind)

    def params(self, n_in: int) -> tuple[Param, ...]:
        return super().params(self.encoding.n_out(n_in))

    def n_multiplications(self, n_in: int) -> int:
        return n_in * self.width

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        n_features, n_components = len(self.encoding.starts) - 1, self.encoding.starts[-1]
        return (
            Scratch("scaled", n_in),
            Scratch("places", n_features),
            Scratch("sums", self.width, n_rows=n_components + 1),
        )

    def forward(self, step: Step) -> None:
        self.encoding.places(step.x, self._places(step))
        self._add_up(step.p[0], step.p[1], step.p[2], step, step.out)

    def backward(self, step: Step) -> None:
        (W, _, s), (dW, db, ds), n_in = step.p, step.dp, step.x.shape[1]
        affine_gradients(W[:, :n_in], step.x, step.d_out, dW[:, :n_in], db, None)
        encoding, sums = self.encoding, step.scratch[2].swapaxes(1, 2)
        places, pieces = self._places(step), dW[:, n_in:]
        kernels.lookup_gradients(step.d_out, places, encoding.starts, encoding.bins[4], db, pieces, sums)
        kernels.scale_gradients(s, W, dW, ds)

    def tangent(self, step: Step) -> None:
        (W, b, s), (V, v_b, v_s) = step.p, step.v
        self._add_up(V, v_b, s, step, step.t_out)
        np.copyto(step.work, step.t_out)
        self._add_up(W, np.zeros_like(b), v_s, step, step.t_out)
        np.add(step.t_out, step.work, out=step.t_out)

    def _places(self, step: Step) -> Array:
        """Return the memory for the places of the encoded values, of all members where these share their input."""
        return step.scratch[1][: len(step.x)]

    def _add_up(self, W: Array, b: Array, s: Array, step: Step, out: Array) -> None:
        """Write W' (s * encoded x) + b; after ``places``."""
        (scaled, _, sums), n_in, encoding = step.scratch, step.x.shape[1], self.encoding
        np.multiply(s[:, :n_in], step.x, out=scaled)
        np.matmul(W[:, :n_in].swapaxes(1, 2), scaled, out=out)
        W, s, sums = W[:, n_in:], s[:, n_in:], sums.swapaxes(1, 2)
        kernels.lookup(W, s, b, encoding.bins[4], encoding.starts, self._places(step), sums, out)
