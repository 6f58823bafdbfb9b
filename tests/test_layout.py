"""Views share memory and come in scikit-learn's packing order."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.engine.layout import Layout, Param
from mlp_estimator.engine.members import squared_norm

LAYOUT = Layout(
    [
        (Param("W", (2, 3), decay=True), Param("b", (3,), decay=False)),
        (),
        (Param("W", (3, 1), decay=True), Param("b", (1,), decay=False)),
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
def test_squared_norm(dtype):
    x = np.random.default_rng(0).normal(size=(3, 8)).astype(dtype)
    norms = squared_norm(x[:, :5])
    assert norms.dtype == dtype
    np.testing.assert_allclose(norms, (x[:, :5] ** 2).sum(axis=1), rtol=1e-6)
