"""Solvers on small regression tables: time to an objective, regularisation by evidence, and intervals.

    python benchmarks/solvers.py FOLDER

FOLDER holds the tables with a ``load.py`` whose ``load(name)`` returns X, y, splits and a dict of facts. X and y are
standardised; networks have one hidden layer of 20 tanh units. Set OPENBLAS_NUM_THREADS=1.
``examples/networks/solvers.py`` draws the training losses.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from mlp_estimator import MLPRegressor
from mlp_estimator.engine.solvers.scipy_minimize import Evaluations

warnings.simplefilter("ignore")
HIDDEN = {"hidden_layer_sizes": (20,), "activation": "tanh"}


class Clock:
    """A callback that records the time since the start of the fit at the end of each iteration."""

    def setup(self, estimator, context):
        self.start, self.seconds = time.perf_counter(), []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.seconds.append(time.perf_counter() - self.start)


def timed(X, y, **options):
    """Return the network, its lowest loss so far after each iteration, and the times of the iterations."""
    clock = Clock()
    network = MLPRegressor(**HIDDEN, **options).set_callbacks(clock).fit(X, y)
    seconds = clock.seconds[: network.n_iter_]  # the last iteration may have failed
    return network, np.minimum.accumulate(network.loss_curve_), np.array(seconds)


def reach(load):
    print("lm, time to come within 5 % of the objective of lbfgs after 2000 iterations / time of lbfgs")
    ratios = []
    for name in ("energy", "concrete", "power_plant", "boston"):
        X, y = scale(load(name)[0].astype(float)), scale(load(name)[1])
        for alpha in (0.01, 1.0):
            of_table = []
            for seed in range(5):
                options = {"alpha": alpha, "random_state": seed, "max_fun": 10**6, "tol": 1e-7}
                _, theirs, their_time = timed(X, y, solver="lbfgs", max_iter=2000, **options)
                _, ours, our_time = timed(X, y, solver="lm", max_iter=300, **options)
                there = ours <= 1.05 * theirs[-1]
                of_table.append(our_time[there.argmax()] / their_time[-1] if there.any() else np.inf)
            ratios += of_table
            print(f"  {name:<12} alpha {alpha:<5} " + " ".join(f"{r:.3f}" for r in of_table))
    print(f"  median {np.median(ratios):.3f}")


def scaled(network):
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())


def evidence(load):
    print(
        "alpha='auto' / best of 8 by 5-fold search: test RMSE over 5 published splits, ratio of times, effective / rows"
    )
    for name in ("concrete", "energy", "wine_red", "power_plant", "boston"):
        X, y, splits, _ = load(name)
        X, errors, times, effective = X.astype(float), [], [], []
        for train, test in splits[:5]:
            auto = scaled(MLPRegressor(**HIDDEN, solver="lm", alpha="auto", max_iter=1000, random_state=0))
            fixed = scaled(MLPRegressor(**HIDDEN, solver="lm", max_iter=200, random_state=0))
            grid = {"regressor__mlpregressor__alpha": [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]}
            search = GridSearchCV(fixed, grid, scoring="neg_root_mean_squared_error")
            for model in (auto, search):
                start = time.perf_counter()
                model.fit(X[train], y[train])
                times.append(time.perf_counter() - start)
                errors.append(root_mean_squared_error(y[test], model.predict(X[test])))
            effective.append(auto.regressor_[-1].n_effective_params_ / len(train))
        ours, theirs = np.reshape(errors, (5, 2)).mean(axis=0)
        fast, slow = np.reshape(times, (5, 2)).sum(axis=0)
        print(f"  {name:<12} {ours:.3f} / {theirs:.3f}   {fast / slow:.3f}   {np.mean(effective):.2f}")


def intervals(load):
    print("predict(return_std=True): share of test rows within 1 and 2 standard deviations, all published splits")
    for name in ("concrete", "power_plant"):
        X, y, splits, _ = load(name)
        inside = []
        for train, test in splits:
            scaler, mean, size = StandardScaler().fit(X[train]), y[train].mean(), y[train].std()
            network = MLPRegressor(**HIDDEN, solver="lm", alpha="auto", max_iter=1000, random_state=0)
            network.fit(scaler.transform(X[train]).astype(float), (y[train] - mean) / size)
            found, std = network.predict(scaler.transform(X[test]).astype(float), return_std=True)
            off = np.abs(found - (y[test] - mean) / size) / std
            inside.append([np.mean(off < 1), np.mean(off < 2)])
        print(f"  {name:<12} {np.mean(inside, axis=0).round(3)}")


def differences_of_gradients(evaluations, x, v):
    """Return a product with the exact Hessian, instead of the Gauss-Newton matrix."""
    length, ends = np.linalg.norm(v), []
    for sign in (1, -1):
        ends.append(evaluations._evaluate(x + sign * 1e-6 / length * v)[1] if length else v)
    return (ends[0] - ends[1]) * length / 2e-6


def exact_products(load):
    print("exact Hessian / Gauss-Newton products, 100 iterations: time and loss, alpha 0.01 and 1")
    products = {"gauss-newton": Evaluations.curvature_product, "exact": differences_of_gradients}
    for name in ("energy", "concrete", "boston"):
        X, y = scale(load(name)[0].astype(float)), scale(load(name)[1])
        line = f"  {name:<12}"
        for alpha in (0.01, 1.0):
            runs = []
            for product in products.values():
                Evaluations.curvature_product = product
                options = {"max_iter": 100, "max_fun": 10**6, "tol": 1e-5, "random_state": 0}
                network, _, seconds = timed(X, y, solver="newton-cg", alpha=alpha, **options)
                runs.append((seconds[-1], network.loss_))
            line += "  {:.2f} {:.3f}".format(*np.divide(runs[1], runs[0]))
        print(line)
    Evaluations.curvature_product = products["gauss-newton"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("load", Path(args.folder) / "load.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    for measure in (reach, evidence, intervals, exact_products):
        measure(tables.load)
