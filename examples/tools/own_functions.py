"""
User-defined activation and loss
================================

An activation and a loss are functions of arrays with their derivatives, which are
checked against finite differences. This example defines the softsign activation and the
log cosh loss, which is between squared and absolute error.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import scale

from mlp_estimator import Activation, Loss, MLPRegressor, check_activation, check_loss

# %%
# The activation z / (1 + abs(z)) and its slope. Both write to the arrays that they
# receive.


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
# The loss log cosh(raw - y): value and gradient, and its curvature for second-order
# solvers.


class LogCosh(Loss):
    """Log cosh of the error, summed over outputs and samples."""

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
# The check detects a sign error:


class Wrong(LogCosh):
    """The gradient points uphill."""

    def __repr__(self):
        return "Wrong()"

    def value_and_grad(self, y, raw, weight, d_raw, work):
        value = super().value_and_grad(y, raw, weight, d_raw, work)
        d_raw *= -1
        return value


try:
    check_loss(Wrong())
except ValueError as error:
    print(error)

# %%
# Fit a table in which some targets are corrupted. The robust loss is less affected.
# R2 is computed on clean targets.

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
corrupted = y.copy()
corrupted[::20] += 5.0
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for i, loss in enumerate(["squared_error", LogCosh()]):
    network = MLPRegressor(
        (10,),
        activation,
        loss=loss,
        solver="lbfgs",
        alpha=10,
        max_iter=300,
        random_state=0,
    )
    scores = [
        network.fit(X[train], corrupted[train]).score(X[test], y[test])
        for train, test in [
            (np.arange(442) % 5 != k, np.arange(442) % 5 == k) for k in range(5)
        ]
    ]
    name = loss if isinstance(loss, str) else "log cosh"
    clean = cross_val_score(network, X, y).mean()
    print(f"{name}: R2 {np.mean(scores):.2f}, if fitted on clean targets {clean:.2f}")
    ax.bar(i, np.mean(scores), label=name)
ax.set(
    xticks=[0, 1],
    xticklabels=["squared error", "log cosh"],
    ylabel="R2 on clean targets",
    title="23 corrupted targets",
)
plt.show()
