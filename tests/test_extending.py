"""What CONTRIBUTING promises of new entries: one table entry is tested by the identities and open to the estimators.

A copy of the package gets an entry of each kind, in the files that CONTRIBUTING names. Its tests then run on the copy,
which must find and pass the new entries without any new test code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from mlp_estimator.engine.activations import ACTIVATIONS, ActivationName
from mlp_estimator.engine.losses import REGRESSION, LossName
from mlp_estimator.engine.schedules import SCHEDULES, ScheduleName
from mlp_estimator.engine.solvers import SOLVERS, SolverName

ROOT = Path(__file__).parents[1]
CODE = {
    "activations.py": """
def softsign(z, out):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(z, out, out=out)


def softsign_slope(z, out, work):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.power(out, -2.0, out=out)


""",
    "losses/regression.py": """
class LogCosh(Loss):
    def value_and_grad(self, y, raw, weight, d_raw, work):
        r = np.subtract(raw, y, out=work[:, 1:])
        np.negative(r, out=d_raw)
        np.logaddexp(r, d_raw, out=r)
        np.subtract(r, np.log(2.0).astype(r.dtype), out=r)
        np.subtract(raw, y, out=d_raw)
        np.tanh(d_raw, out=d_raw)
        weigh(d_raw, weight)
        return weighted_sum(r, weight)

    def curvature(self, y, raw, weight, t):
        np.multiply(t, 1.0 - np.tanh(raw - y) ** 2, out=t)
        weigh(t, weight)


""",
    "layers/__init__.py": "from .shift import Shift\n\n",
    "optimizers.py": """
class SignSGD(Optimizer):
    def step(self, grad):
        (scale,) = cast((-self.learning_rate,), grad)
        np.sign(grad, out=grad)
        np.multiply(grad, scale, out=grad)


class RMSprop(Optimizer):
    reads = ("beta_2", "epsilon")
    memory = ("square", "root")

    def step(self, grad):
        beta_2, rest, epsilon, scale = cast((self.beta_2, 1.0 - self.beta_2, self.epsilon, -self.learning_rate), grad)
        np.multiply(self.square, beta_2, out=self.square)
        np.square(grad, out=self.root)
        np.multiply(self.root, rest, out=self.root)
        np.add(self.square, self.root, out=self.square)
        np.sqrt(self.square, out=self.root)
        np.add(self.root, epsilon, out=self.root)
        np.divide(grad, self.root, out=grad)
        np.multiply(grad, scale, out=grad)


""",
}
ENTRIES = {
    "activations.py": ("ACTIVATIONS", '"softsign": Activation(softsign, softsign_slope, saves="input")'),
    "losses/regression.py": ("REGRESSION", '"log_cosh": LogCosh'),
    "optimizers.py": ("OPTIMIZERS", '"signsgd": SignSGD, "rmsprop": RMSprop'),
    "schedules.py": ("SCHEDULES", '"linear": of_fraction(lambda done: 1.0 - done)'),
    "solvers/__init__.py": ("SOLVERS", '"bfgs": Minimize("bfgs", "BFGS", {"maxiter": "max_iter", "gtol": "tol"})'),
    "layers/__init__.py": (
        "LAYERS",
        '"shift": lambda: __import__("mlp_estimator.engine.layers.shift", fromlist="*").Shift()',
    ),
}
SHIFT = '''
import numpy as np

from .. import kernels
from ..layout import Param
from .contract import Layer


class Shift(Layer):
    """z = x + t, one offset per feature."""

    kind = "shift"

    def params(self, n_in):
        return (Param("offsets", (n_in,), decay=False, rate=2.0),)

    def init(self, p, rng):
        p[0].fill(0.0)

    def forward(self, step):
        np.add(step.x, step.p[0], out=step.out)

    def backward(self, step):
        kernels.sum_over_batch(step.d_out, step.dp[0])
        if step.d_in is not None:
            np.copyto(step.d_in, step.d_out)

    def tangent(self, step):
        step.t_out[:] = step.v[0]
        if step.t_in is not None:
            np.add(step.t_out, step.t_in, out=step.t_out)
'''
FITS = """
import pickle

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from mlp_estimator import MLPClassifier, MLPGridSearchCV, MLPRegressor
from mlp_estimator.engine.layers.shift import Shift
from mlp_estimator.fitting.features import Matrix

