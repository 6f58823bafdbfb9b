"""Real targets: standardised for the network, in their own unit for the user, within the range of those in `fit`."""

from __future__ import annotations

import numpy as np
import pytest
from samples import Expectiles
from sklearn.metrics import d2_pinball_score, r2_score

from mlp_estimator.engine.losses import LOSSES, Quantile
from mlp_estimator.fitting.targets.contract import Encoded
from mlp_estimator.fitting.targets.numbers import Numbers, Unit, regression_score

RNG = np.random.default_rng(0)
Y = RNG.gamma(3.0, 100.0, 50)
PAIRS = np.column_stack([Y, RNG.normal(-1e6, 1e3, 50)])
WEIGHT = RNG.integers(1, 4, 50).astype(float)
FOLDS = [np.arange(25), np.arange(25, 50)]
F8, F4 = np.dtype("float64"), np.dtype("float32")


def learned(y=Y, loss="squared_error", weight=None, standardise=True, **options):
    return Numbers.learn(y, weight, LOSSES[loss](**options), standardise=standardise)


# The unit of the network.


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["once", "weighted"])
@pytest.mark.parametrize("y", [Y, PAIRS], ids=["one", "two"])
def test_the_network_sees_targets_of_mean_0_and_variance_1(y, weight):
    coded = learned(y, weight=weight).encode(y, F8)
    assert coded.shape == (50, np.ndim(y))
    np.testing.assert_allclose(np.average(coded, axis=0, weights=weight), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.average(coded**2, axis=0, weights=weight), 1.0, rtol=1e-9)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_loss_with_a_log_link_sees_targets_of_mean_1(loss):
    targets = learned(loss=loss, weight=WEIGHT)
    coded = targets.encode(Y, F8)
    assert np.average(coded[:, 0], weights=WEIGHT) == pytest.approx(1.0)
    np.testing.assert_allclose(coded[:, 0] * targets.unit.scale, Y, rtol=1e-12)  # 0 stays 0


def test_a_weight_of_2_is_two_rows():
    ours, theirs = learned(weight=WEIGHT).unit, learned(np.repeat(Y, WEIGHT.astype(int))).unit
    np.testing.assert_allclose([ours.center, ours.scale], [theirs.center, theirs.scale], rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 5e9, -1e-300])
def test_a_constant_target_has_the_scale_1(value):
    targets = learned(np.full(9, value))
    assert targets.unit.scale == 1.0
    np.testing.assert_array_equal(targets.encode(np.full(9, value), F4), np.zeros((9, 1)))


@pytest.mark.parametrize("y", [1e300 * Y, np.full(9, 1e308), 1e155 * Y])
def test_a_variance_beyond_float64_is_refused(y):
    with pytest.raises(ValueError, match="y is too large: its variance does not fit into float64"):
        learned(y)


@pytest.mark.parametrize("scale", [1e-160, 1e-300])
def test_a_variance_that_is_0_in_float64_is_refused(scale):
    with pytest.raises(ValueError, match="y is too small: its variance is 0 in float64"):
        learned(scale * Y)
    assert learned(1e-140 * Y).unit.scale > 0.0


def test_targets_in_their_own_unit_stay_as_they_are():
    targets = learned(standardise=False)
    np.testing.assert_array_equal(targets.encode(Y, F8)[:, 0], Y)
    prediction = np.array([[1e9]], np.float32)
    assert targets.in_unit(prediction) is prediction


@pytest.mark.parametrize("dtype", [F4, F8])
def test_targets_are_coded_in_the_type_of_the_computation_after_they_are_standardised(dtype):
    y = 1.7e9 + np.arange(50.0)  # float32 has steps of 128 there
    coded = learned(y).encode(y, dtype)
    assert coded.dtype == dtype
    np.testing.assert_allclose(np.diff(coded[:, 0]), 1 / y.std(), rtol=1e-4)


# Predictions in the unit of the user.


@pytest.mark.parametrize("dtype", [F4, F8])
@pytest.mark.parametrize("y", [Y, PAIRS], ids=["one", "two"])
def test_predictions_are_the_targets_again_in_float64(y, dtype):
    targets = learned(y)
    prediction = targets.in_unit(targets.encode(y, dtype))
    assert prediction.dtype == np.float64
    np.testing.assert_allclose(targets.decoded(targets.decide(prediction)), y, rtol=1e-6)


