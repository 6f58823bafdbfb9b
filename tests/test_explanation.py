"""What the package says of columns: contributions add up to predictions, importances are a rise of the error."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, r2_score

import mlp_estimator.fitting.contributions as contributions
from mlp_estimator import Explanation, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.fitting.importances import RowSample, systematic
from mlp_estimator.fitting.targets import Encoded

SMALL = {
    "settings": [
        {"hidden_layer_sizes": (12,), "n_left_out": 2},
        {"hidden_layer_sizes": (8, 6), "activation": "mish", "encoding": False, "dropout": 0.1},
        {"hidden_layer_sizes": ()},
    ],
    "n_folds": 4,
    "max_iter": 4,
    "random_state": 0,
}


def table(n=400, seed=0):
    """A frame with a column of each kind, one of noise and one that is constant, and a target that depends on some."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "town": rng.choice(["Aachen", "Bonn", "Cork", "Dax"], n),
            "noise": rng.normal(size=n),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "yes": rng.random(n) < 0.5,
            "constant": 1.0,
            "shop": rng.choice(["s", "t", "u", "v", "w"], n),
        }
    )
    y = 2.0 * X["number"] + 3.0 * (X["town"] == "Bonn") + X["gap"].fillna(2.0) + 0.1 * rng.normal(size=n)
    return X, y.to_numpy()


X, Y = table()
TARGETS = {
    "numbers": (TabularMLPRegressor, {}, Y),
    "two targets": (TabularMLPRegressor, {"loss": "huber"}, np.column_stack([Y, 1e6 + 20.0 * Y])),
    "positive numbers": (TabularMLPRegressor, {"loss": "gamma"}, np.exp(Y / 4.0)),
    "quantiles": (TabularMLPRegressor, {"loss": "quantile", "quantile": [0.2, 0.8]}, Y),
    "variances": (TabularMLPRegressor, {"loss": "gaussian_nll"}, Y),
    "two classes": (TabularMLPClassifier, {}, np.where(Y > 1.0, "high", "low")),
    "three classes": (TabularMLPClassifier, {"dtype": "float64"}, np.digitize(Y, [0.0, 2.0])),
    "indicators": (TabularMLPClassifier, {}, np.column_stack([Y > 0, Y > 2, X["yes"]]).astype(int)),
}


def predictions(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


@pytest.mark.parametrize("case", TARGETS)
def test_contributions_add_up_and_their_integral_converges(case, monkeypatch):
    cls, parameters, y = TARGETS[case]
    model = cls(**SMALL, **parameters).fit(X, y)
    new = table(seed=1)[0][:40]
    new.loc[:2, "town"] = "unknown"
    new.loc[3:5, "town"] = None
    found = model.explain(new)
    expected = predictions(model, new)
    assert found.values.shape == (40, 8, *expected.shape[1:])
    assert found.base_values.shape == expected.shape
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.values[:, 6], 0.0)  # of a constant
    # Against one background row the integral on 300 points, of which nothing is left to share.
    unit = expected.std(axis=0)
    rows = X.iloc[[5] * 300]
    monkeypatch.setattr(contributions, "_completed", lambda values, change: values)
    exact = model.explain(new, background=rows)
    total = exact.base_values + exact.values.sum(axis=1)
    np.testing.assert_allclose(total / unit, expected / unit, atol=0.05)
    base = np.broadcast_to(predictions(model, rows[:1]), expected.shape)
    np.testing.assert_allclose(exact.base_values, base, rtol=1e-5)


def test_contributions_are_means_over_background_rows(monkeypatch):
    # Each line starts at its own row: with many points on each, against two rows as against each of them.
    monkeypatch.setattr(contributions, "_completed", lambda values, change: values)
    y = 3.0 * np.abs(X["number"]).to_numpy()
    settings = [{"hidden_layer_sizes": (12,)}]
    model = TabularMLPRegressor(**{**SMALL, "settings": settings, "max_iter": 24}).fit(X[["number"]], y)
    low, high = X["number"].argmin(), X["number"].argmax()
    both, *each = (
        model.explain(X[["number"]][:20], background=X[["number"]].iloc[rows])
        for rows in ([low, high] * 150, [low] * 300, [high] * 300)
    )
    np.testing.assert_allclose(both.values, (each[0].values + each[1].values) / 2, atol=0.05 * y.std())
    np.testing.assert_allclose(both.base_values, (each[0].base_values + each[1].base_values) / 2, rtol=1e-5)


