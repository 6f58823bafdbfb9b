"""Whole numbers that behave as codes: they are named, and smooth functions, noise and counts with a spike are not."""

import numpy as np
import pandas as pd
import pytest

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.fitting.features.codes import are_codes, may_be_codes

RNG = np.random.default_rng(0)
SHOPS = RNG.integers(0, 100, 1500)
EFFECTS = {
    "codes": RNG.normal(size=100),
    "a smooth function": np.sin(np.arange(100) / 15),
    "a line": np.arange(100) / 50,
    "nothing": np.zeros(100),
}
FAST = {"settings": [{"hidden_layer_sizes": (4,)}], "n_folds": 2, "max_iter": 1, "random_state": 0}


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("case", EFFECTS)
def test_numbers_whose_neighbours_are_unlike_are_codes(case, n_targets):
    Y = EFFECTS[case][SHOPS][:, None] + RNG.normal(size=(1500, n_targets))
    assert are_codes(SHOPS.astype(np.float32), Y) == (case == "codes")


def test_noise_and_weak_effects_are_none():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for effect in (0.0, 0.1):
            y = effect * EFFECTS["codes"][SHOPS] + rng.normal(size=1500)
            assert not are_codes(SHOPS.astype(np.float32), y[:, None])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (SHOPS, True),
        (SHOPS + 0.5, False),
        (np.arange(1500), False),
        (SHOPS[:300], False),
        (SHOPS % 30, False),  # each one has an edge
        (np.where(np.arange(1500) % 4, SHOPS, 0), False),
    ],
    ids=["whole numbers", "fractions", "no number twice", "few rows", "few numbers", "a spike"],
)
def test_columns_that_are_looked_at(values, expected):
    assert may_be_codes(np.sort(values).astype(float), 33) == expected


@pytest.mark.parametrize("Estimator", [TabularMLPRegressor, TabularMLPClassifier])
def test_a_fit_names_them(Estimator):
    X = pd.DataFrame({"shop": SHOPS, "size": RNG.normal(size=1500), "none": np.nan})
    y = EFFECTS["codes"][SHOPS] + RNG.normal(size=1500)
    y = y > 0 if Estimator is TabularMLPClassifier else y
    with pytest.warns(UserWarning, match=r"Whole numbers of the column\(s\) 'shop' behave as codes") as caught:
        Estimator(**FAST).fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    Estimator(**FAST, categorical_features=["shop"]).fit(X, y)  # warnings are errors


@pytest.mark.parametrize("name", ["adult", "boston", "cpu_act", "fars", "pendigits", "shuttle", "spambase"])
def test_no_column_of_real_tables_is_taken_for_codes(name, tables):
    X, y, _, meta = tables.load(name)
    rows = np.random.default_rng(0).permutation(len(y))[:3000]
    X = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    Estimator = TabularMLPRegressor if meta["task"] == "regression" else TabularMLPClassifier
    Estimator(**FAST, categorical_features=meta.get("categorical")).fit(X, y[rows])  # warnings are errors
