"""The tabular estimators: raw tables in, and the promises about folds, mixtures, intervals and invariance."""

from __future__ import annotations

import itertools
import pickle
import time
import warnings
from datetime import date, timedelta

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.dataset
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator
from test_check_estimator import run_check
from threadpoolctl import threadpool_info, threadpool_limits

from mlp_estimator import MLPGridSearchCV, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.engine import batches
from mlp_estimator.fitting.chunks import read_chunks
from mlp_estimator.fitting.intervals import Residuals, label_set
from mlp_estimator.fitting.member_config import PRESETS
from mlp_estimator.fitting.mixture import sharpen
from mlp_estimator.fitting.plans import folds
from mlp_estimator.tabular import base

FAST = {"settings": [{"hidden_layer_sizes": (16,)}], "n_folds": 3, "max_iter": 16}
X_DIAB, Y_DIAB = load_diabetes(return_X_y=True)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def mixed_frame(n=240, seed=0):
    """A frame of every type of column, with missing values and outliers, and a target that depends on them."""
    rng = np.random.default_rng(seed)
    age, fare = rng.normal(40, 15, n), rng.lognormal(3, 1, n)
    town = rng.choice(["Aachen", "Bonn", "Cork", "Dax"], n)
    member = rng.random(n) < 0.4
    size = rng.choice(["S", "M", "L"], n)
    score = 0.05 * age + np.log(fare) + 2 * (town == "Bonn") - member + rng.normal(0, 0.3, n)
    fare[3] = 1e7
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, age),
            "fare": fare,
            "rooms": pd.array(rng.integers(1, 6, n), dtype="Int64"),
            "town": town,
            "size": pd.Categorical(size, categories=["S", "M", "L"], ordered=True),
            "member": member,
            "note": pd.array(np.where(rng.random(n) < 0.2, None, "x"), dtype="string"),
        }
    )
    frame.loc[5, "rooms"] = pd.NA
    frame.loc[7, "town"] = None
    return frame, score


def test_a_frame_of_every_type_is_read_as_it_is():
    X, y = mixed_frame()
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y)
    assert model.oof_score_ > 0.6
    assert model.score(X, y) > 0.7
    assert model.n_features_in_ == 7
    assert list(model.feature_names_in_) == list(X.columns)
    labels = np.where(y > np.median(y), "high", "low")
    classifier = TabularMLPClassifier(**FAST, random_state=0).fit(X, labels)
    assert classifier.oof_score_ > 0.75
    assert set(classifier.predict(X)) == {"high", "low"}


def test_containers_give_the_same_predictions():
    X, y = mixed_frame()
    X = X[["age", "fare", "town", "member"]].astype({"town": object})
    reference = TabularMLPRegressor(**FAST, random_state=0).fit(X, y).predict(X)
    forms = {
        "arrow": X.convert_dtypes(dtype_backend="pyarrow"),
        "nullable": X.convert_dtypes(),
        "categories": X.astype({"town": "category"}),
        "polars": pl.from_pandas(X),
        "objects": X.astype({"member": object}).to_numpy(dtype=object),
        "lists": X.astype(object).where(X.notna(), None).to_numpy(dtype=object).tolist(),
    }
    for name, form in forms.items():
        options = {"categorical_features": [3]} if name in ("objects", "lists") else {}
        model = TabularMLPRegressor(**FAST, **options, random_state=0).fit(form, y)
        np.testing.assert_allclose(model.predict(form), reference, rtol=1e-5, err_msg=name)


def test_predictions_meet_new_levels_missing_values_and_another_order_of_columns():
    X, y = mixed_frame()
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y)
    new = X.head(6).copy()
    new["town"] = ["Elba", None, "Bonn", "Cork", "Dax", "Aachen"]
    new.loc[0, ["fare"]] = np.nan
    assert np.isfinite(model.predict(new)).all()
    np.testing.assert_array_equal(model.predict(new[new.columns[::-1]]), model.predict(new))
    assert model.predict(new.head(1)).shape == (1,)


@pytest.mark.parametrize("entry", ["many", date(2026, 1, 1), 1j])
def test_a_numeric_column_does_not_turn_into_another(entry):
    X = np.arange(24.0).reshape(12, 2)
    model = TabularMLPClassifier(**FAST, random_state=0).fit(X, [0, 1] * 6)
    with pytest.raises(ValueError, match=r"Column 'x1' was numeric in fit, and now has an entry that is no number: .*"):
        model.predict([[1.0, None], [2.0, entry]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.assign(point=[[0.0, 1.0]] * len(X)), "Column 'point' holds list"),
        (lambda X: X.assign(fare=np.inf), "infinity or a value too large in column 'fare'"),
        (lambda X: pd.concat([X, X[["age"]]], axis=1), r"several columns of the name\(s\) \['age'\]"),
        (lambda X: X.head(0), "0 sample"),
        (lambda X: X[[]], "0 feature"),
    ],
)
def test_tables_that_cannot_be_read(change, message):
    X, y = mixed_frame(60)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(change(X), y[: len(change(X))])
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": []}, "give 'auto', or a list of dicts"),
        ({"settings": [{"widths": 3}]}, r"unknown entries \['widths'\]: choose among"),
        ({"settings": [{"dropout": 1.0}]}, "settings has dropout=1.0: it must be a float in the range"),
        ({"settings": [{}], "hidden_layer_sizes": [2, 0]}, "one positive integer per hidden layer"),
        ({"categorical_features": ["nose"]}, "'nose' which is not a feature name"),
        ({"categorical_features": [True]}, "boolean mask should have shape"),
        ({"n_folds": 1}, "n_folds"),
    ],
)
def test_parameters_that_cannot_be(options, message):
    X, y = mixed_frame(60)
    with pytest.raises(ValueError, match=message):
        TabularMLPRegressor(**(FAST | options)).fit(X, y)


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"dtype": "float64"}, 1e300 * np.arange(60), "y is too large: its variance"),
        ({"dtype": "float64"}, np.full(60, 1e308), "y is too large: its variance"),
        ({"dtype": "float64", "loss": "poisson"}, np.full(60, 1e308), "y is too large: its variance"),
        ({}, sparse.csr_array(np.ones((60, 2))), r"use y\.toarray\(\)"),
        ({}, sparse.coo_array(np.ones(60)), r"use y\.toarray\(\)"),
    ],
)
def test_targets_that_cannot_be_read(options, y, message):
    X, _ = mixed_frame(60)
    with pytest.raises((ValueError, TypeError), match=message):
        TabularMLPRegressor(**FAST, **options).fit(X, y)


@pytest.mark.parametrize(
    ("loss", "scale", "dtype"), [("gaussian_nll", 1e160, "float32"), ("absolute_error", 1e160, "float64")]
)
def test_targets_whose_variance_is_too_large(loss, scale, dtype):
    model = TabularMLPRegressor(**FAST, loss=loss, dtype=dtype)
    with pytest.raises(ValueError, match="y is too large: its variance does not fit into float64"):
        model.fit(X_DIAB, scale * Y_DIAB)
    model.set_params(random_state=0).fit(X_DIAB, scale**0.5 * Y_DIAB)
    assert np.isfinite(model.predict(X_DIAB)).all()


