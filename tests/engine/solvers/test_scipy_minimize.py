"""SciPy's methods: memory that SciPy keeps, a run without iterations, and the optima of linear models."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from problems import objective, solve
from samples import X_IRIS, Y_IRIS
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from mlp_estimator import MLPClassifier, MLPRegressor

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_scipy_never_shares_a_gradient_buffer(monkeypatch):
    from mlp_estimator.engine.solvers import scipy_minimize

    seen = []

    def minimize(fun, x0, **kw):
        seen.extend(fun(x0 + i)[1] for i in range(3))
        raise KeyboardInterrupt

    monkeypatch.setattr(scipy_minimize, "minimize", minimize)
    o = objective()
    solve("lbfgs", o)
    assert not any(np.shares_memory(a, b) for a in seen for b in (*seen, o.grad) if a is not b)


class TestLinearModels:
    """Without hidden layers the network is a generalised linear model, and its optimum that of scikit-learn's."""

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    score = X @ np.array([1.0, -0.5, 0.3, 0.0]) + 0.2
    weight = rng.uniform(0.2, 2, 200)
    options: ClassVar = {"solver": "lbfgs", "tol": 1e-10, "max_iter": 5000, "random_state": 0, "hidden_layer_sizes": ()}

    def test_ridge(self):
        y = np.column_stack([self.score, -self.score]) + self.rng.normal(size=(200, 2))
        model = MLPRegressor(alpha=3.0, **self.options).fit(self.X, y, self.weight)
        ridge = Ridge(alpha=3.0).fit(self.X, y, self.weight)
        np.testing.assert_allclose(model.coefs_[0].T, ridge.coef_, atol=1e-6)
        np.testing.assert_allclose(model.intercepts_[0], ridge.intercept_, atol=1e-6)

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_logistic(self, n_classes):
        y = np.digitize(self.score + self.rng.logistic(size=200), [0.0, 1.0][: n_classes - 1])
        model = MLPClassifier(alpha=0.5, **self.options).fit(self.X, y, self.weight)
        logistic = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(self.X, y, self.weight)
        np.testing.assert_allclose(model.predict_proba(self.X), logistic.predict_proba(self.X), atol=1e-5)

    def test_poisson(self):
        y = self.rng.poisson(np.exp(self.score))
        model = MLPRegressor(loss="poisson", alpha=2.0, **self.options).fit(self.X, y, self.weight)
        poisson = PoissonRegressor(alpha=2.0 / self.weight.sum(), tol=1e-10, max_iter=5000)
        poisson.fit(self.X, y, self.weight)
        np.testing.assert_allclose(model.coefs_[0][:, 0], poisson.coef_, atol=1e-5)


@ignore_convergence
def test_lbfgs_that_starts_at_its_optimum():
    model = MLPRegressor((5,), solver="lbfgs", tol=1e6, random_state=0).fit(X_IRIS, Y_IRIS)
    assert (model.n_iter_, model.loss_curve_) == (0, [])
    assert model.best_loss_ == model.loss_
