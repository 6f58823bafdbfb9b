"""Random problems over the engine's tables, and derivatives by differences, for the tests of identities."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.layout import Layout, Param
from mlp_estimator.engine.losses import CLASSIFICATION, LOSSES
from mlp_estimator.engine.monitor import Monitor
from mlp_estimator.engine.network import perceptron
from mlp_estimator.engine.objective import Objective
from mlp_estimator.engine.optimizers import OPTIMIZERS
from mlp_estimator.engine.runs import Run, Training
from mlp_estimator.engine.solvers import SOLVERS, interrupt
from mlp_estimator.engine.updates import Update


def once(*tables):
    """Tuples with one entry of each table, as few as have each entry at least once."""
    tables = [list(table) for table in tables]
    return [tuple(table[k % len(table)] for table in tables) for k in range(max(map(len, tables)))]


def covering(**tables):
    """Parametrise over the product of tables: a few cases have each entry at least once, the others are slow."""
    names, values = list(tables), [list(table) for table in tables.values()]
    first = once(*(range(len(v)) for v in values))
    cases = []
    for index in product(*(range(len(v)) for v in values)):
        case = [v[i] for v, i in zip(values, index, strict=True)]
        label = "-".join(str(getattr(value, "__name__", value)) for value in case)
        cases.append(pytest.param(*case, id=label, marks=() if index in first else pytest.mark.slow))
    return pytest.mark.parametrize(names, cases)


def solvable(solver, loss):
    """Whether a loss has the methods that a solver calls."""
    return SOLVERS[solver].minimizes(LOSSES[loss])


CLASSIFIER_SOLVERS = [name for name in SOLVERS if SOLVERS[name].minimizes(*CLASSIFICATION.values())]
HYPERPARAMETERS = {
    "learning_rate_init": 0.1, "momentum": 0.9, "nesterovs_momentum": True, "beta_1": 0.8, "beta_2": 0.99,
    "epsilon": 1e-3,
}  # fmt: skip
OPTIONS = {
    "learning_rate_init": 0.01, "momentum": 0.9, "nesterovs_momentum": True, "beta_1": 0.9, "beta_2": 0.999,
    "epsilon": 1e-8, "batch_size": 4, "max_iter": 30, "shuffle": True, "learning_rate": "constant", "power_t": 0.5,
    "max_fun": 1000, "tol": 1e-8, "max_grad_norm": None, "weight_decay": 0.0, "alpha": 0.3,
}  # fmt: skip
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


def values(o, rows=None):
    """Value and gradient of an objective, as copies."""
    return o.value_and_grad(rows).copy(), o.grad.copy()


def same(a, b, rtol=1e-12):
    """Two results of ``values`` are the same up to rounding."""
    for x, y in zip(a, b, strict=True):
        assert relative_error(x, y) < rtol


def optimizer_of(name, theta, **changes):
    reads = ("learning_rate_init", *OPTIMIZERS[name].reads)
    return OPTIMIZERS[name](theta, **{read: (HYPERPARAMETERS | changes)[read] for read in reads})


def update(name, theta, n_decayed=0, rate=1.0, max_grad_norm=None, weight_decay=0.0, **changes):
    """An update of theta (M, P), of which the first ``n_decayed`` decay; the last two have the factor ``rate``."""
    n = theta.shape[1]
    params = [Param("W", (n_decayed,), True), Param("b", (n - n_decayed - 2,), False), Param("s", (2,), False, rate)]
    limits = {"max_grad_norm": max_grad_norm, "weight_decay": weight_decay}
    return Update(optimizer_of(name, theta, **changes), theta, Layout([params]), limits)


def run_of(o, **options):
    """A run from an objective's parameters, in its memory where there is one member."""
    monitor, training = (
        Monitor(tol=0.0, n_iter_no_change=np.inf),
        Training(np.random.RandomState(0), noise=o.noise and o.noise.generators),
    )
    batch_size = (OPTIONS | options)["batch_size"]
    return Run(o.network, o.loss, o.data[0], o.theta, o.alpha, batch_size, OPTIONS | options, monitor, training)


def solve(name, o, **options):
    one = run_of(o, **options)
    try:
        SOLVERS[name].run([one])
    except KeyboardInterrupt:
        interrupt([one])
    if one.error is not None:
        raise one.error
    return one.monitor, one.outcome
