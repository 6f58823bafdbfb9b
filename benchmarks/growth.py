"""How the time of a fit grows with rows, columns, width and members, beside its matrix products.

    python benchmarks/growth.py [--repeats 3] [--axes rows,width] [--threads 1,2] [--plot FILE] [--json FILE]
    OMP_NUM_THREADS=1 python benchmarks/growth.py --tables FILE

Each axis varies one size of a fit in float32 (ReLU, Adam, two classes). For each value the fit alternates with the bare
products of its batches (``race.products``), and the least time of each counts. Prints both times and, for the upper
half of the values, both exponents: the slope of log time over log size. Where the exponent of a fit exceeds that of its
products, something in it grows faster than it has to. Do not set OPENBLAS_NUM_THREADS.

With ``--tables`` it prints and plots the CPU seconds and the log-loss of tabular fits of 100 to 100,000 rows of
``large.py``, beside CatBoost and LightGBM.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass, replace

import numpy as np
from large import measure
from race import products, seconds
from threadpoolctl import ThreadpoolController

from mlp_estimator import MLPClassifier

BATCH = 200


@dataclass(frozen=True)
class Case:
    """One fit."""

    rows: int = 10_000
    columns: int = 20
    width: int = 100  # of two hidden layers
    members: int = 1
    epochs: int = 1
    rate: float = 0.001

    def fit(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.rows, self.columns), dtype=np.float32)
        y = X[:, 0] > 0
        options = {"max_iter": self.epochs, "n_iter_no_change": np.inf, "n_members": self.members}
        options["learning_rate_init"] = self.rate
        model = MLPClassifier((self.width, self.width), dtype="float32", random_state=0, **options)
        return lambda: model.fit(X, y)

    def products(self):
        sizes = [self.columns, self.width, self.width, 1]
        batch = min(BATCH, self.rows)
        return products(sizes, batch, self.epochs * -(-self.rows // batch), n_members=self.members)


AXES = {  # the size that varies: its values, and the fit
    "rows": ([1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000], Case()),
    "columns": ([10, 30, 100, 300, 1_000, 3_000, 10_000], Case(rows=2_000)),
    "width": ([16, 32, 64, 128, 256, 512, 1024], Case(rows=2_000)),
    "epochs": ([10, 30, 100, 300, 1_000, 3_000], Case(rows=1_000, width=50, rate=0.01)),  # all classes soon certain
    "members": ([1, 2, 4, 8, 16, 32, 64, 128, 256], Case(rows=1_000, width=50, epochs=2)),
}


def times(case, repeats):
    """Return the least time of the fit and of its products, of alternating runs."""
    runs = case.fit(), case.products()
    return tuple(min(times) for times in zip(*[[seconds(run) for run in runs] for _ in range(repeats)], strict=True))


def exponent(values, seconds):
    """Return the slope of log time over log size in the upper half of the values."""
    half = len(values) // 2
    return float(np.polyfit(np.log(values[half:]), np.log(seconds[half:]), 1)[0])


def plot(results, file):
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(results), figsize=(11, 3.2), sharey=True, layout="constrained")
    for ax, (axis, (values, by_threads)) in zip(np.atleast_1d(axes), results.items(), strict=True):
        for k, (threads, (fits, bare)) in enumerate(by_threads.items()):
            style = "-" if k == 0 else "--"
            of = "" if len(by_threads) == 1 else f", {threads} thread{'s' if threads > 1 else ''}"
            ax.loglog(values, fits, style, color="C0", label=f"fit{of}")
            ax.loglog(values, bare, style, color="0.6", label=f"its products{of}")
        ax.set_xlabel(axis)
    np.atleast_1d(axes)[0].set_ylabel("seconds")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    fig.savefig(file, dpi=110)


TABLE_ROWS = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]
LABELS = {"ours": "tabular MLP", "catboost": "CatBoost", "lightgbm": "LightGBM"}


def plot_tables(file):
    """Fit tables with the defaults of each model, print and plot CPU seconds and log-loss against the rows."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for name, label in LABELS.items():
        results = [measure(name, n_rows, {}, None) for n_rows in TABLE_ROWS]
        for ax, what in zip(axes, ("cpu", "loss"), strict=True):
            ax.plot(TABLE_ROWS, [result[what] for result in results], "o-", markersize=4, label=label)
        for n_rows, result in zip(TABLE_ROWS, results, strict=True):
            print(f"{label:12} {n_rows:>8,} rows {result['cpu']:8.2f} s  log-loss {result['loss']:.4f}", flush=True)
    for ax, what in zip(axes, ("seconds of CPU", "log-loss of new rows"), strict=True):
        ax.set(xscale="log", xlabel="rows", ylabel=what)
    axes[0].set_yscale("log")
    axes[1].axhline(results[-1]["best"], color="0.6", linestyle="--", label="true probabilities")
    axes[1].legend(frameon=False)
    fig.savefig(file, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--axes", default=",".join(AXES))
    parser.add_argument("--threads", default="1")
    parser.add_argument("--plot")
    parser.add_argument("--json")
    parser.add_argument("--tables", metavar="FILE")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.tables:
        plot_tables(args.tables)
        return
    controller = ThreadpoolController().select(user_api="blas")
    Case().fit()()  # compile
    results = {}
    for axis in args.axes.split(","):
        values, case = AXES[axis]
        by_threads = {}
        for threads in map(int, args.threads.split(",")):
            with controller.limit(limits=threads):
                pairs = [times(replace(case, **{axis: value}), args.repeats) for value in values]
            fits, bare = zip(*pairs, strict=True)
            by_threads[threads] = fits, bare
            growth = f"fit {exponent(values, fits):.2f}, products {exponent(values, bare):.2f}"
            print(f"{axis}, {threads} thread(s): exponents of the upper half: {growth}")
            for value, (fit, product) in zip(values, pairs, strict=True):
                print(f"  {value:>9} {fit:10.4f} s {product:10.4f} s  {fit / product:6.2f}", flush=True)
        results[axis] = values, by_threads
    if args.plot:
        plot(results, args.plot)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
