"""Random data, containers, parameters and orders of calls: each call works, or raises a sentence and changes nothing.

Each example is an estimator and a list of calls. ``MLP_FUZZ_EXAMPLES`` sets the number of examples of a test. They are
the same each time, unless ``MLP_FUZZ_NEW`` is set.
"""

from __future__ import annotations

import linecache
import os
import pickle
import traceback
import warnings
from contextlib import redirect_stdout, suppress
from functools import partial
from io import BytesIO, StringIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import check_random_state

from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.losses import REGRESSION
from mlp_estimator.engine.solvers import SOLVERS
from mlp_estimator.fitting.plans import folds

FUZZ = settings(
    max_examples=int(os.environ.get("MLP_FUZZ_EXAMPLES", "50")),
    derandomize="MLP_FUZZ_NEW" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Array(NamedTuple):
    """How to make an array: X, y or weights."""

    shape: tuple[int, ...]
    values: str
    dtype: str
    spoiled: Any  # the value of one entry
    container: str

    def make(self) -> Any:
        array = VALUES[self.values](np.random.default_rng(sum(self.shape)), self.shape)
        with warnings.catch_warnings(), suppress(Exception):  # NumPy, pandas or polars refuse some combinations
            warnings.simplefilter("ignore")
            if self.dtype != "as it is":
                array = array.astype(self.dtype)
            if self.spoiled != "nothing" and array.size:
                array = array.astype(object if self.spoiled is None or isinstance(self.spoiled, str) else float)
                array.flat[array.size // 2] = self.spoiled
            array = CONTAINERS[self.container](array)
        return array


VALUES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "huge": lambda rng, shape: 1e300 * rng.normal(size=shape),
    "large": lambda rng, shape: 1e20 * rng.normal(size=shape),
    "tiny": lambda rng, shape: 1e-300 * rng.normal(size=shape),
    "counts": lambda rng, shape: rng.integers(0, 3, shape),
    "two": lambda rng, shape: rng.integers(0, 2, shape),
    "ones": lambda rng, shape: np.ones(shape),
    "zeros": lambda rng, shape: np.zeros(shape),
    "words": lambda rng, shape: rng.choice(np.array(["a", "b", "c"]), shape),
    "digits": lambda rng, shape: rng.choice(np.array(["1", "2", "3"]), shape),
    "dates": lambda rng, shape: np.full(shape, "2020-01-01", "datetime64[D]"),
    "large integers": lambda rng, shape: np.full(shape, 10**30, object),
}
DTYPES = ["as it is", "float32", "float16", "int8", "uint8", "bool", "object", "complex", "str", "longdouble", ">f8"]
SPOILED = ["nothing", np.nan, np.inf, -1.0, 1e39, 1e308, None, "word", "1", 0.5]


def as_polars(array):
    return pl.Series(array.tolist(), strict=False) if array.ndim == 1 else pl.DataFrame(array.tolist(), orient="row")


def read_only(array):
    array.flags.writeable = False
    return array


CONTAINERS = {
    "array": lambda array: array,
    "list": lambda array: array.tolist(),
    "tuple": lambda array: tuple(array.tolist()),
    "frame": pd.DataFrame,
    "named frame": lambda array: pd.DataFrame(array).add_prefix("c"),
    "series": pd.Series,
    "nullable": lambda array: pd.DataFrame(array).convert_dtypes(),
    "nullable series": lambda array: pd.Series(array).convert_dtypes(),
    "arrow": lambda array: pd.DataFrame(array).convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda array: pd.DataFrame(array).astype("category"),
    "polars": as_polars,
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
    "Fortran": np.asfortranarray,
    "reversed": lambda array: array[::-1],
    "read-only": read_only,
    "masked": np.ma.masked_array,
    "memory": memoryview,
}


def entries(table, *usual):
    """The usual entries, and in one draw of twelve any of a table."""
    return st.integers(0, 11).flatmap(lambda k: st.sampled_from(list(table) if k == 7 else usual))


SIZES = entries([0, 1, 2, 3, 30], 8, 12)


@st.composite
def arrays(draw, shapes, *values):
    """An array of a shape and of usual values, often spoiled by one entry."""
    return Array(
        draw(shapes), draw(entries(VALUES, *values)), draw(entries(DTYPES, "as it is")),
        draw(entries(SPOILED, "nothing")), draw(entries(CONTAINERS, "array")),
    )  # fmt: skip


def no_score(estimator, X, y):
    """A scorer that forgets its result."""


def undefined_score(estimator, X, y):
    return float("nan")


def half(progress):
    return 0.5


def no_rate(progress):
    return "fast"


class Generator(NamedTuple):
    """A generator as a parameter, made anew for each use."""

    seed: int


PARAMETERS = {
    "hidden_layer_sizes": [(), 3, (3, 2), np.array([2]), [2, 0], (-1,), "3", None, 2.5, (2.5,), (True,), [[2]], [None]],
    "activation": [*ACTIVATIONS, "nothing", None, ["tanh"], ["gelu", "elu"], [], [3], ACTIVATIONS["tanh"]],
    "solver": [*SOLVERS, *SOLVERS, "newton", None],
    "alpha": [0, 0.0, 1.0, 1e300, "auto", -1.0, np.nan, np.inf, None, np.float32(0.1)],
    "batch_size": ["auto", 1, 3, 1000, 0, 2.0, np.int64(4)],
    "learning_rate": ["constant", "invscaling", "adaptive", "cosine", "one_cycle", half, no_rate, "fast"],
    "learning_rate_init": [1e-3, 0.1, 1e5, 1e300, 0.0, np.nan, np.inf],
    "power_t": [0.5, 0, 1e5, -1],
    "max_iter": [1, 2, 5, 0, 2.0, True],
    "shuffle": [True, False, 1, "yes"],
    "random_state": [0, None, Generator(0), -1, "seed", 2**40],
    "tol": [0.0, 1e-4, 10.0, np.inf, -1],
    "verbose": [False, True, 2, -1],
    "warm_start": [True, True, False, None],
    "momentum": [0.0, 0.9, 1.0, 1.1],
    "nesterovs_momentum": [False, True],
    "early_stopping": [True, True, False],
    "validation_fraction": [0.0, 0.1, 0.5, 0.99, 1.0],
    "beta_1": [0.0, 0.9, 1.0],
    "beta_2": [0.0, 0.999, 1.0],
    "epsilon": [1e-8, 1e300, 0],
    "n_iter_no_change": [1, 10, np.inf, 0, 1.5],
    "max_fun": [1, 15000, 0],
    "dtype": ["float32", "float32", "float64", None, "float16", np.float32],
    "dropout": [0.0, 0.5, [0.5], [0.1, 0.2], 1.0, [], "much"],
    "weight_decay": [0.0, 0.1, 1e300, -1],
    "max_grad_norm": [None, 1.0, 1e-300, 0],
    "scoring": [None, "loss", "accuracy", "r2", "roc_auc", "neg_log_loss", "nothing", no_score, undefined_score],
    "max_time": [None, 1e-9, 100.0, 0],
    "n_members": [1, 1, 2, 3, 0],
}  # fmt: skip
CLASSIFIER = {
    "class_weight": [None, "balanced", {0: 2.0}, {0: 0.0, 1: 0.0}, {"a": -1.0}, [], [{0: 1.0}], {}, "even", {0: "a"}],
    "label_smoothing": [0.0, 0.1, 0.999, 1.0],
}
REGRESSOR = {
    "loss": [*REGRESSION, *REGRESSION, "hinge", None, REGRESSION["huber"](1.0)],
    "huber_delta": [1.0, 1e-300, 1e300, 0.0],
    "quantile": [0.5, 0.999, [0.1, 0.9], [0.9, 0.1], [], [0.5], [0.5, 0.5], 1.0, ["a"], [[0.1, 0.9]]],
}
TABULAR = {
    "hidden_layer_sizes": [(), 3, (3, 2), [2, 0], "3", None, (2.5,)],
    "settings": ["auto", [], [{}], [{"hidden_layer_sizes": (3,)}], [{"nothing": 1}], [3], "fast", [{"max_iter": 0}]],
    "n_folds": [2, 3, 100, 1, 2.0],
    "categorical_features": [
        "from_dtype", None, [0], [True, False], ["c0"], [5], [-1], "all", [[0]], [0.5], [], np.array([1]),
    ],
    "max_categories": [2, 64, 1],
    "n_bins": ["auto", 2, 1000, 1],
    "learning_rate_init": [0.04, 1e5, 1e300, 0.0],
    "batch_size": ["auto", 1, 1000, 0],
    "max_iter": [1, 2, 0],
    "weight_decay": ["auto", 0.0, 1e300, -1],
    "dropout": ["auto", 0.0, 0.5, 1.0],
    "scoring": [None, "loss", "accuracy", "r2", "roc_auc", "nothing", no_score, undefined_score],
    "max_time": [None, 1e-9, 0],
    "dtype": ["float32", "float64", "float16", None],
    "random_state": [0, None, Generator(0), "seed"],
    "n_jobs": [None, 1, "many"],
    "verbose": [False, True, -1],
}  # fmt: skip
KINDS = {
    MLPClassifier: (PARAMETERS | CLASSIFIER, {"hidden_layer_sizes": (3,), "max_iter": 3}),
    MLPRegressor: (PARAMETERS | REGRESSOR, {"hidden_layer_sizes": (3,), "max_iter": 3}),
    TabularMLPClassifier: (TABULAR, {"settings": [{"hidden_layer_sizes": (3,)}], "n_folds": 2, "max_iter": 1}),
    TabularMLPRegressor: (
        TABULAR | {"loss": ["squared_error", *REGRESSION, "hinge"]},
        {"settings": [{"hidden_layer_sizes": (3,)}], "n_folds": 2, "max_iter": 1},
    ),
}


STARTS = [
    {}, {}, {"early_stopping": True}, {"early_stopping": True, "scoring": "roc_auc"}, {"warm_start": True},
    {"n_members": 2}, {"dtype": "float32"}, {"solver": "lbfgs"}, {"solver": "lm", "alpha": "auto"},
    {"loss": "quantile", "quantile": [0.1, 0.9]}, {"loss": "gaussian_nll"}, {"settings": "auto"},
]  # fmt: skip
"""Parameters that lead to code of their own."""


@st.composite
def parameters_of(draw, kind, start=True):
    """Some parameters; at the ``start`` of an example on top of those that lead somewhere."""
    table = KINDS[kind][0]
    n = draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3]))
    names = draw(st.lists(st.sampled_from(sorted(table)), min_size=n, max_size=n, unique=True))
    parameters = draw(st.sampled_from(STARTS)) if start else {}
    parameters = {name: value for name, value in parameters.items() if name in table}
    return parameters | {name: draw(st.sampled_from(table[name])) for name in names}


