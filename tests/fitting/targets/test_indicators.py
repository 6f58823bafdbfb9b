"""Label indicators: dense or sparse in, the same out; losses, scores and temperature over labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.metrics import accuracy_score, log_loss

from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.fitting.targets.contract import Encoded
from mlp_estimator.fitting.targets.indicators import Indicators, learn_classes
from mlp_estimator.fitting.targets.labels import Labels

Y = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
P = np.array([[0.2, 0.9, 0.6], [0.7, 0.4, 0.8], [0.1, 0.2, 0.3], [0.6, 0.7, 0.4], [0.4, 0.6, 0.2]])
WEIGHT = np.array([1.0, 2.0, 0.5, 3.0, 1.0])
FORMS = {"dense": np.asarray, "bool": lambda y: y.astype(bool), "csr": sparse.csr_array, "coo": sparse.coo_array}


def loss_of(name):
    return LOSSES[name]()


def learned(y=Y):
    return learn_classes(y, loss_of, each_class=True)


def encoded(weight=None, sample_weight=None):
    return Encoded(Y.astype(float), weight, sample_weight)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_indicators_are_encoded_dense_and_come_back(form):
    y = form(Y)
    targets = learned(y)
    assert (targets.n_outputs, targets.n_columns) == (3, 3)
    assert targets.classes.tolist() == [0, 1, 2]
    for dtype in (np.float32, np.float64):
        codes = targets.encode(y, np.dtype(dtype))
        assert codes.dtype == dtype
        assert codes.flags.c_contiguous
        np.testing.assert_array_equal(codes, Y)
    decided = targets.decide(Y + np.where(Y, -0.4, 0.4))
    decoded = targets.decoded(decided)
    assert sparse.issparse(decoded) == sparse.issparse(y)
    np.testing.assert_array_equal(decoded.toarray() if sparse.issparse(decoded) else decoded, Y)


@pytest.mark.parametrize(
    ("y", "each_class", "kind", "loss", "n_outputs"),
    [
        (["a", "b", "a"], False, Labels, "SigmoidCrossEntropy", 1),
        (["a", "b", "a"], True, Labels, "SoftmaxCrossEntropy", 2),
        (["a", "b", "c"], False, Labels, "SoftmaxCrossEntropy", 3),
        (["a", "a", "a"], False, Labels, "SigmoidCrossEntropy", 1),
        (Y, False, Indicators, "SigmoidCrossEntropy", 3),
    ],
)
def test_the_type_of_y_decides_between_labels_and_indicators(y, each_class, kind, loss, n_outputs):
    targets = learn_classes(np.asarray(y), loss_of, each_class=each_class)
    assert type(targets) is kind
    assert type(targets.loss).__name__ == loss
    assert targets.n_outputs == n_outputs


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.5, 2.25], "Unknown label type"),
        (
            [[1, 2], [3, 4]],
            r"y has 2 columns of labels: pass one, or indicators of 0 and 1\. For .*MultiOutputCl",
        ),
        ([[1, 2], [2, 1]], r"Label indicators are 0 and 1, and y has \[1, 2\]"),
        ([[-1, 1], [1, -1]], r"Label indicators are 0 and 1, and y has \[-1, 1\]"),
    ],
)
def test_numbers_are_no_classes(y, message):
    with pytest.raises(ValueError, match=message):
        learn_classes(np.array(y), loss_of, each_class=True)


def test_classes_that_are_announced_are_known():
    targets = learn_classes(np.array(["b", "a"]), loss_of, each_class=False, classes=["c", "a", "b"])
    assert targets.classes.tolist() == ["a", "b", "c"]
    assert targets.n_outputs == 3


def test_there_are_too_many_combinations_for_strata():
    assert learned().strata(Y) is None


def test_means_by_category_are_those_of_the_indicators():
    np.testing.assert_array_equal(learned().columns(Y.astype(np.float32)), Y)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["once", "weighted"])
def test_a_sample_is_right_if_all_of_its_labels_are(weight):
    expected = accuracy_score(Y, P > 0.5, sample_weight=weight)
    assert learned().metric(Y.astype(float), P, weight) == pytest.approx(expected)
    assert 0 < expected < 1


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["once", "weighted"])
def test_the_loss_is_the_sum_of_the_log_losses_of_the_labels(weight):
    expected = sum(log_loss(Y[:, k], P[:, k], sample_weight=weight, labels=[0, 1]) for k in range(3))
    assert learned().mean_loss(encoded(weight))(P) == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.5, 2.0, 3.0])
def test_the_temperature_divides_the_log_odds_of_each_label(temperature):
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2.0, size=(4000, 3))
    y = (rng.random(z.shape) < expit(z / temperature)).astype(float)
    targets = learned()
    found = targets.find_temperature(expit(z), Encoded(y, None, None))
    assert found == pytest.approx(temperature, rel=0.1)
    np.testing.assert_allclose(targets.calibrated(expit(z), temperature), expit(z / temperature), rtol=1e-9)


def test_labels_are_linked_by_themselves():
    raw = np.array([[0.0, -2.0, 5.0], [1.0, 1.0, -9.0]], np.float32)
    np.testing.assert_allclose(learned().linked(raw), expit(raw), rtol=1e-5)


def test_out_of_fold_attributes():
    attributes = learned().out_of_fold(P, encoded(WEIGHT, WEIGHT), [np.arange(2), np.arange(2, 5)])
    np.testing.assert_array_equal(attributes["oof_prediction_"], P)
    np.testing.assert_array_equal(attributes["oof_target_"], Y)
    assert attributes["oof_score_"] == pytest.approx(accuracy_score(Y, P > 0.5, sample_weight=WEIGHT))
    assert "_residuals" not in attributes


def test_weights_of_classes_do_not_count_in_the_score():
    attributes = learned().out_of_fold(P, encoded(5.0 * WEIGHT * Y[:, 0], WEIGHT), [np.arange(5)])
    assert attributes["oof_score_"] == pytest.approx(accuracy_score(Y, P > 0.5, sample_weight=WEIGHT))


def test_weights_of_the_classes_of_each_label_are_multiplied():
    weighted = learned().weighted([{0: 1.0, 1: 3.0}, {0: 2.0, 1: 1.0}, {0: 1.0, 1: 1.0}], Y, None)
    expected = np.where(Y[:, 0], 3.0, 1.0) * np.where(Y[:, 1], 1.0, 2.0)
    np.testing.assert_allclose(weighted.weigh(Y, None), expected)
    np.testing.assert_allclose(weighted.weigh(Y, WEIGHT), expected * WEIGHT)
    np.testing.assert_array_equal(learned().weigh(Y, WEIGHT), WEIGHT)


@pytest.mark.parametrize("y", [np.array([0, 1, 2]), np.array(["a", "b"])])
def test_training_does_not_continue_with_labels(y):
    with pytest.raises(ValueError, match="training so far was on a multilabel-indicator target"):
        learned().check_same(y)
    with pytest.raises(ValueError, match="`y_val` is"):
        learned().check_further(y)


def test_copies_keep_the_encoder():
    targets = replace(learned(sparse.csr_array(Y)), smoothing=0.1)
    assert sparse.issparse(targets.decoded(targets.decide(P)))
