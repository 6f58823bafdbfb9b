"""Folds and configurations: which rows train and which validate, how long, what is kept, and what follows from it."""

from __future__ import annotations

import re
from contextlib import ExitStack
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import KFold

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.engine.layers import Dropout
from mlp_estimator.engine.monitor import Kept
from mlp_estimator.engine.schedules import CYCLES, Progress
from mlp_estimator.engine.updates import Update
from mlp_estimator.fitting import jobs as jobs_module
from mlp_estimator.fitting.held_out import scores_of
from mlp_estimator.fitting.member_config import PRESETS, Members
from mlp_estimator.fitting.mixture import find_temperature, log_losses, mixture_weights, sharpen
from mlp_estimator.fitting.plans import folds as module
from mlp_estimator.fitting.plans.folds import Trained, make_folds
from mlp_estimator.fitting.state import FitState

X_DIAB, Y_DIAB = (array[:90] for array in load_diabetes(return_X_y=True))
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
SMALL = {"settings": [{"hidden_layer_sizes": (4,)}], "n_folds": 3, "max_iter": 4, "random_state": 0}
TWO = {**SMALL, "settings": [{"hidden_layer_sizes": (4,)}, {"hidden_layer_sizes": (3,), "n_left_out": 1}]}
RNG = np.random.default_rng(0)


@pytest.fixture
def _few_steps(monkeypatch):
    """Train for the epochs that were asked for, however few steps these are."""
    monkeypatch.setattr(module, "MIN_STEPS", 1)
    monkeypatch.setattr(module, "MIN_EPOCH_STEPS", 1)


few_steps = pytest.mark.usefixtures("_few_steps")
each_estimator = pytest.mark.parametrize(
    ("Estimator", "X", "y"), [(TabularMLPRegressor, X_DIAB, Y_DIAB), (TabularMLPClassifier, X_IRIS, Y_IRIS)]
)


def plan_of(model, X=X_DIAB, y=Y_DIAB, weight=None, groups=None, validation=(None, None, None)):
    with ExitStack() as stack:
        return model._plan(X, y, weight, groups, validation, stack)


def train(plan):
    """Train a plan; return what its configurations have reached."""
    trained = []
    plan.train(trained, None)
    return trained


def members_of(plan, config):
    return Members(config, [fold.parts for fold in plan.folds] or [()] * 3)


def fold_of_rows(folds, n_rows):
    """Return the fold of each row, and check that each row is in one."""
    fold = np.full(n_rows, -1)
    for k, one in enumerate(folds):
        assert (fold[one.validation] == -1).all()
        fold[one.validation] = k
        np.testing.assert_array_equal(np.sort(one.train), np.setdiff1d(np.arange(n_rows), one.validation))
    assert fold.min() == 0
    return fold


# Folds.


@pytest.mark.parametrize("n_folds", [2, 3, 8])
@pytest.mark.parametrize("grouped", [False, True], ids=["", "groups"])
@pytest.mark.parametrize("strata", [None, RNG.integers(0, 3, 100)], ids=["numbers", "classes"])
def test_each_row_is_in_one_fold_and_trains_in_all_others(n_folds, grouped, strata):
    groups = RNG.integers(0, 30, 100) if grouped else None
    folds = make_folds(strata, 100, n_folds, groups, np.random.RandomState(0))
    fold = fold_of_rows(folds, 100)
    assert len(folds) == n_folds
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= (40 if grouped else 3 if strata is not None else 1)


@pytest.mark.parametrize("n_rows", [17, 100])
def test_folds_at_random_are_those_of_scikit_learn(n_rows):
    seed = np.random.RandomState(3).randint(2**31 - 1)
    folds = make_folds(None, n_rows, 5, None, np.random.RandomState(3))
    splits = KFold(5, shuffle=True, random_state=seed).split(np.empty(n_rows))
    for fold, (train, test) in zip(folds, splits, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.validation, test)


def test_classes_are_in_proportion_in_each_fold():
    strata = np.repeat([0, 1, 2], [70, 24, 8])
    fold = fold_of_rows(make_folds(strata, 102, 4, None, np.random.RandomState(0)), 102)
    for k in range(4):
        np.testing.assert_allclose(np.bincount(strata[fold == k]), [17.5, 6, 2], atol=1)


def test_a_rare_class_is_in_proportion_also_beside_two_that_are_equally_frequent():
    strata = np.repeat([0, 1, 2], [40, 40, 8])
    fold = fold_of_rows(make_folds(strata, 88, 4, None, np.random.RandomState(0)), 88)
    assert [np.bincount(strata[fold == k])[2] for k in range(4)] == [2] * 4


def test_a_class_rarer_than_the_folds_leaves_them_at_random():
    strata = np.repeat([0, 1], [97, 3])
    folds = make_folds(strata, 100, 4, None, np.random.RandomState(0))
    assert np.bincount(fold_of_rows(folds, 100)).tolist() == [25] * 4


@pytest.mark.parametrize("strata", [None, RNG.integers(0, 2, 120)], ids=["numbers", "classes"])
def test_no_group_is_in_two_folds(strata):
    groups = RNG.integers(0, 40, 120)
    fold = fold_of_rows(make_folds(strata, 120, 5, groups, np.random.RandomState(0)), 120)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))


