"""Searches as populations against ordinary searches, and ensembles against single networks.

    OPENBLAS_NUM_THREADS=1 python benchmarks/population.py [--repeats N] [--sizes]

Searches over 3 hidden sizes, 4 alphas and 3 learning rates with 5 folds, on scikit-learn's bundled tables,
standardised. Prints the time of ``GridSearchCV`` over scikit-learn's MLP, and over this package's, divided by that of
``MLPGridSearchCV``: the median of alternating runs. ``--sizes`` instead measures searches for several values of the
constants ``CACHE_BYTES`` and ``ENOUGH_MEMBERS``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from statistics import median

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

import mlp_estimator
from mlp_estimator import MLPClassifier, MLPGridSearchCV
from mlp_estimator.engine import population
from mlp_estimator.search import planning

warnings.simplefilter("ignore")
TABLES = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
GRID = {
    "hidden_layer_sizes": [(25,), (50,), (100,)],
    "alpha": [1e-5, 1e-4, 1e-3, 1e-2],
    "learning_rate_init": [1e-3, 3e-3, 1e-2],
}


def seconds(estimator, X, y):
    """Return the time of a fit and the fitted estimator."""
    start = time.perf_counter()
    estimator.fit(X, y)
    return time.perf_counter() - start, estimator


def standardised(name):
    X, y = TABLES[name](return_X_y=True)
    return scale(X), y


def a_search(Search, module, dtype=None, grid=GRID, **options):
    own = {} if dtype is None else {"dtype": dtype}
    return Search(module.MLPClassifier(random_state=0, **own, **options), grid, cv=5, n_jobs=1)


def searches(repeats):
    print("time of the other search / time of MLPGridSearchCV")
    for name in TABLES:
        X, y = standardised(name)
        ratios = {"scikit-learn": [], "scikit-learn, ours float32": [], "GridSearchCV over ours": []}
        for _ in range(repeats):
            theirs, reference = seconds(a_search(GridSearchCV, sklearn.neural_network), X, y)
            ours, found = seconds(a_search(MLPGridSearchCV, mlp_estimator), X, y)
            single, _ = seconds(a_search(MLPGridSearchCV, mlp_estimator, "float32"), X, y)
            plain, same = seconds(a_search(GridSearchCV, mlp_estimator), X, y)
            for key, value in zip(ratios, (theirs / ours, theirs / single, plain / ours), strict=True):
                ratios[key].append(value)
        scores = [s.cv_results_["mean_test_score"] for s in (reference, same, found)]
        differences = [np.abs(scores[-1] - other).max() for other in scores[:-1]]
        print(f"{name:<14}", ", ".join(f"{key} {median(values):.2f}" for key, values in ratios.items()), end="; ")
        print("largest difference of a mean score to scikit-learn's MLP {:.1e}, to ours {:.1e}".format(*differences))
    X, y = make_classification(20_000, 20, random_state=0)
    grid = {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
    ratios = []
    for _ in range(repeats):
        ours, _ = seconds(a_search(MLPGridSearchCV, mlp_estimator, grid=grid, max_iter=5), X, y)
        plain, _ = seconds(a_search(GridSearchCV, mlp_estimator, grid=grid, max_iter=5), X, y)
        ratios.append(plain / ours)
    print(f"20000 x 20: GridSearchCV over ours {median(ratios):.2f}")


def ensembles(repeats):
    print("time of an ensemble of 8 / time of one network")
    X, y = make_classification(20_000, 50, n_informative=20, random_state=0)
    cases = {
        "iris": (*standardised("iris"), {}),
        "digits": (*standardised("digits"), {"max_iter": 20}),
        "20000 x 50, (256, 128)": (X, y, {"hidden_layer_sizes": (256, 128), "batch_size": 256, "max_iter": 3}),
    }
    for name, (X, y, options) in cases.items():
        ratios = []
        for _ in range(repeats):
            times = [seconds(MLPClassifier(**options, tol=0.0, random_state=0, n_members=m), X, y)[0] for m in (8, 1)]
            ratios.append(times[0] / times[1])
        print(f"{name:<24} {median(ratios):.2f}")


def sizes(repeats):
    for name in TABLES:
        X, y = standardised(name)
        for dtype in ("float64", "float32"):
            for megabytes in (1, 2, 4, 8, 16, 32):
                for enough in (12, 24, 48):
                    population.populations.__defaults__ = (megabytes * 2**20,)
                    planning.ENOUGH_MEMBERS = enough
                    taken = [seconds(a_search(MLPGridSearchCV, mlp_estimator, dtype), X, y)[0] for _ in range(repeats)]
                    print(f"{name:<14} {dtype} {megabytes:>3} MB, {enough:>2} members: {min(taken):.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", action="store_true")
    options = parser.parse_args()
    if options.sizes:
        sizes(options.repeats)
    else:
        searches(options.repeats)
        ensembles(options.repeats)


if __name__ == "__main__":
    main()
