"""Arrays on the member axis."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.engine.members import squared_norm


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_norm(dtype):
    x = np.random.default_rng(0).normal(size=(3, 8)).astype(dtype)
    norms = squared_norm(x[:, :5])
    assert norms.dtype == dtype
    np.testing.assert_allclose(norms, (x[:, :5] ** 2).sum(axis=1), rtol=1e-6)
