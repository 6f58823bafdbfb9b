"""Everyday tasks compared with scikit-learn: prediction, import, a grid search, and MNIST to 98 % accuracy.

    python benchmarks/everyday.py [FOLDER]

FOLDER holds the table ``mnist.npz`` (arrays X and y; the last 10000 rows are the test set). Without it, MNIST is
skipped. A ratio is our time over scikit-learn's, the median of alternating runs. Set OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import compileall
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import mlp_estimator

warnings.simplefilter("ignore")
MODULES = (mlp_estimator, sklearn.neural_network)


def ratio(runs, repeats, times=1):
    """Return the median of our time / their time; each measurement calls a function ``times`` times."""
    ratios = []
    for _ in range(repeats):
        seconds = []
        for run in runs:
            start = time.perf_counter()
            for _ in range(times):
                run()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def prediction():
    rng = np.random.default_rng(0)
    for hidden, d, k in (((100,), 20, 2), ((100,), 20, 3), ((256, 128), 50, 5)):
        X, y = rng.normal(size=(100_000, d)), rng.integers(0, k, 100_000)
        models = [module.MLPClassifier(hidden, max_iter=1, random_state=0) for module in MODULES]
        for model in models:
            model.fit(X[:1000], y[:1000])
        for method in ("predict", "predict_proba"):
            methods = [getattr(model, method) for model in models]
            one = ratio([partial(f, X[:1]) for f in methods], 15, 100)
            many = ratio([partial(f, X) for f in methods], 5)
            print(f"{method:<14} {hidden!s:<11} {k} classes: one row {one:.2f}, 100000 rows {many:.2f}")


def import_time():
    compileall.compile_dir(Path(mlp_estimator.__file__).parent, quiet=1)  # as pip installs it
    clock = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    runs = [clock.format("sklearn.neural_network"), "import sklearn.neural_network; " + clock.format("mlp_estimator")]
    seconds = [
        np.median([float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]) for code in runs
    ]
    print(f"import adds {1000 * seconds[1]:.0f} ms to the {1000 * seconds[0]:.0f} ms of sklearn.neural_network")


def grid_search():
    X, y = load_digits(return_X_y=True)
    grid = {"hidden_layer_sizes": [(25,), (50,), (100,), (50, 50)], "alpha": [1e-4, 1e-1]}
    searches = [
        GridSearchCV(module.MLPClassifier(max_iter=30, random_state=0), grid, cv=5, n_jobs=2) for module in MODULES
    ]
    searches[1].fit(X, y)  # start the workers
    share = ratio([partial(search.fit, X / 16, y) for search in searches], 3)
    print(f"GridSearchCV, 8 candidates x 5 folds, n_jobs=2: {share:.2f}")
    print(f"  best scores {searches[0].best_score_:.4f}, {searches[1].best_score_:.4f}")


def mnist(path):
    with np.load(path) as table:
        X, y = (table["X"] / np.float32(255)).astype(np.float32), table["y"]
    needed = []
    for module in MODULES:
        model = module.MLPClassifier((256, 128), random_state=0)
        classes, start, epochs = np.unique(y), time.perf_counter(), 0
        while epochs == 0 or model.score(X[60000:], y[60000:]) < 0.98:
            model.partial_fit(X[:60000], y[:60000], classes=classes)
            epochs += 1
        needed.append((epochs, time.perf_counter() - start))
    (ours, fast), (theirs, slow) = needed
    print(f"MNIST to 98 % with partial_fit, float32: {ours} epochs against {theirs}, time {fast / slow:.2f} of theirs")


def main():
    prediction()
    import_time()
    grid_search()
    path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "mnist.npz"
    if path.exists():
        mnist(path)


if __name__ == "__main__":
    main()
