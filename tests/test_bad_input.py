"""Bad input gets one clear sentence, and a fitted estimator survives a failed fit unchanged."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.engine.losses import SoftmaxCrossEntropy

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
X = scale(X)
W = np.ones(150)
BOTH, CLASSIFIER, REGRESSOR = (MLPClassifier, MLPRegressor), (MLPClassifier,), (MLPRegressor,)


def put(array, value, at=3):
    array = np.array(array, dtype=float)
    array[at] = value
    return array


#  what: (estimators, parameters, X, y, sample_weight, what the message says)
CASES = {
    "nan in X": (BOTH, {}, put(X, np.nan), Y, None, "Input X contains NaN"),
    "inf in X": (BOTH, {}, put(X, np.inf), Y, None, "Input X contains infinity"),
    "nan in sparse X": (BOTH, {}, sparse.csr_array(put(X, np.nan)), Y, None, "Input X contains NaN"),
    "nan in y": (BOTH, {}, X, put(Y, np.nan), None, "Input y contains NaN"),
    "inf in y": (REGRESSOR, {}, X, put(Y, np.inf), None, "Input y contains infinity"),
    "nan in weights": (BOTH, {}, X, Y, put(W, np.nan), "Input sample_weight contains NaN"),
    "negative weights": (BOTH, {}, X, Y, put(W, -1.0), "Negative values in data passed to `sample_weight`"),
    "zero weights": (BOTH, {}, X, Y, 0 * W, "must contain at least one non-zero"),
    "short weights": (BOTH, {}, X, Y, W[:9], "sample_weight.shape"),
    "two-dimensional weights": (BOTH, {}, X, Y, np.ones((150, 2)), "Sample weights must be 1D"),
    "no rows": (BOTH, {}, X[:0], Y[:0], None, r"0 sample\(s\)"),
    "no columns": (BOTH, {}, X[:, :0], Y, None, r"0 feature\(s\)"),
    "lengths": (BOTH, {}, X, Y[:9], None, "inconsistent numbers of samples"),
    "no y": (BOTH, {}, X, None, None, "requires y to be passed"),
    "one-dimensional X": (BOTH, {}, X[:, 0], Y, None, "Expected 2D array"),
    "complex X": (BOTH, {}, X + 1j, Y, None, "Complex data not supported"),
    "words in X": (BOTH, {}, np.full((150, 2), "word", object), Y, None, "could not convert string to float"),
    "dates in X": (BOTH, {}, np.full((150, 2), "2020-01-01", "datetime64[D]"), Y, None, "not numeric"),
    "dates as y": (REGRESSOR, {}, X, np.full(150, "2020-01-01", "datetime64[D]"), None, "not numeric"),
    "y beyond float32": (REGRESSOR, {"dtype": "float32"}, X, put(Y, 1e300), None, "too large for float32"),
    "continuous y": (CLASSIFIER, {}, X, X[:, 0], None, "Unknown label type: continuous"),
    "words in y": (REGRESSOR, {}, X, np.full(150, "word", object), None, "could not convert string to float"),
    "multiclass-multioutput y": (CLASSIFIER, {}, X, np.column_stack([Y, Y]), None, "Multioutput target data"),
    "negative counts": (
        REGRESSOR,
        {"loss": "poisson"},
        X,
        put(Y, -1),
        None,
        "non-negative targets, but y goes down to -1",
    ),
    "sparse y": (REGRESSOR, {}, X, sparse.csr_array(np.column_stack([Y, Y])), None, "give the targets dense"),
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
    "validation_fraction": (BOTH, {"early_stopping": True, "validation_fraction": 0.0}, X, Y, None, "test_size=0.0"),
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
        "'scoring' parameter.*Got 'accurate'",
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
        r"classes, \[0, 1, 2\], are not in class_weight",
    ),
    "negative class weight": (
        CLASSIFIER,
        {"class_weight": {0: -1.0}},
        X,
        Y,
        None,
        "must be numbers of at least 0",
    ),
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
    "R2 of quantiles": (
        REGRESSOR,
        {"loss": "quantile", "quantile": [0.1, 0.9], "early_stopping": True},
        X,
        Y,
        None,
        "R2 cannot judge",
    ),
    "no gamma": (
        REGRESSOR,
        {"loss": "gamma"},
        X,
        Y,
        None,
        "loss='gamma' is for positive targets, but y goes down to 0",
    ),
    "divergence": (REGRESSOR, {"solver": "sgd", "learning_rate_init": 1e30}, X, Y, None, "Lower learning_rate_init"),
}


def state(model):
    return {name: value for name, value in vars(model).items() if name.endswith("_") or name.startswith("_")}


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("warm_start", [False, True])
def test_bad_input(what, warm_start):
    estimators, parameters, X_bad, y_bad, weight, message = CASES[what]
    for Estimator in estimators:
        with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
            Estimator(**parameters).fit(X_bad, y_bad, sample_weight=weight)
        model = Estimator((5,), max_iter=3, random_state=0, warm_start=warm_start).fit(X, Y)
        before, prediction = state(model), model.predict(X)
        contents = {name: list(value) for name, value in before.items() if isinstance(value, list)}
        with pytest.raises((ValueError, TypeError)):
            model.set_params(**parameters).fit(X_bad, y_bad, sample_weight=weight)
        after = state(model)
        assert after.keys() == before.keys()
        assert all(after[name] is before[name] for name in before)
        assert all(len(after[name]) == len(contents[name]) for name in contents)
        model.set_params(**Estimator((5,), max_iter=3).get_params())
        np.testing.assert_array_equal(model.predict(X), prediction)


@pytest.mark.parametrize("Estimator", BOTH)
def test_all_weight_on_one_side_of_the_split(Estimator):
    weight = put(0 * W, 1.0)
    with pytest.raises(ValueError, match=r"All sample weights in the (training|validation) part"):
        Estimator(early_stopping=True, random_state=0).fit(X, Y, weight)


VALIDATION = {
    "X_val alone": ({"X_val": X}, "needs both X_val and y_val"),
    "y_val alone": ({"y_val": Y}, "needs both X_val and y_val"),
    "weights alone": ({"sample_weight_val": W}, "needs both X_val and y_val"),
    "columns": ({"X_val": X[:, :3], "y_val": Y}, "X has 3 features, but MLP.* is expecting 4"),
    "lengths": ({"X_val": X, "y_val": Y[:9]}, "inconsistent numbers of samples"),
    "nan": ({"X_val": put(X, np.nan), "y_val": Y}, "Input X contains NaN"),
    "weights": ({"X_val": X, "y_val": Y, "sample_weight_val": W[:9]}, "sample_weight.shape"),
    "kind of y": ({"X_val": X, "y_val": np.eye(3, dtype=int)[Y]}, "`y_val` is multilabel|y_val has 3 column"),
}


@pytest.mark.parametrize("what", VALIDATION)
@pytest.mark.parametrize("Estimator", BOTH)
def test_bad_validation_sets(Estimator, what):
    validation, message = VALIDATION[what]
    with pytest.raises(ValueError, match=message):
        Estimator(early_stopping=True).fit(X, Y, **validation)


def test_validation_sets_out_of_place():
    with pytest.raises(ValueError, match="X_val is only used with early_stopping=True"):
        MLPClassifier().fit(X, Y, X_val=X, y_val=Y)
    with pytest.raises(ValueError, match=r"y_val has the classes \[7\], which y does not have: \[0 1 2\]"):
        MLPClassifier(early_stopping=True).fit(X, Y, X_val=X, y_val=np.where(Y == 2, 7, Y))


def test_layers_that_are_not_there():
    with pytest.raises(ValueError, match=r"layer=1 does not exist: the network has 1 hidden layer\(s\)"):
        MLPRegressor((5,), max_iter=2).fit(X, Y).hidden_activations(X, 1)
    with pytest.raises(ValueError, match="the network has 0 hidden"):
        MLPRegressor((), max_iter=2).fit(X, Y).hidden_activations(X)


@pytest.mark.parametrize("Estimator", BOTH)
def test_wrong_columns_in_predict(Estimator):
    pd = pytest.importorskip("pandas")
    model = Estimator((5,), max_iter=2).fit(pd.DataFrame(X, columns=list("abcd")), Y)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4 features"):
        Estimator((5,), max_iter=2).fit(X, Y).predict(X[:, :3])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X, columns=list("abce")))


@pytest.mark.parametrize("Estimator", BOTH)
def test_a_failed_chunk_changes_nothing(Estimator):
    model = Estimator((5,), solver="sgd", random_state=0, batch_size=20)
    first = {"classes": [0, 1, 2]} if Estimator is MLPClassifier else {}
    model.partial_fit(X, Y, **first)
    twin = Estimator((5,), solver="sgd", random_state=0, batch_size=20).partial_fit(X, Y, **first)
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        model.partial_fit(X * 1e300, Y)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(put(X, np.nan), Y)
    for each in (model, twin):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])
    assert model.loss_curve_ == twin.loss_curve_


def test_classes_of_a_stream():
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        MLPClassifier().partial_fit(X, Y)
    model = MLPClassifier((5,)).partial_fit(X[:50], Y[:50], classes=[0, 1])
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`")):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X[:50], Y[:50], classes=[0, 2])


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


def test_dates_in_predict():
    model = MLPRegressor((5,), max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="not numeric"):
        model.predict(np.full((2, 4), "2020-01-01", "datetime64[D]"))


def test_not_fitted():
    from sklearn.exceptions import NotFittedError

    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function", "hidden_activations"):
        with pytest.raises(NotFittedError):
            getattr(MLPClassifier(), method)(X)


def test_a_warning_that_is_an_error_changes_nothing():
    model = MLPClassifier((5,), max_iter=3, warm_start=True, random_state=0).fit(X, Y)
    curve, weights = model.loss_curve_, model.coefs_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, Y)
    assert model.loss_curve_ is curve
    assert len(curve) == 3
    assert model.coefs_ is weights


def test_the_kind_of_target_cannot_change():
    model = MLPClassifier((5,), max_iter=2, warm_start=True).fit(X, Y > 0)
    with pytest.raises(ValueError, match="is multilabel-indicator, but training so far was on a binary target"):
        model.fit(X, np.column_stack([Y > 0, Y == 0]).astype(int))