def test_predictions_keep_the_precision_of_targets_far_from_0():
    y = 1.7e9 + np.arange(50.0)
    prediction = learned(y).in_unit(learned(y).encode(y, F4))[:, 0]
    np.testing.assert_allclose(prediction - 1.7e9, np.arange(50), atol=1e-4)


def test_predictions_stay_within_the_range_of_the_targets():
    targets = learned(PAIRS)
    for prediction, expected in ((-99.0, PAIRS.min(axis=0)), (99.0, PAIRS.max(axis=0))):
        np.testing.assert_array_equal(targets.in_unit(np.full((1, 2), prediction)), [expected])
    inside = targets.in_unit(np.full((1, 2), 0.1))
    np.testing.assert_allclose(inside, [PAIRS.mean(axis=0) + 0.1 * PAIRS.std(axis=0)], rtol=1e-9)


def test_members_are_restored_like_their_means():
    targets, prediction = learned(PAIRS), RNG.normal(size=(3, 7, 2))
    np.testing.assert_array_equal(targets.in_unit(prediction)[1], targets.in_unit(prediction[1]))


def test_variances_are_in_squared_units_and_not_clipped():
    targets = learned(PAIRS, loss="gaussian_nll")
    prediction = np.array([[0.0, 99.0, 1e4, 0.25]], np.float32)  # means of both targets, then variances
    restored = targets.in_unit(prediction)
    assert restored.dtype == np.float64
    np.testing.assert_allclose(restored[0, :2], [PAIRS[:, 0].mean(), PAIRS[:, 1].max()])
    np.testing.assert_allclose(targets.variances(restored)[0], [1e4, 0.25] * PAIRS.var(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(targets.decide(restored), restored[:, :2])


@pytest.mark.parametrize(
    ("loss", "options", "y", "n_outputs"),
    [
        ("squared_error", {}, Y, 1),
        ("squared_error", {}, PAIRS, 2),
        ("gaussian_nll", {}, PAIRS, 4),
        ("quantile", {"quantile": (0.1, 0.5, 0.9)}, Y, 3),
    ],
)
def test_outputs_of_the_network(loss, options, y, n_outputs):
    targets = learned(y, loss, **options)
    assert targets.n_outputs == n_outputs
    assert targets.n_columns == np.ndim(y)


# What is refused.


@pytest.mark.parametrize(
    ("loss", "options", "y", "message"),
    [
        ("sigmoid_cross_entropy", {}, Y, "is for class labels: use MLPClassifier or TabularMLPClassifier"),
        ("poisson", {}, -Y, "loss='poisson' is for non-negative targets, but y goes down to -"),
        ("gamma", {}, Y - Y.min(), "loss='gamma' is for positive targets, but y goes down to 0"),
        ("quantile", {"quantile": (0.1, 0.9)}, PAIRS, "Several quantiles are for one target, but y has 2 columns"),
    ],
)
def test_targets_that_a_loss_does_not_allow(loss, options, y, message):
    with pytest.raises(ValueError, match=message):
        learned(y, loss, **options)


def test_validation_targets_have_as_many_columns():
    learned(PAIRS).check_further(PAIRS)
    with pytest.raises(ValueError, match=r"y_val has 1 column\(s\), y has 2"):
        learned(PAIRS).check_further(Y)


# Losses, scores, out-of-fold attributes.


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["once", "weighted"])
def test_the_mixture_minimises_the_mean_loss_of_mixed_raw_outputs(weight):
    targets = learned()
    z = targets.encode(Y, F8)
    encoded = Encoded(z, weight, weight)
    loss = targets.mean_loss(encoded)
    assert loss(z + 0.5) == pytest.approx(0.125)
    raws = [z + 1.0, z - 1.0]
    np.testing.assert_allclose(targets.mix(raws, np.zeros((1, 1)), encoded), [0.5, 0.5], atol=1e-3)
    first, second = targets.mix(
        [z + 0.1 * RNG.normal(size=z.shape), RNG.normal(size=z.shape)], np.zeros((1, 1)), encoded
    )
    assert first > 0.8 > 0.2 > second
    assert 0.95 < first + second <= 1.0 + 1e-9  # the mean of y is better than noise


def test_raw_outputs_of_a_log_link_are_mixed_before_the_link():
    targets = learned(loss="poisson")
    z = targets.encode(Y, F8)
    weights = targets.mix([np.log(z) + 0.5, np.log(z) - 0.5], np.zeros((1, 1)), Encoded(z, None, None))
    np.testing.assert_allclose(weights, [0.5, 0.5], atol=0.05)
    np.testing.assert_allclose(targets.linked(np.log(z)), z, rtol=1e-9)


def test_numbers_have_no_temperature():
    assert learned().find_temperature(np.zeros((50, 1)), Encoded(learned().encode(Y, F8), None, None)) == 1.0


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["once", "weighted"])
def test_out_of_fold_attributes_are_in_the_unit_of_the_user(weight):
    targets = learned(weight=weight)
    prediction = (Y + RNG.normal(scale=30.0, size=50))[:, None]
    attributes = targets.out_of_fold(prediction, Encoded(targets.encode(Y, F8), weight, weight), FOLDS)
    np.testing.assert_array_equal(attributes["oof_prediction_"], prediction[:, 0])
    np.testing.assert_allclose(attributes["oof_target_"], Y)
    assert attributes["oof_score_"] == pytest.approx(r2_score(Y, prediction, sample_weight=weight))
    for rows, residuals in zip(FOLDS, attributes["_residuals"][0], strict=True):
        np.testing.assert_allclose(residuals.values, np.sort(np.abs(Y[rows] - prediction[rows, 0])))
        assert residuals.total == (25 if weight is None else weight[rows].sum())