def shapes_of_y(n):
    return entries([(n, 1), (n, 2), (n, 3), (n + 1,), (), (n, 2, 2)], (n,))


@st.composite
def data(draw, classifies):
    """X, y and perhaps weights, mostly of one length."""
    n, d = draw(SIZES), draw(entries([0, 1, 5], 3))
    X = draw(arrays(entries([(n,), (n, d, 2), (0, d)], (n, d)), "normal", "normal", "counts"))
    y = draw(arrays(shapes_of_y(n), *(("counts", "two", "words") if classifies else ("normal", "counts"))))
    weight = draw(st.none() | arrays(entries([(n, 1), (n + 1,)], (n,)), "ones", "counts"))
    return X, y, weight


FITS = ("fit", "fit", "fit", "partial_fit")
METHODS = (
    "predict", "predict", "predict_proba", "predict_log_proba", "decision_function", "hidden_activations",
    "predict_members", "score", "return_std", "predict_interval", "predict_set",
)  # fmt: skip
OTHERS = ("set_params", "pickle", "clone")
NUMBERS = {"hidden_activations": [-1, 0, 7], "predict_interval": [0.9, 0.5, 7], "predict_set": [0.9, 0.5, 0.0]}
"""Second arguments."""


@st.composite
def arguments_of(draw, name, kind, first):
    """The arguments of a call: data, those of the first call or new ones, and what else the method takes."""
    classifies = "Classifier" in kind.__name__
    if name in ("pickle", "clone"):
        return ()
    if name == "set_params":
        return (draw(parameters_of(kind, start=False)),)
    given = first if first is not None and draw(st.booleans()) else draw(data(classifies))
    if name in NUMBERS:
        return given[0], draw(st.sampled_from(NUMBERS[name]))
    if name not in (*FITS, "score"):
        return given[:1]
    if name == "fit" and draw(st.integers(0, 4)) == 0:
        return given + draw(data(classifies))
    if name == "partial_fit" and classifies and draw(st.booleans()):
        return (*given, draw(arrays(entries([(2,), (12,)], (3,), (8,)), "counts", "words")))
    return given


