"""Predictions of members, their mean and their spread."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from samples import ENSEMBLE, X_CANCER, X_DIAB, X_IRIS, Y_CANCER, Y_DIAB, Y_IRIS, separate_fits
from sklearn.metrics import log_loss

from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPClassifier
from mlp_estimator.engine.losses import SoftmaxCrossEntropy, SquaredError
from mlp_estimator.fitting.features import Matrix
from mlp_estimator.fitting.fitted import Fitted, Networks, Perceptron
from mlp_estimator.fitting.targets import Labels, Numbers, Unit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_spread_is_the_variance_between_members_and_the_noise():
    for options, of_one in (
        ({"loss": "gaussian_nll"}, True),
        ({"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (3,), "activation": "tanh", "max_iter": 100}, True),
        ({}, False),
    ):
        model = MLPRegressor(**(ENSEMBLE | options)).fit(X_DIAB, Y_DIAB)
        mean, std = model.predict(X_DIAB, return_std=True)
        np.testing.assert_allclose(mean, model.predict(X_DIAB), rtol=1e-9)
        separate = separate_fits(model, X_DIAB, Y_DIAB)
        noise = 0.0
        if of_one:
            noise = np.mean([one.predict(X_DIAB, return_std=True)[1] ** 2 for one in separate], axis=0)
        between = np.var([one.predict(X_DIAB) for one in separate], axis=0)
        np.testing.assert_allclose(std**2, noise + between, rtol=1e-6)


def test_an_ensemble_is_better_than_its_members():
    X, y = X_CANCER, Y_CANCER
    model = MLPClassifier((30,), n_members=10, learning_rate_init=0.01, random_state=0).fit(X[:300], y[:300])
    members = [log_loss(y[300:], p) for p in model.predict_members(X[300:])]
    assert log_loss(y[300:], model.predict_proba(X[300:])) < np.mean(members)  # by Jensen's inequality, always


def test_without_noise_or_members_there_is_no_spread():
    with pytest.raises(ValueError, match="n_members=5"):
        MLPRegressor((3,), max_iter=2).fit(X_DIAB, Y_DIAB).predict(X_DIAB, return_std=True)


def test_predictions_need_memory_for_a_chunk_of_all_members_only():
    model = MLPRegressor((64,), n_members=8, max_iter=1, random_state=0).fit(X_DIAB, Y_DIAB)
    members, mean = model.predict_members(X_DIAB), model.predict(X_DIAB)
    np.testing.assert_allclose(members.mean(axis=0), mean, rtol=1e-12)


def test_integer_weights_do_not_truncate():
    model = MLPRegressor((), max_iter=1).fit(X_IRIS, Y_IRIS)
    model.coefs_, model.intercepts_ = [np.array([[1], [2], [3], [4]])], [np.array([0])]
    np.testing.assert_allclose(model.predict(X_IRIS), X_IRIS @ [1, 2, 3, 4])


def test_labels_of_a_table_are_predicted_in_chunks_of_rows():
    X = np.random.default_rng(0).normal(size=(150_000, 2))
    options = {"settings": [{"hidden_layer_sizes": (2,), "encoding": False}], "max_iter": 1, "random_state": 0}
    model = TabularMLPClassifier(**options).fit(X[:200], np.arange(200) % 10)
    model.predict(X[:10])
    tracemalloc.start()
    labels = model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(labels, model.predict_proba(X).argmax(axis=1))
    assert peak < 1.5e7  # the probabilities of all folds are 48 MB


def test_a_fitted_network_holds_the_weights_of_the_attributes():
    model = MLPRegressor((3,), max_iter=5, random_state=0).fit(X_DIAB, Y_DIAB)
    fitted = model._fitted
    assert isinstance(fitted, Fitted)
    assert fitted.groups[0].arrays["W"] is model.coefs_
    assert fitted.holding({"W": model.coefs_, "b": model.intercepts_}) is fitted
    other = fitted.holding({"W": [0 * W for W in model.coefs_], "b": model.intercepts_})
    np.testing.assert_allclose(other.predict(X_DIAB)[:, 0], model.intercepts_[1][0])
    model.coefs_[1][:] = 0.0  # in place
    np.testing.assert_allclose(fitted.predict(X_DIAB)[:, 0], model.intercepts_[1][0])
    model.intercepts_ = [model.intercepts_[0], model.intercepts_[1] + 1.0]
    np.testing.assert_allclose(model.predict(X_DIAB), model.intercepts_[1][0])


# Mixtures of networks that predict their bias.


def constant(*raws):
    """Return networks side by side, each of which gives one raw output (K,) for all rows."""
    b = np.array(raws, dtype=float)
    W = np.zeros((len(raws), 2, b.shape[1]))
    return Networks(Perceptron([]), {"W": [W], "b": [b]} if len(raws) > 1 else {"W": [W[0]], "b": [b[0]]})


ROWS = np.zeros((3, 2))
FIRST, SECOND = np.log([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]), np.log([[0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
LABELS = Labels(np.arange(3), SoftmaxCrossEntropy())
NUMBERS = Numbers(SquaredError(), 1, Unit(np.array([10.0]), np.array([2.0]), np.array([8.0]), np.array([13.0])))


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("mixture", [[0.5, 0.5], [0.9, 0.1], [1.0, 0.0], [0.3, 0.2], [0.6, 0.0], [0.0, 0.0]])
def test_probabilities_are_mixed_averaged_and_sharpened(mixture, temperature):
    fitted = Fitted(Matrix(), LABELS, [constant(*FIRST), constant(*SECOND)], np.array(mixture), temperature)
    fitted.constant = np.array([0.5, 0.3, 0.2])  # which has the rest of the weight
    members = mixture[0] * np.exp(FIRST) + mixture[1] * np.exp(SECOND) + (1 - sum(mixture)) * fitted.constant
    np.testing.assert_allclose(fitted.predict(ROWS, members=True)[:, 1], members)  # before the temperature
    expected = members.mean(axis=0) ** (1 / temperature)
    np.testing.assert_allclose(fitted.predict(ROWS), [expected / expected.sum()] * 3)


@pytest.mark.parametrize(
    ("raws", "expected"), [([0.5, 1.0], 11.5), ([-9.0, -9.0], 8.0), ([9.0, 9.0], 13.0), ([9.0, -1.0], 10.5)]
)
def test_numbers_are_in_the_unit_of_the_targets_and_each_member_stays_within_their_range(raws, expected):
    fitted = Fitted(Matrix(), NUMBERS, [constant(*([raw] for raw in raws))])
    np.testing.assert_allclose(fitted.predict(ROWS), [[expected]] * 3)


def test_a_group_of_fewer_networks_stands_for_all_members():
    four, two = constant([0.0], [0.1], [0.2], [0.3]), constant([1.0], [1.2])
    fitted = Fitted(Matrix(), NUMBERS, [four, two], np.array([0.75, 0.25]))
    raw = 0.75 * np.array([0.0, 0.1, 0.2, 0.3]) + 0.25 * np.array([1.0, 1.0, 1.2, 1.2])
    np.testing.assert_allclose(fitted.predict(ROWS, members=True)[:, 0, 0], 10 + 2 * raw)
    alone = Fitted(Matrix(), NUMBERS, [two], n_members=4)
    np.testing.assert_allclose(alone.predict(ROWS, members=True)[:, 0, 0], 10 + 2 * np.array([1.0, 1.0, 1.2, 1.2]))


def test_each_chunk_of_rows_is_reduced():
    fitted = Fitted(Matrix(), LABELS, [constant(*FIRST)])
    sizes = []

    def reduce(prediction):
        sizes.append(prediction.shape)
        return prediction.argmax(axis=-1)[..., None]

    labels = fitted.predict(np.zeros((2500, 2)), reduce)
    assert labels.shape == (2500, 1)
    assert not labels.any()
    assert [shape[0] for shape in sizes] == [1] * len(sizes)
    assert sum(shape[1] for shape in sizes) == 2500
    assert len(sizes) > 1


def test_predictions_that_are_not_finite_are_an_error():
    with pytest.raises(ValueError, match="Predictions are not finite: X contains a value too large"):
        Fitted(Matrix(), Numbers(SquaredError(), 1), [constant([np.inf])]).predict(ROWS)
