"""Wall time of a tabular fit as a newcomer runs it: a process for each table, defaults, no settings of threads.

    python benchmarks/first_fits.py [--repeats 3]

Prints the least seconds of ``TabularMLPClassifier().fit`` in each form of the kernels that can be used. Imports of
NumPy and scikit-learn are not part of it, that of Numba and the loading of compiled loops are.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys

PROGRAM = """
import sys, time
import sklearn.datasets
from mlp_estimator import TabularMLPClassifier
X, y = getattr(sklearn.datasets, "load_" + sys.argv[1])(return_X_y=True)
began = time.perf_counter()
TabularMLPClassifier(random_state=0).fit(X, y)
print(time.perf_counter() - began)
"""


def seconds(table, form):
    environment = os.environ | {"MLP_ESTIMATOR_KERNELS": form}
    printed = subprocess.run([sys.executable, "-c", PROGRAM, table], env=environment, capture_output=True, check=True)
    return float(printed.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    forms = ["numpy", *(["numba"] if importlib.util.find_spec("numba") else [])]
    for table in ("iris", "wine", "breast_cancer", "digits"):
        least = {form: min(seconds(table, form) for _ in range(options.repeats)) for form in forms}
        print(f"{table:14}", ", ".join(f"{form} {time:.1f} s" for form, time in least.items()), flush=True)


if __name__ == "__main__":
    main()