@pytest.mark.parametrize(
    ("targets", "y", "n_columns", "has_residuals", "has_score"),
    [
        (learned(PAIRS), PAIRS, 2, True, True),
        (learned(loss="gaussian_nll"), Y, 2, True, True),
        (learned(loss="quantile", quantile=(0.1, 0.9)), Y, 2, False, True),
        (Numbers.learn(Y, None, Expectiles(), standardise=True), Y, 2, False, False),
        (learned(Y[:1]), Y[:1], 1, False, False),
    ],
    ids=["two targets", "variances", "quantiles", "expectiles", "one row"],
)
def test_residuals_are_those_of_means(targets, y, n_columns, has_residuals, has_score):
    prediction = targets.in_unit(RNG.uniform(0.1, 1.0, (len(y), n_columns)))
    attributes = targets.out_of_fold(prediction, Encoded(targets.encode(y, F8), None, None), [np.arange(len(y))])
    assert ("_residuals" in attributes) == has_residuals
    if has_residuals:
        means = targets.means(prediction)
        assert len(attributes["_residuals"]) == means.shape[1]
        for k, (of_target,) in enumerate(attributes["_residuals"]):
            np.testing.assert_allclose(of_target.values, np.sort(np.abs(y.reshape(len(y), -1)[:, k] - means[:, k])))
    assert np.isfinite(attributes["oof_score_"]) == has_score


def test_the_score_is_r2_and_of_quantiles_the_mean_d2():
    prediction = np.column_stack([Y - 50, Y + 50])
    levels = Quantile(quantile=(0.1, 0.9))
    expected = np.mean([d2_pinball_score(Y, prediction[:, k], alpha=a) for k, a in enumerate((0.1, 0.9))])
    assert regression_score(levels, Y, prediction, None) == pytest.approx(expected)
    assert regression_score(LOSSES["squared_error"](), Y, prediction[:, :1], WEIGHT) == pytest.approx(
        r2_score(Y, prediction[:, 0], sample_weight=WEIGHT)
    )
    with pytest.raises(ValueError, match="Expectiles predicts 2 numbers per target"):
        regression_score(Expectiles(), Y, prediction, None)


def test_a_unit_undoes_itself():
    unit = Unit.of(PAIRS, WEIGHT, LOSSES["squared_error"]())
    np.testing.assert_allclose(unit.restored(unit.standardised(PAIRS)), PAIRS, rtol=1e-12)
    np.testing.assert_array_equal([unit.low, unit.high], [PAIRS.min(axis=0), PAIRS.max(axis=0)])
