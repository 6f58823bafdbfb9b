"""Large simulated tables: CPU time, log-loss and memory of the default fit, beside boosted trees.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/large.py [--rows 10000,100000,1000000]
        [--models ours,hgb,lightgbm,catboost] [--files] [--params "{'preset': 'fast'}"]

A table has 20 numbers (four of them without meaning) and five categories of 4 to 10,000 levels; two classes depend on
them through smooth, stepped and multiplied terms and effects of levels. Each model has one thread and its defaults, and
is fitted in a process of its own, from a frame in memory or with ``--files`` (ours only) from Parquet files. Prints the
CPU seconds of the fit in this process, also per million rows, the seconds that it takes (with `n_jobs` among the
parameters, in several processes), the log-loss of 100,000 further rows beside that of the true
probabilities, and the peak of the memory of the process.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

N_NEW, CHUNK = 100_000, 50_000
LEVELS = {"c4": 4, "c30": 30, "c300": 300, "c2000": 2_000, "c10000": 10_000}
SPREADS = [0.3, 0.4, 0.5, 0.6, 0.7]  # of the effects of levels
SIZES = zip(SPREADS, LEVELS.values(), strict=True)
EFFECTS = [np.random.default_rng(k).normal(0, spread, n) for k, (spread, n) in enumerate(SIZES)]


def rows(number, n=CHUNK):
    """Return chunk ``number`` of the simulated rows, their classes and the probabilities of these."""
    rng = np.random.default_rng([2026, number])
    x = rng.normal(size=(n, 20))
    x[:, 8:12] = np.exp(x[:, 8:12] + 0.3 * x[:, :4])
    x[:, 12:16] = rng.poisson(4.0, (n, 4))
    # Few levels are frequent, many are rare.
    codes = [(n_levels * rng.beta(0.7, 1.8, n)).astype(int) for n_levels in LEVELS.values()]
    score = np.sin(1.5 * x[:, 0]) + 0.7 * x[:, 1] * x[:, 2] + 0.8 * (x[:, 3] > 0.5) - 0.4 * np.abs(x[:, 4])
    score += 0.3 * np.log(x[:, 8]) * x[:, 5] + 0.2 * (x[:, 12] - 4) + 0.5 * (codes[0] == 1) * x[:, 6]
    score += sum(effects[of_rows] for effects, of_rows in zip(EFFECTS, codes, strict=True))
    p = 1.0 / (1.0 + np.exp(-1.2 * score))
    frame = pd.DataFrame(x).add_prefix("x")
    for name, of_rows in zip(LEVELS, codes, strict=True):
        frame[name] = pd.Series(of_rows).astype(str)
    return frame, np.where(rng.random(n) < p, "yes", "no"), p


def ours(params):
    from mlp_estimator import TabularMLPClassifier

    return TabularMLPClassifier(random_state=0, **params)


def hgb(params):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

    few = [name for name, n in LEVELS.items() if n < 255]
    encoder = make_column_transformer(
        (OrdinalEncoder(), few), (TargetEncoder(random_state=0), list(LEVELS)), remainder="passthrough"
    )
    return make_pipeline(encoder, HistGradientBoostingClassifier(categorical_features=[0, 1], random_state=0))


def lightgbm(params):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=1, verbose=-1, random_state=0)


def catboost(params):
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        thread_count=1, verbose=False, random_seed=0, cat_features=list(LEVELS), allow_writing_files=False
    )


MODELS = {"ours": ours, "hgb": hgb, "lightgbm": lightgbm, "catboost": catboost}


def prepared(name, X):
    """Return the table as the model reads it; levels are those of the simulation."""
    if name != "lightgbm":
        return X
    codes = {column: pd.Categorical(X[column], categories=[str(k) for k in range(n)]) for column, n in LEVELS.items()}
    return X.assign(**codes)


def measure(name, n_rows, params, folder):
    """Fit one model; return CPU seconds, log-loss of new rows, and the peak of memory in MB."""
    warnings.simplefilter("ignore")
    model = MODELS[name](params)
    if name == "ours":  # what Numba compiles is on disk
        X, y, _ = rows(0, 200)
        ours({"max_iter": 2}).fit(X, y)
    if folder is None:
        parts = [rows(k, min(CHUNK, n_rows - k * CHUNK)) for k in range(-(-n_rows // CHUNK))]
        X, y = prepared(name, pd.concat([X for X, _, _ in parts])), np.concatenate([y for _, y, _ in parts])
        del parts
        data = (X, y)
    else:
        data = (folder, "label")
    before, start, began = peak(), time.process_time(), time.perf_counter()
    model.fit(*data)
    seconds, wall, memory = time.process_time() - start, time.perf_counter() - began, peak()
    X_new, y_new, p = rows(10**6, N_NEW)
    loss = log_loss(y_new, model.predict_proba(prepared(name, X_new)))
    return {
        "cpu": seconds,
        "wall": wall,
        "loss": loss,
        "best": log_loss(y_new, np.stack([1 - p, p], 1)),
        "before": before,
    } | {
        "peak": memory,
        "oof": getattr(model, "oof_score_", None),
    }


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(folder, n_rows):
    for k in range(-(-n_rows // CHUNK)):
        X, y, _ = rows(k, min(CHUNK, n_rows - k * CHUNK))
        X.assign(label=y).to_parquet(folder / f"part{k:05}.parquet", index=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--models", default="ours,hgb,lightgbm,catboost")
    parser.add_argument("--params", default="{}")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        name, n_rows, folder = json.loads(args.one)
        print(json.dumps(measure(name, n_rows, ast.literal_eval(args.params), folder)))
        return
    for n_rows in (int(float(n)) for n in args.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            if args.files:
                write(Path(folder), n_rows)
            for name in args.models.split(","):
                one = json.dumps([name, n_rows, folder if args.files else None])
                command = [sys.executable, __file__, "--one", one, "--params", args.params]
                result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(
                    f"{n_rows:>10,} {name:9} {result['cpu']:8.1f} s CPU ({result['cpu'] / n_rows * 1e6:6.1f} for a "
                    f"million rows), {result['wall']:.1f} s in all  log-loss {result['loss']:.4f} (best "
                    f"{result['best']:.4f})  peak {result['peak']:6.0f} MB, {result['before']:.0f} before  "
                    f"{result['oof'] or ''}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
