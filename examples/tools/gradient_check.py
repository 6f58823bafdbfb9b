"""
A gradient checked by finite differences
========================================

The tests of this package check gradients against finite differences. A smaller step
reduces the truncation error of a difference quotient and increases its rounding error.
This example shows the best step in between.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from mlp_estimator.engine.activations import ACTIVATIONS, glorot
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import SoftmaxCrossEntropy
from mlp_estimator.engine.network import perceptron
from mlp_estimator.engine.objective import Objective

# %%
# A network with random parameters on the iris data, in float64.

rng = np.random.default_rng(0)
network = perceptron((4, 7, 3), (ACTIVATIONS["tanh"],), glorot)
theta = rng.normal(size=(1, network.layout.size))
X, y = load_iris(return_X_y=True)
data = Data(scale(X), y[:, None])
objective = Objective(network, SoftmaxCrossEntropy(), [data], theta=theta, alpha=0.1)

# %%
# The derivative along a random direction v is one number. The backward sweep gives it
# as <gradient, v>; differences compute it from the values at two more points. One
# direction is enough: an error in any entry of the gradient changes the number.

v = rng.normal(size=theta.shape)
objective.value_and_grad()
exact = (objective.grad * v).sum()
here = theta.copy()


def value(step):
    """Return the objective at ``theta + step * v``."""
    np.copyto(theta, here + step * v)
    found = objective.value_and_grad()[0]
    np.copyto(theta, here)
    return found


steps = 10.0 ** np.arange(-14, 0.5, 0.25)
forward = [abs((value(h) - value(0)) / h - exact) / abs(exact) for h in steps]
central = [abs((value(h) - value(-h)) / (2 * h) - exact) / abs(exact) for h in steps]

# %%
# The error of forward differences is about h, that of central differences about h
# squared. Rounding adds 1e-16 / h to both. The best steps are near the square root and
# the cube root of 1e-16. The tests use central differences with 1e-5.

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(steps, forward, label="forward differences")
ax.loglog(steps, central, label="central differences")
ax.loglog(steps, 1e-16 / steps, "k:", linewidth=1, label="1e-16 / h")
ax.axvline(1e-5, color="0.7", linewidth=1)
ax.set(xlabel="step h", ylabel="relative error", ylim=(1e-13, 10))
ax.legend()
best = steps[int(np.argmin(central))]
print(f"error of central differences: {min(central):.0e}, at a step of {best:.0e}")
plt.show()

# %%
# A wrong gradient is detected: with one entry off by a thousandth, the error no longer
# falls with the step.

objective.value_and_grad()
objective.grad[0, 5] *= 1.001
wrong = (objective.grad * v).sum()
error = abs(wrong - exact) / abs(exact)
print(f"error with an entry of the gradient off by 0.1 %: {error:.0e}")
