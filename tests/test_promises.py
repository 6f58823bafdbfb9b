"""What the tabular estimators promise on real tables: coverage, honest scores, memory."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor

# Few small networks, for speed. Their mean is clearly better than each of them: what is out of fold is by one of them,
# so that intervals are wider and scores lower than they would have to be.
QUICK = {"settings": [{"hidden_layer_sizes": (64, 64)}], "n_folds": 4, "max_iter": 16}


def read(tables, name, seed):
    """Return at most 2,000 training rows and the test rows of a table, and whether its targets are numbers."""
    X, y, _, meta = tables.load(name)
    frame = X if hasattr(X, "iloc") else pd.DataFrame(X).add_prefix("f")
    X_train, X_test, y_train, y_test = train_test_split(frame, y, test_size=0.2, random_state=seed)
    return X_train[:2000], X_test, y_train[:2000], y_test, meta["task"] == "regression"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["california_housing", "cpu_act", "elevators", "wine_red"])
def test_intervals_cover_new_rows_of_real_tables(tables, name):
    covered = []
    for seed in range(5):
        X, X_test, y, y_test, _ = read(tables, name, seed)
        low, high = TabularMLPRegressor(**QUICK, random_state=seed).fit(X, y).predict_interval(X_test, coverage=0.9)
        covered.append(np.mean((low <= y_test) & (y_test <= high)))
    assert 0.88 <= np.mean(covered) <= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["abalone", "california_housing", "cpu_act", "elevators", "phoneme", "satimage", "spambase", "telco_churn"],
)
def test_the_out_of_fold_score_is_not_optimistic(tables, name):
    X, X_test, y, y_test, regression = read(tables, name, 0)
    model = (TabularMLPRegressor if regression else TabularMLPClassifier)(**QUICK, random_state=0).fit(X, y)
    prediction = model.predict(X_test)
    if regression:
        spread = ((y_test - y_test.mean()) ** 2).mean()
        terms = 1.0 - (y_test - prediction) ** 2 / spread
        oof_terms = 1.0 - (y - model.oof_prediction_) ** 2 / ((y - y.mean()) ** 2).mean()
    else:
        terms = (y_test == prediction).astype(float)
        oof_terms = (y == model.classes_[model.oof_prediction_.argmax(axis=1)]).astype(float)
        assert model.oof_score_ == accuracy_score(y, model.classes_[model.oof_prediction_.argmax(axis=1)])
    error = np.sqrt(terms.var() / len(terms) + oof_terms.var() / len(oof_terms))
    assert -2 * error <= terms.mean() - model.oof_score_ <= 2 * error + 0.02


MEMORY = """
import resource, sys
import numpy as np
from mlp_estimator import TabularMLPRegressor
rng = np.random.default_rng(0)
X = rng.standard_normal((50_000, 100), dtype=np.float32)
y = X[:, 0] + rng.standard_normal(50_000, dtype=np.float32)
model = TabularMLPRegressor(settings=[{"hidden_layer_sizes": (32,)}], n_folds=3, max_iter=1, random_state=0)
model.fit(X[:100], y[:100])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.fit(X, y)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - 3 * X.nbytes / 2**20)
"""


@pytest.mark.slow
def test_memory_of_a_fit_is_three_tables_and_300_megabytes():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, env=environment, check=True)
    assert float(run.stdout) < 300.0