@pytest.mark.parametrize("grouped", [False, True], ids=["", "groups"])
def test_folds_are_drawn_by_the_generator(grouped):
    groups = np.arange(100) // 2 if grouped else None
    first, again, other = (
        fold_of_rows(make_folds(None, 100, 4, groups, np.random.RandomState(seed)), 100) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


@pytest.mark.parametrize(("n_folds", "n_left_out", "n_merged"), [(4, 2, 2), (6, 2, 3), (6, 3, 2), (8, 1, 8),
                                                               (3, 2, 3), (5, 2, 5), (2, 2, 2), (4, 4, 4)])  # fmt: skip
def test_a_member_may_leave_out_several_folds(n_folds, n_left_out, n_merged):
    folds = make_folds(None, 50, n_folds, None, np.random.RandomState(0))
    merged = module._merged(folds, n_left_out)
    assert len(merged) == n_merged
    fold, whole = fold_of_rows(folds, 50), fold_of_rows(merged, 50)
    np.testing.assert_array_equal(whole, fold // (n_folds // n_merged))
    np.testing.assert_array_equal(fold, module.fold_of_rows(folds))
    for one in merged:
        assert sorted(set(fold[one.validation])) == list(one.parts)
        check_halves(one)


def check_halves(fold):
    first, second = fold.halves
    np.testing.assert_array_equal(np.union1d(first, second), fold.validation)
    assert len(first) + len(second) == len(fold.validation)


@pytest.mark.parametrize("grouped", [False, True], ids=["", "groups"])
def test_halves_of_a_fold_keep_classes_in_proportion_and_groups_together(grouped):
    strata, groups = np.tile([0, 0, 1], 32), np.arange(96) // 6 if grouped else None
    for fold in make_folds(strata, 96, 4, groups, np.random.RandomState(0)):
        check_halves(fold)
        if grouped:
            assert not set(groups[fold.halves[0]]) & set(groups[fold.halves[1]])
        for half in fold.halves:
            assert abs(strata[half].mean() - 1 / 3) < 0.07


@pytest.mark.parametrize("n", [60, 200, 2000])
def test_folds_of_frequent_classes_are_at_random(n):
    # In strata a fold has the frequencies of all others: the class that is more frequent by chance would be so in all.
    # Where a class is rare, chance could leave too few of it; but not where none leads, as here.
    strata = np.arange(n) % 2
    rates = [
        [strata[fold.validation].mean() for fold in make_folds(strata, n, 8, None, np.random.RandomState(seed))]
        for seed in range(50)
    ]
    assert np.std(rates) == pytest.approx(0.5 * np.sqrt(8 / n), rel=0.2)


def test_a_fold_of_one_row_or_group_has_an_empty_half():
    for n_rows, groups in ((3, None), (12, np.arange(12) // 4)):
        for fold in make_folds(None, n_rows, 3, groups, np.random.RandomState(0)):
            check_halves(fold)
            assert len(fold.halves[1]) == 0


def test_folds_without_rows_are_left_out():
    # One group is larger than all others, which leaves few groups for the other folds.
    groups, strata = np.repeat([0, 1, 2, 3], [60, 1, 1, 1]), np.arange(63) % 2
    for seed in range(20):
        folds = make_folds(strata, 63, 4, groups, np.random.RandomState(seed))
        fold_of_rows(folds, 63)
        assert all(len(fold.validation) for fold in folds)


# Jobs.


def jobs_of(plan, monkeypatch):
    """Return the jobs of each configuration."""
    captured = []

    def capture(jobs):
        captured.append(jobs)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fit_jobs", capture)
    for c in range(len(plan.configs)):
        with pytest.raises(KeyboardInterrupt):
            plan.train_members(c, 0, slice(None), None)
    return captured


def rows_of(data):
    return np.arange(data.n_rows) if data.rows is None else data.rows


@pytest.mark.parametrize("n_left_out", [1, 2])
@each_estimator
def test_no_training_row_is_in_the_validation_of_its_member(Estimator, X, y, n_left_out, monkeypatch):
    settings = [{"hidden_layer_sizes": (4,), "n_left_out": n_left_out}]
    plan = plan_of(Estimator(settings=settings, n_folds=4, random_state=0), X, y)
    (jobs,) = jobs_of(plan, monkeypatch)
    assert len(jobs) == 4 // n_left_out
    watched = []
    for job in jobs:
        train, held_out = rows_of(job.rows), rows_of(job.held_out.data)
        assert not set(train) & set(held_out)
        assert len(X) - len(train) - len(held_out) <= 1
        source = job.held_out.source()
        np.testing.assert_array_equal(source.y, y[held_out])
        np.testing.assert_array_equal(source.X, plan.data.X[held_out])
        watched += held_out.tolist()
    assert sorted(watched) == list(range(len(X)))
    if n_left_out == 1:
        assert len({len(rows_of(job.rows)) for job in jobs}) == 1  # equal folds train side by side


def test_no_group_trains_a_member_that_it_validates(monkeypatch):
    groups = np.arange(90) // 5
    (jobs,) = jobs_of(plan_of(TabularMLPRegressor(**SMALL), groups=groups), monkeypatch)
    for job in jobs:
        assert not set(groups[rows_of(job.rows)]) & set(groups[rows_of(job.held_out.data)])


def test_a_validation_set_of_the_user_replaces_the_folds(monkeypatch):
    validation = (X_DIAB[:20], Y_DIAB[:20], None)
    plan = plan_of(TabularMLPRegressor(**SMALL), validation=validation)
    (jobs,) = jobs_of(plan, monkeypatch)
    assert [rows_of(job.rows).tolist() for job in jobs] == [list(range(90))] * 3
    assert [rows_of(job.held_out.data).tolist() for job in jobs] == [list(range(20))] * 3


def test_members_have_seeds_of_their_own(monkeypatch):
    seeds = [job.seed for jobs in jobs_of(plan_of(TabularMLPRegressor(**TWO)), monkeypatch) for job in jobs]
    assert len(set(seeds)) == 6


def test_members_train_as_the_recipe_says(monkeypatch):
    entry = {"hidden_layer_sizes": (4,), "weight_decay": 0.3, "learning_rate_init": 0.02}
    plan = plan_of(TabularMLPRegressor(**(SMALL | {"settings": [entry]})))
    (jobs,) = jobs_of(plan, monkeypatch)
    for job in jobs:
        settings = job.settings
        assert settings.solver_name == "adam"
        assert settings.schedule is CYCLES
        assert settings.averaged
        assert settings.early_stopping
        assert settings.alpha == 0.0
        assert settings.n_iter_no_change == np.inf
        options = {name: settings.options[name] for name in ("beta_2", "weight_decay", "learning_rate_init")}
        assert options == {"beta_2": 0.95, "weight_decay": 0.3, "learning_rate_init": 0.02}


@pytest.mark.parametrize(("n", "batch_size", "expected"), [(600, "auto", 128), (90, "auto", 60), (10_000, "auto", 256),
                                                           (600, 50, 50), (90, 1000, 60)])  # fmt: skip
def test_batches_of_large_tables_are_larger(n, batch_size, expected, monkeypatch):
    plan = plan_of(TabularMLPRegressor(**SMALL, batch_size=batch_size), RNG.normal(size=(n, 1)), RNG.normal(size=n))
    (jobs,) = jobs_of(plan, monkeypatch)
    assert {job.settings.options["batch_size"] for job in jobs} == {expected}


@pytest.mark.parametrize(
    ("max_iter", "steps_per_pass", "n_passes", "n_epochs"),
    [
        (48, 40, 1, 48),  # 1920 steps
        (48, 4, 8, 47),  # 48 epochs of 4 steps are too few: 375 passes, eight each epoch
        (4, 1, 32, 4),  # few epochs are few steps
        (128, 4, 8, 47),
        (48, 200, 1, 30),  # at most 6000 steps
        (48, 375, 1, 16),  # at least 16 passes,
        (48, 376, Fraction(1, 2), 32),  # or epochs that are parts of one
        (48, 1000, Fraction(1, 4), 24),
        (48, 100_000, Fraction(1, 400), 24),
        (8, 1000, Fraction(1, 4), 8),
        (128, 40, 1, 128),
    ],
)
def test_epochs_and_passes_for_1500_to_6000_steps(max_iter, steps_per_pass, n_passes, n_epochs):
    assert module._passes(max_iter, steps_per_pass, 6000) == (n_passes, n_epochs)
    n_steps = n_passes * n_epochs * steps_per_pass
    assert n_epochs <= max_iter
    assert min(1500, 32 * max_iter) <= n_steps <= 6100


@pytest.mark.parametrize("max_steps", [8, 100, 6000])
def test_each_epoch_has_a_step(max_steps):
    for steps_per_pass in (1, 5, 9, 40, 1000):
        n_passes, n_epochs = module._passes(48, steps_per_pass, max_steps)
        assert n_passes * steps_per_pass >= 1
        assert n_epochs >= 1


@pytest.mark.parametrize("end", [1 / 15, 3 / 15, 7 / 15, 1.0])
def test_the_learning_rate_falls_to_0_at_the_end_of_each_of_four_cycles(end):
    start = (end - 1 / 15) / 2  # cycles double: 1, 2, 4 and 8 of 15 parts
    assert CYCLES.factor(Progress(n_epochs=end, n_planned=1), 0.5) == pytest.approx(0.0, abs=1e-12)
    within = [CYCLES.factor(Progress(n_epochs=at, n_planned=1), 0.5) for at in np.linspace(start, end, 201)]
    assert max(within) == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(np.sign(np.diff(within))) != 0).sum() == 1  # it rises once and falls once


@few_steps
def test_learning_rate_decay_and_dropout_follow_the_schedule_from_step_to_step(monkeypatch):
    seen, masks = [], []
    update, draw = Update.__call__, Dropout.draw
    monkeypatch.setattr(
        Update,
        "__call__",
        lambda self, grad: (seen.append((float(self.optimizer.learning_rate), self.decay_factor)), update(self, grad)),
    )
    monkeypatch.setattr(
        Dropout, "draw", lambda self, scratch, noise: (masks.append(noise.factor), draw(self, scratch, noise))
    )
    monkeypatch.setattr(module.Trained, "gains", lambda self, *least: True)
    train(plan_of(TabularMLPRegressor(**SMALL | {"max_iter": 15}, batch_size=15, learning_rate_init=0.5, dropout=0.1)))
    done = np.arange(60) / 60  # 15 epochs of four steps
    rates, decays = np.array(seen).T
    np.testing.assert_allclose(rates, 0.25 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * done))), atol=1e-9)
    within = np.concatenate([np.arange(n) / n for n in (4, 8, 16, 32)])  # the fraction of the cycle that is done
    fading = (1 + np.cos(np.pi * (2 * within - 1))) / 2
    np.testing.assert_allclose(decays, np.where(within < 0.5, 1.0, fading), atol=1e-9)
    np.testing.assert_allclose(masks, decays)