def test_contributions_to_a_sum_are_its_terms():
    # Without hidden layers a prediction is a sum over columns, whose contributions are known without any integral.
    model = TabularMLPRegressor(**{**SMALL, "settings": [{"hidden_layer_sizes": ()}]}).fit(X, Y)
    unit = model._fitted.targets.unit
    unit.low[:], unit.high[:] = -np.inf, np.inf  # predictions are not cut off
    background = X[:50]
    found = model.explain(X[100:120], background=background)
    for k, name in enumerate(X):
        replaced = pd.concat([X[100:120]] * 50)
        replaced[name] = np.repeat(background[name].to_numpy(), 20)
        without = model.predict(replaced).reshape(50, 20).mean(axis=0)
        np.testing.assert_allclose(found.values[:, k], model.predict(X[100:120]) - without, atol=1e-5)


def test_columns_that_matter_and_those_that_do_not():
    model = TabularMLPRegressor(**SMALL).fit(X, Y)
    importance, error = model.feature_importances_, model.feature_importances_error_
    named = dict(zip(model.column_names_, importance, strict=True))
    assert min(named[name] for name in ("number", "town", "gap")) > 0.05
    assert max(abs(named[name]) for name in ("noise", "when", "yes", "shop")) < 0.05
    assert named["constant"] == 0.0 == error[6]
    sizes = np.abs(model.explain(X).values).mean(axis=0)
    assert set(np.argsort(-sizes)[:3]) == {0, 1, 4}
    assert (importance / np.maximum(error, 1e-12))[[0, 1, 4]].min() > 3.0


def test_noise_has_no_importance():
    # Had members seen the rows, their noise would have made the columns seem important.
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"a": rng.normal(size=300), "b": rng.integers(0, 60, 300).astype(str)})
    for model, y in (
        (TabularMLPRegressor(**SMALL), rng.normal(size=300)),
        (TabularMLPClassifier(**SMALL), rng.integers(0, 2, 300)),
    ):
        model.fit(noise, y)
        assert (np.abs(model.feature_importances_) <= 3.5 * model.feature_importances_error_ + 1e-3).all()


@pytest.mark.parametrize("case", ["numbers", "three classes", "indicators"])
def test_importances_are_rises_of_the_out_of_fold_error(case):
    cls, parameters, y = TARGETS[case]
    model = cls(**SMALL, **parameters).fit(X, y)
    folds, order = model._sample.folds, np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(model.oof_rows_, np.arange(len(X)))

    def error(X):
        prediction = model.predict_members(X)[folds, np.arange(len(X))]
        if case == "numbers":
            return 1.0 - r2_score(y, prediction)
        p = model._fitted.targets.calibrated(prediction, model.temperature_).astype(float)
        if case == "three classes":
            return log_loss(y, np.maximum(p, 1e-15))
        return -np.log(np.maximum(np.where(y == 1, p, 1.0 - p), 1e-15)).sum(axis=1).mean()

    rise = error(X.assign(town=X["town"].to_numpy()[order])) - error(X)
    assert model.feature_importances_[1] == pytest.approx(rise, rel=1e-4)


def test_weights_and_validation_sets():
    weight = np.where(np.arange(400) < 200, 0, 1)
    model = TabularMLPRegressor(**SMALL).fit(X, Y, sample_weight=weight)
    assert len(model._sample.coded) == 200
    validated = TabularMLPRegressor(**SMALL).fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    assert len(validated._sample.coded) == 100
    assert validated.feature_importances_[0] > 0.1
    with pytest.warns(UserWarning, match="All rows are of one group"):
        alone = TabularMLPRegressor(**SMALL).fit(X, Y, groups=np.zeros(400))
    assert not hasattr(alone, "feature_importances_")
    with pytest.raises(AttributeError, match="needs rows that some members have not seen"):
        _ = alone.feature_importances_
    assert len(alone.explain(X[:3])) == 3


