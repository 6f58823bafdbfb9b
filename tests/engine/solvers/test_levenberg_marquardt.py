"""Damped Gauss-Newton steps."""

from __future__ import annotations

import numpy as np
import pytest
from samples import X_DIAB, Y_DIAB

from mlp_estimator import MLPRegressor
from mlp_estimator.engine.solvers import levenberg_marquardt

X, Y = X_DIAB, Y_DIAB
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@ignore_convergence
def test_a_rejected_step_is_not_kept(monkeypatch):
    # Whatever the damping starts with, the loss falls at every iteration.
    for damping in (1e-12, 1e3):
        monkeypatch.setattr(levenberg_marquardt, "INITIAL_DAMPING", damping)
        model = MLPRegressor((10,), "tanh", solver="lm", alpha=0.1, max_iter=40, random_state=0).fit(X, Y)
        assert (np.diff(model.loss_curve_) <= 0).all()
        assert model.loss_curve_[-1] < 0.2