# What members keep.


NOISY = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.3}


@few_steps
@each_estimator
def test_members_keep_the_best_weights_of_the_last_cycle_that_is_nearly_best(Estimator, X, y, monkeypatch):
    monkeypatch.setattr(module.Trained, "gains", lambda self, *least: True)
    plan = plan_of(Estimator(**SMALL | {"max_iter": 30, "settings": [NOISY]}, dtype="float64"), X, y)
    (one,) = train(plan)
    assert one.n_iter == 30
    assert any(curve[-1] < max(curve) for curve in one.curves)  # the last epoch is not the best of all members
    for k, fold in enumerate(plan.folds):
        of_cycles = [max(part) for part in np.split(one.curves[k], [2, 6, 14])]
        kept = [best for best in of_cycles if best >= 1.04 * max(of_cycles)][-1]
        raw = raw_output(plan, one.theta[k], fold.validation)
        assert kept == pytest.approx(-mean_loss(plan, raw, fold.validation), rel=1e-6)
    assert any(max(curve[:14]) > max(curve[14:]) for curve in one.curves)  # the best is not always in the last cycle


def raw_output(plan, theta, rows):
    network = module.network_of(plan.configs[0], plan.data.features.layout, plan.data.targets.n_outputs)
    params = network.layout.views(theta.reshape(1, -1))
    return module.outputs_of(network, params, plan.data.X, module.identity_link, rows)[0]


