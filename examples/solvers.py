"""
Choosing a solver
=================

Training loss against time for the solvers of the regressor, on a table of 442 rows. For small tables and smooth
activations, the solvers that use all data at once are much faster.
"""

from __future__ import annotations

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from mlp_estimator import MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
ITERATIONS = {"sgd": 400, "adam": 400, "cg": 200, "lbfgs": 200, "newton-cg": 40, "trust-krylov": 60, "lm": 30}

# %%
# For "sgd" and "adam" a point of the curve is one epoch, for the other solvers one step on all rows. Only times are
# comparable; the time of a run is distributed evenly over its curve.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for solver, n_iter in ITERATIONS.items():
    network = MLPRegressor(
        (10,), "tanh", solver=solver, alpha=1, max_iter=n_iter, learning_rate_init=0.01, tol=1e-5, random_state=0
    )
    start = time.perf_counter()
    network.fit(X, y)
    seconds = time.perf_counter() - start
    ax.plot(np.linspace(0, seconds, len(network.loss_curve_) + 1)[1:], network.loss_curve_, label=solver)
    print(f"{solver:<12} {network.n_iter_:4} iterations, loss {network.loss_:.4f}")
ax.set(xscale="log", yscale="log", xlabel="seconds", ylabel="training loss, penalty included")
ax.legend(title="solver")

# %%
# With ``alpha="auto"`` Levenberg-Marquardt estimates the penalty during the fit by maximising the evidence, and returns
# standard deviations of its predictions.

network = MLPRegressor((3,), "tanh", solver="lm", alpha="auto", random_state=0).fit(X[:342], y[:342])
mean, std = network.predict(X[342:], return_std=True)
order = np.argsort(mean)
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.fill_between(range(100), (mean - 1.645 * std)[order], (mean + 1.645 * std)[order], alpha=0.3, label="90 % interval")
ax.plot(mean[order], label="prediction")
ax.plot(y[342:][order], ".", color="0.3", label="observed")
ax.set(xlabel="held-out patients", ylabel="progression, standardised")
ax.legend()
inside = np.mean(np.abs(y[342:] - mean) < 1.645 * std)
print(f"alpha {network.alpha_:.1f}, {network.n_effective_params_:.1f} effective parameters")
print(f"{inside:.2f} of the held-out targets are inside the 90 % intervals")
plt.show()
