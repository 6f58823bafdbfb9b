"""MLPRegressor: its losses against independent models, several targets and quantiles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from samples import X_DIAB, Y_DIAB
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.linear_model import GammaRegressor, QuantileRegressor
from sklearn.metrics import d2_tweedie_score, mean_pinball_loss
from sklearn.preprocessing import scale

from mlp_estimator import MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("q", [0.2, 0.5])
def test_quantiles_without_hidden_layers_are_quantile_regression(q):
    best = QuantileRegressor(quantile=q, alpha=0.0).fit(X_DIAB, Y_DIAB).predict(X_DIAB)
    losses = ["quantile", "absolute_error"] if q == 0.5 else ["quantile"]
    for loss in losses:
        model = MLPRegressor(
            (), loss=loss, quantile=q, alpha=0.0, max_iter=600, learning_rate="cosine", learning_rate_init=0.02,
            batch_size=442, tol=0.0, n_iter_no_change=600, random_state=0,
        ).fit(X_DIAB, Y_DIAB)  # fmt: skip
        found, optimum = (mean_pinball_loss(Y_DIAB, p, alpha=q) for p in (model.predict(X_DIAB), best))
        assert optimum <= found * (1 + 1e-9)
        assert found < 1.001 * optimum


def test_huber_without_hidden_layers_is_its_minimum():
    y = Y_DIAB + np.where(np.arange(442) % 20 == 0, 10.0, 0.0)

    def huber(p):
        r = np.abs(X_DIAB @ p[:-1] + p[-1] - y)
        return np.mean(np.where(r <= 0.7, 0.5 * r**2, 0.7 * (r - 0.35)))

    best = minimize(huber, np.zeros(11), method="BFGS", options={"gtol": 1e-8}).x
    options = {"solver": "lbfgs", "alpha": 0.0, "tol": 1e-9, "max_iter": 5000, "random_state": 0}
    model = MLPRegressor((), loss="huber", huber_delta=0.7, **options).fit(X_DIAB, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], best[:-1], atol=1e-4)
    squared = MLPRegressor((), **options).fit(X_DIAB, y)
    wide = MLPRegressor((), loss="huber", huber_delta=1e3, **options).fit(X_DIAB, y)
    np.testing.assert_allclose(wide.coefs_[0], squared.coefs_[0], atol=1e-5)


def test_gamma_without_hidden_layers_is_gamma_regression():
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, np.exp(X_DIAB[:, 0] - 0.5 * X_DIAB[:, 1]) / 2)
    weight = rng.uniform(0.5, 2, 442)
    options = {"solver": "lbfgs", "tol": 1e-9, "max_iter": 5000, "random_state": 0}
    model = MLPRegressor((), loss="gamma", alpha=3.0, **options).fit(X_DIAB, y, weight)
    gamma = GammaRegressor(alpha=3.0 / weight.sum(), tol=1e-10, max_iter=5000).fit(X_DIAB, y, weight)
    np.testing.assert_allclose(model.predict(X_DIAB), gamma.predict(X_DIAB), rtol=1e-4)
    assert model.out_activation_ == "exp"


def test_several_quantiles_are_columns_that_never_cross():
    model = MLPRegressor((30,), loss="quantile", quantile=[0.05, 0.5, 0.95], max_iter=300, random_state=0)
    prediction = model.fit(X_DIAB, Y_DIAB).predict(X_DIAB)
    assert prediction.shape == (442, 3)
    assert (np.diff(prediction, axis=1) >= 0).all()
    for q, column in zip([0.05, 0.5, 0.95], prediction.T, strict=True):
        assert np.mean(column >= Y_DIAB) == pytest.approx(q, abs=0.06)


def test_gaussian_nll_without_hidden_layers_is_the_likeliest_normal():
    options = {
        "loss": "gaussian_nll",
        "solver": "lbfgs",
        "alpha": 0.0,
        "tol": 1e-8,
        "max_iter": 5000,
        "random_state": 0,
    }
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = 2 * x[:, 0] + np.exp(0.5 * x[:, 0]) * rng.normal(size=400)
    model = MLPRegressor((), **options).fit(x, y)

    def minus_log_likelihood(p):
        return -norm.logpdf(y, p[0] + p[1] * x[:, 0], np.sqrt(np.exp(p[2] + p[3] * x[:, 0]) + 1e-6)).mean()

    best = minimize(minus_log_likelihood, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    assert model.loss_ + 0.5 * np.log(2 * np.pi) == pytest.approx(best.fun, rel=1e-7)
    mean, std = model.predict(x, return_std=True)
    np.testing.assert_allclose(mean, best.x[0] + best.x[1] * x[:, 0], atol=1e-3)
    np.testing.assert_allclose(std, np.exp(0.5 * (best.x[2] + best.x[3] * x[:, 0])), rtol=1e-2)
    np.testing.assert_array_equal(model.predict(x), mean)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_gaussian_nll_of_several_targets(early_stopping):
    y = np.column_stack([Y_DIAB, X_DIAB[:, 0]])
    model = MLPRegressor((8,), loss="gaussian_nll", early_stopping=early_stopping, max_iter=100, random_state=0)
    mean, std = model.fit(X_DIAB, y).predict(X_DIAB, return_std=True)
    assert mean.shape == std.shape == y.shape
    within = (np.abs(y - mean) < std).mean(axis=0)  # 0.68 of normal targets
    assert within.min() > 0.6
    assert within.max() < 0.95
    assert model.score(X_DIAB, y) > 0.3


def test_targets_as_columns_and_frames():
    X, y = load_diabetes(return_X_y=True)
    Y = pd.DataFrame({"a": y, "b": -y})
    model = MLPRegressor((5,), solver="lbfgs", random_state=0, max_iter=20).fit(X, Y)
    assert model.predict(X).shape == (442, 2)
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning):
        assert model.fit(X, y[:, None]).predict(X).shape == (442,)


def test_the_regressor_learns_numbers_and_counts():
    X, y = load_diabetes(return_X_y=True)
    X = scale(X)
    model = MLPRegressor((10,), solver="lbfgs", alpha=1.0, random_state=0, max_iter=500).fit(X, y / 100)
    assert model.score(X, y / 100) > 0.6
    counts = np.random.default_rng(0).poisson(y / 50)
    model = MLPRegressor((10,), loss="poisson", solver="lbfgs", random_state=0, max_iter=100).fit(X, counts)
    prediction = model.predict(X)
    assert prediction.mean() == pytest.approx(counts.mean(), rel=0.01)  # with a log link and a free bias
    assert d2_tweedie_score(counts, prediction, power=1) > 0.3
    assert prediction.min() > 0.3  # a tenth of the counts are 0