@pytest.mark.parametrize("Estimator", [TabularMLPRegressor, MLPRegressor])
def test_one_weight_for_all_samples_and_weights_that_are_too_small(Estimator):
    options = FAST if Estimator is TabularMLPRegressor else {"tol": 1e9, "hidden_layer_sizes": (4,)}
    model = Estimator(**options, random_state=0)
    one, all_twos = (clone(model).fit(X_DIAB, Y_DIAB, weight) for weight in (2.0, np.full(len(Y_DIAB), 2.0)))
    np.testing.assert_array_equal(one.predict(X_DIAB), all_twos.predict(X_DIAB))
    with pytest.raises(ValueError, match="sample_weight is too small for float32: multiply it by a constant"):
        model.set_params(dtype="float32").fit(X_DIAB, Y_DIAB, np.full(len(Y_DIAB), 1e-40))


@pytest.mark.parametrize("names", [[2019, 2020, 2021], pd.MultiIndex.from_product([["a"], ["x", "y", "z"]])])
def test_names_that_are_no_text_are_names(names):
    X = pd.DataFrame(X_DIAB[:, :3], columns=names)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, Y_DIAB)
    np.testing.assert_array_equal(model.predict(X.iloc[:, ::-1]), model.predict(X))
    with pytest.raises(ValueError, match=r"The columns are \['1', '2', '3'\], and those of the fit are"):
        model.predict(X.set_axis([1, 2, 3], axis=1))


def test_validation_targets_that_cannot_be_read():
    X, y = X_DIAB[:60], Y_DIAB[:60]
    for loss, y_val, message in [("poisson", -y, "non-negative targets"), ("squared_error", 1e200 * y, "too large")]:
        with pytest.raises(ValueError, match=message):
            TabularMLPRegressor(**FAST, loss=loss).fit(X, y, X_val=X, y_val=y_val)


def test_values_far_from_all_others_count_as_outliers():
    X = np.array(X_DIAB[:60])
    X[:, 0] = np.where(np.arange(60) < 30, 0.0, 1e-300)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, Y_DIAB[:60])
    far, farther = np.array(X[:1]), np.array(X[:1])
    far[0, 0], farther[0, 0] = 1e-280, 1e100
    np.testing.assert_array_equal(model.predict(far), model.predict(farther))


def test_values_that_differ_by_the_smallest_numbers():
    X = np.array([-1.0, -0.5, 0.0, 1e-41, 3e-41, 1e-39, 0.5, 1.0] * 3)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = TabularMLPClassifier(**FAST, random_state=0).fit(X, [0, 1, 0, 1, 1, 0, 1, 0] * 3)
        assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", ">f8", "int8"])
def test_numbers_of_any_type_are_read(dtype):
    X = np.round(100 * X_DIAB[:60]).astype(dtype)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, Y_DIAB[:60])
    np.testing.assert_array_equal(model.predict(X), model.predict(X.astype(float)))


def test_a_table_may_be_a_block_of_memory():
    X, y = np.ascontiguousarray(X_DIAB[:60]), Y_DIAB[:60]
    model = TabularMLPRegressor(**FAST, random_state=0).fit(memoryview(X), y)
    np.testing.assert_array_equal(model.predict(memoryview(X)), clone(model).fit(X, y).predict(X))


# Invariances. A change that keeps the order of levels and the bits of the standardised columns changes nothing.


def test_units_of_features_and_targets_do_not_matter():
    X, y = mixed_frame()
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y)
    rescaled = X.assign(age=X["age"] * 4.0, fare=X["fare"] / 16.0)  # powers of two, without rounding
    other = TabularMLPRegressor(**FAST, random_state=0).fit(rescaled, y)
    np.testing.assert_array_equal(other.predict(rescaled), model.predict(X))
    shifted = TabularMLPRegressor(**FAST, random_state=0, dtype="float64").fit(X, 1e6 * y + 1e7)
    plain = TabularMLPRegressor(**FAST, random_state=0, dtype="float64").fit(X, y)
    np.testing.assert_allclose((shifted.predict(X) - 1e7) / 1e6, plain.predict(X), rtol=1e-4, atol=1e-4)


def test_names_of_categories_do_not_matter():
    X, y = mixed_frame()
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y)
    renamed = X.assign(town="town of " + X["town"].astype(object))
    np.testing.assert_array_equal(
        TabularMLPRegressor(**FAST, random_state=0).fit(renamed, y).predict(renamed), model.predict(X)
    )


def test_the_order_of_columns_matters_as_little_as_the_seed():
    X, y = mixed_frame(600)
    scores = [TabularMLPRegressor(**FAST, random_state=s).fit(X, y).oof_score_ for s in range(3)]
    other = TabularMLPRegressor(**FAST, random_state=0).fit(X[X.columns[::-1]], y).oof_score_
    assert abs(other - np.mean(scores)) < 0.05


# Folds, mixtures, intervals.


def test_out_of_fold_predictions_are_by_members_that_have_not_seen_the_row():
    # On random targets a member that had seen a row would predict it better than chance.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.integers(0, 2, 300)
    model = TabularMLPClassifier(**(FAST | {"max_iter": 40}), random_state=0).fit(X, y)
    assert 0.35 < model.oof_score_ < 0.65
    assert model.oof_prediction_.shape == (300, 2)
    np.testing.assert_allclose(model.oof_prediction_.sum(axis=1), 1.0, rtol=1e-5)


def test_a_setting_may_have_fewer_members_each_of_which_leaves_out_more_folds():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.integers(0, 2, 300)
    settings = [{"hidden_layer_sizes": (16,), "n_left_out": 2}]
    model = TabularMLPClassifier(settings=settings, n_folds=4, max_iter=40, random_state=0).fit(X, y)
    assert 0.35 < model.oof_score_ < 0.65  # chance: nobody has seen the rows that it predicts
    members = model.predict_members(X)
    assert len(members) == 4
    np.testing.assert_array_equal(members[::2], members[1::2])
    assert np.abs(members[0] - members[2]).max() > 0


def test_the_mixture_prefers_the_better_setting():
    settings = [{"hidden_layer_sizes": (16,)}, {"hidden_layer_sizes": (16,), "learning_rate_init": 1e-9}]
    model = TabularMLPRegressor(settings=settings, n_folds=3, max_iter=16, random_state=0).fit(X_DIAB, Y_DIAB)
    assert model.mixture_weights_[0] > 0.7  # a part of the mean is the best shrinkage
    assert 0.9 < model.mixture_weights_.sum() <= 1.0 + 1e-9  # the rest is that of a constant
    assert [len(scores) for scores in model.validation_scores_] == [3, 3]


def test_members_average_to_the_prediction():
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB, Y_DIAB)
    members = model.predict_members(X_DIAB)
    assert members.shape == (3, 442)
    np.testing.assert_allclose(members.mean(axis=0), model.predict(X_DIAB), rtol=1e-5)
    mean, std = model.predict(X_DIAB, return_std=True)
    np.testing.assert_allclose(std, members.std(axis=0), rtol=1e-3, atol=1e-3)
    assert (mean >= Y_DIAB.min()).all()
    assert (mean <= Y_DIAB.max()).all()


def test_intervals_cover_as_often_as_asked():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4200, 3))
    y = X[:, 0] ** 2 + rng.standard_t(4, 4200)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X[:600], y[:600])
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(X[600:], coverage=coverage)
        assert abs(((low <= y[600:]) & (y[600:] <= high)).mean() - coverage) < 0.06
    with pytest.raises(ValueError, match=r"coverage=1.5: must be one number between 0 and 1"):
        model.predict_interval(X, coverage=1.5)


