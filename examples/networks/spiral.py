"""
The spiral: why a hidden layer
==============================

The three arms of a spiral are not linearly separable. A network without a hidden layer
is a linear classifier. One hidden layer of ReLU units separates the arms.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay

from mlp_estimator import MLPClassifier

# %%
# A hundred points on each arm, with some noise. Each arm makes a little more than half
# a turn.

rng = np.random.default_rng(0)
radius, arm = np.tile(np.linspace(0, 1, 100), 3), np.repeat([0, 1, 2], 100)
angle = 4 * (arm + radius) + 0.2 * rng.normal(size=300)
X = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])

# %%
# The same estimator, without and with hidden units. ``solver="lbfgs"`` works on all 300
# points at once.

fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, hidden in zip(axes, [(), (100,)], strict=True):
    network = MLPClassifier(
        hidden, solver="lbfgs", alpha=1e-3, max_iter=1000, random_state=0
    ).fit(X, arm)
    accuracy = network.score(X, arm)
    DecisionBoundaryDisplay.from_estimator(
        network,
        X,
        response_method="predict",
        ax=ax,
        alpha=0.4,
        multiclass_colors="viridis",
    )
    ax.scatter(*X.T, c=arm, s=12, edgecolor="k", linewidth=0.4)
    name = "one hidden layer of 100" if hidden else "no hidden layer"
    ax.set_title(f"{name}: {accuracy:.0%} right")
    ax.set_aspect("equal")
    print(f"hidden layers {hidden}: accuracy {accuracy:.2f}")
plt.show()
