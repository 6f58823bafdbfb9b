"""Views share memory and come in scikit-learn's packing order."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.engine.layout import Layout, Param

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
