"""Views share memory and come in scikit-learn's packing order."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.engine.layout import Layout, Param, add_scaled, squared_norm

LAYOUT = Layout(
    [
        (Param("W", (2, 3), decay=True), Param("b", (3, 1), decay=False)),
        (),
        (Param("W", (3, 1), decay=True), Param("b", (1, 1), decay=False)),
    ]
)


@pytest.mark.parametrize("n_members", [1, 3])
def test_views_share_memory_and_cover_the_vector(n_members):
    flat = np.zeros((n_members, LAYOUT.size))
    views = LAYOUT.views(flat)
    assert [len(layer) for layer in views] == [2, 0, 2]
    for i, view in enumerate(v for layer in views for v in layer):
        assert np.shares_memory(view, flat)
        view += i + 1
    packed = [1] * 6 + [3] * 3 + [2] * 3 + [4]
    np.testing.assert_array_equal(flat, [packed] * n_members)
    assert LAYOUT.n_decayed == 9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_vectors(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 8)).astype(dtype)
    for scale in (0.5, np.array([0.5, -1.0, 2.0], dtype), np.array([[0.5], [-1.0], [2.0]], dtype)):
        expected = y + np.reshape(scale, (-1, 1)).astype(dtype) * x
        result = y.copy()
        add_scaled(result[:, :5], scale, x[:, :5])
        np.testing.assert_allclose(result[:, :5], expected[:, :5], rtol=1e-6)
        np.testing.assert_array_equal(result[:, 5:], y[:, 5:])
    norms = squared_norm(x[:, :5])
    assert norms.dtype == dtype
    np.testing.assert_allclose(norms, (x[:, :5] ** 2).sum(axis=1), rtol=1e-6)


def test_a_silent_copy_is_an_error():
    y = np.zeros((1, 8))[:, ::2]
    with pytest.raises(TypeError, match="contiguous"):
        add_scaled(y, 1.0, np.ones((1, 4)))