def test_a_systematic_sample_has_rows_as_often_as_they_count():
    counts = np.repeat([1.0, 0.0, 3.0, 4.0], 100)
    assert np.bincount(systematic(counts, 80) // 100, minlength=4).tolist() == [10, 0, 30, 40]
    np.testing.assert_array_equal(systematic(np.ones(9), 400), np.arange(9))
    np.testing.assert_array_equal(systematic(np.array([1.0, 0.0, 2.0]), 400), [0, 2, 2])


def test_whole_weights_are_repeated_rows_in_importances():
    weight = np.tile([1, 2], 100)
    model = TabularMLPRegressor(**SMALL).fit(X[:200], Y[:200], weight)
    assert len(model._sample.coded) == weight.sum()
    data = {"X_val": X[200:], "y_val": Y[200:]}
    weighted = TabularMLPRegressor(**SMALL).fit(X[:200], Y[:200], sample_weight_val=np.tile([2, 0], 100), **data)
    twice = np.repeat(np.arange(200, 400, 2), 2)
    repeated = TabularMLPRegressor(**SMALL).fit(X[:200], Y[:200], X_val=X.iloc[twice], y_val=Y[twice])
    np.testing.assert_allclose(weighted.feature_importances_, repeated.feature_importances_, rtol=1e-5)


def test_importances_belong_to_a_fit_and_are_saved():
    model = TabularMLPRegressor(**SMALL).fit(X, Y)
    before = model.feature_importances_
    assert model.feature_importances_ is before  # computed once
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.feature_importances_, before)
    np.testing.assert_array_equal(loaded.explain(X[:3]).values, model.explain(X[:3]).values)
    model.fit(X, np.sin(5.0 * X["noise"]))
    assert model.feature_importances_ is not before


def test_fits_of_earlier_versions_say_what_they_lack():
    model = TabularMLPRegressor(**SMALL).fit(X, Y)
    del model._sample
    with pytest.raises(ValueError, match=r"saved by version 0\.2, without rows to explain it by: fit it again"):
        model.explain(X)
    assert not hasattr(model, "feature_importances_")
    assert model.explain(X[:3], background=X[:9]).values.shape == (3, 8)


def test_one_class_and_one_row_of_a_validation_set():
    model = TabularMLPClassifier(**SMALL).fit(X, ["a"] * len(X))
    assert not model.explain(X[:3]).values.any()
    np.testing.assert_array_equal(model.explain(X[:3]).base_values, 1.0)
    model = TabularMLPRegressor(**SMALL).fit(X, Y, X_val=X[:1], y_val=Y[:1])
    assert np.isnan(model.feature_importances_error_).all()
    with pytest.raises(ValueError, match="or with a validation set of at least two rows"):
        model.predict_interval(X, 0.5)


def test_columns_are_those_of_the_table():
    frame = X.assign(y=Y)
    model = TabularMLPRegressor(**SMALL).fit(frame, "y")
    found = model.explain(frame[:4])
    assert found.feature_names == list(X) == model.column_names_
    np.testing.assert_array_equal(found.data[:, 1], X["town"][:4])
    numbers = X[["number", "gap"]].to_numpy()
    assert TabularMLPRegressor(**SMALL).fit(numbers, Y).column_names_ == ["x0", "x1"]