def test_the_interval_is_the_definition():
    model = TabularMLPRegressor(**FAST, random_state=0, dtype="float64").fit(X_DIAB, Y_DIAB)
    low, high = model.predict_interval(X_DIAB[:5], coverage=0.8)
    members = model.predict_members(X_DIAB[:5])
    spread = model._spread.predict(read_chunks(X_DIAB[:5]), members=True)[..., 0]
    parts = list(zip(members, spread, [r.values[:, None] for r in model._residuals[0]], strict=True))
    below, above = (np.concatenate([f + sign * s * r for f, s, r in parts]) for sign in (-1, 1))
    k = int(np.floor(0.2 * 443))
    np.testing.assert_allclose(low, np.sort(below, axis=0)[k - 1], rtol=1e-9)
    np.testing.assert_allclose(high, np.sort(above, axis=0)[-k], rtol=1e-9)


def noisy_frame(n, seed=0):
    """A table in which one of two towns, and high ages, have more noise."""
    rng = np.random.default_rng(seed)
    town, age = rng.random(n) < 0.25, rng.uniform(0, 1, n)
    y = 3 * age + (1 + 3 * town) * (0.2 + 2 * age) * rng.normal(size=n)
    return pd.DataFrame({"town": np.where(town, "Bonn", "Cork"), "age": age}), y


def test_widths_of_intervals_follow_the_noise_and_coverage_holds():
    X, y = noisy_frame(3200)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X[:1200], y[:1200])
    X, y = X[1200:], y[1200:]
    low, high = model.predict_interval(X)
    for rows in (slice(None), X["age"] < 0.3, X["age"] > 0.7, X["town"] == "Bonn", X["town"] == "Cork"):
        assert abs(((low <= y) & (y <= high))[rows].mean() - 0.9) < 0.07
    width = high - low
    assert width[X["age"] > 0.7].mean() > 2 * width[X["age"] < 0.3].mean()


def test_several_targets_have_intervals_each():
    X, y = noisy_frame(2400)
    both = np.column_stack([y, 1e6 + 5.0 * np.random.default_rng(1).normal(size=len(y))])
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X[:600], both[:600])
    low, high = model.predict_interval(X[600:], 0.9)
    assert low.shape == high.shape == (1800, 2)
    assert np.abs(((low <= both[600:]) & (both[600:] <= high)).mean(axis=0) - 0.9).max() < 0.05
    widths = (high - low).std(axis=0) / (high - low).mean(axis=0)
    assert widths[0] > 5 * widths[1]  # the noise of the second one is the same everywhere


@pytest.mark.parametrize("classes", [False, True], ids=["intervals", "sets"])
def test_intervals_and_sets_by_a_validation_set(classes):
    X, y = noisy_frame(3400)
    rng = np.random.default_rng(2)
    y = np.where(rng.random(3400) < 0.7, (3 * X["age"]).astype(int), rng.integers(0, 3, 3400)) if classes else y
    Estimator = TabularMLPClassifier if classes else TabularMLPRegressor
    model = Estimator(**FAST, random_state=0).fit(X[:600], y[:600], X_val=X[600:1400], y_val=y[600:1400])
    assert not hasattr(model, "oof_score_")
    new, truth = X[1400:], y[1400:]
    if classes:
        covered = model.predict_set(new, 0.8)[np.arange(2000), truth]
        by_town = model.predict_set(new, 0.8, by="town")[np.arange(2000), truth]
    else:
        (low, high), (low_by, high_by) = (model.predict_interval(new, 0.8, by=by) for by in (None, "town"))
        covered, by_town = (low <= truth) & (truth <= high), (low_by <= truth) & (truth <= high_by)
        np.testing.assert_allclose(high - low, (high - low)[0], rtol=1e-5)  # one width
        assert (high_by - low_by)[new["town"] == "Bonn"].min() > (high_by - low_by)[new["town"] == "Cork"].max()
    assert abs(covered.mean() - 0.8) < 0.04
    for town in ("Bonn", "Cork"):
        assert abs(by_town[new["town"] == town].mean() - 0.8) < 0.06


def test_intervals_of_positive_targets_begin_at_0():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 2))
    y = rng.gamma(0.5, np.exp(X[:, 0]))
    model = TabularMLPRegressor(**FAST, loss="gamma", random_state=0).fit(X[:400], y[:400])
    low, high = model.predict_interval(X[400:])
    assert low.min() == 0.0
    assert abs(((low <= y[400:]) & (y[400:] <= high)).mean() - 0.9) < 0.06
    free = TabularMLPRegressor(**FAST, random_state=0).fit(X[:400], y[:400])
    assert free.predict_interval(X[400:])[0].min() < 0.0


@pytest.mark.parametrize(
    ("coverage", "sentence"),
    [([0.5, 0.9], r"coverage=\[0.5, 0.9\]: must be one number"), ("high", "coverage='high': must be one number")],
)
def test_a_coverage_is_one_number(coverage, sentence):
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB[:60], Y_DIAB[:60])
    with pytest.raises(ValueError, match=sentence):
        model.predict_interval(X_DIAB, coverage)
    with pytest.warns(UserWarning, match="All intervals are infinite: coverage=0.99 .* 60 residuals .* at most 0.9836"):
        low, _ = model.predict_interval(X_DIAB, 0.99)
    assert (low == -np.inf).all()


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([1, 2, 3], r"groups has the shape \(3,\): give one for each of the 60 rows"),
        (np.zeros((60, 2)), r"groups has the shape \(60, 2\)"),
        (["a", None] * 30, r"groups has 30 missing value\(s\), the first in row 1"),
        (np.where(np.arange(60) < 59, 1.0, np.nan), r"groups has 1 missing value\(s\), the first in row 59"),
    ],
)
def test_groups_that_are_none(groups, sentence):
    with pytest.raises(ValueError, match=sentence):
        TabularMLPRegressor(**FAST).fit(X_DIAB[:60], Y_DIAB[:60], groups=groups)


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        ([f"id {k}" for k in range(200)], "nearly as many levels as rows"),
        ([f"text {k}" for k in range(199)] + [None], "nearly as many levels as rows"),
        ([f"town {k % 100}" for k in range(200)], None),
        ([str(date(2020, 1, 1) + timedelta(k % 40)) for k in range(200)], "dates written as text: .*to_datetime"),
        ([f"2012-{1 + k % 12:02}" for k in range(200)], None),  # twelve months may be categories
        ([f"{1 + k % 28}.{1 + k % 12}.2012" for k in range(200)], "dates written as text"),
        ([f"{1 + k % 28}/{1 + k % 12}/12 10:30" for k in range(200)], "dates written as text"),
        ([str(7 * k % 1500 / 8) if k % 5 else "unknown" for k in range(200)], "numbers written as text: .*to_numeric"),
        ([f"{k % 40 / 8}" for k in range(200)], "numbers written as text"),
        ([str(53 * k % 100) for k in range(200)], None),  # codes, not quantities
        ([str(k % 12) for k in range(200)], None),
    ],
)
def test_columns_that_had_better_be_something_else_are_named(column, advice):
    X, y = noisy_frame(200)
    model, X = TabularMLPRegressor(**FAST, random_state=0), X.assign(other=column)
    if advice is None:
        model.fit(X, y)  # without a warning
        return
    with pytest.warns(UserWarning, match=rf"^Column 'other' has {advice}") as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def with_one_width(model):
    """The same regressor, as of a file of version 0.2."""
    del model._spread
    errors = np.abs(model.oof_target_ - model.oof_prediction_)
    model._residuals = [[Residuals.of(errors, None, of_fold.rows) for of_fold in model._residuals[0]]]
    return model


