"""
An activation and a loss of one's own
=====================================

Both are a few functions of arrays with their derivatives, checked against differences before they are used: here the
softsign as an activation, and log cosh as a loss between squared and absolute error.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import scale

from mlp_estimator import Activation, Loss, MLPRegressor, check_activation, check_loss

# %%
# The activation z / (1 + abs(z)), and its slope, written into the arrays that are handed in.


def softsign(z, out):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(z, out, out=out)


def softsign_slope(z, out, work):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.power(out, -2.0, out=out)


activation = Activation(softsign, softsign_slope, saves="input")
check_activation(activation)

# %%
# The loss log cosh(raw - y): value, gradient and curvature.


class LogCosh(Loss):
    """Summed over outputs and samples."""

    def value_and_grad(self, y, raw, weight, d_raw, work):
        r = np.subtract(raw, y, out=work[:, 1:])
        np.tanh(r, out=d_raw)
        terms = np.logaddexp(r, -r) - np.log(2)
        if weight is not None:
            terms *= weight
            d_raw *= weight
        return terms.sum(axis=(1, 2))

    def curvature(self, y, raw, weight, t):
        t *= 1 - np.tanh(raw - y) ** 2
        if weight is not None:
            t *= weight


check_loss(LogCosh())

# %%
# A sign error would have been told:


class Wrong(LogCosh):
    """The gradient points uphill."""

    def value_and_grad(self, y, raw, weight, d_raw, work):
        value = super().value_and_grad(y, raw, weight, d_raw, work)
        d_raw *= -1
        return value


try:
    check_loss(Wrong())
except ValueError as error:
    print(error)

# %%
# Both at work, on a table with a few targets made absurd: the robust loss cares less.

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
spoilt = y.copy()
spoilt[::20] += 15.0
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for i, loss in enumerate(["squared_error", LogCosh()]):
    network = MLPRegressor((10,), activation, loss=loss, solver="lbfgs", alpha=10, max_iter=300, random_state=0)
    scores = [
        network.fit(X[train], spoilt[train]).score(X[test], y[test])
        for train, test in [(np.arange(442) % 5 != k, np.arange(442) % 5 == k) for k in range(5)]
    ]
    name = loss if isinstance(loss, str) else "log cosh"
    clean = cross_val_score(network, X, y).mean()
    print(f"{name}: R2 {np.mean(scores):.2f} on clean targets, {clean:.2f} after a clean fit")
    ax.bar(i, np.mean(scores), label=name)
ax.set(
    xticks=[0, 1], xticklabels=["squared error", "log cosh"], ylabel="R2 on clean targets", title="22 spoilt targets"
)
plt.show()
