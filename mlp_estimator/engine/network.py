"""A network is a description: layers in order, the widths between them, and the layout of their parameters.

The legend of the engine
------------------------
``x`` input of a layer, ``z`` pre-activation, ``a`` activation, ``raw`` output of the last layer; ``theta`` all
parameters, ``p`` a layer's views of them; ``d_`` gradient with respect to, ``t_`` tangent along ``v``; ``n_`` counts.
M members (networks of one shape trained side by side), B rows of the batch, P parameters, K outputs.
theta is (M, P); activations are (M, features, B): a sample is a column, as in the derivations.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from .activations import Activation
from .layers import Dense, Dropout, Elementwise, Layer, Params, SparseDense, uniform
from .layout import Layout
from .members import Array


class Network:
    """Layers in order, the widths between them, and the layout of their parameters."""

    def __init__(self, layers: Sequence[Layer], n_in: int):
        self.layers = list(layers)
        self.widths, self.scratch, params = [n_in], [], []
        for layer in self.layers:
            width = self.widths[-1]
            self.widths.append(layer.n_out(width))
            params.append(layer.params(width))
            self.scratch.append(layer.scratch(width))
        self.layout = Layout(params)
        trained = [bool(params) for params in self.layout.params]
        if any(layer.bottom and any(trained[:i]) for i, layer in enumerate(self.layers)):
            raise ValueError("A bottom layer passes no error down: there must be no layer with parameters below it.")
        self.first_trained = trained.index(True) if any(trained) else 0
        """The lowest layer with parameters: no error is passed down below it."""
        self._shapes = [[(param.name, (-1, *param.read_shape)) for param in layer] for layer in self.layout.params]
        self.param_names = list(dict.fromkeys(param.name for layer in self.layout.params for param in layer))
        self.noisy = any(layer.noisy for layer in self.layers)
        self.kind: Hashable = (n_in, *[layer.kind for layer in self.layers])
        """Equal for networks that can be members of one population."""
        widths = zip(self.layers, self.widths, strict=False)
        self.n_multiplications = max([layer.n_multiplications(width) for layer, width in widths], default=0)
        """Those of the largest product of matrices, for one row."""

    def init(self, theta: Array, rngs: Sequence[np.random.RandomState]) -> None:
        """Draw the parameters of each member from its generator, layer by layer."""
        for m, rng in enumerate(rngs):
            for layer, p in zip(self.layers, self.layout.views(theta[m : m + 1]), strict=True):
                if p:
                    layer.init(p, rng)

    def params(self, arrays: Mapping[str, Sequence[Array]]) -> list[Params]:
        """Return stored parameters as the layers read them.

        ``arrays`` has, for each name of a parameter, an array ([M,] *shape) of each layer with such a parameter.
        """
        stored = {name: iter(of_layers) for name, of_layers in arrays.items()}
        params = []
        for shapes in self._shapes:
            params.append(tuple([next(stored[name]).reshape(shape) for name, shape in shapes]))
        return params

    def named(self, theta: Array) -> dict[str, list[Array]]:
        """Return theta (M, P) as ``params`` takes it: by name an array (M, *shape) of each layer, views of theta."""
        arrays: dict[str, list[Array]] = {}
        for layer, views in zip(self.layout.params, self.layout.views(theta), strict=True):
            for param, view in zip(layer, views, strict=True):
                arrays.setdefault(param.name, []).append(view.reshape(-1, *param.shape))
        return arrays

    def joined(self, others: Sequence[Network]) -> Network:
        """Return one network for members with these networks of one kind, the first of which is this one."""
        if all(network is self for network in others):
            return self
        layers = zip(*(network.layers for network in others), strict=True)
        return Network([alike[0].joined(alike) for alike in layers], self.widths[0])


@lru_cache(maxsize=128)
def perceptron(
    sizes: tuple[int, ...],
    activations: tuple[Activation, ...],
    output_bound: Callable[[int, int], float],
    *,
    dropout: tuple[float, ...] = (),
    sparse: bool = False,
    bottom: tuple[Layer, ...] = (),
) -> Network:
    """Return affine layers of the given sizes (inputs first), after each hidden one its activation and its dropout.

    ``output_bound`` is the bound of the first weights of the last layer, ``bottom`` are layers in front of the first
    one. A network has no state, so that one serves all runs and predictions of its kind: planning it anew takes 40 us,
    a third of scikit-learn's time to predict one row.
    """
    layers = list(bottom)
    bounds = [*(activation.init for activation in activations), output_bound]
    for i, (width, bound) in enumerate(zip(sizes[1:], bounds, strict=True)):
        affine = SparseDense if sparse and not layers else Dense
        layers.append(affine(width, uniform(bound)))
        if i < len(activations):
            layers.append(Elementwise(activations[i]))
            if any(dropout[i : i + 1]):
                layers.append(Dropout(dropout[i]))
    return Network(layers, sizes[0])
