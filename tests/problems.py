"""Random problems over the engine's tables, and derivatives by differences, for the tests of identities."""

from __future__ import annotations

import numpy as np

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import CLASSIFICATION, LOSSES
from mlp_estimator.engine.network import perceptron
from mlp_estimator.engine.objective import Objective
from mlp_estimator.engine.solvers import SOLVERS


def solvable(solver, loss):
    """Whether a loss has the methods that a solver calls."""
    return all(hasattr(LOSSES[loss], method) for method in SOLVERS[solver].calls)


CLASSIFIER_SOLVERS = [name for name in SOLVERS if all(solvable(name, loss) for loss in CLASSIFICATION)]
STEP = 1e-5  # central differences: truncation and rounding are both near 1e-10


def targets(loss, n, n_outputs, rng):
    """Targets that a loss allows, (n, n_outputs) or (n, 1) codes."""
    if loss.codes:
        return rng.integers(0, n_outputs, (n, 1))
    if loss.link == "logistic":
        return rng.integers(0, 2, (n, n_outputs)).astype(float)
    return 2 * rng.normal(size=(n, n_outputs)) if loss.domain == "real" else np.abs(rng.normal(size=(n, n_outputs)))


def network_of(activation, sizes, **kw):
    """A perceptron with one activation for all hidden layers."""
    function = ACTIVATIONS[activation]
    return perceptron(tuple(sizes), (function,) * (len(sizes) - 2), function.init, **kw)


def objective(
    activation="tanh",
    loss="squared_error",
    *,
    hidden=(7, 5),
    n_outputs=3,
    n=11,
    weighted=False,
    alpha=0.3,
    n_members=1,
    seed=0,
    dtype=np.float64,
    dropout=0.0,
    rows=None,
    **kw,
):
    """A small random objective; parameters away from symmetry, biases not zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(dtype)
    loss = LOSSES[loss]()
    network = network_of(activation, (4, *hidden, n_outputs * loss.n_outputs), dropout=(dropout,) * len(hidden))
    noise = [np.random.default_rng(m) for m in range(n_members)]
    theta = (0.7 * rng.normal(size=(n_members, network.layout.size))).astype(dtype)
    Y = targets(loss, n, n_outputs, rng)
    Y = Y if loss.codes else Y.astype(dtype)
    weight = rng.uniform(0, 2, n).astype(dtype) if weighted else None
    return Objective(network, loss, [Data(X, Y, weight, rows)], theta=theta, alpha=alpha, noise=noise, **kw)


def along(function, theta, v, step=STEP):
    """The derivative of ``function()`` along v, theta being moved in place."""
    start = theta.copy()
    theta += step * v
    ahead = np.copy(function())
    np.copyto(theta, start - step * v)
    behind = np.copy(function())
    np.copyto(theta, start)
    return (ahead - behind) / (2 * step)


def relative_error(a, b):
    return np.max(np.abs(a - b)) / max(np.max(np.abs(a)), np.max(np.abs(b)), 1e-12)