@pytest.mark.parametrize("preset", ["fast", "default"])
@pytest.mark.parametrize("classes", [False, True], ids=["intervals", "sets"])
def test_coverage_by_the_levels_of_a_column(classes, preset):
    X, y = noisy_frame(6000)
    if classes:
        rng = np.random.default_rng(1)
        right = rng.random(6000) < np.where(X["town"] == "Bonn", 0.5, 0.95)  # three classes, so that sets are not large
        y = np.where(right, (3 * X["age"]).astype(int), rng.integers(0, 3, 6000))
    Estimator = TabularMLPClassifier if classes else TabularMLPRegressor
    options = FAST | {"preset": preset, "n_folds": {"fast": 6, "default": 3}[preset]}  # with members for three folds
    model = Estimator(**options, random_state=0).fit(X[:2400], y[:2400])
    assert len(model.oof_rows_) == {"fast": 1200, "default": 2400}[preset]
    if not classes:
        model = with_one_width(model)  # so that towns differ
    X, y = X[2400:], y[2400:]
    coverages = {}
    for by in (None, "town"):
        if classes:
            covered = model.predict_set(X, 0.8, by=by)[np.arange(len(y)), y.astype(int)]
        else:
            low, high = model.predict_interval(X, 0.8, by=by)
            covered = (low <= y) & (y <= high)
        coverages[by] = {town: covered[X["town"] == town].mean() for town in ("Bonn", "Cork")}
    assert coverages[None]["Bonn"] < 0.72 < 0.8 < coverages[None]["Cork"]
    assert all(-0.06 < coverage - 0.8 < 0.08 for coverage in coverages["town"].values()), coverages


def test_residuals_count_as_often_as_their_rows():
    weight = np.random.default_rng(0).integers(1, 4, len(X_DIAB)).astype(float)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB, Y_DIAB, weight)
    assert hasattr(model, "_spread")
    assert sum(of_fold.total for of_fold in model._residuals[0]) == weight.sum()


def test_rows_of_a_level_have_the_residuals_of_that_level_and_others_those_of_all():
    X, y = noisy_frame(300)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y)
    mixed = pd.DataFrame({"town": ["Bonn", "Cork", "never", None, "Bonn"], "age": 0.5})
    by_town = np.column_stack(model.predict_interval(mixed, by="town"))
    np.testing.assert_array_equal(by_town[2:4], np.column_stack(model.predict_interval(mixed))[2:4])
    np.testing.assert_allclose(by_town[0], by_town[4], rtol=1e-5)
    for row in range(4):  # one by one as together
        np.testing.assert_allclose(
            np.column_stack(model.predict_interval(mixed[row : row + 1], by="town")), by_town[[row]], rtol=1e-5
        )
    few = pd.concat([X, pd.DataFrame({"town": ["Dax"] * 5, "age": 0.5})])
    rare = TabularMLPRegressor(**FAST, random_state=0).fit(few, np.append(y, np.zeros(5)))
    low, high = rare.predict_interval(few[-1:], by="town")
    assert (low[0], high[0]) == (-np.inf, np.inf)
    for by in ("age", "nothing", 0, ["town"]):
        with pytest.raises(ValueError, match=r"by=.* is no column of categories: choose among \['town'\]"):
            model.predict_interval(mixed, by=by)


def test_columns_of_an_array_are_named_by_their_position():
    X, y = noisy_frame(200)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X.to_numpy(dtype=object), y)
    low, _ = model.predict_interval(X[:4].to_numpy(dtype=object), by=0)
    expected, _ = TabularMLPRegressor(**FAST, random_state=0).fit(X, y).predict_interval(X[:4], by="town")
    np.testing.assert_allclose(low, expected)


def test_an_interrupt_while_residuals_are_learned_keeps_the_fit(monkeypatch):
    def interrupted(self, residuals, n_jobs):
        raise KeyboardInterrupt

    monkeypatch.setattr(folds.Folds, "learn_spread", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user. All intervals have one width."):
        model = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB, Y_DIAB)
    low, high = model.predict_interval(X_DIAB)
    assert (low < high).all()


def test_sets_of_labels_cover_as_often_as_asked():
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(np.random.default_rng(0).random(len(y)) < 0.2, 1 - y, y)
    model = TabularMLPClassifier(**FAST, random_state=0).fit(X[::2], y[::2])
    belongs = model.predict_set(X[1::2], coverage=0.9)
    assert belongs.shape == (len(X[1::2]), 2)
    assert abs(belongs[np.arange(len(belongs)), y[1::2]].mean() - 0.9) < 0.06


def test_sets_of_labels_are_those_of_probabilities_at_the_temperature():
    model = TabularMLPClassifier(**FAST, random_state=0, dtype="float64").fit(X_IRIS, Y_IRIS)
    model._fitted.temperature = 2.5
    members = model.predict_members(X_IRIS)
    calibrated = label_set(sharpen(members, 2.5), model._residuals[0], 0.9)
    np.testing.assert_array_equal(model.predict_set(X_IRIS, coverage=0.9), calibrated)
    assert (calibrated != label_set(members, model._residuals[0], 0.9)).any()


def test_a_fold_outside_of_which_no_row_has_a_weight_is_named():
    model = TabularMLPClassifier(**FAST, random_state=0, class_weight={0: 0, 1: 1})
    with pytest.raises(ValueError, match="All rows that have a weight, by class_weight, are in one fold"):
        model.fit(X_DIAB[:40], [1] * 5 + [0] * 35, groups=np.arange(40) // 5)


def test_one_group_has_no_folds_and_says_so():
    with pytest.warns(UserWarning, match="All rows are of one group, so that there are no folds") as caught:
        model = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB[:30], Y_DIAB[:30], groups=["a"] * 30)
    assert caught[0].filename == __file__  # the line of the user
    assert not hasattr(model, "oof_score_")
    with pytest.raises(AttributeError, match=r"This fit has no oof_score_: it needs folds"):
        model.oof_score_  # noqa: B018
    with pytest.raises(AttributeError, match="is not fitted yet"):
        TabularMLPRegressor().oof_rows_  # noqa: B018
    assert np.isfinite(model.predict(X_DIAB)).all()


def test_a_group_that_is_a_column_does_no_harm():
    # Rows of later years, of the same shops: the means of shops, which training rows do not have, must not be read.
    rng = np.random.default_rng(0)
    shop, size = np.arange(40).repeat(10), rng.normal(size=400)
    X = pd.DataFrame({"size": size, "shop": [f"s{s}" for s in shop]})
    y = size + rng.normal(size=40)[shop] + 0.1 * rng.normal(size=400)
    train = np.arange(400) % 10 < 8
    options = FAST | {"random_state": 0}
    model = TabularMLPRegressor(**options).fit(X[train], y[train], groups=shop[train])
    without = TabularMLPRegressor(**options).fit(X[["size"]][train], y[train], groups=shop[train])
    assert model.score(X[~train], y[~train]) >= without.score(X[["size"]][~train], y[~train])


