"""The two forms of each pass give the same numbers, and a process uses one of them."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS

from mlp_estimator import MLPClassifier
from mlp_estimator.engine import kernels
from mlp_estimator.engine.kernels import PASSES, vectorised

SCRATCH = {"work", "scaled", "products", "step", "sums"}  # a pass may leave anything there
RTOL = {np.float32: 1e-6, np.float64: 1e-13}


@pytest.fixture
def loops():
    pytest.importorskip("numba", reason="the loop forms need Numba")
    return kernels.module_of("numba")


class Make:
    """Arrays of a type and an order of memory, for a number of members."""

    def __init__(self, dtype, n_members, order, seed=0):
        self.dtype, self.n_members, self.order = dtype, n_members, order
        self.rng = np.random.default_rng(seed)

    def layer(self, width, *, shared=False, n_rows=9):
        """(M, width, B) with samples (F) or features (C) in one piece."""
        n = 1 if shared else self.n_members
        shape = (n, n_rows, width) if self.order == "F" else (n, width, n_rows)
        array = self.rng.normal(size=shape).astype(self.dtype)
        return array.swapaxes(1, 2) if self.order == "F" else array

    def flat(self, width):
        return self.rng.normal(size=(self.n_members, width)).astype(self.dtype)

    def column(self, width):
        """A vector parameter (M, n, 1), a view of all parameters."""
        return self.flat(width + 5)[:, 3 : 3 + width].reshape(self.n_members, width, 1)

    def number(self):
        return 0.3 if self.n_members == 1 else self.rng.uniform(0.1, 0.9, (self.n_members, 1))

    def weight(self, weighted):
        return self.rng.uniform(size=(1, 1, 9)).astype(self.dtype) if weighted else None


def adam(make, option):
    return make.flat(33), make.flat(33), make.flat(33) ** 2, [make.number() for _ in range(4)]


def move(make, option):
    if not option:
        return make.flat(33), make.flat(33), None, [make.number(), make.number()], None, None
    n, n_decayed = 5000, 3000  # several blocks, the weights ending within one
    rates, scaled, averaged = make.rng.uniform(size=n).astype(make.dtype), make.flat(n_decayed), make.flat(n)
    return make.flat(n), make.flat(n), rates, [make.number(), make.number()], scaled, averaged


def penalise(make, option):
    return make.flat(33), make.flat(33), make.number(), make.flat(20)


def add_bias(make, option):
    return make.layer(5), make.column(5)


def sum_over_batch(make, option):
    return make.layer(5), make.column(5)


def relu(make, option):
    return make.layer(5), make.layer(5)


def mish(make, option):
    z = 30 * make.layer(5)
    z[0, :3, 0] = -100.0, -1e4, 1e4  # the first one is below the exponents of float32
    return z, make.layer(5)


def error(make, option):
    saved = make.layer(5, shared=option)
    saved[0, :4, 0] = 0.0, -100.0, -1e4, 1e4
    return saved, make.layer(5), make.layer(5), make.layer(5)


def dropout_mask(make, option):
    rate = make.number()
    mask = make.layer(5)
    return np.abs(mask), rate, 1.0 / (1.0 - rate)


def piecewise(make, option):
    features = np.array([0, 0, 1, 1, 1, 3])
    bins = make.rng.normal(size=(5, 6)).astype(make.dtype)
    bins[2:4] = [[-1, 0, -1, 0, 0, -1], [1, 2, 1, 1, 2, 2]]
    return make.layer(4, shared=option), features, bins, make.layer(4 + 6, shared=option)[:, 4:]


STARTS = np.array([0, 3, 6, 7, 9, 11])  # of features with 3, 3, 1, 2 and 2 bins


def places(make, option):
    bins = make.rng.normal(size=(4, 11)).astype(make.dtype)
    bins[0].sort()
    bins[1], bins[2], bins[3] = np.abs(bins[1]), 0, 1
    bins[2, STARTS[:-1]], bins[3, STARTS[1:] - 1] = -1, 2
    return make.layer(6, shared=option, n_rows=70), bins, STARTS, make.layer(5, shared=option, n_rows=70)


def places_of(make, shared):
    """Places from -1 to 1 above the last bin of each feature, some of them at an edge."""
    places = make.layer(5, shared=shared)
    places[:] = make.rng.uniform(-1, np.diff(STARTS)[:, None] + 1, places.shape)
    places[..., :3] = np.round(places[..., :3])
    return places


def lookup(make, option):
    weights, means = make.flat(11 * 5).reshape(-1, 11, 5), make.rng.uniform(size=11).astype(make.dtype)
    work = make.flat(12 * 5).reshape(-1, 12, 5)
    return weights, make.column(11), make.column(5), means, STARTS, places_of(make, option), work, make.layer(5)


def lookup_gradients(make, option):
    means, gradients = make.rng.uniform(size=11).astype(make.dtype), make.flat(11 * 5).reshape(-1, 11, 5)
    work = make.flat(12 * 5).reshape(-1, 12, 5)
    return make.layer(5), places_of(make, option), STARTS, means, make.column(5), gradients, work


LEVELS = np.array([4, 2, 3])  # of features, whose indicators begin at
FIRST = np.array([0, 4, 5, 8])


def codes_of(make, shared):
    """Codes from -1, unknown, to one more than a feature has levels."""
    codes = make.layer(3, shared=shared)
    codes[:] = make.rng.integers(-1, LEVELS[:, None] + 1, codes.shape)
    return codes


def add_levels(make, option):
    weights = make.flat(8 * 5).reshape(-1, 8, 5)
    return weights, make.column(8), codes_of(make, option), FIRST, LEVELS, make.layer(5)


def level_gradients(make, option):
    return make.layer(5), codes_of(make, option), FIRST, LEVELS, make.flat(8 * 5).reshape(-1, 8, 5)


def scale_gradients(make, option):
    weights = make.flat(25).reshape(-1, 5, 5)
    return make.column(5), weights[: 1 if option else None], make.flat(25).reshape(-1, 5, 5), make.column(5)


def softmax_cross_entropy(make, option):
    codes = make.rng.integers(0, 3, (1 if option else make.n_members, 1, 9))
    raw = 30 * make.layer(3)  # some of its exponentials are bounded
    return codes, raw, make.weight(option), make.layer(3), make.layer(4), 0.1 if option else 0.0


def sigmoid_cross_entropy(make, option):
    y = (make.layer(3, shared=option) > 0).astype(make.dtype)
    return y, 30 * make.layer(3), make.weight(option), make.layer(3), make.layer(4)


def squared_error(make, option):
    return make.layer(3, shared=option), make.layer(3), make.weight(option), make.layer(3), make.layer(4)


ARGUMENTS = {name: globals()[name if name in globals() else "error"] for name in PASSES}
"""For each pass a function that makes its arguments; ``option`` switches what may be None, weighted or shared."""

READ_BY_MOST = {"x", "z", "saved", "d_out", "terms", "raw", "s", "W", "dW"}
READ = {"adam": {"grad", "mean"}, "move": {"theta", "step"}, "penalise": {"theta", "grad"}, "add_bias": {"out", "b"}}
READ["dropout_mask"] = {"mask"}
READ["lookup"] = {"W", "s", "b", "mean", "out"}
READ["lookup_gradients"] = {"d_out", "db"}
READ["add_levels"] = {"W", "s", "out"}
READ["level_gradients"] = {"d_out"}
"""Arguments in which a pass may meet a number that is not finite."""

each = pytest.mark.parametrize("name", PASSES)


def copied(argument):
    """The same numbers in the same order of memory."""
    if not isinstance(argument, np.ndarray):
        return argument
    copy = np.empty_like(argument, order="K")
    copy[...] = argument
    return copy


def effects(form, name, arguments):
    """What a pass returns and what it leaves in its arrays, scratch aside."""
    arguments = [copied(argument) for argument in arguments]
    result = getattr(form, name)(*arguments)
    names = inspect.signature(getattr(vectorised, name)).parameters
    left = [a for label, a in zip(names, arguments, strict=True) if label not in SCRATCH and isinstance(a, np.ndarray)]
    return left if result is None else [*left, result]


@each
@pytest.mark.parametrize("option", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("dtype", RTOL)
def test_forms_agree(loops, name, dtype, n_members, order, option):
    arguments = ARGUMENTS[name](Make(dtype, n_members, order), option)
    of_numpy, of_loops = (effects(form, name, arguments) for form in (vectorised, loops))
    assert any(not np.array_equal(a, b) for a, b in zip(of_numpy, arguments, strict=False))  # something is written
    for a, b in zip(of_numpy, of_loops, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=RTOL[dtype], atol=RTOL[dtype] * np.abs(a).max())


@each
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_divergence_shows_in_both_forms(loops, name, value):
    arguments = ARGUMENTS[name](Make(np.float64, 1, "F"), False)
    names = list(inspect.signature(getattr(vectorised, name)).parameters)
    places = [k for k, label in enumerate(names) if label in READ.get(name, READ_BY_MOST)]
    assert places
    for k in places:
        changed = [copied(argument) for argument in arguments]
        changed[k][(0,) * changed[k].ndim] = value
        with np.errstate(all="ignore"):
            of_numpy, of_loops = (effects(form, name, changed) for form in (vectorised, loops))
        for a, b in zip(of_numpy, of_loops, strict=True):
            np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))


@each
def test_forms_have_one_signature(loops, name):
    form = getattr(loops, name, None)
    if form is not None:
        form = getattr(form, "py_func", form)
        assert list(inspect.signature(form).parameters) == list(inspect.signature(getattr(vectorised, name)).parameters)


def run(program, **variables):
    environment = {key: value for key, value in os.environ.items() if key != kernels.VARIABLE} | variables
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


PROGRAM = """
import sys
from mlp_estimator.engine import kernels
assert "numba" not in sys.modules
print(kernels.form_of_process(), kernels.adam.__module__.rpartition("kernels.")[2])
"""


def test_the_form_is_chosen_at_the_first_use():
    assert run(PROGRAM, MLP_ESTIMATOR_KERNELS="numpy").stdout.split() == ["numpy", "vectorised"]
    wrong = run(PROGRAM, MLP_ESTIMATOR_KERNELS="cython")
    assert "MLP_ESTIMATOR_KERNELS='cython': must be 'numpy' or 'numba'" in wrong.stderr


def test_numba_is_used_where_it_is_installed(loops):
    assert (
        run(PROGRAM).stdout.split() == run(PROGRAM, MLP_ESTIMATOR_KERNELS="numba").stdout.split() == ["numba", "loops"]
    )


FIT = """
import warnings
from sklearn.datasets import load_iris
from mlp_estimator import MLPClassifier
warnings.simplefilter("ignore")
options = dict(weight_decay=0.01, dropout=0.2, n_members=2, batch_size=40, max_iter=20, random_state=0)
model = MLPClassifier((9, 8), activation=("relu", "tanh"), **options).fit(*load_iris(return_X_y=True))
print(*(float(w) for member in range(2) for layer in model.coefs_ for w in layer[member].ravel()))
"""


def test_whole_fits_agree_and_repeat(loops):
    forms = {form: [run(FIT, MLP_ESTIMATOR_KERNELS=form).stdout.split() for _ in range(2)] for form in kernels.FORMS}
    for first, second in forms.values():
        assert first == second
        assert len(first) > 100
    of_numpy, of_numba = (np.array(runs[0], float) for runs in forms.values())
    np.testing.assert_allclose(of_numba, of_numpy, rtol=1e-8)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_in_threads_are_the_serial_ones():
    def weights(seed):
        return MLPClassifier((9,), max_iter=10, batch_size=30, random_state=seed).fit(X_IRIS, Y_IRIS).coefs_[0]

    serial = [weights(seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for alone, beside_others in zip(serial, pool.map(weights, range(40)), strict=True):
            np.testing.assert_array_equal(alone, beside_others)
