"""Bad data get one clear sentence, and a fitted estimator survives a failed fit unchanged."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS, check_rejected, put
from scipy import sparse

from mlp_estimator import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = X_IRIS, Y_IRIS
W = np.ones(150)
BOTH, CLASSIFIER, REGRESSOR = (MLPClassifier, MLPRegressor), (MLPClassifier,), (MLPRegressor,)


#  what: (estimators, parameters, X, y, sample_weight, pattern of the message)
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
    "words in X": (BOTH, {}, np.full((150, 2), "word", object), Y, None, "not numeric, it contains text"),
    "dates in X": (BOTH, {}, np.full((150, 2), "2020-01-01", "datetime64[D]"), Y, None, "not numeric"),
    "dates as y": (REGRESSOR, {}, X, np.full(150, "2020-01-01", "datetime64[D]"), None, "not numeric"),
    "y beyond float32": (REGRESSOR, {"dtype": "float32"}, X, put(Y, 1e300), None, "too large for float32"),
    "continuous y": (CLASSIFIER, {}, X, X[:, 0], None, "Unknown label type: continuous"),
    "words in y": (REGRESSOR, {}, X, np.full(150, "word", object), None, "not numeric, it contains text"),
    "multiclass-multioutput y": (CLASSIFIER, {}, X, np.column_stack([Y, Y]), None, "y has 2 columns of labels"),
    "negative counts": (
        REGRESSOR,
        {"loss": "poisson"},
        X,
        put(Y, -1),
        None,
        "non-negative targets, but y goes down to -1",
    ),
    "sparse y": (REGRESSOR, {}, X, sparse.csr_array(np.column_stack([Y, Y])), None, r"use y\.toarray\(\)"),
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


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("warm_start", [False, True])
def test_bad_input(what, warm_start):
    check_rejected(CASES[what], warm_start)


@pytest.mark.parametrize("Estimator", BOTH)
def test_wrong_columns_in_predict(Estimator):
    pd = pytest.importorskip("pandas")
    model = Estimator((5,), max_iter=2).fit(pd.DataFrame(X, columns=list("abcd")), Y)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4 features"):
        Estimator((5,), max_iter=2).fit(X, Y).predict(X[:, :3])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X, columns=list("abce")))


def test_dates_in_predict():
    model = MLPRegressor((5,), max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="not numeric"):
        model.predict(np.full((2, 4), "2020-01-01", "datetime64[D]"))


def test_not_fitted():
    from sklearn.exceptions import NotFittedError

    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function", "hidden_activations"):
        with pytest.raises(NotFittedError):
            getattr(MLPClassifier(), method)(X)


ARRAY_API = """
import warnings
import array_api_strict as xp
import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris
from mlp_estimator import (
    MLPClassifier, MLPGridSearchCV, MLPRandomizedSearchCV, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
)
warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
networks = MLPClassifier(max_iter=3, random_state=0), MLPRegressor(max_iter=3, early_stopping=True, random_state=0)
searches = [Search(networks[0], {"alpha": [1.0, 2.0]}, cv=2, **options) for Search, options in (
    (MLPGridSearchCV, {}), (MLPRandomizedSearchCV, {"n_iter": 2, "random_state": 0}))]
fast = {"settings": [{"hidden_layer_sizes": (4,)}], "n_folds": 2, "max_iter": 2, "random_state": 0}
tabular = TabularMLPClassifier(**fast), TabularMLPRegressor(**fast)
for model in (*networks, *searches, *tabular):
    expected = model.fit(X, y).predict(X)
    with config_context(array_api_dispatch=True):
        np.testing.assert_array_equal(model.fit(X, y).predict(X), expected)
for model in (*networks, *tabular):
    expected = model.fit(X, y).predict(X)
    with config_context(array_api_dispatch=True):
        model.fit(xp.asarray(X), xp.asarray(y), sample_weight=xp.ones(150))
        np.testing.assert_array_equal(model.predict(xp.asarray(X)), expected)
for network in networks:
    with config_context(array_api_dispatch=True), pytest.raises(RuntimeError, match="convert array on the"):
        network.fit(xp.asarray(X, device=xp.Device("device1")), y)
"""


def test_with_array_api_dispatch_arrays_are_converted():
    pytest.importorskip("array_api_strict")
    pytest.importorskip("scipy", minversion="1.14")  # scikit-learn asks for it there
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", ARRAY_API], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