@pytest.mark.parametrize("n_classes", [0, 2])
def test_all_levels_of_a_category_count_also_beyond_the_number_of_indicators(n_classes):
    rng = np.random.default_rng(0)
    town = rng.integers(0, 300, 5000)
    score = rng.normal(size=300)[town] + 0.3 * rng.normal(size=5000)
    X, y = pd.DataFrame({"town": town.astype(str)}), (score > 0).astype(int) if n_classes else score
    Estimator = TabularMLPClassifier if n_classes else TabularMLPRegressor
    model = Estimator(**FAST, max_categories=8, random_state=0).fit(X[:3000], y[:3000])
    assert model.score(X[3000:], y[3000:]) > 0.8
    assert abs(model.oof_score_ - model.score(X[3000:], y[3000:])) < 0.05


@pytest.mark.parametrize("n_classes", [0, 2])
def test_pure_noise_in_a_category_has_no_score_and_intervals_hold(n_classes):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"town": rng.integers(0, 64, 2512).astype(str)})
    y = rng.integers(0, n_classes, 2512) if n_classes else rng.normal(size=2512)
    Estimator = TabularMLPClassifier if n_classes else TabularMLPRegressor
    model = Estimator(**FAST, random_state=0).fit(X[:512], y[:512])
    assert abs(model.oof_score_ - model.score(X[512:], y[512:])) < 0.06
    if n_classes:
        p = model.predict_proba(X[512:])[np.arange(2000), y[512:]]
        assert -np.log(p).mean() < np.log(2) + 0.01
    else:
        low, high = model.predict_interval(X[512:])
        assert ((low <= y[512:]) & (y[512:] <= high)).mean() > 0.87


@pytest.mark.parametrize(("at", "n_kept"), [((1, 0), 1), ((2, 0), 2), ((0, 1), 3), ((1, 1), 3)])
def test_an_interrupt_keeps_what_settings_have_reached(at, n_kept, monkeypatch):
    train_members, calls = folds.Folds.train_members, []

    def interrupted(self, c, cycle, some, before):
        if at in ((c, cycle), (0, 0)):
            raise KeyboardInterrupt
        calls.append((c, cycle))
        return train_members(self, c, cycle, some, before)

    monkeypatch.setattr(folds.Folds, "train_members", interrupted)
    options = FAST | {"settings": [{"hidden_layer_sizes": (n,)} for n in (4, 5, 6)]}
    with pytest.warns(UserWarning, match=rf"Training interrupted by user. The fit keeps what {n_kept} setting"):
        model = TabularMLPRegressor(**options, random_state=0).fit(X_DIAB, Y_DIAB)
    assert calls == [(c, cycle) for cycle in range(2) for c in range(3) if (cycle, c) < at[::-1]]
    assert len(model.settings_) == len(model.mixture_weights_) == n_kept
    assert np.isfinite(model.predict(X_DIAB)).all()
    at = (0, 0)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X_DIAB, Y_DIAB)
    assert vars(model) == before


@pytest.mark.parametrize("form", ["numpy", "numba"])
def test_a_verbose_fit_says_how_to_compile_it(form, monkeypatch, capsys):
    if form == "numba":
        pytest.importorskip("numba", reason="the loop forms need Numba")
    monkeypatch.setenv("MLP_ESTIMATOR_KERNELS", form)
    TabularMLPRegressor(**FAST | {"max_iter": 1}, verbose=True).fit(X_DIAB[:30], Y_DIAB[:30])
    assert ("pip install numba" in capsys.readouterr().out) == (form == "numpy")


def test_groups_stay_in_one_fold():
    # Rows of a group are copies: only folds by groups give an honest score.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)).repeat(5, axis=0), rng.normal(size=60).repeat(5)
    groups = np.arange(60).repeat(5)
    options = FAST | {"max_iter": 60}
    assert TabularMLPRegressor(**options, random_state=0).fit(X, y).oof_score_ > 0.5
    assert TabularMLPRegressor(**options, random_state=0).fit(X, y, groups=groups).oof_score_ < 0.2


def test_a_validation_set_replaces_the_folds():
    model = TabularMLPRegressor(**FAST, random_state=0)
    model.fit(X_DIAB[:300], Y_DIAB[:300], X_val=X_DIAB[300:], y_val=Y_DIAB[300:])
    assert not hasattr(model, "oof_prediction_")
    assert model.score(X_DIAB[300:], Y_DIAB[300:]) > 0.3
    frame = pd.DataFrame(X_DIAB).add_prefix("f")
    by_name = clone(model).fit(frame[:300], Y_DIAB[:300], X_val=frame[300:][frame.columns[::-1]], y_val=Y_DIAB[300:])
    np.testing.assert_array_equal(by_name.predict(frame), model.predict(X_DIAB))
    with pytest.raises(ValueError, match="needs both X_val and y_val"):
        model.fit(X_DIAB, Y_DIAB, X_val=X_DIAB)


@pytest.mark.parametrize("validated", [True, False], ids=["validation set", "folds"])
def test_a_refit_trains_the_settings_as_long_on_all_rows(validated, monkeypatch):
    frame = pd.DataFrame(X_DIAB).add_prefix("f").assign(y=Y_DIAB)
    validation = {"X_val": frame[300:]} if validated else {}
    options = FAST | {"settings": [{"hidden_layer_sizes": (8,)}, {"hidden_layer_sizes": (4,)}], "max_iter": 40}
    model = TabularMLPRegressor(**options, random_state=0)
    gains = iter([True, False, *[True] * 9])  # the second setting ends after its first cycle
    monkeypatch.setattr(folds.Trained, "gains", lambda self, *least: next(gains))
    model.fit(frame[:300], "y", **validation)
    monkeypatch.undo()
    lengths, before = list(model._lengths), pickle.loads(pickle.dumps(model))
    seen, train_members = [], folds.Folds.train_members
    monkeypatch.setattr(
        folds.Folds,
        "train_members",
        lambda self, c, cycle, *rest: (
            seen.append((c, self.data.rows.n_rows)),
            train_members(self, c, cycle, *rest),
        )[1],
    )
    assert model.refit(frame, "y") is model
    monkeypatch.undo()
    last_epochs = [round(length * 40) for length in lengths]  # of cycles that end after 3, 8, 19 and 40
    n_cycles = [1 + sum(last > end for end in (3, 8, 19)) for last in last_epochs]
    assert [seen.count((c, 442)) for c in range(2)] == n_cycles
    assert len(seen) == sum(n_cycles)
    assert model.n_iter_ == round(max(lengths) * 40)
    np.testing.assert_allclose(model._lengths, lengths, atol=0.02)
    assert len(model._fitted.groups) == 2
    np.testing.assert_array_equal(model.mixture_weights_, before.mixture_weights_)
    assert model.settings_ == before.settings_
    assert model._fitted.temperature == before._fitted.temperature
    assert not {"oof_score_", "_residuals", "_spread", "_codes"} & vars(model).keys()
    with pytest.raises(ValueError, match="Intervals and sets need predictions of rows that members have not seen"):
        model.predict_interval(frame)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(frame), model.predict(frame))
    again = model.predict(frame)
    np.testing.assert_array_equal(model.refit(frame, "y").predict(frame), again)


