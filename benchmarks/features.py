"""Effect of class weights, dropout, weight decay and quantiles on real tables.

    python benchmarks/features.py FOLDER

FOLDER holds the tables with a ``load.py`` whose ``load(name)`` returns X, y, splits and a dict of facts. Numbers are
scaled, categories one-hot encoded, missing values imputed. Each figure is the mean over five splits (published, or
80/20 with a seed).
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, balanced_accuracy_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlp_estimator import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")


def tables(folder):
    spec = importlib.util.spec_from_file_location("load", Path(folder) / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def five_splits(name):
        X, y, splits, meta = module.load(name)
        for i in range(5):
            if splits is not None and len(splits) >= 5:
                train, test = splits[i]
            else:
                strata = y if meta["task"] != "regression" else None
                train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=i, stratify=strata)
            rows = (lambda r: X.iloc[r]) if hasattr(X, "iloc") else (lambda r: X[r])
            yield rows(train), rows(test), y[train], y[test], meta.get("categorical") or []

    return five_splits


def prepared(estimator, X, categorical):
    if not hasattr(X, "columns"):
        return make_pipeline(StandardScaler(), estimator)
    numbers = [c for c in X.columns if c not in categorical]
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers), (encode, list(categorical)),
        sparse_threshold=0.0,
    )  # fmt: skip
    return make_pipeline(columns, estimator)


def balanced(splits):
    print("class_weight='balanced', (64,), 30 epochs: balanced accuracy and accuracy, without and with")
    for name in ("credit_default", "telco_churn", "adult"):
        scores = []
        for X, X_test, y, y_test, categorical in splits(name):
            for weight in (None, "balanced"):
                network = MLPClassifier((64,), class_weight=weight, max_iter=30, dtype="float32", random_state=0)
                predicted = prepared(network, X, categorical).fit(X, y).predict(X_test)
                scores += [balanced_accuracy_score(y_test, predicted), accuracy_score(y_test, predicted)]
        print(f"  {name:<16}" + "{:8.3f} {:6.3f}    {:8.3f} {:6.3f}".format(*np.reshape(scores, (-1, 4)).mean(0)))


def regularised(splits):
    print("error on test rows (RMSE, or 1 - accuracy), (100, 100), 300 epochs: plain, dropout=0.1, weight_decay=1")
    settings = ({}, {"dropout": 0.1}, {"weight_decay": 1.0})
    for name in ("boston", "concrete", "wine_red", "german_credit", "titanic"):
        errors = []
        for X, X_test, y, y_test, categorical in splits(name):
            for setting in settings:
                options = {"max_iter": 300, "tol": 0.0, "n_iter_no_change": 300, "batch_size": 32, "random_state": 0}
                options |= {"hidden_layer_sizes": (100, 100), "dtype": "float32"} | setting
                if y.dtype.kind == "f":
                    model = prepared(MLPRegressor(**options), X, categorical)
                    model = TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, y)
                    errors.append(root_mean_squared_error(y_test, model.predict(X_test)))
                else:
                    model = prepared(MLPClassifier(**options), X, categorical).fit(X, y)
                    errors.append(1 - accuracy_score(y_test, model.predict(X_test)))
        print(f"  {name:<16}" + "{:8.3f} {:8.3f} {:8.3f}".format(*np.reshape(errors, (-1, 3)).mean(0)))


def quantiles(splits):
    print("quantile=[0.05, 0.95], (64, 64), early stopping by the loss: share of test rows inside")
    shares = []
    for X, X_test, y, y_test, _ in splits("california_housing"):
        network = MLPRegressor(
            (64, 64), loss="quantile", quantile=[0.05, 0.95], early_stopping=True, scoring="loss", max_iter=100,
            n_iter_no_change=10, dtype="float32", random_state=0,
        )  # fmt: skip
        low, high = make_pipeline(StandardScaler(), network).fit(X, y).predict(X_test).T
        shares.append(np.mean((low <= y_test) & (y_test <= high)))
    print("  california_housing " + " ".join(f"{share:.3f}" for share in shares))


if __name__ == "__main__":
    five_splits = tables(sys.argv[1])
    for measure in (balanced, regularised, quantiles):
        measure(five_splits)
