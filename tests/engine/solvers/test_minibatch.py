"""Epochs of minibatches: no allocation in a steady step, and a classic example."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from problems import objective, once, run_of

from mlp_estimator import MLPClassifier
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.optimizers import OPTIMIZERS
from mlp_estimator.engine.runs import objective_of
from mlp_estimator.engine.solvers import SOLVERS


@pytest.fixture
def small_buffers():
    """Let NumPy cast through buffers of 16 elements, not of up to 8192 as the size of an array demands."""
    before = np.setbufsize(16)
    yield
    np.setbufsize(before)


# A step allocates what its parts do, so each part in one of the networks is enough. The last three lists have all of
# their combinations.
@pytest.mark.parametrize(
    ("activation", "loss", "solver", "batch_size", "dropout"),
    once(ACTIVATIONS, LOSSES, OPTIMIZERS, [4, 4, 20, 20], [0.0] * 4 + [0.1] * 4),
)
def test_a_steady_step_allocates_nothing_that_grows(activation, loss, solver, batch_size, dropout, small_buffers):
    # Peak memory of a further epoch at one size and at 9 times as many parameters and rows.
    peaks = []
    for scale in (20, 180):
        o = objective(activation, loss, hidden=(6 * scale,), n=20 * scale, weighted=True, dropout=dropout)
        o.theta *= 0.01
        one = run_of(o, batch_size=batch_size * scale, max_iter=1, shuffle=False, learning_rate_init=1e-6)
        SOLVERS[solver].run([one])  # makes the optimizer
        o = objective_of([one])

        def epoch(o=o, one=one):
            one.outcome = None
            SOLVERS[solver]._train(o, [one])

        epoch()
        epoch()
        tracemalloc.start()
        epoch()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4000, peaks  # an array of one row of the batch would add 5000 at least


def spiral(n=100, arms=3, seed=0):
    """The three-armed spiral: 100 points an arm, radius 0 to 1, a little more than a half turn each, with noise."""
    rng = np.random.default_rng(seed)
    radius = np.tile(np.linspace(0, 1, n), arms)
    arm = np.repeat(np.arange(arms), n)
    angle = 4 * (arm + radius) + 0.2 * rng.normal(size=n * arms)
    return np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]), arm


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_two_layer_classifier_on_the_spiral():
    X, y = spiral()
    linear = MLPClassifier((), solver="lbfgs", alpha=1e-3, random_state=0).fit(X, y)
    assert 0.47 <= linear.score(X, y) <= 0.57
    network = MLPClassifier(
        (100,), solver="sgd", batch_size=300, momentum=0.0, nesterovs_momentum=False, learning_rate_init=1.0,
        max_iter=10000, alpha=0.3, tol=0.0, n_iter_no_change=10000, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert network.score(X, y) >= 0.98


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [6, 7])
def test_epochs_that_are_parts_of_a_pass_make_a_pass_together(n_parts, batch_size):
    thetas = []
    for parts in (1, n_parts):
        o = objective("tanh", "squared_error", n=45)
        one = run_of(o, batch_size=batch_size, max_iter=2 * parts, learning_rate_init=0.01)
        one.n_passes = Fraction(1, parts)
        SOLVERS["adam"].run([one])
        assert one.state.progress.n_epochs == 2 * parts
        assert one.state.progress.n_seen == pytest.approx(90, abs=parts)
        thetas.append(one.theta)
    np.testing.assert_array_equal(*thetas)


def test_rows_in_a_file_are_released_after_each_epoch():
    released = []

    class InFile(np.ndarray):
        def release(self):
            released.append(1)

    o = objective("tanh", "squared_error", n=45)
    (data,) = o.data
    one = run_of(o, batch_size=10, max_iter=3)
    one.data = Data(data.X.view(InFile), data.Y)
    SOLVERS["adam"].run([one])
    assert len(released) == 3