@st.composite
def calls(draw, kind):
    """A list of calls, the first of them of ``fit``: the name of the method, and its arguments."""
    plan = [("fit", draw(arguments_of("fit", kind, None)))]
    for name in draw(st.lists(st.sampled_from([*FITS, *METHODS, *OTHERS]), min_size=1, max_size=5)):
        plan.append((name, draw(arguments_of(name, kind, plan[0][1][:3]))))
    return plan


def examples(*kinds):
    """Estimators with parameters and calls."""
    return st.sampled_from(kinds).flatmap(lambda kind: st.tuples(st.just(kind), parameters_of(kind), calls(kind)))


OF_CONVERSIONS = ("could not convert string to float", "inhomogeneous shape")
"""Messages of NumPy that scikit-learn passes on."""
KNOWN = {
    "a frame without columns, of which scikit-learn says": "at least one array or dtype is required",
    "a memoryview whose rows a scorer sees": "memoryview: invalid slice key",
}
"""Inputs whose messages do not name the cause yet."""


def check_error(error):
    """An error is a sentence, and a statement raises it: no operation deep inside fails."""
    frames, message = traceback.extract_tb(error.__traceback__), str(error)
    if any(text in message for text in KNOWN.values()):
        return
    assert isinstance(error, ValueError | TypeError), f"a {type(error).__name__}"
    assert len(message.split()) >= 3, "no sentence"
    if any("/sklearn/metrics/" in frame.filename for frame in frames):
        return  # `score` compares the user's y with predictions, whatever they are
    line = linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
    assert line.startswith("raise") or any(text in message for text in OF_CONVERSIONS), f"this line fails: {line}"