def test_scores_of_classes():
    for case in ("two classes", "three classes", "indicators"):
        cls, parameters, y = TARGETS[case]
        model = cls(**SMALL, **parameters).fit(X, y)
        p, score = model.predict_proba(X).astype(float), model.decision_function(X)
        is_sure = (p < 1e-4) | (p > 1.0 - 1e-4)  # where float32 has few digits of 1 - p
        p[is_sure] = 0.5
        odds, log_p = np.log(p) - np.log1p(-p), model.predict_log_proba(X)
        score = np.column_stack([-score, score]) if case == "two classes" else score
        np.testing.assert_allclose(score[~is_sure], odds[~is_sure], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(log_p[~is_sure], np.log(p)[~is_sure], rtol=1e-5, atol=1e-6)
    one = TabularMLPClassifier(**SMALL).fit(X, np.zeros(400))
    assert one.decision_function(X).shape == (400,)
    assert np.isfinite(one.predict_log_proba(X)).all()
    easy = TabularMLPClassifier(**{**SMALL, "max_iter": 60}).fit(X[["number"]], X["number"] > 0)
    extreme = pd.DataFrame({"number": [-1e9, 1e9]})
    assert np.isfinite(easy.decision_function(extreme)).all()
    assert np.isfinite(easy.predict_log_proba(extreme)).all()


def test_shap_takes_it():
    shap = pytest.importorskip("shap")
    plt = pytest.importorskip("matplotlib.pyplot")
    cls, parameters, y = TARGETS["two classes"]
    model = cls(**SMALL, **parameters).fit(X[["number", "gap"]], y)
    explanation = model.explain(X[["number", "gap"]][:20]).to_shap()
    assert isinstance(explanation, shap.Explanation)
    assert explanation.output_names == ["high", "low"]
    for plot, what in (
        (shap.plots.waterfall, explanation[0, :, 1]),
        (shap.plots.bar, explanation[:, :, 1]),
        (shap.plots.beeswarm, explanation[:, :, 1]),
        (shap.plots.scatter, explanation[:, "number", 1]),
    ):
        plot(what, show=False)
        plt.close("all")


@pytest.mark.filterwarnings("ignore:invalid value encountered")  # SHAP compares NaN
def test_shap_gets_values_that_can_be_sorted():
    shap = pytest.importorskip("shap")
    later = pd.Timestamp("1970-01-03 09:00", tz="Asia/Tokyo")
    data = np.array([[1.0, "a", later], [pd.NA, None, None], [2, "b", pd.Timestamp("1970-01-02", tz="UTC")]])
    found = Explanation(np.zeros((3, 3)), np.zeros(3), data, ["x", "town", "when"]).to_shap().data
    assert [list(column) for column in found[[0, 2]].T] == [[1.0, 2.0], ["a", "b"], [2.0, 1.0]]
    assert np.isnan([found[1, 0], found[1, 2]]).all()
    assert found[1, 1] == "missing"
    shap.plots.scatter(Explanation(np.zeros((3, 1)), np.zeros(3), data[:, :1], ["x"]).to_shap()[:, "x"], show=False)


def test_without_shap(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ImportError, match="to_shap needs SHAP: pip install shap"):
        Explanation(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)), ["a"]).to_shap()


def test_rows_that_count_twice_and_rows_of_a_group_are_no_further_evidence():
    rises = np.random.default_rng(0).normal(size=(2, 40))
    once = sample_of(np.arange(40)).standard_errors(rises)
    np.testing.assert_allclose(once, rises.std(axis=1, ddof=1) / np.sqrt(40))
    np.testing.assert_allclose(
        sample_of(np.repeat(np.arange(40), 3)).standard_errors(np.repeat(rises, 3, axis=1)), once
    )
    weight, groups = np.full(100, 50), np.arange(100) % 10
    model = TabularMLPRegressor(**SMALL).fit(X[:100], Y[:100], weight, groups=groups)
    assert np.bincount(model._sample.units).tolist() == [400] * 10
    in_file = TabularMLPRegressor(**SMALL, max_memory=0).fit(X[:100], Y[:100], groups=groups)
    of_units = {(unit, fold) for unit, fold in zip(in_file._sample.units, in_file._sample.folds, strict=True)}
    assert len(of_units) == 10  # each group is in one fold
    assert model.feature_importances_error_.max() > 0.0


def test_a_row_takes_values_of_another_group_that_its_members_have_not_seen():
    folds, units = np.repeat([0, 1, 2], 20), np.arange(60) // 5
    order = sample_of(units, folds, grouped=True).permuted()
    np.testing.assert_array_equal(folds[order], folds)
    assert (units[order] != units).all()
    assert (units[sample_of(units, units, grouped=True).permuted()] != units).all()  # one group in each fold
    y = 2.0 * np.random.default_rng(0).normal(size=12)[np.arange(240) % 12]
    data = pd.DataFrame({"of_group": y, "own": np.random.default_rng(1).normal(size=240)})
    model = TabularMLPRegressor(**(SMALL | {"n_folds": 12})).fit(
        data, y + 0.3 * data["own"], groups=np.arange(240) % 12
    )
    assert model.feature_importances_[0] > 1.0
    assert (folds[sample_of(np.arange(60), folds).permuted()] != folds).any()


def sample_of(units, folds=None, *, grouped=False):
    n = len(units)
    return RowSample(np.zeros((n, 1)), Encoded(np.zeros((n, 1)), None, None), folds, units, grouped)
