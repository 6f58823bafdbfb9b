"""Each activation: its slope is its derivative, it works in place, keeps its type and overflows nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from samples import X_DIAB, Y_DIAB
from scipy.special import erf, expit

from mlp_estimator import MLPRegressor
from mlp_estimator.engine.activations import ACTIVATIONS

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
INDEPENDENT = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(np.minimum(z, 0)) - 1)),
    "gelu": lambda z: 0.5 * z * (1 + erf(z / np.sqrt(2))),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "softplus": lambda z: np.log(1 + np.exp(z)),
}
each = pytest.mark.parametrize("name", ACTIVATIONS)


def value_and_slope(name, z):
    activation, z = ACTIVATIONS[name], z.copy()
    a = z if activation.saves == "output" else np.empty_like(z)
    slope, work = np.empty_like(z), np.empty_like(z)
    activation.apply(z, a)
    activation.slope(z, slope, work)
    return a, slope


@pytest.mark.parametrize("name", INDEPENDENT)
def test_agrees_with_an_independent_implementation(name):
    z = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(value_and_slope(name, z)[0], INDEPENDENT[name](z), atol=1e-15, rtol=5e-14)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_type_and_without_overflow(name, dtype):
    z = np.array([-1e4, -1.0, 0.0, 1.0, 1e4], dtype)
    with np.errstate(all="raise", under="ignore"):
        a, slope = value_and_slope(name, z)
    assert a.dtype == slope.dtype == dtype
    assert np.isfinite(a).all()
    assert np.isfinite(slope).all()


@each
def test_nan_stays_visible(name):
    with np.errstate(invalid="ignore"):
        assert np.isnan(value_and_slope(name, np.array([np.nan]))[0]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mish_of_very_negative_values_is_not_subnormal(dtype):
    for values in value_and_slope("mish", -np.geomspace(1, 1e4, 500).astype(dtype)):
        assert ((values == 0) | (np.abs(values) >= np.finfo(dtype).tiny)).all()


def test_mish_of_large_values_is_the_identity():
    z = np.linspace(10.0, 100.0, 181)
    value, slope = value_and_slope("mish", z)
    np.testing.assert_allclose(value, z * np.tanh(np.log1p(np.exp(z))), rtol=1e-15)
    np.testing.assert_allclose(slope[z >= 20.0], 1.0, rtol=1e-14)


def test_relu_is_flat_at_its_kink():
    # Textbooks give 1, 0 or nothing at 0. Any slope in [0, 1] is a subgradient; this package takes 0.
    np.testing.assert_array_equal(value_and_slope("relu", np.array([-1.0, 0.0, -0.0, 1e-300]))[1], [0, 0, 0, 1])


@ignore_convergence
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_first_weights_fit_the_activation(name):
    model = MLPRegressor((30, 20), name, max_iter=1, learning_rate_init=1e-300, random_state=0).fit(X_DIAB, Y_DIAB)
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        bound = ACTIVATIONS[name].init(*W.shape)
        assert max(np.abs(W).max(), np.abs(b).max()) <= bound
        assert np.abs(W).max() > 0.8 * bound


@ignore_convergence
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_deep_network_keeps_the_size_of_its_signal(name):
    # The purpose of the bounds: activations neither vanish nor explode from layer to layer.
    X = np.random.default_rng(0).normal(size=(200, 100))
    model = MLPRegressor((100,) * 8, name, max_iter=1, learning_rate_init=1e-300, random_state=0).fit(X, X[:, 0])
    first, last = (model.hidden_activations(X, layer).std() for layer in (0, -1))
    assert 0.02 * first < last < 50 * first