def test_a_refit_ends_where_the_fit_was_best():
    # Trained to the end of its cycles, without rows that are held out, it had a log-loss of .9 to 1.1.
    X, y = np.random.default_rng(0).normal(size=(2300, 5)), np.random.default_rng(1).integers(0, 2, 2300)
    for validation in ({}, {"X_val": X[200:300], "y_val": y[200:300]}):
        model = TabularMLPClassifier(random_state=0, settings=[{}], n_folds=4).fit(X[:200], y[:200], **validation)
        before = log_loss(y[300:], model.predict_proba(X[300:]))
        assert log_loss(y[300:], model.refit(X[:300], y[:300]).predict_proba(X[300:])) < max(before, 0.693) + 0.02


def test_a_refit_passes_over_columns_that_were_targets_weights_or_groups():
    frame = pd.DataFrame(X_DIAB[:120]).add_prefix("f").assign(y=np.where(Y_DIAB[:120] > 140, "ill", "well"))
    frame = frame.assign(town=np.arange(120) % 12, area=1.0 + np.arange(120) % 2)
    model = TabularMLPClassifier(**FAST, random_state=0).fit(frame, "y", "area", groups="town")
    before = model.column_names_, model.mixture_weights_
    assert model.refit(frame, "y").column_names_ == before[0] == [f"f{k}" for k in range(10)]
    np.testing.assert_array_equal(model.mixture_weights_, before[1])
    assert model.predict_proba(frame).shape == (120, 2)
    with pytest.warns(UserWarning, match="nearly as many levels as rows") as caught:
        model.refit(frame.assign(f1=[f"row {k}" for k in range(120)]), "y", groups="town")
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="batch_size"):
        model.set_params(batch_size="many").refit(frame, "y")


@pytest.mark.parametrize("y", [Y_DIAB, "y"])
def test_an_unfitted_estimator_has_no_score(y):
    with pytest.raises(NotFittedError):
        TabularMLPRegressor().score(pd.DataFrame(X_DIAB).assign(y=Y_DIAB), y)


def test_a_refit_that_fails_leaves_the_estimator_as_it_was():
    model = TabularMLPRegressor(**FAST, random_state=0)
    with pytest.raises(NotFittedError):
        model.refit(X_DIAB, Y_DIAB)
    before = dict(vars(model.fit(X_DIAB[:90], Y_DIAB[:90])))
    with pytest.raises(ValueError, match="NaN"):
        model.refit(X_DIAB, np.where(Y_DIAB > 300, np.nan, Y_DIAB))
    assert vars(model) == before
    del model._lengths
    with pytest.raises(ValueError, match=r"saved by version 0\.2, without the length of its training: fit it again"):
        model.refit(X_DIAB, Y_DIAB)


def test_a_fit_leaves_nothing_of_an_earlier_one():
    X, y = X_DIAB[:90], Y_DIAB[:90]
    fresh = TabularMLPRegressor(**FAST, random_state=0).fit(X, y, X_val=X, y_val=y)
    model = clone(fresh).fit(pd.DataFrame(X).add_prefix("f"), y).fit(X, y, X_val=X, y_val=y)
    assert vars(model).keys() == vars(fresh).keys()
    np.testing.assert_array_equal(model.predict_interval(X), fresh.predict_interval(X))


def test_rows_without_weight_do_not_count():
    weight = np.ones(150)
    weight[Y_IRIS == 2] = 0.0
    model = TabularMLPClassifier(**FAST, random_state=0).fit(X_IRIS, Y_IRIS, weight)
    assert set(model.predict(X_IRIS)) <= {0, 1}
    heavy = TabularMLPClassifier(**FAST, class_weight={0: 1.0, 1: 1.0, 2: 50.0}, random_state=0).fit(X_IRIS, Y_IRIS)
    plain = TabularMLPClassifier(**FAST, random_state=0).fit(X_IRIS, Y_IRIS)
    assert (heavy.predict(X_IRIS) == 2).sum() > (plain.predict(X_IRIS) == 2).sum()


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "gaussian_nll", "poisson", "gamma"])
def test_losses_of_the_regressor(loss):
    model = TabularMLPRegressor(**FAST, loss=loss, random_state=0).fit(X_DIAB, Y_DIAB)
    assert model.score(X_DIAB, Y_DIAB) > 0.3
    if loss == "gaussian_nll":
        mean, std = model.predict(X_DIAB, return_std=True)
        assert 0.5 < (np.abs(Y_DIAB - mean) < std).mean() < 0.9


def test_several_quantiles_and_several_targets():
    model = TabularMLPRegressor(**FAST, loss="quantile", quantile=[0.1, 0.9], random_state=0).fit(X_DIAB, Y_DIAB)
    prediction = model.predict(X_DIAB)
    assert prediction.shape == (442, 2)
    assert (prediction[:, 0] <= prediction[:, 1]).all()
    with pytest.raises(ValueError, match="Intervals are for a loss that predicts one value"):
        model.predict_interval(X_DIAB)
    assert 0.6 < ((prediction[:, 0] <= Y_DIAB) & (prediction[:, 1] >= Y_DIAB)).mean() < 0.95
    both = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB, np.column_stack([Y_DIAB, -1e6 * Y_DIAB]))
    assert both.predict(X_DIAB).shape == (442, 2)
    assert both.score(X_DIAB, np.column_stack([Y_DIAB, -1e6 * Y_DIAB])) > 0.3


def test_same_seed_same_bits_also_over_processes_and_through_pickles():
    X, y = mixed_frame()
    options = {**FAST, "settings": [{"hidden_layer_sizes": (8,)}, {"hidden_layer_sizes": (4, 4)}], "random_state": 3}
    model = TabularMLPRegressor(**options).fit(X, y)
    expected = model.predict(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), expected)
    np.testing.assert_array_equal(clone(model).set_params(n_jobs=2).fit(X, y).predict(X), expected)
    noisy = TabularMLPRegressor(settings=[{"hidden_layer_sizes": (8,), "dropout": 0.3}], max_iter=4, random_state=0)
    members = [clone(noisy).set_params(n_jobs=n).fit(X, y).predict_members(X) for n in (1, 2)]
    np.testing.assert_array_equal(*members)  # each has masks of its own
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    with joblib.parallel_config("threading", n_jobs=2):
        np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), expected)


