"""What a tabular fit says of itself, beside what new rows show.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/honesty.py [--seeds 20] [--designs a,b] [--real]
        [--picture FILE]

For each design: the mean of `oof_score_` minus the score of new rows, the coverage of intervals or sets for 0.9, and of
classes the log-loss of new rows minus that of the frequencies in training. The difference of the scores has its
standard error over seeds. Ten designs are pure noise, four have a signal. ``--real`` adds the tables of
``tabular.py``, 80/20, at most 5000 training rows. ``--picture`` draws it, with the reliability of the probabilities.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from tabular import tables

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor

N_TRAINING, N_NEW = 400, 4000


def categories(rng, n, *n_levels):
    return pd.DataFrame({f"c{k}": rng.integers(0, levels, n).astype(str) for k, levels in enumerate(n_levels)})


def numbers(rng, n, n_columns):
    return pd.DataFrame(rng.normal(size=(n, n_columns))).add_prefix("x")


def both(rng, n):
    return pd.concat([categories(rng, n, 30, 10), numbers(rng, n, 4)], axis=1)


def classes(n_classes):
    return lambda rng, X: rng.integers(0, n_classes, len(X))


def noise(rng, X):
    return rng.normal(size=len(X))


def smooth(rng, X):
    return np.sin(2 * X["x0"]) + X["x1"] * X["x2"] + 0.5 * rng.normal(size=len(X))


def growing_noise(rng, X):
    return X["x0"] + np.exp(X["x1"]) * rng.normal(size=len(X))


def effects(rng, X):
    of_levels = rng.normal(size=30)
    return of_levels[X["c0"].astype(int)] + 0.5 * X["x0"] + rng.normal(size=len(X))


def three_classes(rng, X):
    score = np.column_stack([X["x0"], X["x1"] * X["x2"], rng.normal(size=30)[X["c0"].astype(int)]])
    return (1.5 * score + rng.gumbel(size=score.shape)).argmax(axis=1)


def of_groups(rng, n):
    return {"groups": rng.integers(0, 40, n)}


def of_weights(rng, n):
    return {"sample_weight": np.exp(rng.normal(size=n))}


# Columns, targets, and what else a fit gets.
DESIGNS = {
    "noise: category of 10 levels": (lambda rng, n: categories(rng, n, 10), noise),
    "noise: category of 64 levels": (lambda rng, n: categories(rng, n, 64), noise),
    "noise: a level for each row": (lambda rng, n: categories(rng, n, n), noise),
    "noise: ten categories": (lambda rng, n: categories(rng, n, *[10] * 10), noise),
    "noise: numbers": (lambda rng, n: numbers(rng, n, 8), noise),
    "noise: both": (both, noise),
    "noise: both with groups": (both, noise, of_groups),
    "noise: both with weights": (both, noise, of_weights),
    "noise: both for two classes": (both, classes(2)),
    "noise: both for three classes": (both, classes(3)),
    "smooth": (lambda rng, n: numbers(rng, n, 5), smooth),
    "growing noise": (lambda rng, n: numbers(rng, n, 3), growing_noise),
    "effects of levels": (both, effects),
    "three classes": (both, three_classes),
}


def outcome(X, y, X_new, y_new, seed, **options):
    """Return what a fit says and what new rows show."""
    regression = np.asarray(y).dtype.kind == "f"
    model = (TabularMLPRegressor if regression else TabularMLPClassifier)(random_state=seed).fit(X, y, **options)
    found = {"oof": model.oof_score_, "new": model.score(X_new, y_new)}
    if regression:
        low, high = model.predict_interval(X_new)
        return found | {"coverage": np.mean((low <= y_new) & (y_new <= high))}
    codes, rows = np.searchsorted(model.classes_, y_new), np.arange(len(y_new))
    p, frequencies = model.predict_proba(X_new), np.bincount(model.oof_target_) / len(y)
    loss = log_loss(codes, p.astype(float), labels=range(len(frequencies)))
    return found | {
        "coverage": model.predict_set(X_new)[rows, codes].mean(),
        "log-loss over that of frequencies": loss + np.log(frequencies[codes]).mean(),
        "certainty": p.max(axis=1),
        "right": p.argmax(axis=1) == codes,
    }


def simulated(name, n_seeds):
    """Return the outcomes of a design over seeds."""
    make_X, make_y, *others = DESIGNS[name]
    outcomes = []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        X = make_X(rng, N_TRAINING + N_NEW)
        y = np.asarray(make_y(rng, X))
        options = others[0](rng, N_TRAINING) if others else {}
        new = slice(N_TRAINING, None)
        outcomes.append(outcome(X[:N_TRAINING], y[:N_TRAINING], X[new], y[new], seed, **options))
    return outcomes


def real(load, n_seeds):
    """Return the outcomes of a table over splits."""
    X, y = load()
    outcomes = []
    for seed in range(n_seeds):
        stratify = None if np.asarray(y).dtype.kind == "f" else y
        X_train, X_new, y_train, y_new = train_test_split(X, y, test_size=0.2, random_state=seed, stratify=stratify)
        chosen = np.random.default_rng(seed).permutation(len(y_train))[:5000]
        outcomes.append(outcome(X_train.iloc[chosen], y_train[chosen], X_new, y_new, seed))
    return outcomes


def mean_and_error(values):
    """Return the mean and its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return np.mean(values), error