def mean_loss(plan, raw, rows):
    """The loss by its definition: log-loss, or half of the mean squared error."""
    targets, encoded = plan.data.targets, plan.data.encoded.Y[rows]
    if targets.has_labels:
        return log_losses(targets.linked(raw), encoded[:, 0]).mean()
    return np.mean((raw - encoded) ** 2) / 2


@few_steps
@pytest.mark.parametrize("n_left_out", [1, 2])
@each_estimator
def test_the_epoch_of_an_out_of_fold_prediction_is_the_best_one_of_the_other_half(
    Estimator, X, y, n_left_out, monkeypatch
):
    epochs, scores_of = {}, jobs_module.scores_of

    def recording(held_out, *arguments):
        scores = scores_of(held_out, *arguments)

        def recorded(theta):
            for part in held_out.parts:
                epochs.setdefault(tuple(part.data.rows), []).append(theta.copy())
            return scores(theta)

        return recorded

    monkeypatch.setattr(jobs_module, "scores_of", recording)
    monkeypatch.setattr(module, "NEARLY_BEST", 0.0)
    options = SMALL | {"max_iter": 30, "settings": [NOISY | {"n_left_out": n_left_out}], "n_folds": 8}
    plan = plan_of(Estimator(**options, dtype="float64"), X, y)
    (one,) = train(plan)
    n_others = 0
    for k, fold in enumerate(module._merged(plan.folds, n_left_out)):
        for rows, others in (fold.halves, fold.halves[::-1]):
            thetas = epochs[tuple(others)]
            losses = [mean_loss(plan, raw_output(plan, theta, others), others) for theta in thetas]
            best = thetas[int(np.argmin(losses))]
            np.testing.assert_allclose(one.raw[rows], raw_output(plan, best, rows), rtol=1e-6, atol=1e-9)
            n_others += not np.array_equal(best[0], one.theta[k])
    assert n_others  # the best epoch of a half is often another one than that of the fold


def test_of_a_fold_of_one_row_the_last_epoch_predicts():
    # No other row of the fold can choose one.
    plan = plan_of(TabularMLPRegressor(**(SMALL | {"n_folds": 90, "dtype": "float64"})))
    fold, losses, of_halves = plan.folds[7], {}, (Kept(), Kept())
    network = module.network_of(plan.configs[0], plan.data.features.layout, 1)
    scores = scores_of(plan._held_out(fold), "loss", plan.data, network, None)
    for size in (0.0, 1.0, 0.5):
        theta = np.full((1, network.layout.size), size)
        score, *of_parts = scores(theta)
        losses[size] = mean_loss(plan, raw_output(plan, theta, fold.validation), fold.validation)
        assert [score, of_parts[0]] == pytest.approx([-losses[size]] * 2)
        assert np.isnan(of_parts[1])
        for kept, of_part in zip(of_halves, of_parts, strict=True):
            kept.note(of_part, theta)
    np.testing.assert_array_equal(of_halves[0].theta, np.full_like(theta, min(losses, key=losses.get)))
    np.testing.assert_array_equal(of_halves[1].theta, theta)


@few_steps
def test_members_keep_the_moving_average_of_their_weights_over_the_steps(monkeypatch):
    steps, first = [], []
    original = Update.__call__

    def recorded(self, grad):
        if not steps:
            first.append(self.theta.copy())
        original(self, grad)
        steps.append(self.theta.copy())

    monkeypatch.setattr(Update, "__call__", recorded)
    plan = plan_of(TabularMLPRegressor(**(SMALL | {"max_iter": 1}), batch_size=5, dtype="float64"))
    (one,) = train(plan)
    assert len(steps) == 12
    average = first[0]
    for t, theta in enumerate(steps, start=1):
        memory = min(0.98, t / (t + 9))
        average = memory * average + (1 - memory) * theta
    np.testing.assert_allclose(one.theta, average, rtol=1e-9, atol=1e-12)
    assert np.abs(one.theta - steps[-1]).max() > 1e-3


@few_steps
@pytest.mark.parametrize("levels", [False, True], ids=["numbers", "means by level"])
def test_out_of_fold_predictions_are_those_of_the_member_that_has_not_seen_the_row(levels, monkeypatch):
    note = Kept.note  # all of the member's last epoch
    monkeypatch.setattr(Kept, "note", lambda self, score, theta: note(self, np.nan, theta))
    X = pd.DataFrame(X_DIAB).add_prefix("x").assign(town=RNG.integers(0, 8, 90).astype(str)) if levels else X_DIAB
    plan = plan_of(TabularMLPRegressor(**SMALL, dtype="float64"), X)
    (one,) = train(plan)
    plan.data.targets.mix = lambda *arguments: np.ones(1)
    fitted, attributes = plan.join([one])
    members = fitted.predict(fitted.features.read(X, lambda X, **options: X), members=True)[..., 0]
    for k, fold in enumerate(plan.folds):
        np.testing.assert_allclose(attributes["oof_prediction_"][fold.validation], members[k, fold.validation])
    assert np.abs(members[0] - members[1]).max() > 1e-3


def test_predictions_that_are_not_finite_are_an_error():
    plan = plan_of(TabularMLPRegressor(**SMALL))
    jobs, _ = plan._jobs(0, slice(None))
    theta = np.full((1, jobs[0].network.layout.size), np.inf, np.float32)
    state = FitState(jobs[0].network, None, theta, of_parts=[None, None])
    with pytest.raises(ValueError, match="out-of-fold predictions are not finite, because training diverged: lower"):
        plan._out_of_fold(plan.configs[0], jobs[0], plan.folds[0], state)


# Cycles.


def states_of(plan, config, has_paused=False):
    size = module.network_of(config, plan.data.features.layout, plan.data.targets.n_outputs).layout.size
    n = len(members_of(plan, config).left_out)
    paused = object() if has_paused else None
    return [FitState(None, None, np.zeros((1, size), np.float32), n_iter=1, paused=paused) for _ in range(n)]


