"""Random data, containers, parameters and orders of calls: each call works, or raises a sentence and changes nothing.

Each example is an estimator and a list of calls, or a table and changes of it. ``MLP_FUZZ_EXAMPLES`` sets the number of
examples of a test. They are the same each time, unless ``MLP_FUZZ_NEW`` is set.
"""

from __future__ import annotations

import linecache
import os
import pickle
import traceback
import warnings
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from io import BytesIO, StringIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
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
from mlp_estimator.fitting import member_config
from mlp_estimator.fitting.plans import folds

FEW_STEPS = tuple(replace(size, max_steps=8) for size in member_config.SIZES)  # of 6000
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
    "max_memory": [None, 0, 1e3, -1, "much"],
    "cache_dir": [None, "nowhere", 3],
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


def attempt(model, name, *arguments):
    """Make a call. Return its result, or its error: a sentence, after which the estimator is as it was."""
    state = state_of(model)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", category=RuntimeWarning, module="mlp_estimator")
        action = partial(CALLS[name], model) if name in CALLS else getattr(model, name)
        try:
            result = action(*arguments)
        except Exception as error:
            check_error(error)
            result = error
    if name in METHODS or isinstance(result, Exception):
        assert state_of(model) == state, f"{name} changed the estimator"
    return result


def run(kind, parameters, plan):
    """Make the calls: what fails raises a sentence, and neither that nor a prediction changes the estimator."""
    model = kind(**(KINDS[kind][1] | {"random_state": 0} | made(parameters)))
    for name, arguments in plan:
        if not offers(model, name):
            continue
        parameters = model.get_params(deep=False)
        attempt(model, name, *map(made, arguments))
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
        patch.setattr(member_config, "SIZES", FEW_STEPS)
        run(*example)


# Tables of columns: containers, types of values, and changes between fit and predict.

TOWNS = ["Bonn", "Cork", "Dax", "Aachen", " Elba"]
MIXED = ["a", 1, 2.5, "7", "07", "b"]
DAY = datetime(2023, 12, 24)
COLUMNS = {
    "integers": lambda k: 3 * k - 10,
    "floats": lambda k: k / 4 - 1,
    "decimals": lambda k: (Decimal(k) / 4).quantize(Decimal("0.01")),
    "huge": lambda k: (1e308, -1e308, 1.0, 5e307)[k % 4],
    "constant": lambda k: 7,
    "dates": lambda k: DAY.date() + timedelta(days=40 * k),
    "datetimes": lambda k: DAY + timedelta(hours=123 * k),
    "instants": lambda k: DAY.replace(tzinfo=UTC) + timedelta(hours=7 * k),
    "durations": lambda k: timedelta(minutes=15 * k - 60),
    "missing": lambda k: None,
    "booleans": lambda k: k % 2 == 0,
    "text": lambda k: TOWNS[k % 5],
    "digits": lambda k: str(k % 6),
    "bytes": lambda k: TOWNS[k % 5].encode(),
    "codes": lambda k: k % 6,
    "large codes": lambda k: 2**53 + k % 6,
    "mixed": lambda k: MIXED[k % 6],
    "lists": lambda k: [k],
    "dicts": lambda k: {"a": k},
    "complex": lambda k: complex(k, 1),
    "times": lambda k: time(k),
    "dates and text": lambda k: DAY.date() if k % 2 else "Cork",
}
"""Kinds of columns: the value for each number below 12."""

NUMBERS_OR_DATES, READ = list(COLUMNS)[:9], list(COLUMNS)[:17]
CHOSEN, UNCERTAIN = ["codes", "large codes"], list(COLUMNS)[16:]
"""Kinds that ``categorical_features`` names, and kinds that may be read in some rows only."""


def text_of(value):
    return str(int(value)) if isinstance(value, bool) else str(value)


def bytes_of(value):
    return text_of(value).encode()


