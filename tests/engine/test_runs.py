"""The state of a training run: generator, orders, optimizer and rate between calls."""

from __future__ import annotations

import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS
from sklearn.base import clone

from mlp_estimator import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_partial_fit_lowers_an_adaptive_rate_on_a_plateau():
    model = MLPClassifier((5,), solver="sgd", learning_rate="adaptive", tol=10.0, n_iter_no_change=1, random_state=0)
    for _ in range(4):
        model.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    assert model._run_state.optimizer.learning_rate == pytest.approx(0.001 / 5)


def test_partial_fit_goes_on_drawing_from_a_shared_generator():
    rng = np.random.RandomState(0)
    model = MLPRegressor((5,), random_state=rng)
    positions = [model.partial_fit(X_IRIS, Y_IRIS) and rng.get_state()[2] for _ in range(3)]
    assert len(set(positions)) == 3


def test_partial_fit_takes_up_changed_parameters_at_once():
    model = MLPRegressor((5,), solver="sgd", momentum=0.0, random_state=0).partial_fit(X_IRIS, Y_IRIS)
    before = model.coefs_[0]
    model.set_params(learning_rate_init=1e-12).partial_fit(X_IRIS, Y_IRIS)
    assert np.abs(model.coefs_[0] - before).max() < 1e-9
    model.set_params(solver="adam").partial_fit(X_IRIS, Y_IRIS)
    assert model._run_state.optimizer.n_steps == 1


@pytest.mark.parametrize("n_members", [1, 2])
def test_pending_orders_are_drawn_when_training_continues(n_members):
    # A generator of the caller is drawn from in each epoch. A generator of the fit catches up.
    options = {"hidden_layer_sizes": (5,), "max_iter": 7, "tol": 0.0}
    members = [MLPRegressor(**options, random_state=np.random.RandomState(s)) for s in (3, 4)]
    ours = [MLPRegressor(**options, random_state=s) for s in (3, 4)]
    if n_members == 2:
        ours = [MLPRegressor(**options, n_members=2, random_state=0)]
        members = [clone(ours[0]).set_params(n_members=1) for _ in range(2)]
        seeds = ours[0].fit(X_IRIS, Y_IRIS).member_seeds_
        for member, seed in zip(members, seeds, strict=True):
            member.random_state = np.random.RandomState(seed)
    for model in (*members, *ours):
        model.fit(X_IRIS, Y_IRIS)
        for batch_size in (150, 20, 150, 20):
            model.set_params(batch_size=batch_size).partial_fit(X_IRIS, Y_IRIS)
    found = ours[0].coefs_[0] if n_members == 2 else [model.coefs_[0] for model in ours]
    for coef, member in zip(found, members, strict=True):
        np.testing.assert_allclose(coef, member.coefs_[0], rtol=1e-9)