@pytest.mark.parametrize(
    ("scores", "gains"),
    [
        ([-1.0], True),
        ([-1.0, -0.989], True),
        ([-1.0, -0.991], False),  # less than a hundredth of the loss
        ([-1.0, -0.5, -0.6], False),
        ([-1.0, -0.6, -0.5], True),
        ([0.8, 0.8], True),  # a score above 0 is no loss
        ([0.8, 0.79], False),
        ([-np.inf, -np.inf], True),  # without validation all cycles are trained
    ],
)
def test_a_configuration_goes_on_while_its_cycles_lower_the_loss_by_a_hundredth(scores, gains):
    assert Trained(None, [], None, scores, len(scores)).gains(0.01, -np.inf) == gains


@pytest.mark.parametrize(("last", "gains"), [(-1.019, True), (-1.021, False)])
def test_the_best_preset_lets_the_loss_rise(last, gains):
    least = PRESETS["best"].least_gain
    assert Trained(None, [], None, [-1.0, last], 2).gains(least, -np.inf) == gains


@pytest.mark.parametrize(("last", "gains"), [(-0.099, False), (-0.094, False), (-0.089, True)])
def test_log_loss_falls_by_1_in_all_rows(last, gains):
    assert Trained(None, [], None, [-0.1, last], 2).gains(0.01, 1 / 100) == gains


@each_estimator
def test_the_least_gain_of_a_log_loss_depends_on_the_number_of_rows(Estimator, X, y, monkeypatch):
    seen = set()
    monkeypatch.setattr(module.Trained, "gains", lambda self, *least: seen.add(least))
    for options in ({}, {"scoring": "r2"} if Estimator is TabularMLPRegressor else {"scoring": "accuracy"}):
        train(plan_of(Estimator(**SMALL, **options), X, y))
    without = {(0.03, -np.inf)}
    assert seen == (without if Estimator is TabularMLPRegressor else {(0.03, 1 / 150), *without})


def test_a_cycle_is_judged_by_the_members_that_have_scores():
    # A fold may have rows of a class of weight 0 only.
    nan = np.nan
    assert module._mean_best([[-3.0, -1.0], [nan, nan], [-2.0, -2.0]]) == -1.5
    assert module._mean_best([[nan], []]) == module._mean_best([]) == -np.inf


class Cycles:
    """Stands in for the training of a cycle: scores by configuration and cycle, and out-of-fold outputs."""

    def __init__(self, monkeypatch, scores, raws=None):
        self.calls, self.scores, self.raws = [], scores, raws
        monkeypatch.setattr(module.Folds, "train_members", lambda *arguments: self.train_members(*arguments))

    def train_members(self, plan, c, cycle, some, before):
        self.calls.append((c, cycle))
        assert (before is None) == (cycle == 0)
        raw = plan.data.encoded.Y if self.raws is None else self.raws[c]
        states = states_of(plan, plan.configs[c], has_paused=cycle < 3)
        for state in states:
            state.n_iter, state.validation_scores = cycle + 1, self.scores[c][: cycle + 1]
        raws = [raw[np.concatenate(fold.halves)] for fold in plan.folds] or [None] * len(states)
        return list(zip(states, raws, strict=True))[some]


@pytest.mark.parametrize(
    ("scores", "calls"),
    [
        ([[-4, -3, -2, -1]] * 2, [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)]),
        ([[-4, -4, -2, -1], [-4, -3, -3, -1]], [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2)]),
        ([[-4, -5, -2, -1]] * 2, [(0, 0), (1, 0), (0, 1), (1, 1)]),
    ],
)
def test_configurations_train_cycle_by_cycle_and_end_by_themselves(scores, calls, monkeypatch):
    cycles = Cycles(monkeypatch, scores)
    trained = train(plan_of(TabularMLPRegressor(**TWO)))
    assert cycles.calls == calls
    assert [len(one.scores) for one in trained] == [sum(k == c for k, _ in calls) for c in range(2)]


def test_a_configuration_with_little_weight_in_the_mixture_ends(monkeypatch):
    plan = plan_of(TabularMLPRegressor(**TWO))
    raws = [plan.data.encoded.Y, plan.data.encoded.Y + RNG.normal(size=(90, 1)).astype(np.float32)]
    cycles = Cycles(monkeypatch, [[-4, -3, -2, -1]] * 2, raws)
    trained = train(plan)
    assert plan.out_of_fold(trained).fit(plan.rows)[0][1] < plan.preset.least_weight
    assert cycles.calls == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (0, 3)]


def test_a_validation_set_of_the_user_has_no_mixture_that_ends_a_configuration(monkeypatch):
    cycles = Cycles(monkeypatch, [[-4, -3, -2, -1]] * 2)
    train(plan_of(TabularMLPRegressor(**TWO), validation=(X_DIAB[:20], Y_DIAB[:20], None)))
    assert len(cycles.calls) == 8


@few_steps
@pytest.mark.parametrize(("max_iter", "ends"), [(48, [3, 10, 22]), (15, [1, 3, 7]), (2, [1]), (1, [])])
def test_cycles_end_at_a_fifteenth_three_and_seven_of_the_epochs(max_iter, ends, monkeypatch):
    seen, fit_jobs = [], module.fit_jobs
    monkeypatch.setattr(module, "fit_jobs", lambda jobs: (seen.append(jobs[0].until), fit_jobs(jobs))[1])
    monkeypatch.setattr(module.Trained, "gains", lambda self, *least: True)
    (one,) = train(plan_of(TabularMLPRegressor(**(SMALL | {"max_iter": max_iter}))))
    assert one.n_iter == max_iter
    assert seen == [*ends, np.inf]  # the last one is that of the run