def test_a_fit_uses_one_core_and_n_jobs_more():
    # Two threads add up large products in another order.
    X, y = np.tile(X_DIAB, (6, 1)), np.tile(Y_DIAB, 6)
    options = {"settings": [{"hidden_layer_sizes": (128, 128)}], "n_folds": 2, "max_iter": 1, "batch_size": 1024}
    seen = set()

    def score(model, X, y):
        seen.update(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return model.score(X, y)

    with threadpool_limits(2, "blas"):
        TabularMLPRegressor(**options, scoring=score).fit(X, y)
        models = [TabularMLPRegressor(**options, random_state=0, n_jobs=n).fit(X, y) for n in (None, 2)]
    assert seen == {1}
    np.testing.assert_array_equal(*(model.predict(X) for model in models))


def test_searches_and_cross_validation():
    model = TabularMLPClassifier(**FAST, random_state=0)
    grid = {"dropout": [0.0, 0.1]}
    ours = MLPGridSearchCV(model, grid, cv=2).fit(X_IRIS, Y_IRIS)
    theirs = GridSearchCV(model, grid, cv=2).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert cross_val_score(model, X_IRIS, Y_IRIS, cv=3).mean() > 0.9


def test_a_validation_set_with_the_target_among_its_columns():
    frame = pd.DataFrame(X_DIAB[:120]).add_prefix("f").assign(y=Y_DIAB[:120])
    model = TabularMLPRegressor(**FAST, random_state=0).fit(frame[:80], "y", X_val=frame[80:])
    other = clone(model).fit(
        frame[:80].drop(columns="y"), Y_DIAB[:80], X_val=frame[80:].drop(columns="y"), y_val=Y_DIAB[80:120]
    )
    np.testing.assert_array_equal(model.predict(frame), other.predict(frame.drop(columns="y")))
    assert model.score(frame, "y") == other.score(frame, "y")  # whose fit knew no column of the name


def test_the_time_is_bounded():
    X = np.random.default_rng(0).normal(size=(4000, 20))
    model = TabularMLPRegressor(max_time=0.2, random_state=0).fit(X, X[:, 0])
    assert model.n_iter_ <= 10
    assert np.isfinite(model.predict(X)).all()


def test_reading_takes_its_part_of_the_time_and_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(base, "SECONDS_BETWEEN_LINES", 0.0)
    limits, train = [], folds.Folds.train

    def source():
        for start in (0, 40):
            time.sleep(0.05)
            yield pd.DataFrame(X_DIAB[start : start + 40]).add_prefix("f")

    def recorded(plan, *arguments):
        limits.append(plan.settings.max_time)
        return train(plan, *arguments)

    monkeypatch.setattr(folds.Folds, "train", recorded)
    model = TabularMLPRegressor(**FAST, random_state=0, max_time=10.0, verbose=1).fit(source, Y_DIAB[:80])
    assert 0.0 < limits[0] < 5.0 * (1.0 - 0.02)  # one setting, and the spread; two passes of 0.1 s
    printed = capsys.readouterr().out
    assert "40 of 80 rows read in this pass\n80 of 80 rows read in this pass\n" in printed
    model.set_params(max_time=1e-3, verbose=0).fit(source, Y_DIAB[:80])
    assert model.n_iter_ <= 2


def test_degenerate_targets():
    for y in (np.zeros(20), np.full(20, 5e9)):
        model = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB[:20], y)
        np.testing.assert_allclose(model.predict(X_DIAB), y[0])
    for X in (X_IRIS[:21], pd.DataFrame({"town": list("abc") * 7})):  # a category whose means would have no target
        one = TabularMLPClassifier(**FAST, random_state=0).fit(X, np.full(21, "a"))
        assert set(one.predict(X)) == {"a"}
        assert one.oof_score_ == 1.0
    single = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB[:1], Y_DIAB[:1])
    np.testing.assert_allclose(single.predict(X_DIAB[:1]), Y_DIAB[:1])


def hostile_table(rng):
    """A random table that nobody would wish for, and a target."""
    n = int(rng.choice([1, 2, 3, 10, 60]))
    makers = [
        lambda: rng.normal(size=n),
        lambda: np.full(n, np.nan),
        lambda: np.full(n, 3.0),
        lambda: np.where(rng.random(n) < 0.5, np.nan, rng.normal(size=n) * 1e30),
        lambda: np.where(rng.random(n) < 0.1, np.inf, 1.0),
        lambda: rng.integers(0, 10_000, n).astype(str),
        lambda: np.array([rng.choice([1, "one", None, 2.5, True]) for _ in range(n)], dtype=object),
        lambda: np.full(n, None, dtype=object),
        lambda: rng.random(n) < 0.5,
        lambda: np.full(n, ""),
        lambda: rng.integers(-(2**62), 2**62, n),
        lambda: np.full(n, np.datetime64("2024-01-01")),
    ]
    frame = pd.DataFrame({f"c{k}": rng.choice(makers)() for k in range(int(rng.integers(0, 5)))})
    targets = [
        rng.normal(size=n),
        np.zeros(n),
        rng.normal(size=n) * 1e12,
        np.full(n, np.nan),
        rng.choice(["a", "b"], n),
    ]
    return frame, targets[int(rng.integers(len(targets)))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Column '.*' has nearly as many levels as rows")
def test_hostile_tables_give_a_result_or_one_sentence():
    rng = np.random.default_rng(0)
    settings = {"settings": [{"hidden_layer_sizes": (4,)}], "n_folds": 2, "max_iter": 2, "batch_size": 1000}
    model, n_results = None, 0
    for _ in range(200):
        X, y = hostile_table(rng)
        Estimator = TabularMLPClassifier if y.dtype.kind in "UO" else TabularMLPRegressor
        if not isinstance(model, Estimator):
            model = Estimator(**settings, random_state=0)
        before, error = dict(vars(model)), None
        try:
            model.fit(X, y)
        except (ValueError, TypeError) as raised:
            error = raised
        if error is None:
            n_results += 1
            assert len(model.predict(X)) == len(X)
        else:
            assert 10 < len(str(error)) < 600, error
            assert vars(model).keys() == before.keys()
            assert all(vars(model)[name] is value for name, value in before.items())
    assert n_results > 60


CONFIGURATIONS = [
    TabularMLPClassifier(**FAST),
    TabularMLPRegressor(**FAST),
    pytest.param(TabularMLPRegressor(**FAST, loss="huber"), marks=pytest.mark.slow),
    pytest.param(TabularMLPClassifier(**FAST, class_weight="balanced"), marks=pytest.mark.slow),
    pytest.param(TabularMLPClassifier(**FAST, max_memory=0), marks=pytest.mark.slow),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", CONFIGURATIONS, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'loss', '')}")
def test_check_estimator(estimator, monkeypatch):
    # Random folds see rows: a weight of 2 is not two rows to them.
    expected = {"check_sample_weight_equivalence_on_dense_data"}
    outcomes = {
        check.func.__name__: run_check(candidate, check, monkeypatch)
        for candidate, check in estimator_checks_generator(estimator, legacy=True)
    }
    failed = {name: outcome for name, outcome in outcomes.items() if outcome not in ("passed", "skipped")}
    assert set(failed) == expected, failed


def test_numbers_of_the_estimator_replace_those_of_the_portfolio():
    portfolio = TabularMLPRegressor(hidden_layer_sizes=(8,), dropout=0.0, max_iter=3)._configs(PRESETS["default"])
    assert [(config.dropout, config.max_iter) for config in portfolio] == [(0.0, 3)] * 3
    assert [config.weight_decay for config in portfolio] == [0.05, 0.5, 0.02]  # 'auto' is that of the portfolio
    own = TabularMLPRegressor(dropout=0.3, settings=[{}, {"dropout": 0.1}])._configs(PRESETS["default"])
    assert [config.dropout for config in own] == [0.3, 0.1]


def test_the_portfolio_depends_on_the_kind_of_targets():
    X, y = mixed_frame(60)
    models = TabularMLPRegressor(max_iter=1).fit(X, y), TabularMLPClassifier(max_iter=1).fit(X, y > np.median(y))
    assert [len(model.settings_[2].hidden_layer_sizes) for model in models] == [3, 2]


def test_label_indicators():
    X, y = mixed_frame(400)
    labels = np.column_stack([y > np.median(y), X["town"] == "Bonn", X["member"]]).astype(int)
    model = TabularMLPClassifier(**FAST, random_state=0).fit(X, labels)
    probability, decided = model.predict_proba(X), model.predict(X)
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(decided, (probability > 0.5).astype(int))
    assert (decided == labels).mean(axis=0).min() > 0.85
    assert model.oof_score_ == pytest.approx(((model.oof_prediction_ > 0.5) == labels).all(axis=1).mean())
    sparse_model = clone(model).fit(X, sparse.csr_array(labels))
    np.testing.assert_array_equal(sparse_model.predict(X).toarray(), decided)
    weighted = clone(model).set_params(class_weight=[{1: 5.0}, {}, {}]).fit(X, labels)
    assert weighted.predict_proba(X)[:, 0].mean() > probability[:, 0].mean() + 0.02
    validated = clone(model).fit(X[:300], labels[:300], X_val=X[300:], y_val=labels[300:])
    assert validated.score(X[300:], labels[300:]) > 0.6
    with pytest.raises(ValueError, match="Sets are for labels that exclude each other"):
        model.predict_set(X)
    with pytest.raises(ValueError, match=r"y_val.* is binary, but training so far was on a multilabel"):
        model.fit(X, labels, X_val=X, y_val=labels[:, 0])


@pytest.mark.parametrize(("y", "n_means"), [(0, 2), (1, 4), (2, 6)], ids=["numbers", "classes", "indicators"])
def test_means_of_the_target_by_category_are_features(y, n_means):
    X, score = mixed_frame(120)
    Y = [score, np.digitize(score, np.quantile(score, [0.3, 0.7])), (score[:, None] > [0, 2, 4]).astype(int)][y]
    Estimator = TabularMLPClassifier if y else TabularMLPRegressor
    model = Estimator(**FAST, random_state=0).fit(X[["age", "town", "size", "member"]], Y)
    layer = model._fitted.features.layout.bottom()[0]
    assert len(layer.columns) * layer.n_numbers == n_means  # of town and size; two levels have none


# Sources that are read in chunks, and columns that are targets, weights or groups.


def chunked_sources(frame, folder):
    """The same rows from files, lazy frames and functions."""
    folder.mkdir()
    for k, start in enumerate(range(0, len(frame), 70)):
        frame[start : start + 70].to_parquet(folder / f"part{k}.parquet")
    yield from (folder, str(folder / "*.parquet"), pyarrow.dataset.dataset(folder), pl.scan_parquet(folder / "*"))
    yield lambda: (frame[start : start + 50] for start in range(0, len(frame), 50))


@pytest.mark.parametrize("Estimator", [TabularMLPClassifier, TabularMLPRegressor])
def test_a_table_in_chunks_gives_the_bits_of_the_table_in_memory(Estimator, tmp_path):
    X, y = mixed_frame()
    X["member"] = X["member"].astype(float)
    if Estimator is TabularMLPClassifier:
        y = np.where(y > np.median(y), "high", "low")
    weight, groups = np.arange(len(X)) % 3, np.arange(len(X)) // 7
    frame = X.assign(target=y, weight=weight, shop=groups)
    model = Estimator(**FAST, random_state=0).fit(X, y, sample_weight=weight, groups=groups)
    expected, score = model.predict(X), model.score(X, y, sample_weight=weight)
    for source in (frame, *chunked_sources(frame, tmp_path / "files")):
        other = clone(model).fit(source, "target", sample_weight="weight", groups="shop")
        np.testing.assert_array_equal(other.predict(X), expected)
        np.testing.assert_array_equal(other.predict(source), expected)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(other)).predict(frame), expected)
        np.testing.assert_array_equal(other.oof_rows_, model.oof_rows_)
        assert other.score(source, "target", sample_weight="weight") == score
        assert list(other.feature_names_in_) == list(X.columns)


