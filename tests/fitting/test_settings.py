"""Parameters that are wrong alone or together raise a clear error, and leave a fitted estimator unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS, check_rejected

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.losses import SoftmaxCrossEntropy
from mlp_estimator.fitting.settings import Settings, hidden_sizes, named, python_number, resolve_activations

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = X_IRIS, Y_IRIS


BOTH, CLASSIFIER, REGRESSOR = (MLPClassifier, MLPRegressor), (MLPClassifier,), (MLPRegressor,)
#  what: (estimators, parameters, X, y, sample_weight, pattern of the message)
CASES = {
    "no units": (BOTH, {"hidden_layer_sizes": (5, 0)}, X, Y, None, r"hidden_layer_sizes must be > 0, got \[5, 0\]"),
    "negative units": (BOTH, {"hidden_layer_sizes": -5}, X, Y, None, "hidden_layer_sizes"),
    "half a unit": (BOTH, {"hidden_layer_sizes": (2.5,)}, X, Y, None, "one positive integer per hidden layer"),
    "activation": (BOTH, {"activation": "reul"}, X, Y, None, "must be a str among.*'relu'.*Got 'reul'"),
    "solver": (BOTH, {"solver": "adamw"}, X, Y, None, "must be a str among.*'lbfgs'.*Got 'adamw'"),
    "learning rate": (BOTH, {"learning_rate": "slow"}, X, Y, None, "must be a str among.*'adaptive'.*Got 'slow'"),
    "loss": (REGRESSOR, {"loss": "mse"}, X, Y, None, "must be a str among.*'squared_error'.*Got 'mse'"),
    "dtype": (BOTH, {"dtype": "float16"}, X, Y, None, "must be a str among.*'float32'.*Got 'float16'"),
    "alpha": (BOTH, {"alpha": -1}, X, Y, None, "'alpha' parameter"),
    "tiny validation set": (BOTH, {"early_stopping": True}, X[::15], Y[::15] > 0, None, "validation set is too small"),
    "validation_fraction": (
        BOTH,
        {"early_stopping": True, "validation_fraction": 0.0},
        X,
        Y,
        None,
        "validation_fraction=0 of 150",
    ),
    "activation list": (
        BOTH,
        {"activation": ["relu", "tanh"]},
        X,
        Y,
        None,
        "2 entries for 1 hidden layer.*one for each",
    ),
    "activation in list": (
        BOTH,
        {"activation": ["reul"]},
        X,
        Y,
        None,
        "entry 'reul': choose among .*'relu'.* Activation",
    ),
    "dropout": (BOTH, {"dropout": 1.0}, X, Y, None, "'dropout' parameter"),
    "dropout list": (BOTH, {"dropout": [0.1, 0.1]}, X, Y, None, "dropout has 2 entries for 1 hidden layer"),
    "dropout in list": (BOTH, {"dropout": [-0.1]}, X, Y, None, "numbers from 0 to below 1, one for each hidden layer"),
    "dropout with lbfgs": (
        BOTH,
        {"dropout": 0.1, "solver": "lbfgs"},
        X,
        Y,
        None,
        "solver='adam' or 'sgd', not 'lbfgs'",
    ),
    "decay with lbfgs": (
        BOTH,
        {"weight_decay": 0.1, "solver": "lbfgs"},
        X,
        Y,
        None,
        "weight_decay needs training in minibatches",
    ),
    "clipping with lbfgs": (
        BOTH,
        {"max_grad_norm": 1.0, "solver": "lbfgs"},
        X,
        Y,
        None,
        "max_grad_norm needs training",
    ),
    "plan with lbfgs": (BOTH, {"learning_rate": "cosine", "solver": "lbfgs"}, X, Y, None, "'lbfgs' finds its steps by"),
    "weight_decay": (BOTH, {"weight_decay": -1.0}, X, Y, None, "'weight_decay' parameter"),
    "max_grad_norm": (BOTH, {"max_grad_norm": 0.0}, X, Y, None, "'max_grad_norm' parameter"),
    "max_time": (BOTH, {"max_time": 0.0}, X, Y, None, "'max_time' parameter"),
    "scoring": (
        BOTH,
        {"scoring": "accurate", "early_stopping": True},
        X,
        Y,
        None,
        "scoring='accurate' is no scorer: did you mean 'accuracy'",
    ),
    "scoring alone": (BOTH, {"scoring": "loss"}, X, Y, None, "scoring is only used with early_stopping=True"),
    "label_smoothing": (CLASSIFIER, {"label_smoothing": 1.0}, X, Y, None, "'label_smoothing' parameter"),
    "smooth multilabel": (
        CLASSIFIER,
        {"label_smoothing": 0.1},
        X,
        np.eye(3, dtype=int)[Y],
        None,
        "multilabel indicator",
    ),
    "class_weight": (CLASSIFIER, {"class_weight": "balance"}, X, Y, None, "'class_weight' parameter.*Got 'balance'"),
    "weight of no class": (
        CLASSIFIER,
        {"class_weight": {"a": 2.0}},
        X,
        Y,
        None,
        r"class_weight has the key\(s\) \['a'\], which are no classes, and none for the classes \[0, 1, 2\]",
    ),
    "negative class weight": (CLASSIFIER, {"class_weight": {0: -1.0}}, X, Y, None, "must be numbers of at least 0"),
    "no class weight": (
        CLASSIFIER,
        {"class_weight": {0: 0, 1: 0, 2: 0}},
        X,
        Y,
        None,
        "no sample has a weight above zero",
    ),
    "list of one": (CLASSIFIER, {"class_weight": [{0: 1.0}]}, X, Y, None, "list of dicts is for multilabel targets"),
    "loss of classes": (
        REGRESSOR,
        {"loss": SoftmaxCrossEntropy()},
        X,
        Y,
        None,
        "is for class labels: use MLPClassifier",
    ),
    "alpha and early stopping": (
        REGRESSOR,
        {"alpha": "auto", "solver": "lm", "early_stopping": True},
        X,
        Y,
        None,
        "without a validation set",
    ),
    "huber_delta": (REGRESSOR, {"loss": "huber", "huber_delta": 0.0}, X, Y, None, "'huber_delta' parameter"),
    "quantile": (REGRESSOR, {"loss": "quantile", "quantile": 1.0}, X, Y, None, "'quantile' parameter"),
    "quantiles": (
        REGRESSOR,
        {"loss": "quantile", "quantile": [0.5, 95]},
        X,
        Y,
        None,
        "a number between 0 and 1, or a sequence",
    ),
    "falling quantiles": (
        REGRESSOR,
        {"loss": "quantile", "quantile": [0.9, 0.1]},
        X,
        Y,
        None,
        "must be in increasing order",
    ),
    "quantiles of two": (
        REGRESSOR,
        {"loss": "quantile", "quantile": [0.1, 0.9]},
        X,
        X[:, :2],
        None,
        "for one target, but y has 2",
    ),
}


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("warm_start", [False, True])
def test_bad_parameters(what, warm_start):
    check_rejected(CASES[what], warm_start)


def test_partial_fit_with_early_stopping():
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        MLPRegressor(early_stopping=True).partial_fit(X, Y)
    with pytest.raises(ValueError, match="class_weight='balanced' needs all of y at once"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_a_batch_larger_than_the_data_is_clipped():
    with pytest.warns(UserWarning, match="`batch_size` 151, larger than the 150 samples"):
        model = MLPClassifier((5,), batch_size=151, max_iter=2, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(
        model.coefs_[0], MLPClassifier((5,), batch_size=150, max_iter=2, random_state=0).fit(X, Y).coefs_[0]
    )


@pytest.mark.parametrize("bad", [0, -1, 2.5, "many"])
def test_n_members_is_a_positive_int(bad):
    with pytest.raises(ValueError, match="n_members"):
        MLPRegressor(n_members=bad).fit(X_DIAB, Y_DIAB)


@pytest.mark.parametrize("activation", ["tanh", None, ("relu", "relu"), "reul"])
def test_an_activation_set_after_fit_acts_in_the_next_fit(activation):
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, Y)
    before = model.predict_proba(X)
    model.set_params(activation=activation)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    if activation == "tanh":
        assert np.abs(model.fit(X, Y).predict_proba(X) - before).max() > 0.01
    else:
        with pytest.raises(ValueError, match="activation"):
            model.fit(X, Y)


@pytest.mark.parametrize("wrong", [{"hidden_layer_sizes": None}, {"learning_rate": "fast"}, {"alpha": -1.0}])
def test_parameters_are_checked_in_each_call_of_partial_fit(wrong):
    model = MLPClassifier((3,), random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter"):
        model.set_params(**wrong).partial_fit(X, Y)


# Parameters that are resolved.


def resolved(**parameters):
    return Settings.of(MLPClassifier(**parameters)._parameters())


@pytest.mark.parametrize(("sizes", "expected"), [(5, (5,)), ((5, 3), (5, 3)), ([np.int64(4)], (4,)), ((), ())])
def test_sizes_of_hidden_layers(sizes, expected):
    assert hidden_sizes(sizes) == expected
    assert all(type(size) is int for size in hidden_sizes(sizes))


def test_numbers_are_those_of_python():
    # A float64 of NumPy would promote arrays of float32.
    settings = resolved(alpha=np.float64(0.5), learning_rate_init=np.float64(0.1), max_iter=np.int64(3))
    assert type(settings.alpha) is type(settings.options["learning_rate_init"]) is float
    assert type(settings.max_iter) is int
    assert python_number("adam") == "adam"


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_options_are_those_that_the_solver_reads(solver):
    settings = resolved(solver=solver)
    assert set(settings.options) == set(settings.solver.reads)


@pytest.mark.parametrize(
    ("batch_size", "n_rows", "expected", "warns"),
    [("auto", 150, 150, False), ("auto", 1000, 200, False), (50, 150, 50, False), (500, 150, 150, True)],
)
def test_batches_are_no_larger_than_the_training_set(batch_size, n_rows, expected, warns):
    options, warning = resolved(batch_size=batch_size).options_for(n_rows)
    assert options["batch_size"] == expected
    assert ("larger than the 150 samples" in warning) == warns


def test_one_activation_and_one_rate_are_those_of_all_layers():
    settings = resolved(hidden_layer_sizes=(5, 4), activation="tanh", dropout=0.1)
    assert named(settings.activations) == ["tanh", "tanh"]
    assert settings.dropout == (0.1, 0.1)
    assert (
        resolve_activations(["relu", "tanh"], 2)[0]
        == resolved(hidden_layer_sizes=(5, 4), activation=["relu", "tanh"]).activations
    )


def test_no_limit_is_an_infinite_one():
    assert resolved(max_time=None).max_time == np.inf
    assert resolved(dtype=None).dtype is None
    assert resolved(dtype="float32").dtype == np.float32
