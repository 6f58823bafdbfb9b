"""What each column contributes to a prediction: expected gradients, by the backward pass.

On the way from a background row b to a row x, a prediction F changes by the integral of its gradient along the straight
line between both, as the first affine layer reads them: encoded. Its part that belongs to the inputs of a column is the
contribution of the column (Sundararajan, Taly and Yan 2017), and the mean over background rows that to F(x) minus the
mean of F(b) (Erion, Janizek, Sturmfels, Lundberg and Lee 2021). The line is one in z = W' e + b, too, so that only the
layers above are computed along it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..engine.layers import Params
from ..engine.layers.contract import Encoding
from ..engine.members import Array
from ..engine.network import Network
from ..engine.sweeps import Sweeps, Workspace
from .features import Coded, Table
from .fitted import Fitted, Networks, typed
from .member_config import Members

CHUNK_ROWS = 256
N_BACKGROUND = 48
"""Background rows, each with one point on its lines. With 150 rows of four tables, contributions are off by 0.12 of
their mean size, against 0.18 with 16 rows and three points each, and 0.30 with 8 rows."""

STEP = 1e-7
"""Of a difference: links are smooth functions of a few numbers, in float64."""

Values = NDArray[np.float64]


class Contributions:
    """Contributions of columns to predictions, against background rows.

    ``base`` (K,) is the mean prediction of these.
    """

    def __init__(self, fitted: Fitted, background: Array):
        table = cast(Table, fitted.features)
        self._fitted, self._predicting = fitted, replace(fitted, features=Coded(table))
        self._groups = [Around.of(group, table, background) for _, group in fitted.weighted]
        # The fractional parts of multiples of the golden ratio cover [0, 1] evenly, also those of some background rows.
        places = np.arange(len(background)) * (np.sqrt(5.0) - 1.0) / 2.0 + 0.5
        self._points: list[float] = np.modf(places)[0].tolist()
        self.base = self._predictions(background).mean(axis=0)

    def of(self, coded: Array) -> Values:
        """Return the contributions (n, n_columns, K) to predictions of coded rows."""
        # Of probabilities that sum to 1 the last contributions follow from the others.
        sum_to_1 = self._fitted.targets.loss.codes
        n_outputs = len(self.base) - sum_to_1
        if not n_outputs:  # one class
            return np.zeros((len(coded), len(cast(Table, self._fitted.features).kinds), 1))
        parts = [
            self._integrals(coded[start : start + CHUNK_ROWS], n_outputs) for start in range(0, len(coded), CHUNK_ROWS)
        ]
        change = (self._predictions(coded) - self.base)[:, None, :n_outputs]
        values = _completed(np.concatenate(parts), change)
        return np.concatenate([values, -values.sum(axis=2, keepdims=True)], axis=2) if sum_to_1 else values

    def _integrals(self, coded: Array, n_outputs: int) -> Values:
        lines = [Lines(group, coded, n_outputs) for group in self._groups]
        for b, point in enumerate(self._points):
            slopes_of = slopes(self._fitted, [one.forward(b, point) for one in lines])
            for k in range(n_outputs):
                for one, d_raw in zip(lines, slopes_of(k), strict=True):
                    one.backward(k, b, d_raw / len(self._points))
        values: Values = np.sum([one.values() for one in lines], axis=0)
        return values

    def _predictions(self, coded: Array) -> Values:
        """Return predictions (n, K), without variances."""
        n = self._fitted.targets.n_predicted
        return self._predicting.predict(coded, lambda prediction: prediction[..., :n]).astype(np.float64)


def _completed(values: Values, change: Values) -> Values:
    """Return contributions with the sum ``change`` (n, 1, K): what is missing of it is shared by their sizes."""
    sizes = np.abs(values)
    total = sizes.sum(axis=1, keepdims=True)
    missing = change - values.sum(axis=1, keepdims=True)
    completed: Values = values + missing * sizes / np.where(total > 0.0, total, 1.0)
    return completed


def slopes(fitted: Fitted, raws: Sequence[Array]) -> Callable[[int], list[Array]]:
    """Return a function that returns for a prediction its gradients (M, K, B) with respect to the raw outputs.

    Derivatives of links are differences.
    """
    targets, weights = fitted.targets, [weight for weight, _ in fitted.weighted]
    raws = [raw.astype(np.float64) for raw in raws]
    jacobians = [_link_jacobian(raw, targets.loss.predict) for raw in raws]
    mixed = fitted.mixed([raw.copy() for raw in raws], weights, targets.loss.predict).swapaxes(1, 2)
    of_unit = targets.unit_slope(mixed)  # (M, B, K)
    mean = targets.in_unit(mixed).mean(axis=0)

    def of_output(k: int) -> list[Array]:
        d_mean = targets.calibrated_error(mean, fitted.temperature, k)
        d_mixed = (d_mean * of_unit / len(mixed)).swapaxes(1, 2)
        errors = []
        for weight, raw, jacobian in zip(weights, raws, jacobians, strict=True):
            # A network stands for as many members as it was left out of folds.
            d_linked = weight * d_mixed.reshape(len(raw), -1, *d_mixed.shape[1:]).sum(axis=1)
            errors.append(np.stack([(d_linked * of_input).sum(axis=1) for of_input in jacobian], axis=1))
        return errors

    return of_output


def _link_jacobian(raw: Array, link: Callable[[Array, Array], object]) -> list[Array]:
    """Return for each raw output the derivatives (M, K, B) of all predictions with respect to it."""
    linked = np.empty_like(raw)
    derivatives: list[Array] = []
    link(raw, linked)
    for k in range(raw.shape[1]):
        moved = raw.copy()
        moved[:, k] += STEP
        link(moved, moved)
        derivatives.append((moved - linked) / STEP)
    return derivatives


@dataclass
class Around:
    """Networks around their first affine layer z = V' e + b, and what of z each background row and column makes."""

    encoders: Network
    upper: Network
    params: Sequence[Params]  # of the upper layers
    V: Array  # (M, n_inputs, width)
    b: Array  # (M, width, 1)
    columns: Any  # sparse (n_columns, n_inputs): which inputs are of a column
    background: list[Array] = field(default_factory=list)  # z of each background row by column (M, width, n_columns)
    starts: list[Array] = field(default_factory=list)  # z of each background row (M, width, 1)

    @classmethod
    def of(cls, group: Networks, table: Table, background: Array) -> Around:
        """Return the networks of a group."""
        network = group.recipe.fitted_network(table, group.arrays, sparse=False)
        params = network.params(typed(group.arrays, group.dtype))
        encoders, upper = cast(Members, group.recipe).around_first(table.layout, network)
        (W, b, s), above = params[network.first_trained], params[network.first_trained + 1 :]
        sources = table.columns
        for layer in encoders.layers:
            sources = cast(Encoding, layer).sources(sources)
        places = np.flatnonzero(sources >= 0)
        shape = (len(table.kinds), W.shape[1])
        columns = sparse.csr_array((np.ones(len(places), W.dtype), (sources[places], places)), shape)
        around = cls(encoders, upper, above, s * W, b, columns)
        for row in background:
            encoded = around.encoded(row[None])[:, :, 0]
            products = [
                around.columns @ (e[:, None] * V)
                for e, V in zip(np.broadcast_to(encoded, W.shape[:2]), around.V, strict=True)
            ]
            by_column = np.stack(products).swapaxes(1, 2)
            around.background.append(by_column)
            around.starts.append(by_column.sum(axis=2, keepdims=True) + b)
        return around

    def encoded(self, coded: Array) -> Array:
        """Return the input (M or 1, n_inputs, B) of the first affine layer."""
        x = np.ascontiguousarray(coded.T, self.V.dtype)[None]
        space = Workspace(len(self.V), len(coded), self.V.dtype)
        sweeps = Sweeps(self.encoders, [()] * len(self.encoders.layers), None, x, len(coded), space)
        sweeps.forward()
        return sweeps.raw