def test_a_validation_set_in_files(tmp_path):
    X, y = mixed_frame()
    frame = X.assign(target=y)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(X, y, X_val=X[:90], y_val=y[:90])
    frame[:90].to_parquet(tmp_path / "some.parquet")
    other = clone(model).fit(frame, "target", X_val=tmp_path, y_val="target")
    assert other.validation_scores_ == model.validation_scores_


@pytest.mark.parametrize("fault", ["a file that vanishes", "another type in the last file", "other rows later"])
def test_a_fit_that_fails_in_a_later_chunk_changes_nothing(fault, tmp_path):
    X, y = mixed_frame()
    frame = X[["age", "fare"]].assign(target=y)
    model = TabularMLPRegressor(**FAST, random_state=0).fit(frame, "target")
    before = pickle.dumps(model)
    folder, *_ = chunked_sources(frame, tmp_path / "files")
    passes = itertools.count()

    def parts():
        end = len(frame) - 10 * (next(passes) > 1)
        yield from (frame[:100], frame[100:end])

    if fault == "a file that vanishes":
        folder = pyarrow.dataset.dataset(folder)
        (tmp_path / "files" / "part2.parquet").unlink()
    elif fault == "another type in the last file":
        frame.assign(fare="high").to_parquet(folder / "part3.parquet")
    with pytest.raises(ValueError, match=r"part2|part3|same rows in the same order each time"):
        model.fit(parts if fault == "other rows later" else folder, "target")
    assert pickle.dumps(model) == before


# A table that memory cannot hold.


@pytest.mark.parametrize("Estimator", [TabularMLPClassifier, TabularMLPRegressor])
def test_a_table_in_a_file_is_fitted_as_well_as_in_memory(Estimator, tmp_path, monkeypatch):
    for module in (batches, folds):
        monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    X, y = mixed_frame(600)
    if Estimator is TabularMLPClassifier:
        y = np.where(y > np.median(y), "high", "low")
    weight = np.where(np.arange(600) % 7, 1.5, 0.0)
    train, new = slice(None, 400), slice(400, None)
    model = Estimator(**FAST | {"max_iter": 32}, random_state=0).fit(X[train], y[train], weight[train])
    in_file = clone(model).set_params(max_memory=0, cache_dir=tmp_path).fit(X[train], y[train], weight[train])
    assert not list(tmp_path.iterdir())
    assert in_file.score(X[new], y[new]) == pytest.approx(model.score(X[new], y[new]), abs=0.05)
    assert in_file.oof_score_ == pytest.approx(model.oof_score_, abs=0.05)
    np.testing.assert_array_equal(np.sort(in_file.oof_rows_), model.oof_rows_)
    targets = in_file.oof_target_
    known = in_file.classes_[targets] if Estimator is TabularMLPClassifier else targets
    expected = y[in_file.oof_rows_]
    assert (known == expected).all() if y.dtype.kind == "U" else np.allclose(known, expected)
    again = clone(in_file).fit(X[train], y[train], weight[train])
    np.testing.assert_array_equal(again.predict(X[new]), in_file.predict(X[new]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).predict(X[new]), in_file.predict(X[new]))


def test_processes_share_the_file(tmp_path):
    X, y = mixed_frame(400)
    settings = [{"hidden_layer_sizes": (4,)}, {"hidden_layer_sizes": (8,)}]
    options = {"settings": settings, "n_folds": 3, "max_iter": 4, "random_state": 0}
    one, two = (
        TabularMLPRegressor(**options, max_memory=0, cache_dir=tmp_path, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    assert not list(tmp_path.iterdir())


def test_a_fit_that_fails_leaves_no_file(tmp_path):
    X, y = mixed_frame()
    model = TabularMLPRegressor(**FAST, random_state=0, max_memory=0, cache_dir=tmp_path).fit(X, y)
    before = model.predict(X)

    def fails(*arguments):
        assert len(list(tmp_path.iterdir())) == 1
        raise RuntimeError("a scorer that fails")

    with pytest.raises(RuntimeError, match="a scorer that fails"):
        model.set_params(scoring=fails).fit(X, y)
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(model.predict(X), before)