FORMS = {
    "integers": [float, Decimal, np.int8, "int8", "float32", "Int16", "int32[pyarrow]", "category"],
    "floats": [Decimal, Fraction, np.float32, "float32", "Float64", "double[pyarrow]", "category"],
    "decimals": [float, Fraction, "float64", "category"],
    "huge": [int, Decimal, "Float64", "category"],
    "constant": [float, Decimal, "int8", "category"],
    "dates": [pd.Timestamp, np.datetime64, "datetime64[s]", "category"],
    "datetimes": [pd.Timestamp, np.datetime64, "datetime64[ns]", "category"],
    "instants": [pd.Timestamp, lambda value: value.astimezone(timezone(timedelta(hours=9))), "category"],
    "durations": [pd.Timedelta, np.timedelta64, "timedelta64[s]", "category"],
    "booleans": [int, float, np.bool_, text_of, bytes_of, "float64", "boolean", "category"],
    "text": [str.encode, np.str_, "string", "string[pyarrow]", "category"],
    "digits": [int, float, Decimal, str.encode, "float64", "category"],
    "bytes": [bytes.decode, np.bytes_, "category"],
    "codes": [float, Decimal, text_of, bytes_of, "int8", "Float32", "category"],
    "large codes": [Decimal, text_of, bytes_of, np.int64, "Int64", "int64[pyarrow]", "category"],
}
"""Other types and dtypes of the same values."""

UNSEEN = {"text": "Galway", "digits": "77", "bytes": b"Galway", "codes": 77, "large codes": 2**53 + 77}
OTHER_ENTRIES = [
    "word", "3", "", b"word", 0, 1.5, True, 10**30, 1e308, np.inf, Decimal("1.25"), 1j, [1],
    {"a": 1}, DAY, DAY.date(), DAY.replace(tzinfo=UTC), timedelta(1), time(1), np.datetime64("NaT"), object,
]  # fmt: skip


class Column(NamedTuple):
    """How to make a column: its kind, and how often a value is missing."""

    kind: str
    gaps: float
    seed: int

    def make(self, n: int) -> list[Any]:
        rng = np.random.default_rng([self.seed, n])
        values, present = map(COLUMNS[self.kind], rng.integers(0, 12, n).tolist()), rng.random(n) >= self.gaps
        return [value if there else None for value, there in zip(values, present, strict=True)]


MARKERS = [None, np.nan, pd.NA, pd.NaT, Decimal("NaN"), np.datetime64("NaT")]


def marked(values):
    """Return values with many kinds of missing ones."""
    return [MARKERS[k % len(MARKERS)] if value is None else value for k, value in enumerate(values)]


def of_one_type(values):
    """Return values as a list, if they have one type: libraries may make one of several."""
    values = [None if value is pd.NA or value is pd.NaT else value for value in values]
    assert len({type(value) for value in values if value is not None}) <= 1
    return values


def polars_series(values):
    with suppress(Exception):
        return pl.Series(of_one_type(values))
    return pl.Series(list(values), dtype=pl.Object)


def object_array(columns):
    array = np.empty((len(next(iter(columns.values()), [])), len(columns)), dtype=object)
    for k, values in enumerate(columns.values()):
        for row, value in enumerate(marked(values)):
            array[row, k] = value
    return array


def object_frame(columns):
    return pd.DataFrame({name: pd.Series(marked(values), dtype=object) for name, values in columns.items()})


def usual_frame(columns):
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    exact = {name for name in frame if any(isinstance(v, int | np.integer) and v >= 2**53 for v in frame[name])}
    return frame.assign(**{name: pd.Series(columns[name]) for name in frame if name not in exact})


def nullable_frame(columns, **backend):
    present = {name: [pd.NA if v is None else v for v in of_one_type(values)] for name, values in columns.items()}
    return pd.DataFrame(present, dtype=object).convert_dtypes(**backend)


def polars_frame(columns):
    return pl.DataFrame({name: polars_series(values) for name, values in columns.items()})


def arrow_table(columns):
    return pa.table({name: of_one_type(values) for name, values in columns.items()})


UNNAMED = {
    "array": object_array,
    "list": lambda columns: object_array(columns).tolist(),
    "unnamed frame": lambda columns: usual_frame(columns).set_axis(range(len(columns)), axis=1),
}
TABLES = UNNAMED | {
    "frame": usual_frame,
    "objects": object_frame,
    "nullable": nullable_frame,
    "Arrow": lambda columns: arrow_table(columns).to_pandas(types_mapper=pd.ArrowDtype),
    "converted to Arrow": partial(nullable_frame, dtype_backend="pyarrow"),
    "categories": lambda columns: usual_frame(columns).astype("category"),
    "polars": polars_frame,
    "polars categories": lambda columns: polars_frame(columns).with_columns(pl.col(pl.String).cast(pl.Categorical)),
    "LazyFrame": lambda columns: polars_frame(columns).lazy(),
    "pyarrow": arrow_table,
}