X, y = load_iris(return_X_y=True)
X = scale(X)
for solver in ("signsgd", "rmsprop"):
    model = MLPClassifier(activation="softsign", solver=solver, learning_rate="linear", random_state=0)
    model.set_params(learning_rate_init=0.01)
    assert model.fit(X, y).score(X, y) > 0.95, solver
    model.partial_fit(X, y)
search = MLPGridSearchCV(model, {"beta_2": [0.9, 0.99], "alpha": [1e-4, 1e-2]}, cv=3).fit(X, y)
assert search.best_score_ > 0.9
D, t = load_diabetes(return_X_y=True)
D, t = scale(D), scale(t)
for solver in ("newton-cg", "bfgs", "adam"):
    model = MLPRegressor((8,), loss="log_cosh", solver=solver, alpha=1.0, max_iter=2000, random_state=0)
    assert model.fit(D, t).score(D, t) > 0.5, solver


class Shifted(MLPRegressor):
    _features = Matrix(layers=(Shift(),))


for options in ({"solver": "lbfgs"}, {"solver": "adam"}, {"solver": "lm"}, {"n_members": 3}):
    model = Shifted((8,), alpha=1.0, max_iter=300, tol=1e-3, learning_rate_init=0.01, random_state=0, **options)
    assert model.fit(D, t).score(D, t) > 0.5, options
    assert model.offsets_[0].shape[-1] == 10 and np.abs(model.offsets_[0]).min() > 0, options
    before = model.predict(D)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(D), before)
    model.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-9).fit(D, t)
    assert np.abs(model.predict(D) - before).max() < 0.1, options
model.offsets_ = [offsets + 1.0 for offsets in model.offsets_]
assert np.abs(model.predict(D) - before).max() > 0.1
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its tests with an entry of each kind."""
    root = tmp_path_factory.mktemp("extended")
    for folder in ("mlp_estimator", "tests", "docs", "examples"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "_build", "gallery"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)
    engine = root / "mlp_estimator" / "engine"
    (engine / "layers" / "shift.py").write_text(SHIFT)
    for name, (table, entry) in ENTRIES.items():
        text = (engine / name).read_text()
        start = re.search(rf"^{table}: ", text, flags=re.M).start()
        end = text.index("}", text.index("= {", start)) if table != "SOLVERS" else text.index("\n}", start)
        comma = "" if text[:end].rstrip().endswith(",") else ","
        text = (
            text[:start]
            + CODE.get(name, "")
            + text[start:end].rstrip()
            + f"{comma} {entry}\n"
            + text[end:].lstrip("\n")
        )
        (engine / name).write_text(text)
    return root


def run(root, *arguments):
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_identities_find_and_pass_new_entries(copy):
    names = ["softsign", "log_cosh", "signsgd", "rmsprop", "linear", "bfgs", "shift"]
    # ONNX nodes of new entries are a table of their own.
    others = "not (lbfgs or linear_model or linearmodels)"  # they have the letters of bfgs and linear
    printed = run(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests", "-k",
                  f"({' or '.join(names)}) and {others}", "--deselect", "tests/test_check_estimator.py", "--ignore",
                  "tests/test_extending.py", "--ignore", "tests/test_onnx.py")  # fmt: skip
    for name in names:
        assert re.search(rf"::test_\w+\[[^\]]*{name}[^\]]*\] PASSED", printed), name


def test_new_entries_are_options_of_the_estimators(copy):
    run(copy, "-W", "ignore", "-c", FITS)


def test_type_checkers_know_the_names():
    for names, table in (
        (ActivationName, ACTIVATIONS),
        (LossName, REGRESSION),
        (ScheduleName, SCHEDULES),
        (SolverName, SOLVERS),
    ):
        assert set(get_args(names)) == set(table)
