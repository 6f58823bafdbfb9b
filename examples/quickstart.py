"""
Quickstart: change one import
=============================

Run four tasks with scikit-learn's MLP and with this package's, on bundled real tables.
Needs pandas. Draws a figure if matplotlib is installed.
"""

from __future__ import annotations

import time
import warnings

import joblib
import pandas as pd
import sklearn.neural_network
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlp_estimator


def grid_search(module):
    """Digits: search for the hidden layer size of a pipeline with two workers."""
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(
        StandardScaler(), module.MLPClassifier(max_iter=30, random_state=0)
    )
    search = GridSearchCV(
        model,
        {"mlpclassifier__hidden_layer_sizes": [(25,), (50,), (100,)]},
        cv=3,
        n_jobs=2,
    )
    return search.fit(X, y).best_score_


def cross_validation(module):
    """Breast cancer: five-fold accuracy."""
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(
        StandardScaler(), module.MLPClassifier((20,), max_iter=200, random_state=0)
    )
    return cross_val_score(model, X, y, cv=5).mean()


def scaled_target(module):
    """Diabetes: five-fold R2 with X and y scaled, as networks need."""
    X, y = load_diabetes(return_X_y=True)
    network = module.MLPRegressor(
        hidden_layer_sizes=(20,),
        solver="lbfgs",
        alpha=10.0,
        max_iter=300,
        random_state=0,
    )
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    )
    return cross_val_score(model, X, y, cv=5).mean()


def data_frame(module):
    """Diabetes as a frame: five-fold R2 with a categorical column."""
    frame, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    frame["sex"] = frame["sex"].map({1.0: "one", 2.0: "two"})
    numbers = frame.columns.drop("sex").tolist()
    columns = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(), ["sex"])
    )
    network = module.MLPRegressor(
        hidden_layer_sizes=(20,), early_stopping=True, max_iter=500, random_state=0
    )
    model = TransformedTargetRegressor(
        make_pipeline(columns, network), transformer=StandardScaler()
    )
    return cross_val_score(model, frame, y, cv=5).mean()


def timed(task, module):
    start = time.perf_counter()
    return task(module), time.perf_counter() - start


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)  # 30 epochs are few on purpose
    joblib.Parallel(n_jobs=2)(
        joblib.delayed(abs)(i) for i in range(2)
    )  # start the workers before the timing
    rows = []
    for task in (grid_search, cross_validation, scaled_target, data_frame):
        (theirs, slow), (ours, fast) = (
            timed(task, module) for module in (sklearn.neural_network, mlp_estimator)
        )
        rows.append(
            (
                task.__doc__.split(":")[0],
                task.__name__,
                theirs,
                ours,
                f"{slow / fast:.1f}",
            )
        )
    table = pd.DataFrame(
        rows, columns=["table", "task", "scikit-learn", "mlp_estimator", "times faster"]
    )
    print(table.to_string(index=False, float_format="{:.4f}".format, justify="left"))
    draw(table)


def draw(table):
    """Plot the times of scikit-learn relative to ours."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        return
    _, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
    ax.barh(table["task"], table["times faster"].astype(float))
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xlabel="times as fast as scikit-learn's MLP, with the same scores")
    plt.show()


if __name__ == "__main__":
    main()
