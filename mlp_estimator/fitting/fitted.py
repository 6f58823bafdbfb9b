"""What a fit leaves: networks, features and targets, which together predict. Parameters of estimators play no part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve_triangular

from ..engine.activations import ACTIVATIONS, Activation, glorot
from ..engine.batches import Data
from ..engine.layers import Params
from ..engine.members import Array
from ..engine.network import Network, perceptron
from ..engine.objective import Objective
from ..engine.sweeps import outputs
from .features import Features
from .reading import check_range, float_type
from .targets import Targets

Arrays = Mapping[str, Sequence[Array]]
"""For each name of a parameter an array ([M,] *shape) of each layer with such a parameter."""

Reduce = Callable[[Array], NDArray[Any]]


class Recipe(Protocol):
    """The layers of networks, without their parameters."""

    def fitted_network(self, features: Features, arrays: Arrays, *, sparse: bool) -> Network:
        """Return the network that reads such features with these parameters."""


@dataclass
class Perceptron:
    """Affine layers, with an activation (its name, or a user's own) after each but the last."""

    activations: list[str | Activation]

    def fitted_network(self, features: Features, arrays: Arrays, *, sparse: bool) -> Network:
        """Return the network with the widths of these parameters."""
        functions = tuple(ACTIVATIONS[one] if isinstance(one, str) else one for one in self.activations)
        return perceptron(widths(arrays), functions, glorot, sparse=sparse, bottom=features.bottom())


@dataclass
class Networks:
    """Networks of one shape, side by side: their layers, and their parameters."""

    recipe: Recipe
    arrays: Arrays

    @property
    def n_members(self) -> int:
        """Number of networks."""
        return n_members(self.arrays)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which they compute."""
        return float_type(self.arrays["W"][0])

    def outputs(self, X: Any, features: Features, n_layers: int | None) -> Iterator[tuple[slice, Array]]:
        """Yield (stretch of the rows, raw (M, K, B) for it), of the first layers if there is a number of them."""
        network = self.recipe.fitted_network(features, self.arrays, sparse=sparse.issparse(X))
        params = network.params(typed(self.arrays, self.dtype))
        if n_layers is not None:
            network = Network(network.layers[:n_layers], network.widths[0])
        return outputs(network, params, X)


@dataclass
class Fitted:
    """Networks with what reads their input and what their output means.

    Several groups of networks are mixed with weights, the rest of which is that of a constant prediction. A group may
    have fewer than ``n_members`` networks: each then stands for several members, as a network that was trained outside
    of several folds does.
    """

    features: Features
    targets: Targets
    groups: list[Networks]
    mixture: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    temperature: float = 1.0
    n_members: int = 0  # that of the first group, unless it is larger
    constant: Array | None = None  # (K,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which the networks compute."""
        return self.groups[0].dtype

    def holding(self, arrays: Arrays) -> Fitted:
        """Return the same with other parameters of its one group."""
        if all(arrays[name] is before for name, before in self.groups[0].arrays.items()):
            return self
        return replace(self, groups=[Networks(self.groups[0].recipe, arrays)])

    def predict(
        self,
        rows: Any,
        reduce: Reduce | None = None,
        *,
        members: bool = False,
        link: Callable[[Array, Array], object] | None = None,
        n_layers: int | None = None,
    ) -> NDArray[Any]:
        """Return predictions (n, K), the means over the members at the temperature, or of each member (M, n, K).

        ``rows`` are as ``features`` reads them. The prediction runs in chunks of rows, and ``reduce`` is applied to
        those (1 or M, B, K) of each. ``link`` replaces the inverse link of the loss, ``n_layers`` cuts the network
        above so many layers.
        """
        parts = []
        # Float32 products raise the "invalid" flag now and then for finite numbers: the result tells, not the flag.
        with np.errstate(over="ignore", invalid="ignore"):
            for X in self.features.pieces(rows):
                weighted = self.weighted
                chunks = [group.outputs(X, self.features, n_layers) for _, group in weighted]
                for of_groups in zip(*chunks, strict=True):
                    raws = [raw for _, raw in of_groups]
                    mixed = self.mixed(raws, [w for w, _ in weighted], link or self.targets.loss.predict)
                    prediction = mixed.swapaxes(1, 2)
                    if link is None:
                        prediction = self.targets.in_unit(prediction)
                    if not members:
                        prediction = prediction if len(prediction) == 1 else prediction.mean(axis=0, keepdims=True)
                        prediction = self.targets.calibrated(prediction, self.temperature)
                    require_finite(prediction)
                    reduced = prediction if reduce is None else reduce(prediction)
                    parts.append(np.array(reduced, order="C"))  # the network writes the next chunk to the same memory
        result: NDArray[Any] = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return result if members else result[0]

    def mixed(self, raws: Sequence[Array], weights: Sequence[float], link: Callable[[Array, Array], object]) -> Array:
        """Return the mixture (M, K, B) of predictions by an inverse link."""
        for raw in raws:
            link(raw, raw)
        n = max(self.n_members, len(raws[0]))
        if len(raws) == 1 and len(raws[0]) == n and weights[0] == 1.0:
            return raws[0]
        parts = [w * np.repeat(raw, n // len(raw), axis=0) for w, raw in zip(weights, raws, strict=True)]
        if self.constant is not None:
            parts.append((self.rest * self.constant[:, None]).astype(raws[0].dtype))
        mixed: Array = sum(parts[1:], parts[0])
        return mixed

    @property
    def weighted(self) -> list[tuple[float, Networks]]:
        """The groups that have a weight, each with it."""
        pairs = list(zip(self.mixture.tolist(), self.groups, strict=True))
        return [(w, group) for w, group in pairs if w > 0.0] or pairs[:1]

    @property
    def rest(self) -> float:
        """The weight of the constant."""
        return max(0.0, 1.0 - float(self.mixture.sum()))

    def laplace_variance(
        self, X: Any, posteriors: Sequence[NDArray[np.float64]], noise_variances: Sequence[float]
    ) -> Array:
        """Return the predictive variance (M, n, K) by Laplace's approximation: noise variance times 1 + g' A^-1 g.

        g is the gradient of an output with respect to the parameters, ``posteriors`` the lower Cholesky factors of A.
        """
        if sparse.issparse(X):
            X = X.toarray()  # a Jacobian needs dense rows
        group = self.groups[0]
        network = group.recipe.fitted_network(self.features, group.arrays, sparse=False)
        n_outputs, variances = network.widths[-1], []
        thetas = theta_of(network, group.arrays, np.dtype(np.float64))
        for theta, posterior, noise_variance in zip(thetas, posteriors, noise_variances, strict=True):
            data = Data(X, np.zeros((X.shape[0], n_outputs)))
            objective = Objective(network, self.targets.loss, [data], theta=theta[None], alpha=0.0)
            columns = [
                1.0 + (solve_triangular(posterior, J.T, lower=True, check_finite=False) ** 2).sum(axis=0)
                for J, _ in objective.residuals()
            ]
            chunks = [np.stack(columns[i : i + n_outputs], 1) for i in range(0, len(columns), n_outputs)]
            variances.append(noise_variance * np.concatenate(chunks))
        variance: Array = np.stack(variances).astype(self.dtype)
        return variance


def identity_link(raw: Array, out: Array) -> None:
    """Leave raw output unchanged; ``out`` is ``raw``."""


def outputs_of(
    network: Network,
    params: Sequence[Params],
    X: Any,
    link: Callable[[Array, Array], object],
    rows: NDArray[np.integer[Any]] | None = None,
) -> Array:
    """Return ``link`` of the output of networks (M, n, K) for X, or for some of its rows."""
    n = X.shape[0] if rows is None else len(rows)
    first = params[network.first_trained][0]
    result = np.empty((len(first), n, network.widths[-1]), first.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk, raw in outputs(network, params, X, rows):
            link(raw, raw)
            np.copyto(result[:, chunk], raw.swapaxes(1, 2))
    return result


def arrays_by_name(network: Network, theta: Array) -> dict[str, list[Array]]:
    """Return theta (M, P) as arrays by name of the parameter, views of it; of one member without the first axis."""
    named = network.named(theta)
    return named if len(theta) > 1 else {name: [array[0] for array in arrays] for name, arrays in named.items()}


def require_finite(prediction: Array) -> None:
    """Raise an error for predictions that are not finite."""
    if not np.isfinite(prediction).all():
        raise ValueError(
            f"Predictions are not finite: X contains a value too large for a network in {prediction.dtype}. Scale X as "
            "in training, or fit with dtype='float64'."
        )


def n_members(arrays: Arrays) -> int:
    """Return the number of members with these parameters."""
    first = arrays["W"][0]
    return 1 if first.ndim == 2 else len(first)


def widths(arrays: Arrays) -> tuple[int, ...]:
    """Return the widths between the affine layers with these parameters, inputs first."""
    weights = arrays["W"]
    return (weights[0].shape[-2], *(W.shape[-1] for W in weights))


def typed(arrays: Arrays, dtype: np.dtype[Any]) -> dict[str, list[Array]]:
    """Return parameters, which the user may have set, in a type."""
    return {name: [_typed(array, dtype) for array in of_layers] for name, of_layers in arrays.items()}


def _typed(array: Any, dtype: np.dtype[Any]) -> Array:
    weights: Array = np.asarray(array)
    if weights.dtype != dtype:
        check_range("coefs_ or intercepts_", weights, dtype)
        weights = weights.astype(dtype)
    return weights


def theta_of(network: Network, arrays: Arrays, dtype: np.dtype[Any]) -> Array:
    """Return parameters as one vector per member, (M, P)."""
    theta = np.empty((n_members(arrays), network.layout.size), dtype)
    for views, of_layer in zip(network.layout.views(theta), network.params(typed(arrays, dtype)), strict=True):
        for view, array in zip(views, of_layer, strict=True):
            np.copyto(view, array)
    return theta
