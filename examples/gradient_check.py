"""
A derivative checked by differences
===================================

How the tests of this package know that its gradients are right, and how far a difference quotient is to be trusted: its
truncation error falls with the step, its rounding error grows, and in between lies a step that is best.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import SoftmaxCrossEntropy
from mlp_estimator.engine.network import perceptron
from mlp_estimator.engine.objective import Objective

# %%
# A network of the engine with random parameters on the iris flowers, in float64.

rng = np.random.default_rng(0)
network = perceptron((4, 7, 3), (ACTIVATIONS["tanh"], ACTIVATIONS["tanh"]))
theta = rng.normal(size=(1, network.layout.size))
X, y = load_iris(return_X_y=True)
data = Data(scale(X), y[:, None])
objective = Objective(network, SoftmaxCrossEntropy(), data, theta=theta, alpha=0.1)

# %%
# The derivative along a random direction v is one number, by the backward sweep <gradient, v>, by differences from
# the values at two more points. One direction is enough: an error in any entry of the gradient shows.

v = rng.normal(size=theta.shape)
objective.value_and_grad()
exact = (objective.grad * v).sum()
here = theta.copy()


def value(step):
    """The objective that many steps along v."""
    np.copyto(theta, here + step * v)
    found = objective.value_and_grad()[0]
    np.copyto(theta, here)
    return found


steps = 10.0 ** np.arange(-14, 0.5, 0.25)
forward = [abs((value(h) - value(0)) / h - exact) / abs(exact) for h in steps]
central = [abs((value(h) - value(-h)) / (2 * h) - exact) / abs(exact) for h in steps]

# %%
# Differences on one side are wrong by about h, central ones by about h squared; rounding adds 1e-16 / h to both. The
# best steps are near the square root and the cube root of 1e-16; the tests use central differences with 1e-5.

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(steps, forward, label="forward differences")
ax.loglog(steps, central, label="central differences")
ax.loglog(steps, 1e-16 / steps, "k:", linewidth=1, label="1e-16 / h")
ax.axvline(1e-5, color="0.7", linewidth=1)
ax.set(xlabel="step h", ylabel="relative error", ylim=(1e-13, 10))
ax.legend()
best = steps[int(np.argmin(central))]
print(f"central differences agree with the backward sweep to {min(central):.0e}, at a step of {best:.0e}")
plt.show()

# %%
# A wrong gradient does not hide: with one entry off by a thousandth the error no longer falls with the step.

objective.value_and_grad()
objective.grad[0, 5] *= 1.001
wrong = (objective.grad * v).sum()
print(f"an entry of the gradient off by 0.1 %: the best agreement is {abs(wrong - exact) / abs(exact):.0e}")
