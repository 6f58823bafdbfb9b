"""The tabular estimators beside trees and networks, with the defaults of all.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/tabular.py [--tables a,b] [--seeds 1] [--rows 5000]
        [--presets] [--folder FOLDER --target NAME] [--picture FILE]

Random splits of each table (80/20, stratified for classes), at most ``--rows`` training rows. The peers are
scikit-learn's HistGradientBoosting and its MLP behind imputation, scaling and one-hot encoding, and LightGBM, CatBoost
and RealMLP-TD (pytabkit) where they are installed (extra ``bench``). Prints error and log-loss, or RMSE / std(y), of
each split, and at the end the means with their standard errors over the splits, the mean ranks over the tables, the
difference of ranks from which on two methods differ (Nemenyi's test at 0.05; Demsar, "Statistical comparisons of
classifiers over multiple data sets", JMLR 7, 2006), and the seconds of CPU. ``--picture`` draws the ranks.
``--presets`` compares the presets of ours instead.

The tables are those bundled with scikit-learn, three simulated functions, and those of the folder ``MLP_TABLES``.
``--folder`` takes all Parquet and CSV files of a folder of yours in their place, with the column ``--target`` to
predict.
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
from scipy.stats import rankdata, studentized_range
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
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

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


def read_table(path, target):
    """Return the features and the targets of a file of Parquet or CSV; rows without a target are left out."""
    path = str(path)
    frame = pd.read_parquet(path) if path.endswith((".parquet", ".pq")) else pd.read_csv(path)
    if target not in frame:
        raise SystemExit(f"{path} has no column {target!r}: it has {list(frame)}.")
    frame = frame[frame[target].notna()].reset_index(drop=True)
    return frame.drop(columns=target), frame[target]


def is_regression(y):
    """Tell whether targets are numbers: floats that are not whole, or more than 20 integers."""
    y = np.asarray(y)
    return y.dtype.kind in "iuf" and (len(np.unique(y)) > 20 or bool((y != np.round(y)).any()))


def tables_of(folder, target):
    """By name of the file a function that returns a frame and the targets."""
    paths = [path for end in ("parquet", "pq", "csv", "csv.gz") for path in sorted(Path(folder).glob(f"*.{end}"))]
    if not paths:
        raise SystemExit(f"{folder} has no files that end in .parquet, .pq, .csv or .csv.gz.")
    return {path.name.split(".")[0]: lambda path=path: _own(*read_table(path, target)) for path in paths}


def _own(X, y):
    return _frame(X, y.to_numpy(dtype=float if is_regression(y) else None), {})


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


def text_categories(X):
    """Return the frame with categories as text, as CatBoost reads them: a missing one is a level."""
    categories = X.select_dtypes("category")
    return X.assign(**{name: column.astype(object).fillna("missing") for name, column in categories.items()})


def peers(regression, seed, X):
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

        of_kind = catboost.CatBoostRegressor if regression else catboost.CatBoostClassifier
        categories = list(X.select_dtypes("category"))
        trees = of_kind(
            random_seed=seed, thread_count=1, verbose=False, cat_features=categories, allow_writing_files=False
        )
        made["CatBoost"] = make_pipeline(FunctionTransformer(text_categories), trees)
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


def critical_difference(n_methods, n_tables):
    """Return the difference of mean ranks from which on two methods differ."""
    q = studentized_range.ppf(0.95, n_methods, np.inf) / np.sqrt(2.0)
    return q * np.sqrt(n_methods * (n_methods + 1) / (6.0 * n_tables))


def draw(ranks, difference, path):
    """Draw the mean ranks, and bars over methods that do not differ."""
    import matplotlib.pyplot as plt

    names = sorted(ranks, key=ranks.get)
    figure, ax = plt.subplots(figsize=(7.5, 0.5 + 0.35 * len(names)), layout="constrained")
    for k, name in enumerate(names):
        ax.plot([1, ranks[name]], [k, k], color="0.85", linewidth=1, zorder=0)
        ax.plot(ranks[name], k, "o", color="#c4523b" if name == "ours" else "#3b6fb0")
        alike = [ranks[other] for other in names if 0 <= ranks[other] - ranks[name] < difference]
        ax.plot([ranks[name], max(alike)], [k, k], color="0.3", linewidth=3, alpha=0.5)
    ax.set_yticks(range(len(names)), names)
    ax.margins(y=0.15)
    ax.invert_yaxis()
    ax.set(xlabel=f"mean rank; bars reach methods that do not differ (by {difference:.2f} ranks)")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--presets", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--target")
    parser.add_argument("--picture")
    options = parser.parse_args()
    if (options.folder is None) != (options.target is None):
        parser.error("--folder and --target go together")
    warnings.simplefilter("ignore")
    found = tables_of(options.folder, options.target) if options.folder else tables()
    titles, results, seconds = ("error or RMSE", "log-loss or RMSE"), {}, {}
    for name in options.tables.split(",") if options.tables else found:
        X, y = found[name]()
        regression = np.asarray(y).dtype.kind == "f"
        for seed in range(options.seeds):
            stratify = None if regression else y
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=0.2, stratify=stratify, random_state=seed
            )
            X_train, y_train = X_train[: options.rows], y_train[: options.rows]
            shown = []
            methods = presets(regression, seed) if options.presets else peers(regression, seed, X)
            for peer, estimator in methods.items():
                *losses, taken = evaluate(estimator, X_train, X_test, y_train, y_test, regression)
                results.setdefault(name, {}).setdefault(peer, []).append(losses)
                seconds[peer] = seconds.get(peer, 0.0) + taken
                shown.append(f"{peer}: {losses[0]:.4f} {losses[1]:.4f} ({taken:.1f} s)")
            print(f"{name:<24}", ", ".join(shown), flush=True)
    summarise(results, titles, options)
    print("seconds of CPU:", {peer: round(value) for peer, value in seconds.items()})


def summarise(results, titles, options):
    """Print means with standard errors, and ranks; ``results`` are by table, method, split and loss."""
    if options.seeds > 1:
        for name, of_table in results.items():
            shown = []
            for peer, losses in of_table.items():
                mean, error = np.mean(losses, axis=0), np.std(losses, axis=0, ddof=1) / np.sqrt(len(losses))
                shown.append(f"{peer}: " + " ".join(f"{m:.4f}+-{e:.4f}" for m, e in zip(mean, error, strict=True)))
            print(f"mean of {name:<16}", ", ".join(shown))
    methods = list(next(iter(results.values())))
    for k, title in enumerate(titles):
        of_tables = np.array(
            [[np.mean(of_table[peer], axis=0)[k] for peer in methods] for of_table in results.values()]
        )
        ranks = dict(zip(methods, rankdata(of_tables, axis=1).mean(axis=0).round(2).tolist(), strict=True))
        difference = critical_difference(len(methods), len(of_tables))
        print(f"mean rank by {title}: {ranks}; methods differ from {difference:.2f} on")
        if options.picture and k:
            draw(ranks, difference, options.picture)


if __name__ == "__main__":
    main()
