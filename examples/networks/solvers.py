"""
Choosing a solver
=================

Training loss against time for the solvers of the regressor. For small tables and smooth
activations, the solvers that use all data at once are much faster than minibatches.

``python examples/networks/solvers.py FOLDER`` saves the first figure to a folder.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from mlp_estimator import MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)
TABLES = {
    "diabetes, 442 rows": load_diabetes(return_X_y=True),
    "friedman1, 2000 rows": make_friedman1(2000, noise=0.5, random_state=0),
}
ITERATIONS = {
    "lm": 30,
    "lbfgs": 200,
    "newton-cg": 40,
    "cg": 200,
    "adam": 400,
    "sgd": 400,
}

# %%
# One hidden layer of 10 tanh units, alpha 1. For "sgd" and "adam" a point of a curve is
# one epoch, for the other solvers one step on all rows. Only times are comparable; the
# time of a run is distributed evenly over its curve.


def curve(X, y, solver):
    """Return the times and the lowest losses so far of a fit."""
    network = MLPRegressor(
        (10,),
        "tanh",
        solver=solver,
        alpha=1,
        max_iter=ITERATIONS[solver],
        learning_rate_init=0.01,
        tol=1e-5,
        random_state=0,
    )
    start = time.perf_counter()
    losses = np.minimum.accumulate(network.fit(X, y).loss_curve_)
    seconds = time.perf_counter() - start
    return np.linspace(0, seconds, len(losses) + 1)[1:], losses


curves = {}
for table, (X, y) in TABLES.items():
    for solver in ITERATIONS:
        curves[table, solver] = curve(scale(X), scale(y), solver)
        seconds, losses = curves[table, solver]
        print(f"{table:<22} {solver:<12} loss {losses[-1]:.4f} in {seconds[-1]:.2f} s")

# %%
# Each column shows one solver in colour and the others in grey. A curve further to the
# left is faster; a lower end is a better fit.

fig, axes = plt.subplots(
    len(TABLES),
    len(ITERATIONS),
    figsize=(9, 4.2),
    sharex=True,
    sharey="row",
    layout="constrained",
)
for row, table in zip(axes, TABLES, strict=True):
    for ax, solver in zip(row, ITERATIONS, strict=True):
        for other in ITERATIONS:
            ax.plot(*curves[table, other], color="0.85", linewidth=1)
        ax.plot(*curves[table, solver], color="C0", linewidth=2)
        ax.set(xscale="log", yscale="log")
        ax.set_xticks([0.001, 0.1], ["0.001", "0.1"])
        ax.text(
            0.95, 0.93, solver, transform=ax.transAxes, ha="right", va="top", fontsize=9
        )
        ax.minorticks_off()
    ends = [curves[table, solver][1] for solver in ITERATIONS]
    ticks = [min(e[-1] for e in ends), max(e[0] for e in ends)]
    row[0].set_yticks(ticks, [f"{tick:.2g}" for tick in ticks])
    row[0].set_ylabel(f"{table}\ntraining loss")
fig.supxlabel("seconds")
if len(sys.argv) > 1:
    fig.savefig(Path(sys.argv[1]) / "solvers.png", dpi=130)

# %%
# With ``alpha="auto"`` Levenberg-Marquardt estimates the penalty during the fit by
# maximising the evidence, and returns standard deviations of its predictions.

X, y = (scale(array) for array in TABLES["diabetes, 442 rows"])
network = MLPRegressor((3,), "tanh", solver="lm", alpha="auto", random_state=0)
mean, std = network.fit(X[:342], y[:342]).predict(X[342:], return_std=True)
order = np.argsort(mean)
low, high = mean - 1.645 * std, mean + 1.645 * std
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.fill_between(range(100), low[order], high[order], alpha=0.3, label="90 % interval")
ax.plot(mean[order], label="prediction")
ax.plot(y[342:][order], ".", color="0.3", label="observed")
ax.set(xlabel="held-out patients", ylabel="progression, standardised")
ax.legend()
inside = np.mean((low < y[342:]) & (y[342:] < high))
print(
    f"alpha {network.alpha_:.1f}, {network.n_effective_params_:.1f} parameters in use"
)
print(f"{inside:.2f} of the held-out targets are inside the 90 % intervals")
plt.show()
