"""Each activation: its slope is its derivative, it works in place, keeps its type and overflows nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from mlp_estimator.engine.activations import ACTIVATIONS

INDEPENDENT = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
}

each = pytest.mark.parametrize("name", ACTIVATIONS)


def value_and_slope(name, z):
    activation = ACTIVATIONS[name]
    a, slope = np.empty_like(z), np.empty_like(z)
    activation.apply(z, a)
    activation.slope(a if activation.saves == "output" else z, slope)
    return a, slope


@each
def test_agrees_with_an_independent_implementation(name):
    z = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(value_and_slope(name, z)[0], INDEPENDENT[name](z), atol=1e-15, rtol=1e-14)


@each
def test_slope_is_the_derivative(name):
    z = np.linspace(-4, 4, 40)  # even: no point at a kink
    h = 1e-6
    differences = (value_and_slope(name, z + h)[0] - value_and_slope(name, z - h)[0]) / (2 * h)
    np.testing.assert_allclose(value_and_slope(name, z)[1], differences, atol=1e-9)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_place_in_type_and_without_overflow(name, dtype):
    z = np.array([-1e4, -1.0, 0.0, 1.0, 1e4], dtype)
    with np.errstate(all="raise", under="ignore"):
        a, slope = value_and_slope(name, z)
    assert a.dtype == slope.dtype == dtype
    assert np.isfinite(a).all()
    assert np.isfinite(slope).all()
    ACTIVATIONS[name].apply(z, z)
    np.testing.assert_array_equal(z, a)


@each
def test_nan_stays_visible(name):
    assert np.isnan(value_and_slope(name, np.array([np.nan]))[0]).all()


def test_relu_is_flat_at_its_kink():
    # Write-ups give 1, 0 or nothing at 0: any slope in [0, 1] is a subgradient, and 0 is the one taken here.
    np.testing.assert_array_equal(value_and_slope("relu", np.array([-1.0, 0.0, -0.0, 1e-300]))[1], [0, 0, 0, 1])
