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
    "engine/activations.py": """
def softsign(z, out):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(z, out, out=out)


def softsign_slope(z, out, work):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.power(out, -2.0, out=out)


""",
    "engine/losses/regression.py": """
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
    "engine/layers/__init__.py": "from .shift import Shift\n\n",
    "fitting/features/kinds/__init__.py": "from .cyclic import Cyclic\n\n",
    "fitting/targets/__init__.py": "from .ordinal import Ordinal\n\n",
    "engine/optimizers.py": """
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
    "engine/activations.py": (
        "ACTIVATIONS",
        '"softsign": Activation(softsign, softsign_slope, saves="input", '
        'nodes=lambda g, z: g("Div", z, g("Add", g("Abs", z), 1.0)))',
    ),
    "engine/losses/regression.py": ("REGRESSION", '"log_cosh": LogCosh'),
    "engine/optimizers.py": ("OPTIMIZERS", '"signsgd": SignSGD, "rmsprop": RMSprop'),
    "engine/schedules.py": ("SCHEDULES", '"linear": of_fraction(lambda done: 1.0 - done)'),
    "engine/solvers/__init__.py": (
        "SOLVERS",
        '"bfgs": Minimize("bfgs", "BFGS", {"maxiter": "max_iter", "gtol": "tol"})',
    ),
    "engine/layers/__init__.py": ("LAYERS", '"shift": Shift'),
    "fitting/features/kinds/__init__.py": ("KINDS", '"cyclic": Cyclic'),
    "fitting/targets/__init__.py": ("TARGETS", '"ordinal": Ordinal'),
}
CYCLIC = '''
import numpy as np

from ...frames import is_missing
from ..blocks import NUMBERS, Feature
from .contract import Kind


class Cyclic(Kind):
    """A time of the day, as sine and cosine; a missing one is at the centre of the circle."""

    n_numbers = 2

    @classmethod
    def takes(cls, holds):
        return holds == {"time"}

    def learn(self, column, counts):
        """All times have the same scale."""

    def merge(self, other):
        """Nothing was learned."""

    def finish(self, resolution):
        """Nothing was learned."""

    def features(self):
        return [Feature(f"{name} of {self.name}", NUMBERS) for name in ("sine", "cosine")]

    def code(self, column):
        times = column.objects()
        hours = np.array([np.nan if is_missing(t) else t.hour + t.minute / 60 for t in times])
        angles = 2 * np.pi * hours / 24
        return [np.nan_to_num(wave(angles)) for wave in (np.sin, np.cos)]
'''
ORDINAL = '''
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score

from ..mixture import binary_log_losses
from .labels import Labels


@dataclass
class Ordinal(Labels):
    """Classes in their order: output k is the probability of a class above k (Frank and Hall 2001)."""

    class_outputs = True

    @property
    def n_outputs(self):
        return len(self.classes) - 1

    def encode(self, y, dtype):
        return (np.searchsorted(self.classes, y)[:, None] > np.arange(self.n_outputs)).astype(dtype)

    def strata(self, Y):
        return Y.sum(axis=1).astype(int)

    def columns(self, Y):
        return Y.astype(np.float64)

    def mean_loss(self, encoded):
        return lambda above: np.average(binary_log_losses(above, encoded.Y), weights=encoded.weight)

    def find_temperature(self, prediction, encoded):
        return 1.0

    def in_unit(self, above):
        ones, zeros = np.ones_like(above[..., :1]), np.zeros_like(above[..., :1])
        p = np.clip(-np.diff(np.concatenate([ones, above, zeros], axis=-1), axis=-1), 1e-7, None)
        return p / p.sum(axis=-1, keepdims=True)

    def metric(self, Y, prediction, weight):
        decided = prediction.argmax(axis=1) if prediction.shape[1] > Y.shape[1] else (prediction > 0.5).sum(axis=1)
        return accuracy_score(self.strata(Y), decided, sample_weight=weight)

    def out_of_fold(self, prediction, encoded, folds):
        score = self.metric(encoded.Y, prediction, encoded.sample_weight)
        return {"oof_prediction_": prediction, "oof_target_": self.strata(encoded.Y), "oof_score_": score}
'''
GRADES = '''
from dataclasses import dataclass

import numpy as np

from ..classifier import MLPClassifier
from ..fitting.targets import Ordinal
from .classifier import TabularMLPClassifier


@dataclass(eq=False, repr=False, match_args=False, kw_only=True)
class TabularMLPGrades(TabularMLPClassifier):
    """Classifier of ordered labels for raw tables."""

    def _learn_targets(self, settings, y, sample_weight):
        return Ordinal(np.unique(y), settings.loss("sigmoid_cross_entropy"))


@dataclass(eq=False, repr=False, match_args=False)
class MLPGrades(MLPClassifier):
    """Classifier of ordered labels for numbers."""

    def _learn_targets(self, settings, y, sample_weight, *, resume, partial, classes):
        return Ordinal(np.unique(y), settings.loss("sigmoid_cross_entropy"))
'''
FILES = {
    "engine/layers/shift.py": "SHIFT",
    "fitting/features/kinds/cyclic.py": "CYCLIC",
    "fitting/targets/ordinal.py": "ORDINAL",
    "tabular/grades.py": "GRADES",
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
TABLES = """
import pickle
from datetime import time

import numpy as np
import pandas as pd
import polars as pl
from sklearn.base import clone

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.tabular.grades import MLPGrades, TabularMLPGrades

rng = np.random.default_rng(0)
FAST = {"settings": [{"hidden_layer_sizes": (16,)}], "n_folds": 3, "max_iter": 16, "random_state": 0}
hours = rng.integers(0, 24, 300)
y = np.cos(2 * np.pi * hours / 24) + 0.1 * rng.normal(size=300)
times = [time(int(hour)) for hour in hours[:-1]] + [None]
for frame in (pd.DataFrame, pl.DataFrame):
    X = frame({"at": times, "noise": rng.normal(size=300)})
    model = TabularMLPRegressor(**FAST).fit(X, y)
    assert model.oof_score_ > 0.9
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))

X = pd.DataFrame({"size": rng.normal(size=300), "town": rng.choice(["Bonn", "Cork", "Dax"], 300)})
score = 2 * X["size"] + (X["town"] == "Cork") + 0.3 * rng.normal(size=300)
grades = np.array([1, 2, 3, 4])[np.digitize(score, [-1.5, 0.0, 1.5])]
numbers = MLPGrades((16,), learning_rate_init=0.01, random_state=0)
for model, table in ((TabularMLPGrades(**FAST), X), (numbers, X[["size"]])):
    p = model.fit(table, grades).predict_proba(table)
    assert p.shape == (300, 4)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-5)
    assert model.score(table, grades) > 0.6, model
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(table), p)
    assert clone(model).fit(table, grades).predict(table).tolist() == model.predict(table).tolist()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its tests with an entry of each kind."""
    root = tmp_path_factory.mktemp("extended")
    for folder in ("mlp_estimator", "tests", "docs", "examples"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "_build", "gallery"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)
    package = root / "mlp_estimator"
    for name, text in FILES.items():
        (package / name).write_text(globals()[text])
    for name, (table, entry) in ENTRIES.items():
        text = (package / name).read_text()
        start = re.search(rf"^{table}: ", text, flags=re.M).start()
        end = text.index("}\n", text.index("= {", start))
        comma = "" if text[:end].rstrip().endswith(",") else ","
        text = (
            text[:start]
            + CODE.get(name, "")
            + text[start:end].rstrip()
            + f"{comma} {entry}\n"
            + text[end:].lstrip("\n")
        )
        (package / name).write_text(text)
    return root


def run(root, *arguments):
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_identities_find_and_pass_new_entries(copy):
    names = ["softsign", "log_cosh", "signsgd", "rmsprop", "linear", "bfgs", "shift"]
    others = "not (lbfgs or linear_model or linearmodels)"  # they have the letters of bfgs and linear
    printed = run(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests", "-k",
                  f"({' or '.join(names)}) and {others}", "--deselect", "tests/test_check_estimator.py", "--ignore",
                  "tests/test_extending.py")  # fmt: skip
    for name in names:
        assert re.search(rf"::test_\w+\[[^\]]*{name}[^\]]*\] PASSED", printed), name


@pytest.mark.parametrize("program", [FITS, TABLES], ids=["networks", "tables"])
def test_new_entries_are_parts_of_estimators(copy, program):
    run(copy, "-W", "ignore", "-c", program)


def test_type_checkers_know_the_names():
    for names, table in (
        (ActivationName, ACTIVATIONS),
        (LossName, REGRESSION),
        (ScheduleName, SCHEDULES),
        (SolverName, SOLVERS),
    ):
        assert set(get_args(names)) == set(table)
