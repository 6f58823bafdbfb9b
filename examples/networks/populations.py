"""
A search as a population, and an ensemble with calibrated intervals
===================================================================

Two uses of training networks side by side, on bundled real tables: a grid search whose
candidates and folds share each step, and an ensemble whose spread measures the
uncertainty of its predictions.

Needs matplotlib (extra ``plot``). ``python examples/networks/populations.py FOLDER`` saves the
two figures to a folder.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sklearn.neural_network
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import mlp_estimator

warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# The search
# ----------
# Fifteen combinations of penalty and learning rate, on five folds. ``MLPGridSearchCV``
# has the arguments and results of ``GridSearchCV``. All 75 networks have the same
# layers and are trained together.

X, y = load_breast_cancer(return_X_y=True)
alphas, rates = [0.01, 0.1, 1.0, 10.0, 100.0], [0.001, 0.003, 0.01]
grid = {"mlpclassifier__alpha": alphas, "mlpclassifier__learning_rate_init": rates}


def search(Search, module):
    """Return the fitted search and its time in seconds."""
    model = make_pipeline(
        StandardScaler(), module.MLPClassifier((30,), max_iter=100, random_state=0)
    )
    found = Search(model, grid, scoring="neg_log_loss")
    start = time.perf_counter()
    return found.fit(X, y), time.perf_counter() - start


theirs, slow = search(GridSearchCV, sklearn.neural_network)
ours, fast = search(mlp_estimator.MLPGridSearchCV, mlp_estimator)
scores = ours.cv_results_["mean_test_score"]
difference = np.abs(theirs.cv_results_["mean_test_score"] - scores).max()
print(f"75 fits: {slow / fast:.1f} times as fast as scikit-learn's search")
print(f"largest difference of the scores: {difference:.0e}")
print(f"best: {ours.best_params_}, log loss {-ours.best_score_:.4f}")

# %%
# The log loss of the 15 candidates. Small penalties work as long as the learning rate
# is small; large learning rates need some penalty.

fig, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
table = -scores.reshape(len(alphas), len(rates))
ax.imshow(table, cmap="viridis_r", vmax=0.2, aspect="auto")
for (row, column), value in np.ndenumerate(table):
    ax.text(
        column,
        row,
        f"{value:.3f}",
        ha="center",
        va="center",
        color="black" if value < 0.13 else "white",
    )
ax.set(
    xlabel="learning_rate_init",
    ylabel="alpha",
    title="Log loss on held-out folds, breast cancer",
)
ax.set_xticks(range(len(rates)), rates)
ax.set_yticks(range(len(alphas)), alphas)

# %%
# The ensemble
# ------------
# Twenty networks each predict a mean and a variance, with early stopping by the
# likelihood. The variance of a prediction is the predicted noise plus the variance
# between the networks. It is calibrated if its intervals contain the stated share of
# the held-out targets.

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
levels = np.linspace(0.05, 0.95, 19)


def coverage(n_members):
    """Return the share of held-out targets inside the interval of each level."""
    inside = []
    for train, test in KFold(10, shuffle=True, random_state=0).split(X):
        network = mlp_estimator.MLPRegressor(
            (20,),
            loss="gaussian_nll",
            n_members=n_members,
            learning_rate_init=0.01,
            random_state=0,
            early_stopping=True,
            scoring="loss",
            n_iter_no_change=20,
        )
        mean, std = network.fit(X[train], y[train]).predict(X[test], return_std=True)
        inside.append(
            np.abs(y[test] - mean)[:, None] <= norm.ppf(0.5 + levels / 2) * std[:, None]
        )
    return np.concatenate(inside).mean(axis=0)


fig2, ax = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="calibrated")
for n_members, marker in ((1, "o"), (20, "s")):
    found = coverage(n_members)
    ax.plot(
        levels,
        found,
        marker=marker,
        markersize=4,
        label=f"{n_members} network{'s' * (n_members > 1)}",
    )
    print(
        f"{n_members:2} network(s): {found[-2]:.3f} of the targets in the 90 % interval"
    )
ax.set(
    xlabel="level of the interval",
    ylabel="share of held-out targets inside",
    title="Diabetes, ten folds",
)
ax.legend()

# %%
# A single network is overconfident. The ensemble includes the disagreement of its
# members, and its intervals are slightly too wide.

if len(sys.argv) > 1:
    fig.savefig(Path(sys.argv[1]) / "search.png", dpi=110)
    fig2.savefig(Path(sys.argv[1]) / "calibration.png", dpi=110)
plt.show()
