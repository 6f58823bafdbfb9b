"""Effect of a second BLAS thread on a fit: the time with two threads over the time with one.

    python benchmarks/threads.py [--unlimited]

Prints the median ratio of alternating fits, for sizes around the limit in ``mlp_estimator/fitting/threads.py``.
``--unlimited`` disables that limit. Do not set OPENBLAS_NUM_THREADS.
"""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import nullcontext

import numpy as np
from threadpoolctl import ThreadpoolController

import mlp_estimator.fitting.jobs
from mlp_estimator import MLPClassifier

warnings.simplefilter("ignore")
CASES = [  # rows, columns, hidden layers, batch, solver, epochs or iterations
    (150, 4, (100,), 150, "adam", 100),
    (1797, 64, (100,), 200, "adam", 10),
    (20000, 20, (100, 100), 200, "adam", 2),
    (20000, 50, (128, 128), 256, "adam", 2),
    (20000, 50, (256, 128), 256, "adam", 2),
    (20000, 784, (256, 128), 200, "adam", 1),
    (1797, 64, (100,), 200, "lbfgs", 30),
    (5000, 50, (256, 128), 256, "lbfgs", 20),
]


def main():
    controller = ThreadpoolController().select(user_api="blas")
    if "--unlimited" in sys.argv:
        mlp_estimator.fitting.jobs.limited_threads = lambda network, batch_size: nullcontext()
    rng = np.random.default_rng(0)
    print("time with 2 threads / time with 1, median of 5")
    for n, d, hidden, batch, solver, epochs in CASES:
        X, y = rng.normal(size=(n, d)), rng.integers(0, 5, n)
        model = MLPClassifier(
            hidden, solver=solver, batch_size=batch, max_iter=epochs, n_iter_no_change=np.inf, random_state=0
        )
        ratios = []
        for _ in range(5):
            seconds = []
            for threads in (1, 2):
                with controller.limit(limits=threads):
                    start = time.perf_counter()
                    model.fit(X, y)
                    seconds.append(time.perf_counter() - start)
            ratios.append(seconds[1] / seconds[0])
        print(f"{n:>6} x {d:<4} {hidden!s:<11} batch {batch:<4} {solver:<6} {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