def table_of(container, columns):
    """Return a table, of objects if the container has no such columns."""
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        return TABLES[container](columns)
    return (object_array if container in UNNAMED else object_frame)(columns)


class Table(NamedTuple):
    """A table of a fit by its columns, for changes before a prediction."""

    columns: dict[str, Any]
    kinds: dict[str, str]
    levels: set[str]  # names of the categories
    named: bool  # in fit and in the prediction
    k: int  # chooses a column, a row and more

    @property
    def rows(self):
        return np.arange(len(next(iter(self.columns.values()))))

    @property
    def name(self):
        return list(self.columns)[self.k % len(self.columns)]

    def chosen(self, rows):
        return {name: [values[k] for k in rows] for name, values in self.columns.items()}, rows, True

    def replaced(self, values, works):
        return self.columns | {self.name: values}, np.full(len(self.rows), -1), works

    def with_entry(self, entry, works):
        row = self.k % len(self.rows)
        values = [entry if k == row else value for k, value in enumerate(self.columns[self.name])]
        return self.columns | {self.name: values}, np.where(self.rows == row, -1, self.rows), works


def another_form(table):
    """Write each column in another type."""
    columns = dict(table.columns)
    for name, values in table.columns.items():
        kind = table.kinds[name]
        spelled = [text_of, bytes_of] if name in table.levels and kind in NUMBERS_OR_DATES[:5] else []
        forms = [*FORMS.get(kind, ["object"]), *spelled]
        form = forms[table.k % len(forms)]
        with suppress(Exception):  # some types have no missing values
            typed = isinstance(form, str)
            columns[name] = pd.Series(values, dtype=form) if typed else [v if v is None else form(v) for v in values]
    return columns, table.rows, True


def unseen(table):
    kind = table.kinds[table.name]
    entry = UNSEEN.get(kind, COLUMNS[kind](12) if kind in READ else None)
    return table.with_entry(entry, None if kind in UNCERTAIN else True)


def turned_to_text(table):
    kind = table.kinds[table.name]
    is_number = kind in NUMBERS_OR_DATES and table.name not in table.levels
    if is_number and all(value is None for value in table.columns[table.name]):
        return table.replaced(["3"] * len(table.rows), None)  # a column that had no value in fit is not read
    return table.replaced(["3"] * len(table.rows), False if is_number else None)


CHANGES = {
    "nothing": lambda table: (table.columns, table.rows, True),
    "another form": another_form,
    "one row": lambda table: table.chosen(table.rows[[table.k % len(table.rows)]]),
    "other order of rows": lambda table: table.chosen(np.random.default_rng(table.k).permutation(table.rows)),
    "other order of columns": lambda table: (
        {name: table.columns[name] for name in reversed(table.columns)},
        table.rows if table.named else np.full(len(table.rows), -1),
        table.named or None,
    ),
    "unseen value": unseen,
    "another entry": lambda table: table.with_entry(OTHER_ENTRIES[table.k % len(OTHER_ENTRIES)], None),
    "all missing": lambda table: table.replaced([None] * len(table.rows), True),
    "text": turned_to_text,
    "renamed": lambda table: ({name + "s": v for name, v in table.columns.items()}, table.rows, not table.named),
    "added": lambda table: (table.columns | {"new": list(table.rows)}, table.rows, False),
    "dropped": lambda table: ({n: v for n, v in table.columns.items() if n != table.name}, table.rows, False),
}
"""For a table: the changed columns, the row of the table with the same prediction or -1, and whether the call works
(None if it depends on the column)."""


