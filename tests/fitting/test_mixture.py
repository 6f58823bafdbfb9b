"""Weights of configurations and the temperature, by their out-of-fold predictions: each is the best of a grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from mlp_estimator.fitting.mixture import (
    binary_log_losses,
    find_temperature,
    log_losses,
    mixture_weights,
    sharpen,
    sharpen_each,
)


def log_loss_of(codes, weight):
    """The log-loss as a function of probabilities."""
    return lambda p: np.average(log_losses(p, codes), weights=weight)


def binary_log_loss_of(labels, weight):
    """The same of independent labels."""
    return lambda p: np.average(binary_log_losses(p, labels), weights=weight)


RNG = np.random.default_rng(0)
N = 400
Z = RNG.normal(size=(N, 3)) * 1.5
CODES = np.array([RNG.choice(3, p=p) for p in softmax(Z, axis=1)])
LABELS = (RNG.random((N, 3)) < expit(Z)).astype(float)
Y = RNG.normal(size=(N, 1))
WEIGHT = RNG.uniform(0.2, 3.0, N)
PARTS = range(26)
GRID = [np.array([a, b, c]) / 25 for a in PARTS for b in PARTS for c in PARTS if a + b + c <= 25]


def squared_error(prediction):
    return float(np.mean((prediction - Y) ** 2))


PROBLEMS = {
    "labels": (log_loss_of(CODES, None), [softmax(Z + RNG.normal(scale=s, size=Z.shape), axis=1) for s in (1, 2, 4)]),
    "weighted labels": (
        log_loss_of(CODES, WEIGHT),
        [softmax(Z + RNG.normal(scale=s, size=Z.shape), axis=1) for s in (2, 1, 1)],
    ),
    "indicators": (
        binary_log_loss_of(LABELS, None),
        [expit(Z + RNG.normal(scale=s, size=Z.shape)) for s in (1.5, 1, 1)],
    ),
    "numbers": (squared_error, [Y + RNG.normal(scale=s, size=Y.shape) for s in (0.5, 1, 2)]),
    "numbers that are no use": (squared_error, [Y + 0.1 * RNG.normal(size=Y.shape), Y + 9.0, -Y]),
    "noise": (squared_error, [RNG.normal(scale=s, size=Y.shape) for s in (0.3, 0.5, 0.5)]),
}


def constant(predictions):
    """Equal probabilities, or 0."""
    return np.full(3, 1 / 3) if predictions[0].shape[1] == 3 else np.zeros(1)


def shrunk(loss, predictions, n_rows):
    """The objective: the loss, and that of the equal mixture for 10 rows as the price of a squared distance of 1."""
    base = loss(sum(predictions) / len(predictions))

    def objective(weights):
        rest = 1 - weights.sum()
        mixed = sum(weight * prediction for weight, prediction in zip(weights, predictions, strict=True))
        distance = ((weights - 1 / len(predictions)) ** 2).sum() + rest**2
        return loss(mixed + rest * constant(predictions)) + 10 / n_rows * base * distance

    return objective


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [N, 20])
@pytest.mark.parametrize(("loss", "predictions"), PROBLEMS.values(), ids=PROBLEMS)
def test_weights_are_the_best_of_a_grid(loss, predictions, n_rows, dtype):
    predictions = [prediction.astype(dtype) for prediction in predictions]
    weights = mixture_weights(loss, predictions, constant(predictions), n_rows)
    assert weights.min() >= 0.0
    assert weights.sum() <= 1.0 + 1e-9
    objective = shrunk(loss, [prediction.astype(float) for prediction in predictions], n_rows)
    values = [objective(one) for one in GRID]
    assert objective(weights) <= min(values) + 1e-4 * abs(min(values))
    np.testing.assert_allclose(weights, GRID[int(np.argmin(values))], atol=0.06)


def test_the_constant_has_the_weight_where_the_others_say_nothing_and_none_where_they_say_all():
    loss, noise = PROBLEMS["noise"]
    assert mixture_weights(loss, noise, np.zeros(1), 1e9).sum() < 0.2
    assert mixture_weights(loss, [Y, Y], np.zeros(1), N).sum() > 0.99


def test_few_rows_pull_the_weights_to_equal_ones():
    loss, predictions = PROBLEMS["numbers"]
    far = [np.abs(mixture_weights(loss, predictions, np.zeros(1), n) - 1 / 3).max() for n in (1, 10, 100, 1e9)]
    assert far == sorted(far)
    assert far[0] < 0.1
    assert far[-1] > 0.3


def test_one_configuration_has_the_weight_1():
    assert mixture_weights(squared_error, [Y], np.zeros(1), N) == pytest.approx(1.0)


def test_alike_configurations_have_equal_weights():
    np.testing.assert_allclose(
        mixture_weights(squared_error, [Y + 0.01] * 4, np.zeros(1), N), np.full(4, 0.25), atol=1e-3
    )


def test_the_unit_of_a_loss_does_not_matter():
    loss, predictions = PROBLEMS["numbers"]
    expected = mixture_weights(loss, predictions, np.zeros(1), N)
    for factor in (1e-12, 1e12):
        found = mixture_weights(
            lambda prediction, factor=factor: factor * loss(prediction), predictions, np.zeros(1), N
        )
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_loss_that_is_nowhere_finite_gives_equal_weights():
    with np.errstate(all="ignore"):
        weights = mixture_weights(lambda prediction: np.nan, [Y, Y + 1], np.zeros(1), N)
    assert weights.tolist() == [0.5, 0.5]


# Losses.


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["once", "weighted"])
def test_losses_are_those_of_scikit_learn(weight):
    p, each = softmax(Z, axis=1), expit(Z)
    assert log_loss_of(CODES, weight)(p) == pytest.approx(log_loss(CODES, p, sample_weight=weight))
    expected = sum(log_loss(LABELS[:, k], each[:, k], sample_weight=weight) for k in range(3))
    assert binary_log_loss_of(LABELS, weight)(each) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_of_certain_predictions_are_finite(dtype):
    wrong = np.eye(3, dtype=dtype)[(CODES + 1) % 3]
    assert 30 < log_loss_of(CODES, None)(wrong) < 40
    assert 90 < binary_log_loss_of(LABELS, None)((1 - LABELS).astype(dtype)) < 120


# Temperature.


@pytest.mark.parametrize("temperature", [0.4, 0.8, 1.5, 3.0])
def test_a_known_temperature_is_found(temperature):
    rng = np.random.default_rng(1)
    z = rng.normal(scale=2.0, size=(20_000, 3))
    codes = (softmax(z / temperature, axis=1).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert find_temperature(log_loss_of(codes, None), softmax(z, axis=1), sharpen) == pytest.approx(
        temperature, rel=0.05
    )
    labels = (rng.random(z.shape) < expit(z / temperature)).astype(float)
    loss = binary_log_loss_of(labels, None)
    assert find_temperature(loss, expit(z), sharpen_each) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_is_the_best_of_a_grid():
    p, loss = softmax(3 * Z, axis=1), log_loss_of(CODES, WEIGHT)
    found = find_temperature(loss, p, sharpen)
    grid = np.exp(np.linspace(-np.log(4), np.log(4), 400))
    losses = [loss(sharpen(p, t)) for t in grid]
    assert loss(sharpen(p, found)) <= min(losses) + 1e-6
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.01)


@pytest.mark.parametrize(("factor", "bound"), [(100.0, 4.0), (0.01, 0.25)])
def test_the_temperature_stays_within_its_bounds(factor, bound):
    p = softmax(factor * Z, axis=1)
    assert find_temperature(log_loss_of(CODES, None), p, sharpen) == pytest.approx(bound, rel=0.01)


def test_predictions_that_need_none_have_the_temperature_1():
    assert find_temperature(lambda probability: 1.0, softmax(Z, axis=1), sharpen) == 1.0


@pytest.mark.parametrize("shape", [(N, 3), (2, 200, 3)])
@pytest.mark.parametrize("temperature", [0.3, 2.5])
def test_sharpened_probabilities_have_their_logarithms_divided(temperature, shape):
    z = Z.reshape(-1)[: np.prod(shape)] if np.prod(shape) <= Z.size else RNG.normal(size=shape)
    z = z.reshape(shape)
    np.testing.assert_allclose(sharpen(softmax(z, axis=-1), temperature), softmax(z / temperature, axis=-1), rtol=1e-9)
    np.testing.assert_allclose(sharpen_each(expit(z), temperature), expit(z / temperature), rtol=1e-9)


@pytest.mark.parametrize("function", [sharpen, sharpen_each])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_predictions_stay_probabilities_of_their_type(function, dtype):
    p = np.eye(3, dtype=dtype)
    for temperature in (0.25, 4.0):
        sharpened = function(p, temperature)
        assert sharpened.dtype == dtype
        assert ((sharpened >= 0.0) & (sharpened <= 1.0)).all()
        assert sharpened.argmax(axis=1).tolist() == [0, 1, 2]
    assert function(p, 1.0) is p
