"""`explain` beside SHAP's permutation explainer: the ranking of columns, and the time for the same rows.

Run ``python benchmarks/explanations.py`` (needs SHAP). Four tables of scikit-learn, with the default fit; both explain
the same rows against the same background. Times are of one thread, one after the other. Then `explain` alone, on many
rows.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_classification, make_friedman1
from threadpoolctl import threadpool_limits

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor

N_ROWS, N_BACKGROUND = 12, 48


def friedman():
    """Ten uniform columns, five of which make the target."""
    return make_friedman1(600, noise=1.0, random_state=0)


TABLES = {
    "breast_cancer": (TabularMLPClassifier, lambda: load_breast_cancer(return_X_y=True)),
    "wine": (TabularMLPClassifier, lambda: load_wine(return_X_y=True)),
    "diabetes": (TabularMLPRegressor, lambda: load_diabetes(return_X_y=True)),
    "friedman": (TabularMLPRegressor, friedman),
}


def importance(values):
    """The mean size of the contributions by column."""
    return np.abs(values).mean(axis=(0, 2) if values.ndim == 3 else 0)


def beside_shap(name):
    """Print the agreement and the ratio of times on a table."""
    import shap

    cls, load = TABLES[name]
    X, y = load()
    X = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    model = cls(random_state=0).fit(X, y)
    rng = np.random.default_rng(0)
    rows, background = (X.iloc[rng.permutation(len(X))[:n]] for n in (N_ROWS, N_BACKGROUND))
    model.explain(rows[:2], background=background)  # what is made once
    begun = time.perf_counter()
    ours = model.explain(rows, background=background)
    middle = time.perf_counter()
    predict = getattr(model, "predict_proba", model.predict)
    explainer = shap.explainers.Permutation(
        lambda values: predict(pd.DataFrame(values, columns=X.columns)),
        shap.maskers.Independent(background, max_samples=N_BACKGROUND),
        seed=0,
    )
    theirs = explainer(rows, silent=True)
    end = time.perf_counter()
    a, b = importance(ours.values), importance(theirs.values)
    first = {*np.argsort(-a)[:3].tolist()} == {*np.argsort(-b)[:3].tolist()}
    largest = "the same three largest" if first else "other three largest"
    of_values = np.corrcoef(ours.values.ravel(), theirs.values.ravel())[0, 1]
    print(
        f"{name:14} correlation of ranks {spearmanr(a, b)[0]:.3f}, of values {of_values:.3f}, {largest}, "
        f"time of SHAP / ours {(end - middle) / (middle - begun):.0f}"
    )


def many_rows():
    """Print the time for 10,000 rows of 30 columns, and that of the importances."""
    X, y = make_classification(10_000, 30, n_informative=10, random_state=0)
    model = TabularMLPClassifier(random_state=0).fit(X, y)
    begun = time.perf_counter()
    explanation = model.explain(X)
    middle = time.perf_counter()
    _ = model.feature_importances_
    missing = explanation.base_values + explanation.values.sum(axis=1) - model.predict_proba(X)
    print(
        f"10,000 x 30: explain {middle - begun:.1f} s, importances {time.perf_counter() - middle:.1f} s, "
        f"contributions add up to {np.abs(missing).max():.0e}"
    )


if __name__ == "__main__":
    with threadpool_limits(1):
        for table in TABLES:
            beside_shap(table)
        many_rows()