@st.composite
def tables_of_columns(draw):
    """A kind of estimator, y and weights, columns, the first of them perhaps a category, and changes of the table."""
    kind, n = draw(st.sampled_from([TabularMLPClassifier, TabularMLPRegressor])), max(draw(SIZES), 1)
    values = ("two", "counts", "words") if kind is TabularMLPClassifier else ("normal", "counts", "large")
    y = draw(arrays(entries([(n, 1), (n, 2)], (n,)), *values))
    weight = draw(st.none() | arrays(st.just((n,)), "ones", "counts"))
    column = st.builds(Column, entries(COLUMNS, *READ), st.sampled_from([0.0, 0.2, 0.9, 1.0]), st.integers(0, 99))
    columns = draw(st.lists(column, min_size=1, max_size=4))
    containers, names = st.sampled_from(list(TABLES)), [*CHANGES, "another form", "another form", "another entry"]
    changes = st.lists(st.tuples(st.sampled_from(names), containers, st.integers(0, 99)), min_size=1, max_size=5)
    first = draw(st.sampled_from([set(), set(), {0}]))
    return kind, n, y, weight, columns, first, draw(containers), draw(st.none() | containers), draw(changes)


def assert_same(prediction, expected):
    """The last bits of a row may depend on its place in a batch."""
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(prediction, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(initial=0.0))


def without_ignored_rows(columns, y, weight):
    """Return data without the rows of weight 0."""
    if not (isinstance(y, np.ndarray) and isinstance(weight, np.ndarray)):
        return columns, y, weight
    rows = np.flatnonzero(weight)
    return {name: [values[k] for k in rows] for name, values in columns.items()}, y[rows], weight[rows]


def has_value(values, weight):
    """Whether a column has a value in rows that count."""
    counts = np.ones(len(values))
    given = np.asarray(counts if weight is None else weight)
    if given.dtype.kind in "biufO":  # others are refused by fit
        with suppress(TypeError, ValueError):
            counts = given.astype(float).ravel()
    return any(value is not None and count for value, count in zip(values, counts, strict=False))


def run_changes(kind, n, y, weight, columns, chosen, container, container_again, changes):
    """Fit a table, perhaps again in another container, and predict it after each change, in two containers."""
    kinds = {f"c{k}": column.kind for k, column in enumerate(columns)}
    columns = {f"c{k}": column.make(n) for k, column in enumerate(columns)}
    chosen = sorted(chosen | {k for k, name in enumerate(kinds.values()) if name in CHOSEN})
    levels = {name for k, name in enumerate(kinds) if k in chosen or container == "categories"}
    y, weight = y.make(), None if weight is None else weight.make()
    kept, *of_rows = without_ignored_rows(columns, y, weight)
    for name, values in columns.items():
        if not has_value(values, weight):
            kinds[name] = "mixed" if any(value is not None for value in values) else "missing"
    uncertain = not set(kinds.values()).isdisjoint(UNCERTAIN)
    model = kind(**KINDS[kind][1], random_state=0, categorical_features=chosen)
    predict = "predict_proba" if kind is TabularMLPClassifier else "predict"
    if isinstance(attempt(model, "fit", table_of(container, columns), y, weight), Exception):
        return
    expected = attempt(model, predict, table_of(container, columns))
    if isinstance(expected, Exception):
        assert uncertain, expected
        return
    if container_again is not None and not uncertain and "categories" not in (container, container_again):
        again = clone(model)
        assert attempt(again, "fit", table_of(container_again, kept), *of_rows) is None
        assert_same(attempt(again, predict, table_of(container, columns)), expected)
    for change, other, k in changes:
        named = container not in UNNAMED and other not in UNNAMED
        changed, rows, works = CHANGES[change](Table(columns, kinds, levels, named, k))
        prediction = attempt(model, predict, table_of(other, changed))
        reference = attempt(model, predict, table_of("list" if other in UNNAMED else "objects", changed))
        failed = isinstance(prediction, Exception)
        assert failed == isinstance(reference, Exception), (prediction, reference)
        assert works in (None, not failed), prediction
        if not failed:
            assert_same(prediction, reference)
            assert_same(prediction[rows >= 0], expected[rows[rows >= 0]])


@settings(FUZZ, max_examples=max(FUZZ.max_examples // 5, 10))  # each is several fits
@given(tables_of_columns())
def test_tables_of_columns(example):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds, "MIN_STEPS", 4)  # of 1500
        patch.setattr(member_config, "SIZES", FEW_STEPS)
        run_changes(*example)