def made(value):
    """An argument or a parameter from its description."""
    if isinstance(value, Array):
        return value.make()
    if isinstance(value, dict):
        return {name: made(entry) for name, entry in value.items()}
    return np.random.RandomState(value.seed) if isinstance(value, Generator) else value


def fit(model, X, y, weight, *validation):
    model.fit(X, y, weight, **dict(zip(("X_val", "y_val", "sample_weight_val"), validation, strict=False)))


CALLS = {
    "fit": fit,
    "return_std": lambda model, X: model.predict(X, return_std=True),
    "set_params": lambda model, parameters: model.set_params(**parameters),
    "pickle": lambda model: vars(model).update(vars(pickle.loads(pickle.dumps(model)))),
    "clone": clone,
}
"""What is not a method, or takes its arguments by name."""


class Pickler(pickle.Pickler):
    """Leaves out generators that others see, which a call that fails may have drawn from."""

    def __init__(self, file, *generators):
        super().__init__(file)
        self.generators = [id(generator) for generator in generators]

    def reducer_override(self, value):
        return (str, ()) if id(value) in self.generators else NotImplemented


def state_of(model):
    """The fitted attributes as bytes."""
    file = BytesIO()
    fitted = {k: v for k, v in vars(model).items() if k.endswith("_") or k.startswith("_")}
    Pickler(file, check_random_state(None), model.random_state).dump(fitted)
    return file.getvalue()


def offers(model, name):
    """Whether there is such a call for the estimator, with its parameters."""
    return isinstance(model, MLPRegressor) if name == "return_std" else name in CALLS or hasattr(model, name)


def run(kind, parameters, plan):
    """Make the calls: what fails raises a sentence, and neither that nor a prediction changes the estimator."""
    model = kind(**(KINDS[kind][1] | {"random_state": 0} | made(parameters)))
    for name, arguments in plan:
        if not offers(model, name):
            continue
        arguments = list(map(made, arguments))
        state, parameters = state_of(model), model.get_params(deep=False)
        failed = False
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", category=RuntimeWarning, module="mlp_estimator")
            action = partial(CALLS[name], model) if name in CALLS else getattr(model, name)
            try:
                action(*arguments)
            except Exception as error:
                failed = True
                check_error(error)
        if failed or name in METHODS:
            assert state_of(model) == state, f"{name} changed the estimator"
        if name not in ("set_params", "pickle"):
            assert all(getattr(model, key) is value for key, value in parameters.items())


@FUZZ
@given(examples(MLPClassifier, MLPRegressor))
def test_networks(example):
    run(*example)


@FUZZ
@given(examples(TabularMLPClassifier, TabularMLPRegressor))
def test_tables(example):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds, "MIN_STEPS", 4)  # of 1500
        patch.setattr(folds, "MAX_STEPS", 8)
        run(*example)
