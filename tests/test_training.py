"""What training offers beyond scikit-learn's: weights of classes, activations, losses, dropout, decay, plans, time."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import GammaRegressor, QuantileRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.preprocessing import scale

from mlp_estimator import Activation, Loss, MLPClassifier, MLPRegressor, check_loss
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.layers import Dropout, Noise
from mlp_estimator.engine.losses import LOSSES, REGRESSION

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_DIAB, Y_DIAB = load_diabetes(return_X_y=True)
X_DIAB, Y_DIAB = scale(X_DIAB), scale(Y_DIAB)
SHORT = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


def same(a, b, **tolerance):
    for one, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


# Class weights.


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("with_sample_weight", [False, True])
def test_class_weight_is_the_same_as_those_sample_weights(solver, with_sample_weight):
    X, y = X_IRIS[:120], np.array(["a", "b", "c"])[Y_IRIS[:120]]  # 50, 50, 20
    sample_weight = np.random.default_rng(0).uniform(0.5, 2, 120) if with_sample_weight else np.ones(120)
    counts = np.array([sample_weight[y == c].sum() for c in "abc"])
    for given, weights in (({"a": 2.0, "c": 5.0}, [2.0, 1.0, 5.0]), ("balanced", counts.sum() / (3 * counts))):
        model = MLPClassifier(class_weight=given, solver=solver, **SHORT)
        model.fit(X, y, sample_weight if with_sample_weight else None)
        expected = MLPClassifier(solver=solver, **SHORT).fit(X, y, sample_weight * np.take(weights, Y_IRIS[:120]))
        same(model, expected, rtol=1e-6)


def test_class_weight_of_labels_and_of_two_classes():
    labels = np.column_stack([Y_IRIS == 0, Y_IRIS > 0]).astype(int)
    given = [{0: 1.0, 1: 3.0}, {0: 2.0, 1: 1.0}]
    expected = np.where(labels[:, 0], 3.0, 1.0) * np.where(labels[:, 1], 1.0, 2.0)
    same(
        MLPClassifier(class_weight=given, **SHORT).fit(X_IRIS, labels),
        MLPClassifier(**SHORT).fit(X_IRIS, labels, expected),
    )
    MLPClassifier(class_weight="balanced", **SHORT).fit(X_IRIS, labels)
    binary = MLPClassifier(class_weight={True: 4.0}, **SHORT).fit(X_IRIS, Y_IRIS == 0)
    same(binary, MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS == 0, np.where(Y_IRIS == 0, 4.0, 1.0)))


def test_class_weight_in_a_stream():
    options = {"hidden_layer_sizes": (8,), "random_state": 0, "batch_size": 50}
    ours = MLPClassifier(class_weight={1: 3.0}, **options)
    theirs = MLPClassifier(**options)
    for rows in (slice(0, 75), slice(75, 150)):
        ours.partial_fit(X_IRIS[rows], Y_IRIS[rows], classes=[0, 1, 2])
        weight = np.where(Y_IRIS == 1, 3.0, 1.0)[rows]
        theirs.partial_fit(X_IRIS[rows], Y_IRIS[rows], weight, classes=[0, 1, 2])
    same(ours, theirs)


# Activations.


def test_each_hidden_layer_has_its_activation():
    model = MLPClassifier((6, 4), activation=["gelu", "tanh"], max_iter=3, random_state=0).fit(X_IRIS, Y_IRIS)
    z = X_IRIS @ model.coefs_[0] + model.intercepts_[0]
    first = z * norm.cdf(z)
    second = np.tanh(first @ model.coefs_[1] + model.intercepts_[1])
    raw = second @ model.coefs_[2] + model.intercepts_[2]
    np.testing.assert_allclose(model.hidden_activations(X_IRIS, 0), first, atol=1e-12)
    np.testing.assert_allclose(model.hidden_activations(X_IRIS, 1), second, atol=1e-12)
    np.testing.assert_array_equal(model.hidden_activations(X_IRIS), model.hidden_activations(X_IRIS, 1))
    np.testing.assert_allclose(model.decision_function(X_IRIS), raw, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_first_weights_fit_the_activation(name):
    model = MLPRegressor((30, 20), name, max_iter=1, learning_rate_init=1e-300, random_state=0).fit(X_DIAB, Y_DIAB)
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        bound = ACTIVATIONS[name].init(*W.shape)
        assert max(np.abs(W).max(), np.abs(b).max()) <= bound
        assert np.abs(W).max() > 0.8 * bound


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_deep_network_keeps_the_size_of_its_signal(name):
    # What the bounds are for: from layer to layer the activations neither vanish nor explode.
    X = np.random.default_rng(0).normal(size=(200, 100))
    model = MLPRegressor((100,) * 8, name, max_iter=1, learning_rate_init=1e-300, random_state=0).fit(X, X[:, 0])
    first, last = (model.hidden_activations(X, layer).std() for layer in (0, -1))
    assert 0.02 * first < last < 50 * first


def softsign(z, out):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(z, out, out=out)


def softsign_slope(z, out, work):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.power(out, -2.0, out=out)


def test_an_activation_of_ones_own():
    own = Activation(softsign, softsign_slope, saves="input")
    model = pickle.loads(pickle.dumps(MLPRegressor((20,), own, solver="lbfgs", random_state=0).fit(X_DIAB, Y_DIAB)))
    z = X_DIAB @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_allclose(model.hidden_activations(X_DIAB), z / (1 + np.abs(z)), atol=1e-12)
    assert model.score(X_DIAB, Y_DIAB) > 0.5


# Losses.


@pytest.mark.parametrize("q", [0.2, 0.5])
def test_quantiles_without_hidden_layers_are_quantile_regression(q):
    best = QuantileRegressor(quantile=q, alpha=0.0).fit(X_DIAB, Y_DIAB).predict(X_DIAB)
    losses = ["quantile", "absolute_error"] if q == 0.5 else ["quantile"]
    for loss in losses:
        model = MLPRegressor(
            (), loss=loss, quantile=q, alpha=0.0, max_iter=600, learning_rate="cosine", learning_rate_init=0.02,
            batch_size=442, tol=0.0, n_iter_no_change=600, random_state=0,
        ).fit(X_DIAB, Y_DIAB)  # fmt: skip
        found, optimum = (mean_pinball_loss(Y_DIAB, p, alpha=q) for p in (model.predict(X_DIAB), best))
        assert optimum <= found * (1 + 1e-9)
        assert found < 1.001 * optimum


def test_huber_without_hidden_layers_is_its_minimum():
    y = Y_DIAB + np.where(np.arange(442) % 20 == 0, 10.0, 0.0)

    def huber(p):
        r = np.abs(X_DIAB @ p[:-1] + p[-1] - y)
        return np.mean(np.where(r <= 0.7, 0.5 * r**2, 0.7 * (r - 0.35)))

    best = minimize(huber, np.zeros(11), method="BFGS", options={"gtol": 1e-8}).x
    options = {"solver": "lbfgs", "alpha": 0.0, "tol": 1e-9, "max_iter": 5000, "random_state": 0}
    model = MLPRegressor((), loss="huber", huber_delta=0.7, **options).fit(X_DIAB, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], best[:-1], atol=1e-4)
    squared = MLPRegressor((), **options).fit(X_DIAB, y)
    wide = MLPRegressor((), loss="huber", huber_delta=1e3, **options).fit(X_DIAB, y)
    np.testing.assert_allclose(wide.coefs_[0], squared.coefs_[0], atol=1e-5)


def test_gamma_without_hidden_layers_is_gamma_regression():
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, np.exp(X_DIAB[:, 0] - 0.5 * X_DIAB[:, 1]) / 2)
    weight = rng.uniform(0.5, 2, 442)
    options = {"solver": "lbfgs", "tol": 1e-9, "max_iter": 5000, "random_state": 0}
    model = MLPRegressor((), loss="gamma", alpha=3.0, **options).fit(X_DIAB, y, weight)
    gamma = GammaRegressor(alpha=3.0 / weight.sum(), tol=1e-10, max_iter=5000).fit(X_DIAB, y, weight)
    np.testing.assert_allclose(model.predict(X_DIAB), gamma.predict(X_DIAB), rtol=1e-4)
    assert model.out_activation_ == "exp"


def test_several_quantiles_are_columns_that_never_cross():
    model = MLPRegressor((30,), loss="quantile", quantile=[0.05, 0.5, 0.95], max_iter=300, random_state=0)
    prediction = model.fit(X_DIAB, Y_DIAB).predict(X_DIAB)
    assert prediction.shape == (442, 3)
    assert (np.diff(prediction, axis=1) >= 0).all()
    for q, column in zip([0.05, 0.5, 0.95], prediction.T, strict=True):
        assert np.mean(column >= Y_DIAB) == pytest.approx(q, abs=0.06)


def test_gaussian_nll_without_hidden_layers_is_the_likeliest_normal():
    options = {
        "loss": "gaussian_nll",
        "solver": "lbfgs",
        "alpha": 0.0,
        "tol": 1e-8,
        "max_iter": 5000,
        "random_state": 0,
    }
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = 2 * x[:, 0] + np.exp(0.5 * x[:, 0]) * rng.normal(size=400)
    model = MLPRegressor((), **options).fit(x, y)

    def minus_log_likelihood(p):
        return -norm.logpdf(y, p[0] + p[1] * x[:, 0], np.sqrt(np.exp(p[2] + p[3] * x[:, 0]) + 1e-6)).mean()

    best = minimize(minus_log_likelihood, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    assert model.loss_ + 0.5 * np.log(2 * np.pi) == pytest.approx(best.fun, rel=1e-7)
    mean, std = model.predict(x, return_std=True)
    np.testing.assert_allclose(mean, best.x[0] + best.x[1] * x[:, 0], atol=1e-3)
    np.testing.assert_allclose(std, np.exp(0.5 * (best.x[2] + best.x[3] * x[:, 0])), rtol=1e-2)
    np.testing.assert_array_equal(model.predict(x), mean)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_gaussian_nll_of_several_targets(early_stopping):
    y = np.column_stack([Y_DIAB, X_DIAB[:, 0]])
    model = MLPRegressor((8,), loss="gaussian_nll", early_stopping=early_stopping, max_iter=100, random_state=0)
    mean, std = model.fit(X_DIAB, y).predict(X_DIAB, return_std=True)
    assert mean.shape == std.shape == y.shape
    assert (std > 0).all()
    assert model.score(X_DIAB, y) > 0.3


class LogCosh(Loss):
    """log cosh(raw - y), summed over outputs."""

    def value_and_grad(self, y, raw, weight, d_raw, work):
        r = raw - y
        np.tanh(r, out=d_raw)
        terms = np.logaddexp(r, -r) - np.log(2)
        if weight is not None:
            terms, d_raw[:] = terms * weight, d_raw * weight
        return terms.sum(axis=(1, 2))

    def curvature(self, y, raw, weight, t):
        t *= (1 - np.tanh(raw - y) ** 2) * (1 if weight is None else weight)


class Wrong(LogCosh):
    def curvature(self, y, raw, weight, t):
        t *= 0.5


def test_a_loss_of_ones_own():
    check_loss(LogCosh())
    with pytest.raises(ValueError, match=r"curvature of .*Wrong"):
        check_loss(Wrong())
    model = MLPRegressor((10,), loss=LogCosh(), solver="lbfgs", random_state=0).fit(X_DIAB, Y_DIAB)
    assert pickle.loads(pickle.dumps(model)).score(X_DIAB, Y_DIAB) > 0.5


@pytest.mark.parametrize("name", LOSSES)
def test_the_losses_keep_the_promises_of_ones_own(name):
    if name in REGRESSION:
        check_loss(LOSSES[name]())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_is_cross_entropy_with_softened_targets(n_classes):
    s, y = 0.2, Y_IRIS % n_classes
    model = MLPClassifier((), label_smoothing=s, solver="lbfgs", alpha=1e-3, tol=1e-9, max_iter=3000, random_state=0)
    model.fit(X_IRIS, y)
    target = np.eye(n_classes)[y] * (1 - s) + s / n_classes
    loss = -np.mean(np.sum(target * model.predict_log_proba(X_IRIS), axis=1))
    assert model.loss_ == pytest.approx(loss + 0.5e-3 / 150 * (model.coefs_[0] ** 2).sum())
    # At the optimum the gradient vanishes: the mean residual of each class is 0, since biases are not penalised.
    np.testing.assert_allclose(model.predict_proba(X_IRIS).mean(axis=0), target.mean(axis=0), atol=1e-4)


# Dropout, decay, clipping.


def test_dropout_leaves_the_expectation():
    x, out = np.ones((1, 5, 20000)), np.empty((1, 5, 20000))
    layer, mask = Dropout(0.3), np.empty_like(out)
    layer.draw((mask,), Noise([np.random.default_rng(0)]))
    layer.forward((), x, out, (mask,))
    assert set(np.unique(out)) == {0.0, 1 / 0.7}
    assert out.mean() == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.corrcoef(mask[0]) - np.eye(5)).max() < 0.03


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_acts_in_training_only_and_by_the_seed(dtype):
    options = {"hidden_layer_sizes": (8, 8), "max_iter": 5, "dtype": dtype}
    models = [MLPClassifier(dropout=[0.2, 0.5], random_state=s, **options).fit(X_IRIS, Y_IRIS) for s in (0, 0, 1)]
    same(models[0], models[1], rtol=0)
    assert np.abs(models[0].coefs_[0] - models[2].coefs_[0]).max() > 0
    plain = MLPClassifier(random_state=0, **options).fit(X_IRIS, Y_IRIS)
    assert np.abs(models[0].coefs_[0] - plain.coefs_[0]).max() > 0
    same(MLPClassifier(dropout=0.0, random_state=0, **options).fit(X_IRIS, Y_IRIS), plain, rtol=0)
    a = X_IRIS.astype(dtype)
    for W, b in zip(models[0].coefs_[:-1], models[0].intercepts_[:-1], strict=True):
        a = np.maximum(a @ W + b, 0)
    np.testing.assert_allclose(models[0].hidden_activations(X_IRIS), a, atol=1e-5)


def test_a_layer_wholly_dropped_learns_nothing_below_it():
    options = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3, "batch_size": 10, "alpha": 0.0}
    model = MLPClassifier(dropout=1 - 1e-12, **options).fit(X_IRIS, Y_IRIS)
    still = MLPClassifier(**(options | {"learning_rate_init": 1e-300})).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(model.coefs_[0], still.coefs_[0])
    assert np.abs(model.intercepts_[1] - still.intercepts_[1]).max() > 0


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weight_decay_shrinks_weights_and_leaves_biases(solver):
    options = SHORT | {"solver": solver, "alpha": 0.0, "batch_size": 50, "max_iter": 1, "momentum": 0.0}
    plain = MLPRegressor(**options).fit(X_DIAB, Y_DIAB)
    decayed = MLPRegressor(weight_decay=10.0, **options).fit(X_DIAB, Y_DIAB)
    assert all((a**2).sum() < (b**2).sum() for a, b in zip(decayed.coefs_, plain.coefs_, strict=True))


def test_decay_does_not_depend_on_the_gradient_or_the_batch():
    # With a huge epsilon Adam's steps vanish, and what is left is a factor 1 - 0.1 * 0.5 a step.
    options = SHORT | {"alpha": 0.0, "epsilon": 1e30, "learning_rate_init": 0.1, "max_iter": 1}
    first = MLPRegressor(batch_size=442, **options).fit(X_DIAB, Y_DIAB)
    for batch_size, n_steps in ((442, 1), (100, 5)):
        model = MLPRegressor(weight_decay=0.5, batch_size=batch_size, **options).fit(X_DIAB, Y_DIAB)
        np.testing.assert_allclose(model.coefs_[0], first.coefs_[0] * 0.95**n_steps, rtol=1e-12)
        np.testing.assert_allclose(model.intercepts_[0], first.intercepts_[0], rtol=1e-12)


# Plans and time.


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("plan", ["cosine", "one_cycle", lambda done: 0.5])
def test_a_plan_is_complete_when_its_epochs_are(solver, plan):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier((5,), solver=solver, learning_rate=plan, max_iter=7, random_state=0).fit(X_IRIS, Y_IRIS)
    assert model.n_iter_ == 7


def test_a_plan_of_ones_own_is_the_fraction_of_training_done():
    seen = []

    def plan(done):
        seen.append(done)
        return 1.0

    planned = MLPClassifier(learning_rate=plan, **SHORT).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(seen, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    same(planned, MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS), rtol=0)
    seen.clear()
    stream = MLPClassifier(learning_rate=plan, **(SHORT | {"max_iter": 4}))
    for _ in range(6):
        stream.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    assert max(seen) == 1.0
    assert sorted(seen) == seen


def test_the_rate_of_a_plan_reaches_the_steps():
    halves = MLPClassifier(learning_rate=lambda done: 0.5, solver="sgd", learning_rate_init=0.2, **SHORT)
    same(
        halves.fit(X_IRIS, Y_IRIS),
        MLPClassifier(solver="sgd", learning_rate_init=0.1, **SHORT).fit(X_IRIS, Y_IRIS),
    )


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_time_that_is_up_ends_training_and_says_so_once(solver):
    model = MLPClassifier((5,), solver=solver, max_time=1e-9, max_iter=100, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_IRIS, Y_IRIS)
    assert [(w.category, "max_time=1e-09 seconds were over after 1 epochs" in str(w.message)) for w in caught] == [
        (ConvergenceWarning, True)
    ]
    assert caught[0].filename == __file__
    assert model.n_iter_ == 1
    assert np.isfinite(model.predict_proba(X_IRIS)).all()


# Raw scores.


def test_raw_scores_and_probabilities_belong_together():
    binary = MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS == 1)
    raw = binary.decision_function(X_IRIS)
    assert raw.shape == (150,)
    np.testing.assert_allclose(expit(raw), binary.predict_proba(X_IRIS)[:, 1])
    np.testing.assert_array_equal(raw > 0, binary.predict(X_IRIS))
    several = MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS)
    raw = several.decision_function(X_IRIS)
    np.testing.assert_allclose(np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), several.predict_proba(X_IRIS))
    labels = MLPClassifier(**SHORT).fit(X_IRIS, np.column_stack([Y_IRIS == 0, Y_IRIS > 0]).astype(int))
    np.testing.assert_allclose(expit(labels.decision_function(X_IRIS)), labels.predict_proba(X_IRIS))


# Streams.

EVERYTHING = {
    "hidden_layer_sizes": (8, 6), "activation": ["gelu", "tanh"], "dropout": [0.2, 0.0], "weight_decay": 0.01,
    "max_grad_norm": 0.5, "learning_rate": "one_cycle", "max_iter": 20, "batch_size": 40, "random_state": 0,
    "class_weight": {0: 2.0}, "label_smoothing": 0.05,
}  # fmt: skip


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_stream_goes_on_bit_for_bit_from_a_pickle(solver):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    whole, parts = (MLPClassifier(solver=solver, **EVERYTHING) for _ in range(2))
    for rows in np.array_split(np.arange(len(y)), 6):
        whole.partial_fit(X[rows], y[rows], classes=range(10))
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X[rows], y[rows], classes=range(10))
    same(whole, parts, rtol=0)


def test_a_long_stream_adds_its_curve_to_the_pickle_and_nothing_else():
    model = MLPRegressor((8,), dropout=0.2, random_state=0)
    model.partial_fit(X_DIAB[:20], Y_DIAB[:20])
    before = len(pickle.dumps(model))
    for _ in range(1000):
        model.partial_fit(X_DIAB[:20], Y_DIAB[:20])
    assert len(pickle.dumps(model)) - before < 1000 * 12


def test_a_stream_after_a_fit_begins_a_new_plan():
    model = MLPRegressor((5,), learning_rate="cosine", max_iter=5, random_state=0).fit(X_DIAB, Y_DIAB)
    before = model.coefs_[0].copy()
    model.partial_fit(X_DIAB, Y_DIAB + 5)
    assert np.abs(model.coefs_[0] - before).max() > 0
