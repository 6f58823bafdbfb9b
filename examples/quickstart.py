"""
Quickstart: a raw table, and one changed import
===============================================

Fit a raw table without a parameter. Then run four tasks with scikit-learn's MLP and with
this package's, on bundled real tables. Needs pandas. Draws a figure if matplotlib is
installed.
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


def raw_table():
    """Fit a frame with text and missing values, and print what the fit says of itself."""
    frame, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    frame["sex"] = frame["sex"].map({1.0: "one", 2.0: "two"})
    frame.loc[::10, "bmi"] = None
    start = time.perf_counter()
    model = mlp_estimator.TabularMLPRegressor(preset="fast", random_state=0)
    model.fit(frame, y)
    low, high = model.predict_interval(frame[:1], coverage=0.9)
    best = frame.columns[model.feature_importances_.argsort()[::-1][:3]]
    print("TabularMLPRegressor on the raw diabetes table:")
    print(f"  R2 of rows that the networks have not seen: {model.oof_score_:.2f}")
    print(f"  interval of 90 % of the first patient: {low[0]:.0f} to {high[0]:.0f}")
    print(f"  the most important columns: {', '.join(best)}")
    print(f"  seconds of the fit: {time.perf_counter() - start:.1f}")


def grid_search(module):
    """Digits: grid search over layer sizes, accuracy."""
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
    """Breast cancer: cross-validation, accuracy."""
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(
        StandardScaler(), module.MLPClassifier((20,), max_iter=200, random_state=0)
    )
    return cross_val_score(model, X, y, cv=5).mean()


def scaled_target(module):
    """Diabetes: cross-validation of a small network, R2."""
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
    """Diabetes with a column of text: cross-validation, R2."""
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
    raw_table()
    warnings.simplefilter("ignore", ConvergenceWarning)  # 30 epochs are few on purpose
    joblib.Parallel(n_jobs=2)(
        joblib.delayed(abs)(i) for i in range(2)
    )  # start the workers before the timing
    rows = []
    for task in (grid_search, cross_validation, scaled_target, data_frame):
        (theirs, slow), (ours, fast) = (
            timed(task, module) for module in (sklearn.neural_network, mlp_estimator)
        )
        name, what = task.__doc__.rstrip(".").split(": ")
        what, score = what.rsplit(", ", 1)
        rows.append(
            (
                name,
                what,
                score,
                theirs,
                ours,
                f"{slow:.1f}",
                f"{fast:.1f}",
                f"{slow / fast:.1f}",
            )
        )
    columns = [
        "table",
        "task",
        "score",
        "scikit-learn",
        "mlp_estimator",
        "seconds",
        "ours",
        "times as fast",
    ]
    table = pd.DataFrame(rows, columns=columns)
    print(
        "\nThe same scripts with scikit-learn's MLP and with ours: scores, and seconds"
    )
    print(table.to_string(index=False, float_format="{:.4f}".format, justify="left"))
    draw(table)


def draw(table):
    """Plot the times of scikit-learn relative to ours."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        return
    _, ax = plt.subplots(figsize=(7.5, 2.6), layout="constrained")
    ax.barh(table["table"] + ": " + table["task"], table["times as fast"].astype(float))
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xlabel="times as fast as scikit-learn's MLP, with the same scores")
    plt.show()


if __name__ == "__main__":
    main()