def draw(results, path):
    """Draw differences of scores, coverage and the reliability of probabilities."""
    import matplotlib.pyplot as plt

    fig, (scores, coverage, reliability) = plt.subplots(
        1, 3, figsize=(13, 0.28 * len(results) + 2), layout="constrained"
    )
    names = list(results)[::-1]
    for axes, of_one, expected, title in (
        (scores, lambda one: one["oof"] - one["new"], 0.0, "out-of-fold score minus that of new rows"),
        (coverage, lambda one: one["coverage"], 0.9, "coverage for 0.9"),
    ):
        pairs = [mean_and_error([of_one(one) for one in results[name]]) for name in names]
        means, errors = np.transpose(pairs)
        axes.errorbar(means, names, xerr=2 * np.nan_to_num(errors), fmt="o", ms=4)
        axes.axvline(expected, color="gray", lw=0.8)
        axes.set_title(title)
    coverage.set_yticklabels([])
    certain = [(one["certainty"], one["right"]) for outcomes in results.values() for one in outcomes if "right" in one]
    if certain:
        certainty, right = (np.concatenate(parts) for parts in zip(*certain, strict=True))
        bins = np.digitize(certainty, np.linspace(0.3, 1.0, 15))
        points = [
            (certainty[bins == k].mean(), right[bins == k].mean()) for k in np.unique(bins) if (bins == k).sum() > 30
        ]
        reliability.plot(*zip(*points, strict=True), "o-", ms=4)
        reliability.plot([0.3, 1], [0.3, 1], color="gray", lw=0.8)
        reliability.set(title="right, by the largest probability", xlabel="probability", ylabel="fraction right")
    fig.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--designs", default=",".join(DESIGNS))
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--picture")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    runs = {name: lambda name=name: simulated(name, options.seeds) for name in options.designs.split(",") if name}
    if options.real:
        runs |= {name: lambda load=load: real(load, options.seeds) for name, load in tables().items()}
    results = {}
    print(f"{'':32} {'out-of-fold':>12} {'new rows':>10} {'difference':>20} {'coverage':>10} {'log-loss over':>14}")
    for name, run in runs.items():
        outcomes = results[name] = run()
        difference, error = mean_and_error([one["oof"] - one["new"] for one in outcomes])
        oof, new, coverage = (np.mean([one[key] for one in outcomes]) for key in ("oof", "new", "coverage"))
        over = [one["log-loss over that of frequencies"] for one in outcomes if "right" in one]
        last = f"{np.mean(over):14.4f}" if over else ""
        print(
            f"{name:32} {oof:12.4f} {new:10.4f} {difference:10.4f} +- {error:.4f} {coverage:10.3f} {last}", flush=True
        )
    if options.picture:
        draw(results, options.picture)


if __name__ == "__main__":
    main()