class Lines:
    """The straight lines from each background row to some rows: gradients along them, and their integrals."""

    def __init__(self, around: Around, coded: Array, n_outputs: int):
        self.around, V = around, around.V
        self.encoded = around.encoded(coded)
        self._end = np.matmul(V.swapaxes(1, 2), self.encoded) + around.b
        space = Workspace(len(V), len(coded), V.dtype)
        self._z, self._d_z = (space.array(name, V.shape[2], len(coded), order="F") for name in ("z", "d_z"))
        self._sweeps = None
        if around.upper.layers:
            self._sweeps = Sweeps(around.upper, around.params, None, self._z, len(coded), space, d_x=self._d_z)
        self._totals = np.zeros((n_outputs, *self._z.shape), V.dtype)
        self._of_background = np.zeros((n_outputs, len(coded), around.columns.shape[0]))

    def forward(self, b: int, point: float) -> Array:
        """Return the raw output (M, K, B) at a point of the lines from a background row."""
        np.multiply(self._end, point, out=self._z)
        np.add(self._z, (1.0 - point) * self.around.starts[b], out=self._z)
        if self._sweeps is None:
            return self._z
        self._sweeps.forward()
        return self._sweeps.raw

    def backward(self, k: int, b: int, d_raw: Array) -> None:
        """Add the gradient of an output there to its integrals."""
        if self._sweeps is None:
            np.copyto(self._d_z, d_raw)
        else:
            np.copyto(self._sweeps.d_raw, d_raw)
            self._sweeps.backward()
        self._totals[k] += self._d_z
        self._of_background[k] += np.matmul(self._d_z.swapaxes(1, 2), self.around.background[b]).sum(axis=0)

    def values(self) -> Values:
        """Return the contributions (B, n_columns, K)."""
        outputs = []
        for total, of_background in zip(self._totals, self._of_background, strict=True):
            products = np.matmul(self.around.V, total) * self.encoded  # (M, n_inputs, B)
            outputs.append((self.around.columns @ products.sum(axis=0)).T - of_background)
        return np.stack(outputs, axis=2)