@few_steps
def test_members_that_learn_nothing_more_end_after_the_second_cycle():
    options = SMALL | {"max_iter": 30}
    (still,) = train(plan_of(TabularMLPRegressor(**options, learning_rate_init=1e-30)))
    assert still.n_iter == 6
    X = np.random.default_rng(0).normal(size=(90, 1))
    (learning,) = train(plan_of(TabularMLPRegressor(**options), X, X[:, 0]))
    assert learning.n_iter > 6


@few_steps
@each_estimator
def test_a_run_that_pauses_is_the_same_as_one_that_does_not(Estimator, X, y):
    settings = [{"hidden_layer_sizes": (8,), "dropout": 0.2}]
    plan = plan_of(Estimator(**SMALL | {"settings": settings, "max_iter": 30}, batch_size=20), X, y)
    jobs, ends = plan._jobs(0, slice(None))
    settings = module.replace(jobs[0].settings, early_stopping=False)  # whose result is the last epoch
    jobs = [module.replace(job, held_out=None, settings=settings) for job in jobs]
    whole = module.completed(module.fit_jobs(jobs))
    states = [None] * 3
    for until in (*ends[:3], np.inf):
        started = [module.replace(job, start=state, until=until) for job, state in zip(jobs, states, strict=True)]
        states = module.completed(module.fit_jobs(started))
        again = module.completed(module.fit_jobs(started))  # going on does not change what it starts from
        for state, same in zip(states, again, strict=True):
            np.testing.assert_array_equal(state.theta, same.theta)
    for state, at_once in zip(states, whole, strict=True):
        np.testing.assert_array_equal(state.theta, at_once.theta)
        assert state.loss_curve == at_once.loss_curve
        assert state.n_iter == 30


class Stopping:
    """An observer that ends the fit after some cycles."""

    def __init__(self, n):
        self.n, self.begun = n, 0

    def begin(self):
        self.begun += 1

    def end(self):
        return self.begun == self.n


@pytest.mark.parametrize("n", [1, 2])
def test_an_observer_keeps_cycles_from_beginning(n, monkeypatch):
    observer, trained = Stopping(n), []
    cycles = Cycles(monkeypatch, [[-4, -3, -2, -1]] * 2)
    plan_of(TabularMLPRegressor(**TWO)).train(trained, None, observer)
    assert len(cycles.calls) == 2 * n
    assert observer.begun == n
    assert len(trained) == 2


@pytest.mark.parametrize(
    ("preset", "calls"),
    [("default", [(0, 0), (1, 0), (0, 1), (1, 1)]), ("best", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)])],
)
def test_the_preset_says_how_little_a_cycle_may_gain(preset, calls, monkeypatch):
    cycles = Cycles(monkeypatch, [[-1.0, -0.995, -1.03]] * 2)
    train(plan_of(TabularMLPRegressor(**TWO, preset=preset)))
    assert cycles.calls == calls


@few_steps
@each_estimator
@pytest.mark.parametrize("n_left_out", [1, 2])
def test_a_fast_fit_trains_members_for_half_of_the_folds(Estimator, X, y, n_left_out):
    settings = [{"hidden_layer_sizes": (4,)}, {"hidden_layer_sizes": (4,), "n_left_out": n_left_out}]
    weight = np.where(np.arange(len(y)) % 5, 1.0, 0.0)
    options = {"settings": settings, "n_folds": 8, "max_iter": 8, "random_state": 0, "preset": "fast"}
    model = Estimator(**options, dtype="float64")
    plan, whole = plan_of(model, X, y, weight), plan_of(Estimator(**options | {"preset": "default"}), X, y, weight)
    assert len(plan.folds) == 4
    for fold, same in zip(plan.folds, whole.folds, strict=False):
        np.testing.assert_array_equal(fold.train, same.train)
    trained = train(plan)
    assert [len(one.states) for one in trained] == [4, 4 // n_left_out]
    fitted, attributes = plan.join(trained)
    present, rows = np.flatnonzero(weight), np.sort(np.concatenate([fold.validation for fold in plan.folds]))
    assert len(present) // 2 - 4 <= len(rows) <= len(present) // 2 + 4
    np.testing.assert_array_equal(attributes["oof_rows_"], present[rows])
    np.testing.assert_array_equal(attributes["oof_target_"], y[present[rows]])
    assert len(attributes["oof_prediction_"]) == len(rows)
    members = fitted.predict(fitted.features.read(X[present], lambda X, **options: X), members=True)
    assert len(members) == 4
    for fold, residuals in zip(plan.folds, attributes["_residuals"][0], strict=True):
        np.testing.assert_array_equal(np.sort(rows[residuals.rows]), np.sort(fold.validation))
    for one, n_folds in zip(trained, (1, n_left_out), strict=True):
        for fold, state in zip(module._merged(plan.folds, n_folds), one.states, strict=True):
            rows, theta = fold.halves[0], state.of_parts[1]
            raw = one.raw[np.searchsorted(plan.rows, rows)]
            np.testing.assert_allclose(raw, raw_output(plan, theta, rows), atol=1e-12)


@pytest.mark.parametrize("grouped", [False, True], ids=["", "groups"])
def test_a_large_fold_is_watched_in_part(grouped, monkeypatch):
    groups = RNG.integers(0, 60, 300) if grouped else None
    folds = make_folds(None, 300, 4, groups, np.random.RandomState(0))
    monkeypatch.setattr(module, "MAX_WATCHED", 20)
    for fold in folds:
        watched = fold.watched(np.random.RandomState(1))
        np.testing.assert_array_equal(watched.train, fold.train)  # the others of a group do not train
        assert [len(half) for half in watched.halves] == [10, 10]
        assert all(np.isin(half, of_fold).all() for half, of_fold in zip(watched.halves, fold.halves, strict=True))
    (merged,) = module._merged([fold.watched(np.random.RandomState(1)) for fold in folds[:2]], 2)
    assert len(merged.validation) == 40
    assert not np.isin(merged.train, np.concatenate([folds[0].left_out, folds[1].left_out])).any()


@few_steps
@each_estimator
def test_out_of_fold_figures_are_of_the_watched_rows(Estimator, X, y, monkeypatch):
    monkeypatch.setattr(module, "MAX_WATCHED", 10)
    model = Estimator(**TWO).fit(X, y)
    assert len(model.oof_rows_) == len(model.oof_prediction_) == 30
    np.testing.assert_allclose(model.oof_target_, y[model.oof_rows_], rtol=1e-6)


def test_rows_in_a_file_lie_by_fold_with_watched_rows_first_and_others_in_random_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 8)
    monkeypatch.setattr(module, "MAX_WATCHED", 6)
    rng = np.random.RandomState(0)
    folds = make_folds(None, 100, 4, None, rng, lambda n_folds: 2)
    assert [len(fold.validation) for fold in folds] == [6, 6, 0, 0]
    order, stored = module.in_blocks(folds, rng)
    assert sorted(order) == list(range(100))
    start = 0
    for k, (fold, other) in enumerate(zip(folds, stored, strict=True)):
        assert other.left_out.tolist() == list(range(start, start + len(fold.left_out)))
        np.testing.assert_array_equal(np.sort(order[other.left_out]), fold.left_out)
        n_watched = 6 if k < 2 else 0
        if n_watched:
            for half, place in zip(fold.halves, other.halves, strict=True):
                np.testing.assert_array_equal(order[place], half)
            assert np.concatenate(other.halves).tolist() == list(range(start, start + 6))
        block = order[start + n_watched : start + n_watched + 8]
        assert (np.diff(block) > 0).all()  # as they arrive
        assert np.ptp(block) > 30
        start += len(fold.left_out)


