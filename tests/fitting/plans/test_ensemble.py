"""One network or an ensemble as jobs: seeds, starts, and the fitted network that their states make."""

from __future__ import annotations

import numpy as np
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS

from mlp_estimator import Activation, MLPClassifier, MLPRegressor
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.fitting.jobs import completed, fit_jobs
from mlp_estimator.fitting.plans import Ensemble
from mlp_estimator.fitting.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TANH = Activation(ACTIVATIONS["tanh"].apply, ACTIVATIONS["tanh"].slope)


def plan_of(model, X=X_DIAB, y=Y_DIAB, before=None, **options):
    settings = Settings.of(model._parameters())
    return Ensemble(settings, model._read(settings, X, y, None), before, **options)


def trained(plan):
    return completed(fit_jobs(plan.jobs()))


@pytest.mark.parametrize("random_state", [None, 3, np.random.RandomState(0)])
def test_one_network_is_one_job_with_the_users_seed(random_state):
    (job,) = plan_of(MLPRegressor((4,), random_state=random_state)).jobs()
    assert job.seed is random_state
    assert job.start is None
    assert not job.member
    assert not job.partial


def test_members_differ_by_their_seeds_and_share_the_rest():
    plan = plan_of(MLPRegressor((4,), n_members=3, random_state=0))
    jobs = plan.jobs()
    assert [job.seed for job in jobs] == np.random.RandomState(0).randint(2**31 - 1, size=3).tolist()
    assert all(job.member for job in jobs)
    assert {id(job.network) for job in jobs} == {id(plan.network)}
    assert {id(job.data) for job in jobs} == {id(plan.data)}


@pytest.mark.parametrize("n_members", [1, 3])
def test_training_continues_from_the_attributes_of_an_earlier_fit(n_members):
    model = MLPRegressor((4,), n_members=n_members, max_iter=3, random_state=0).fit(X_DIAB, Y_DIAB)
    jobs = plan_of(model, before=vars(model), partial=True).jobs()
    assert all(job.partial for job in jobs)
    assert all(job.start.n_seen == 3 * len(X_DIAB) for job in jobs)
    if n_members > 1:
        assert [job.seed for job in jobs] == model.member_seeds_.tolist()
    views = jobs[0].network.layout.views(np.concatenate([job.start.theta for job in jobs]))
    np.testing.assert_array_equal(np.squeeze(views[0][0]), model.coefs_[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_layer_sizes": (5,)}, r"layer sizes \[10, 4, 1\], but the data and .* \[10, 5, 1\]"),
        ({"n_members": 2}, r"has 1 member\(s\), but n_members=2"),
    ],
)
def test_training_continues_with_the_same_sizes_only(changes, message):
    model = MLPRegressor((4,), max_iter=3, random_state=0).fit(X_DIAB, Y_DIAB)
    with pytest.raises(ValueError, match=message):
        plan_of(model.set_params(**changes), before=vars(model))


def test_the_states_of_members_make_one_group_of_networks():
    plan = plan_of(MLPRegressor((4,), n_members=3, max_iter=3, random_state=0))
    states = trained(plan)
    fitted = plan.join(states)
    (group,) = fitted.groups
    assert group.n_members == 3
    assert [W.shape for W in group.arrays["W"]] == [(3, 10, 4), (3, 4, 1)]
    members = fitted.predict(X_DIAB, members=True)
    for state, prediction in zip(states, members, strict=True):
        np.testing.assert_array_equal(plan.join([state]).predict(X_DIAB), prediction)
    np.testing.assert_allclose(fitted.predict(X_DIAB), members.mean(axis=0), rtol=1e-9)


def test_the_arrays_of_one_network_have_no_axis_of_members():
    plan = plan_of(MLPClassifier((4,), max_iter=3, random_state=0), X_IRIS, Y_IRIS)
    fitted = plan.join(trained(plan))
    assert [W.shape for W in fitted.groups[0].arrays["W"]] == [(4, 4), (4, 3)]
    assert fitted.features is plan.data.features
    assert fitted.targets is plan.data.targets


@pytest.mark.parametrize(("activation", "names"), [("tanh", ["tanh", "tanh"]), (["relu", TANH], ["relu", TANH])])
def test_the_recipe_names_activations_and_keeps_those_of_the_user(activation, names):
    assert plan_of(MLPRegressor((4, 3), activation=activation)).recipe.activations == names
