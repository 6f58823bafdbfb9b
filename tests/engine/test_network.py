"""Networks: stacks of layers, what must come first, and initial parameters."""

from __future__ import annotations

import numpy as np
import pytest
from problems import along, network_of, relative_error

from mlp_estimator.engine.activations import ACTIVATIONS, glorot
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.layers import LAYERS, Dense, Elementwise, ScaledDense, uniform
from mlp_estimator.engine.losses import SquaredError
from mlp_estimator.engine.network import Network
from mlp_estimator.engine.objective import Objective


@pytest.mark.parametrize("names", [("tanh", "tanh"), ("tanh", "selu"), ("selu", "tanh", "relu"), ("gelu", "logistic")])
@pytest.mark.parametrize("first", [None, "scaled_dense"])
def test_stacks_of_elementwise_layers(names, first):
    # A layer may overwrite its input only where no other layer needs it.
    stack = [Elementwise(ACTIVATIONS[name]) for name in names]
    network = Network([*([ScaledDense(4, uniform(glorot))] if first else []), *stack, Dense(3, uniform(glorot))], 4)
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    o = Objective(network, SquaredError(), [Data(X, Y)], theta=rng.normal(size=(2, network.layout.size)), alpha=0.1)
    v = rng.normal(size=o.theta.shape)
    differences = along(o.value_and_grad, o.theta, v)
    o.value_and_grad()
    assert relative_error((o.grad * v).sum(axis=1), differences) < 1e-7


def test_a_bottom_layer_has_no_parameters_below():
    with pytest.raises(ValueError, match="no layer with parameters below"):
        Network([Dense(3, uniform(glorot)), LAYERS["piecewise"]()], 4)


def test_initialisation_is_within_glorot_bounds_and_per_member():
    network = network_of("logistic", (30, 20, 5))
    theta = np.empty((2, network.layout.size))
    network.init(theta, [np.random.RandomState(0), np.random.RandomState(1)])
    (W, b), _, (V, c) = network.layout.views(theta)
    for array, n in ((W, 50), (b, 50), (V, 25), (c, 25)):
        bound = np.sqrt(2.0 / n)
        assert np.abs(array).max() <= bound
        assert np.abs(array).max() > 0.7 * bound
    alone = np.empty((1, network.layout.size))
    network.init(alone, [np.random.RandomState(1)])
    np.testing.assert_array_equal(theta[1], alone[0])
