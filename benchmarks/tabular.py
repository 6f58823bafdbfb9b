"""The tabular estimators beside trees and networks, with the defaults of all.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/tabular.py [--tables a,b] [--seeds 1] [--rows 5000]
        [--presets]

One split of each table (80/20, stratified for classes), at most ``--rows`` training rows. The peers are scikit-learn's
HistGradientBoosting and its MLP behind imputation, scaling and one-hot encoding, and LightGBM, CatBoost and RealMLP-TD
(pytabkit) where they are installed (extra ``bench``). Prints error and log-loss, or RMSE / std(y), of each, and at the
end the mean ranks and the seconds of CPU. ``--presets`` compares the presets of ours instead. The tables are those
bundled with scikit-learn, three simulated functions,
and those of the folder ``MLP_TABLES``.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_friedman1,
    make_friedman2,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor


def arm(n=5000, joints=8, seed=0):
    """The distance of the end of a planar arm from a target, as a function of the angles of its joints."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-np.pi / 2, np.pi / 2, (n, joints)).cumsum(axis=1)
    end = np.column_stack([np.cos(angles).sum(axis=1), np.sin(angles).sum(axis=1)])
    X = np.diff(angles, axis=1, prepend=0.0)
    return X, np.linalg.norm(end - [2.0, 1.0], axis=1)


BUNDLED = {
    "breast_cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": lambda: load_digits(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "diabetes": lambda: load_diabetes(return_X_y=True, scaled=False),
    "friedman1": lambda: make_friedman1(5000, noise=0.1, random_state=0),
    "friedman2": lambda: make_friedman2(5000, noise=1.0, random_state=0),
    "arm": arm,
}


def tables():
    """By name a function that returns a frame and the targets."""
    found = {name: lambda load=load: _frame(*load(), {}) for name, load in BUNDLED.items()}
    folder = Path(os.environ.get("MLP_TABLES", ""))
    if (folder / "load.py").is_file():
        spec = importlib.util.spec_from_file_location("tables_loader", folder / "load.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for path in sorted(folder.glob("*.npz")) + sorted(folder.glob("*.csv.gz")):
            name = path.name.split(".")[0]
            if name not in ("mnist", "fars"):
                found[name] = lambda name=name: _frame(*module.load(name)[:2], module.load(name)[3])
    return found


def _frame(X, y, meta):
    frame = X if hasattr(X, "iloc") else pd.DataFrame(X).add_prefix("f")
    categories = set(meta.get("categorical") or [])
    for column in frame.columns:
        if column in categories or frame[column].dtype.kind not in "iufb":
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None).map(str, na_action="ignore")
            frame[column] = frame[column].astype("category")
    return frame, y


def sklearn_network(regression):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", max_categories=64), make_column_selector(dtype_include="category")),
        remainder=numbers,
    )
    return make_pipeline(encode, (MLPRegressor if regression else MLPClassifier)(random_state=0))


def presets(regression, seed):
    Estimator = TabularMLPRegressor if regression else TabularMLPClassifier
    return {preset: Estimator(preset=preset, random_state=seed) for preset in ("fast", "default", "best")}


def peers(regression, seed):
    made = {
        "ours": presets(regression, seed)["default"],
        "HistGB": (HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier)(random_state=seed),
        "sklearn MLP": sklearn_network(regression),
    }
    if importlib.util.find_spec("lightgbm"):
        import lightgbm

        made["LightGBM"] = (lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier)(
            random_state=seed, n_jobs=1, verbose=-1
        )
    if importlib.util.find_spec("catboost"):
        import catboost

        made["CatBoost"] = (catboost.CatBoostRegressor if regression else catboost.CatBoostClassifier)(
            random_seed=seed, thread_count=1, verbose=False
        )
    if importlib.util.find_spec("pytabkit"):
        import pytabkit

        made["RealMLP-TD"] = (pytabkit.RealMLP_TD_Regressor if regression else pytabkit.RealMLP_TD_Classifier)(
            random_state=seed, device="cpu", n_threads=1
        )
    return made


def evaluate(estimator, X, X_test, y, y_test, regression):
    """Return error (or RMSE / std), log-loss (or the same) and seconds of CPU."""
    began = time.process_time()
    estimator.fit(X, y)
    seconds = time.process_time() - began
    if regression:
        rmse = float(np.sqrt(np.mean((np.ravel(estimator.predict(X_test)) - y_test) ** 2)) / np.std(y))
        return rmse, rmse, seconds
    probability = np.asarray(estimator.predict_proba(X_test), dtype=float)
    probability /= probability.sum(axis=1, keepdims=True)
    error = float(np.mean(np.asarray(estimator.classes_)[probability.argmax(axis=1)] != y_test))
    return error, float(log_loss(y_test, probability, labels=estimator.classes_)), seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--presets", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found, ranks, seconds = tables(), {"error or RMSE": [], "log-loss or RMSE": []}, {}
    for name in options.tables.split(",") if options.tables else found:
        X, y = found[name]()
        regression = np.asarray(y).dtype.kind == "f"
        for seed in range(options.seeds):
            stratify = None if regression else y
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=0.2, stratify=stratify, random_state=seed
            )
            X_train, y_train = X_train[: options.rows], y_train[: options.rows]
            results = {}
            for peer, estimator in (presets if options.presets else peers)(regression, seed).items():
                results[peer] = evaluate(estimator, X_train, X_test, y_train, y_test, regression)
                seconds[peer] = seconds.get(peer, 0.0) + results[peer][2]
            for k, title in enumerate(ranks):
                ranks[title].append(np.argsort(np.argsort([result[k] for result in results.values()])) + 1)
            shown = ("{}: {:.4f} {:.4f} ({:.1f} s)".format(peer, *result) for peer, result in results.items())
            print(f"{name:<24}", ", ".join(shown), flush=True)
    for title, of_tables in ranks.items():
        means = dict(zip(results, np.mean(of_tables, axis=0).round(2).tolist(), strict=True))
        print(f"mean rank by {title}: {means}")
    print("seconds of CPU:", {peer: round(value) for peer, value in seconds.items()})


if __name__ == "__main__":
    main()