@few_steps
@each_estimator
def test_a_verbose_fit_prints_a_line_for_each_cycle(Estimator, X, y, capsys, monkeypatch):
    monkeypatch.setenv("MLP_ESTIMATOR_KERNELS", "numpy")
    options = {**TWO, "max_iter": 15, "preset": "best"}
    model = Estimator(**options, verbose=1).fit(X, y)
    _, read, *lines, end = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Trained in \d+ s: further cycles would gain little, or there are none\.", end)
    assert re.fullmatch(rf"{len(y)} rows of {X.shape[1]} columns read and coded in \d+\.\d s", read)
    unit = "log-loss" if Estimator is TabularMLPClassifier else "loss of standardised y"
    pattern = rf"Setting (\d) of 2, cycle (\d) of 4 \(at most\): out-of-fold {unit} (\S+), \d+ s, at most \d+ s more"
    found = [re.fullmatch(pattern, line).groups() for line in lines]
    assert [(setting, cycle) for setting, cycle, _ in found][:4] == [("1", "1"), ("2", "1"), ("1", "2"), ("2", "2")]
    assert len({loss for *_, loss in found}) > 2
    assert all(float(loss) > 0.0 for *_, loss in found)
    Estimator(**options, verbose=2).fit(X, y)
    assert capsys.readouterr().out.count("Iteration") >= model.n_iter_


def test_at_least_two_folds_have_members():
    for n_folds, n_members in ((2, 2), (3, 2), (4, 2), (8, 4)):
        plan = plan_of(TabularMLPRegressor(**SMALL | {"n_folds": n_folds}, preset="fast"))
        assert len(plan.folds) == len(plan.seeds[0]) == n_members
    validation = (X_DIAB[:20], Y_DIAB[:20], None)
    assert len(plan_of(TabularMLPRegressor(**SMALL, preset="fast"), validation=validation).seeds[0]) == 2


# The mixture.


def trained_with(plan, raws):
    """Return configurations that have these out-of-fold outputs."""
    return [
        Trained(members_of(plan, config), states_of(plan, config), raw, [-1.0], 1)
        for config, raw in zip(plan.configs, raws, strict=True)
    ]


@pytest.mark.parametrize("weighted", [False, True], ids=["once", "weighted"])
def test_sizes_of_residuals_are_learned_above_a_hundredth_of_their_mean(weighted, monkeypatch):
    # A residual of 0 is no size: the gamma loss has no logarithm of it. Each target has a mean of its own.
    weight = RNG.uniform(0.5, 2.0, len(Y_DIAB)) if weighted else None
    plan, learned = plan_of(TabularMLPRegressor(**TWO), weight=weight), []
    residuals = np.column_stack([RNG.exponential(size=len(Y_DIAB)), np.zeros(len(Y_DIAB))])
    residuals[::5] = 0.0

    def train(self, trained, n_jobs):
        learned.append(self.data.source.y)
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Folds, "train", train)
    with pytest.raises(KeyboardInterrupt):
        plan.learn_spread(residuals)
    smallest = 0.01 * np.array([np.average(residuals[:, 0], weights=weight), 1.0])
    np.testing.assert_allclose(learned[0], residuals + smallest)


@pytest.mark.parametrize("weighted", [False, True], ids=["once", "weighted"])
def test_the_mixture_of_numbers_follows_from_their_out_of_fold_predictions(weighted):
    weight = RNG.integers(1, 4, 90).astype(float) if weighted else None
    plan = plan_of(TabularMLPRegressor(**TWO, dtype="float64"), weight=weight)
    targets, encoded = plan.data.targets, plan.data.encoded
    raws = [encoded.Y + RNG.normal(scale=s, size=encoded.Y.shape) for s in (0.5, 1.0)]
    fitted, attributes = plan.join(trained_with(plan, raws))
    n_rows = 90 if weight is None else weight.sum()
    expected = mixture_weights(targets.mean_loss(encoded), raws, np.zeros(1), n_rows)
    np.testing.assert_allclose(fitted.mixture, expected, atol=1e-6)
    assert fitted.constant.tolist() == [0.0]  # the mean of y
    assert fitted.rest == pytest.approx(1 - expected.sum(), abs=1e-6)
    assert expected[0] > 0.6
    prediction = np.empty(90)
    for fold in plan.folds:  # weights that have not seen the rows
        rows, n_rows = fold.train, 60 if weight is None else weight[fold.train].sum()
        weights = mixture_weights(
            targets.mean_loss(encoded.take(rows)), [raw[rows] for raw in raws], np.zeros(1), n_rows
        )
        mixed = (weights[0] * raws[0] + weights[1] * raws[1])[fold.validation, 0]
        in_unit = mixed * targets.unit.scale + targets.unit.center
        prediction[fold.validation] = np.clip(in_unit, Y_DIAB.min(), Y_DIAB.max())
    np.testing.assert_allclose(attributes["oof_prediction_"], prediction)
    for fold, residuals in zip(plan.folds, attributes["_residuals"][0], strict=True):
        np.testing.assert_allclose(residuals.values, np.sort(np.abs(Y_DIAB - prediction)[fold.validation]), atol=1e-9)
    assert fitted.temperature == 1.0


