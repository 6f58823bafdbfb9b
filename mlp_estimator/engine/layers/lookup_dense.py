"""An affine layer on indicators and a piecewise-linear encoding that are never made."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

import numpy as np

from .. import kernels
from ..layout import Param
from ..members import Array
from .contract import Scratch, Step
from .dense import Initializer, ScaledDense, affine_gradients
from .one_hot import OneHot
from .piecewise import Piecewise


class LookupDense(ScaledDense):
    """The layer ``ScaledDense`` on the output of ``OneHot`` and ``Piecewise``, with the same parameters, in less time.

    The encoding of a value is 1 in the bins below it, a fraction f in its bin k, and 0 in the bins above. With factors
    s, weights W and means m of the components, and V = s * W, a feature adds S_k + f V_k to the product of the inputs,
    where S are the running sums of V: a fraction between two rows of a table in place of a row for each bin. All
    features together subtract sum_t m_t V_t. A category adds the row of V of its level. The layer stands at the bottom
    of a network, on inputs the last of which are codes.

    Parameters
    ----------
    width, initialize, rates, scale_rate
        As of ``ScaledDense``.

    encoding : Piecewise
        The encoding of the first inputs, which may be of none of them.

    one_hot : OneHot
        The indicators of the last inputs, which may be of none of them.
    """

    bottom = True
    MIN_BINS: ClassVar[dict[str, int]] = {"numpy": 40, "numba": 12}
    """Bins of a feature, on average, from which on the lookup is faster, by the form of the passes.

    Forward and backward pass of 8 members, 128 rows and units, in microseconds of a member (lookup / dense), compiled:
    8 features of 8 bins 127 / 103, of 12 bins 129 / 139, of 32 bins 184 / 338, 20 of 25 bins 450 / 765; in NumPy, whose
    lookup is a sparse product: 8 of 12 bins 343 / 179, of 32 bins 477 / 470, of 64 bins (256 rows) 1056 / 1692.
    """
    MIN_LEVELS: ClassVar[dict[str, int]] = {"numpy": 16, "numba": 4}
    """Indicators of a category, on average, from which on the lookup is faster.

    As above, with 8 categories and their indicators in the dense form: compiled 2 levels 67 / 68, 4 levels 81 / 121, 16
    levels 75 / 170, 64 levels 92 / 784; in NumPy 4 levels 148 / 78, 12 levels 161 / 136, 16 levels 164 / 174, 64 levels
    260 / 888.
    """

    def __init__(
        self,
        width: int,
        initialize: Initializer,
        encoding: Piecewise,
        one_hot: OneHot,
        rates: tuple[float, float] = (1.0, 1.0),
        scale_rate: float = 1.0,
    ):
        super().__init__(width, initialize, rates, scale_rate)
        self.encoding, self.one_hot = encoding, one_hot
        self._n_levels = np.array(one_hot.n_levels, np.intp)

    @classmethod
    def is_faster(cls, layer: Piecewise | OneHot) -> bool:
        """Tell whether the layer is faster than ``ScaledDense`` on the output of this one."""
        least = cls.MIN_BINS if isinstance(layer, Piecewise) else cls.MIN_LEVELS
        n_features, n_components = len(layer.starts) - 1, int(layer.starts[-1])
        return n_features > 0 and n_components >= n_features * least[kernels.form_of_process()]

    @property
    def kind(self) -> Hashable:
        return (super().kind, self.encoding.kind, self.one_hot.kind)

    def params(self, n_in: int) -> tuple[Param, ...]:
        return super().params(self.encoding.n_out(self.one_hot.n_out(n_in)))

    def n_multiplications(self, n_in: int) -> int:
        return self._n_plain(n_in) * self.width

    def scratch(self, n_in: int) -> tuple[Scratch, ...]:
        n_features, n_components = len(self.encoding.starts) - 1, self.encoding.starts[-1]
        return (
            Scratch("scaled", self._n_plain(n_in)),
            Scratch("places", n_features),
            Scratch("sums", self.width, n_rows=n_components + 1),
        )

    def forward(self, step: Step) -> None:
        if self.encoding.starts[-1]:
            self.encoding.places(step.x, self._places(step))
        self._add_up(step.p[0], step.p[1], step.p[2], step, step.out)

    def backward(self, step: Step) -> None:
        (W, _, s), (dW, db, ds), n_plain = step.p, step.dp, self._n_plain(step.x.shape[1])
        affine_gradients(step.x[:, :n_plain], step.d_out, dW[:, :n_plain], db)
        one_hot, encoding, sums = self.one_hot, self.encoding, step.scratch[2].swapaxes(1, 2)
        n_inputs = n_plain + one_hot.width
        if one_hot.width:
            levels = dW[:, n_plain:n_inputs]
            kernels.level_gradients(step.d_out, step.x[:, n_plain:], one_hot.starts, self._n_levels, levels)
        if encoding.starts[-1]:
            pieces, mean = dW[:, n_inputs:], encoding.bins[4]
            kernels.lookup_gradients(step.d_out, self._places(step), encoding.starts, mean, db, pieces, sums)
        kernels.scale_gradients(s, W, dW, ds)

    def tangent(self, step: Step) -> None:
        (W, b, s), (V, v_b, v_s) = step.p, step.v
        self._add_up(V, v_b, s, step, step.t_out)
        np.copyto(step.work, step.t_out)
        self._add_up(W, np.zeros_like(b), v_s, step, step.t_out)
        np.add(step.t_out, step.work, out=step.t_out)

    def _n_plain(self, n_in: int) -> int:
        """Return the number of inputs that are no codes."""
        return n_in - len(self.one_hot.n_levels)

    def _places(self, step: Step) -> Array:
        """Return the memory for the places of the encoded values, of all members where these share their input."""
        return step.scratch[1][: len(step.x)]

    def _add_up(self, W: Array, b: Array, s: Array, step: Step, out: Array) -> None:
        """Write W' (s * encoded x) + b; after ``places``."""
        (scaled, _, sums), one_hot, encoding = step.scratch, self.one_hot, self.encoding
        n_plain = self._n_plain(step.x.shape[1])
        n_inputs = n_plain + one_hot.width
        np.multiply(s[:, :n_plain], step.x[:, :n_plain], out=scaled)
        np.matmul(W[:, :n_plain].swapaxes(1, 2), scaled, out=out)
        if one_hot.width:
            codes, levels = step.x[:, n_plain:], slice(n_plain, n_inputs)
            kernels.add_levels(W[:, levels], s[:, levels], codes, one_hot.starts, self._n_levels, out)
        if encoding.starts[-1]:
            W, s, sums = W[:, n_inputs:], s[:, n_inputs:], sums.swapaxes(1, 2)
            kernels.lookup(W, s, b, encoding.bins[4], encoding.starts, self._places(step), sums, out)
        else:
            np.add(out, b, out=out)
