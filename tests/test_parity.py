"""Change one import: scikit-learn's parameters and random_state give scikit-learn's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.neural_network as theirs
from samples import X_IRIS, Y_IRIS
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

import mlp_estimator as ours
from mlp_estimator import MLPClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The behavior of the `max_iter`:FutureWarning"),
]
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N = 230  # not a multiple of any batch size here
RNG = np.random.RandomState(0)


def scaled(X):
    return (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)


DIGITS = tuple(a[:N] for a in load_digits(return_X_y=True))
CANCER = tuple(a[:N] for a in load_breast_cancer(return_X_y=True))
DIABETES = tuple(a[:N] for a in load_diabetes(return_X_y=True))
DATA = {
    "digits": (DIGITS[0] / 16, DIGITS[1]),
    "strings": (DIGITS[0] / 16, np.array([f"digit {d}" for d in DIGITS[1]])),
    "cancer": (scaled(CANCER[0]), CANCER[1]),
    "labels": make_multilabel_classification(N, random_state=0),
    "diabetes": (scaled(DIABETES[0]), (DIABETES[1] - 150) / 75),
    "two targets": (scaled(DIABETES[0]), np.column_stack([DIABETES[1] / 100, DIABETES[0][:, 3]])),
    "counts": (scaled(DIABETES[0]), np.round(DIABETES[1] / 50)),
}
KIND = dict.fromkeys(DATA, "MLPClassifier") | dict.fromkeys(["diabetes", "two targets", "counts"], "MLPRegressor")
WEIGHT = RNG.uniform(0, 2, N) * (RNG.uniform(size=N) > 0.2)
CASES = [
    *(
        ("digits", {"activation": a, "solver": s})
        for a in ("identity", "logistic", "tanh", "relu")
        for s in ("adam", "sgd")
    ),
    *(
        ("diabetes", {"activation": a, "solver": s})
        for a in ("identity", "logistic", "tanh", "relu")
        for s in ("adam", "sgd")
    ),
    *(
        (
            data,
            {
                "solver": "sgd",
                "learning_rate": rate,
                "learning_rate_init": 0.05,
                "momentum": m,
                "nesterovs_momentum": n,
            },
        )
        for data in ("digits", "diabetes")
        for rate in ("constant", "invscaling", "adaptive")
        for m, n in ((0.9, True), (0.9, False), (0.0, False))
    ),
    # patience runs out every third epoch: the adaptive rate falls, the others stop
    *(
        ("digits", {"solver": "sgd", "learning_rate": rate, "tol": 1.0, "n_iter_no_change": 2})
        for rate in ("constant", "adaptive")
    ),
    ("digits", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "learning_rate": "invscaling"}),
    ("digits", {"hidden_layer_sizes": ()}),
    ("digits", {"hidden_layer_sizes": (30, 20, 10)}),
    ("digits", {"hidden_layer_sizes": 25, "shuffle": False}),
    ("digits", {"alpha": 3.0, "batch_size": 64}),
    ("digits", {"alpha": 0.0, "batch_size": 1}),
    ("digits", {"batch_size": N, "solver": "sgd"}),
    ("strings", {}),
    ("cancer", {}),
    ("cancer", {"early_stopping": True}),
    (
        "cancer",
        {"early_stopping": True, "solver": "sgd", "validation_fraction": 0.3, "tol": 0.05, "n_iter_no_change": 2},
    ),
    ("labels", {}),
    ("labels", {"early_stopping": True, "batch_size": 50}),
    ("diabetes", {"early_stopping": True, "batch_size": 50}),
    ("two targets", {"batch_size": 50}),
    ("two targets", {"early_stopping": True}),
    ("counts", {"loss": "poisson"}),
    (
        "counts",
        {"loss": "poisson", "activation": "tanh", "batch_size": 32, "solver": "sgd", "learning_rate_init": 1e-3},
    ),
]


def pair(data, options, **fit):
    kind = KIND[data]
    options = {"max_iter": 10, "random_state": 3, "hidden_layer_sizes": (20,)} | options
    X, y = DATA[data]
    return [getattr(module, kind)(**options).fit(X, y, **fit) for module in (theirs, ours)]


def agree(their, our, X, rtol=1e-6, curve=True):
    assert our.n_iter_ == their.n_iter_
    assert our.t_ == their.t_
    assert our.n_layers_ == their.n_layers_
    assert our.n_outputs_ == their.n_outputs_
    assert our.out_activation_ == their.out_activation_
    for a, b in zip(our.coefs_ + our.intercepts_, their.coefs_ + their.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())
    if curve:
        np.testing.assert_allclose(our.loss_curve_, their.loss_curve_, rtol=rtol)
        np.testing.assert_allclose(our.loss_, their.loss_, rtol=rtol)
        for name in ("best_loss_", "validation_scores_", "best_validation_score_"):
            a, b = getattr(our, name), getattr(their, name)
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=rtol)
    for method in ("predict", "predict_proba"):
        if hasattr(their, method):
            a, b = getattr(our, method)(X), getattr(their, method)(X)
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            if a.dtype.kind in "fc":
                np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
            else:
                np.testing.assert_array_equal(a, b)
    assert set(vars(their)) - set(vars(our)) <= {name for name in vars(their) if name.startswith("_") or name == "loss"}


WEIGHTED = [
    (data, options, weighted)
    for data, options in CASES
    for weighted in (False, True)
    if not (weighted and options.get("batch_size") == 1)  # scikit-learn divides by zero: difference f
]


@pytest.mark.parametrize(("data", "options", "weighted"), WEIGHTED, ids=lambda case: str(case).replace(" ", ""))
def test_minibatch_solvers(data, options, weighted):
    their, our = pair(data, options, sample_weight=WEIGHT if weighted else None)
    # Squared error of several targets: scikit-learn averages the loss over them, difference b; the steps are the same.
    agree(their, our, DATA[data][0], curve=data != "two targets")


@pytest.mark.parametrize("data", [data for data in DATA if data != "two targets"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_lbfgs(data, activation):
    options = {"solver": "lbfgs", "max_iter": 12, "activation": activation}
    their, our = pair(data, options | ({"loss": "poisson"} if data == "counts" else {}))
    assert our.n_iter_ == their.n_iter_ == 12
    np.testing.assert_allclose(our.loss_, their.loss_, rtol=1e-3)
    for a, b in zip(our.coefs_ + our.intercepts_, their.coefs_ + their.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix])
def test_sparse(container):
    X, y = DATA["digits"]
    options = {"random_state": 0, "max_iter": 10, "batch_size": 60}
    their = theirs.MLPClassifier(**options).fit(container(X), y)
    our = ours.MLPClassifier(**options).fit(container(X), y)
    agree(their, our, container(X))


@pytest.mark.parametrize("Estimator", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_warm_start_and_partial_fit(Estimator, solver):
    X, y = DATA["cancer"]
    models = []
    for module in (theirs, ours):
        model = getattr(module, Estimator)(
            hidden_layer_sizes=(20,), solver=solver, random_state=np.random.RandomState(1), warm_start=True, max_iter=4,
            learning_rate="invscaling",
        )  # fmt: skip
        model.fit(X, y).fit(X, y)
        model.partial_fit(X[:70], y[:70]).partial_fit(X[70:], y[70:])
        models.append(model)
    agree(*models, X)


def test_the_stream_of_random_numbers_is_consumed_alike():
    states = []
    for module in (theirs, ours):
        rng = np.random.RandomState(5)
        module.MLPClassifier((5,), random_state=rng, max_iter=3, early_stopping=True).fit(*DATA["cancer"])
        states.append(rng.randint(2**31))
    assert states[0] == states[1]


@pytest.mark.parametrize("name", ["adult", "spambase", "concrete", "california_housing"])
def test_real_tables(tables, name):
    X, y, _, meta = tables.load(name)
    X = X.select_dtypes("number").to_numpy() if hasattr(X, "select_dtypes") else X
    X = scaled(np.nan_to_num(X[:3000].astype(float)))
    y = y[:3000] if meta["task"] != "regression" else (y[:3000] - y.mean()) / y.std()
    kind = "MLPRegressor" if meta["task"] == "regression" else "MLPClassifier"
    their, our = (
        getattr(module, kind)(
            hidden_layer_sizes=50, random_state=0, max_iter=10, early_stopping=kind == "MLPRegressor"
        ).fit(X, y)
        for module in (theirs, ours)
    )
    agree(their, our, X)


def test_constructor_is_scikit_learns():
    import inspect

    for name in ("MLPClassifier", "MLPRegressor"):
        their, our = (inspect.signature(getattr(module, name)).parameters for module in (theirs, ours))
        for key, parameter in their.items():
            assert our[key].default == parameter.default
        added = [our[key] for key in our if key not in their]
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in added)


def test_convergence_warnings_are_scikit_learns():
    for module in (theirs, ours):
        with pytest.warns(ConvergenceWarning, match=r"Stochastic Optimizer: Maximum iterations \(2\) reached"):
            module.MLPClassifier((5,), max_iter=2).fit(*DATA["cancer"])


@ignore_convergence
@pytest.mark.parametrize("learning_rate", ["constant", "adaptive"])
def test_verbose_prints_what_scikit_learn_prints(learning_rate, capsys):
    import sklearn.neural_network as theirs

    printed = []
    for Estimator in (theirs.MLPClassifier, MLPClassifier):
        Estimator(
            (5,), solver="sgd", learning_rate=learning_rate, verbose=True, random_state=0, tol=1.0,
            n_iter_no_change=2, max_iter=60,
        ).fit(X_IRIS, Y_IRIS)  # fmt: skip
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[1].endswith("Stopping.\n")