def test_the_temperature_of_labels_follows_from_the_mixed_out_of_fold_probabilities():
    plan = plan_of(TabularMLPClassifier(**TWO, dtype="float64"), X_IRIS, Y_IRIS)
    raws = [2.0 * np.eye(3)[Y_IRIS] + RNG.normal(scale=s, size=(150, 3)) for s in (0.5, 0.8)]
    fitted, attributes = plan.join(trained_with(plan, raws))
    p = [np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True) for raw in raws]
    constants = np.empty((150, 3))
    for fold in plan.folds:
        constants[fold.validation] = np.bincount(Y_IRIS[fold.train]) / len(fold.train)

    def fitted_to(rows):
        """The weights and the temperature that suit some rows."""

        def loss(probability):
            return log_losses(probability, Y_IRIS[rows]).mean()

        weights = mixture_weights(loss, [one[rows] for one in p], constants[rows], len(rows))
        return weights, find_temperature(loss, mixed(weights, rows), sharpen)

    def mixed(weights, rows):
        return weights[0] * p[0][rows] + weights[1] * p[1][rows] + (1 - weights.sum()) * constants[rows]

    weights, temperature = fitted_to(np.arange(150))
    np.testing.assert_allclose(fitted.mixture, weights, atol=1e-6)
    np.testing.assert_allclose(fitted.constant, 1 / 3)
    assert fitted.temperature == pytest.approx(temperature, rel=1e-4)
    assert abs(np.log(fitted.temperature)) > 0.05
    for fold in plan.folds:  # by weights and a temperature that have not seen the rows
        weights, temperature = fitted_to(fold.train)
        expected = sharpen(mixed(weights, fold.validation), temperature)
        np.testing.assert_allclose(attributes["oof_prediction_"][fold.validation], expected, rtol=1e-4)
    scores = 1 - attributes["oof_prediction_"][np.arange(150), Y_IRIS]
    for fold, residuals in zip(plan.folds, attributes["_residuals"][0], strict=True):
        np.testing.assert_allclose(residuals.values, np.sort(scores[fold.validation]))


@pytest.mark.parametrize("weighted", [False, True], ids=["once", "weighted"])
def test_the_constant_of_a_row_has_the_frequencies_outside_its_fold(weighted):
    # Those of all rows would have seen it: guesses would look better than they are.
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(120, 2)), rng.integers(0, 2, 120), rng.uniform(0.2, 3.0, 120) if weighted else None
    plan = plan_of(TabularMLPClassifier(**TWO, dtype="float64"), X, y, weight)
    weight = np.ones(120) if weight is None else weight
    constants = np.empty((120, 2))
    for fold in plan.folds:
        constants[fold.validation] = np.bincount(y[fold.train], weight[fold.train]) / weight[fold.train].sum()
    assert len(np.unique(constants)) == 6
    plan.data.targets.mix = lambda *arguments: np.zeros(2)  # of which the rest is 1
    plan.data.targets.find_temperature = lambda *arguments: 1.0
    fitted, attributes = plan.join(trained_with(plan, [np.zeros((120, 2))] * 2))
    np.testing.assert_allclose(fitted.constant, np.bincount(y, weight) / weight.sum())
    np.testing.assert_allclose(attributes["oof_prediction_"], constants)


def test_without_folds_configurations_have_equal_weights():
    plan = plan_of(TabularMLPRegressor(**TWO), validation=(X_DIAB[:20], Y_DIAB[:20], None))
    fitted, attributes = plan.join(trained_with(plan, [None, None]))
    assert fitted.mixture.tolist() == [0.5, 0.5]
    (((residuals,),),) = attributes.values()  # of the validation set, by the mean of all members
    prediction = fitted.predict(fitted.features.read(X_DIAB[:20], lambda X, **options: X))[:, 0]
    np.testing.assert_allclose(residuals.values, np.sort(np.abs(Y_DIAB[:20] - prediction)), rtol=1e-4, atol=1e-3)
    assert attributes.keys() == {"_residuals"}


def test_a_network_outside_of_several_folds_stands_for_several_members():
    settings = [{"hidden_layer_sizes": (4,)}, {"hidden_layer_sizes": (4,), "n_left_out": 2}]
    plan = plan_of(TabularMLPRegressor(settings=settings, n_folds=4, random_state=0))
    one, half = trained_with(plan, [plan.data.encoded.Y] * 2)
    fitted, _ = plan.join([one, half])
    assert fitted.n_members == 4


@pytest.mark.parametrize(("scoring", "is_sent"), [(None, False), ("accuracy", True)])
def test_processes_are_sent_the_targets_of_the_user_for_scorers_alone(scoring, is_sent):
    plan = plan_of(TabularMLPClassifier(**SMALL, scoring=scoring), X_IRIS, Y_IRIS)
    sent = plan.__getstate__()
    assert (sent["data"].source is not None) == (sent["data"].predictor is not None) == is_sent
    assert sent["before"] is sent["constants"] is None
    assert plan.data.source is not None
