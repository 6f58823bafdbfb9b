"""Ctrl-C at random moments: a usable estimator, or the one from before, and nothing of the process has changed.

A timer sends the signal after a random part of the time that the fit takes.
"""

from __future__ import annotations

import pickle
import signal
import time
from contextlib import contextmanager

import numpy as np
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS
from sklearn.base import clone

from mlp_estimator import (
    MLPClassifier,
    MLPGridSearchCV,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from mlp_estimator.fitting.plans import folds

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals"),
    pytest.mark.filterwarnings("ignore"),
]
IRIS, NUMBERS = (X_IRIS, Y_IRIS), (X_DIAB, Y_DIAB)
SMALL = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 30}
TABULAR = {"settings": [{"hidden_layer_sizes": (4,)}], "n_folds": 2, "max_iter": 8, "random_state": 0}
SEARCH = {"param_grid": {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(3,), (4,)]}, "cv": 2}
FITS = {
    "adam": (MLPClassifier(**SMALL), IRIS),
    "sgd, early stopping": (MLPRegressor(**SMALL, solver="sgd", early_stopping=True), NUMBERS),
    "lbfgs": (MLPClassifier(**SMALL, solver="lbfgs"), IRIS),
    "newton-cg": (MLPRegressor(**SMALL | {"activation": "tanh"}, solver="newton-cg"), NUMBERS),
    "lm": (MLPRegressor(**SMALL, solver="lm", alpha="auto"), NUMBERS),
    "an ensemble": (MLPClassifier(**SMALL, n_members=3), IRIS),
    "a warm start": (MLPClassifier(**SMALL, warm_start=True), IRIS),
    "a table of labels": (TabularMLPClassifier(**TABULAR), IRIS),
    "a table of numbers": (TabularMLPRegressor(**TABULAR), NUMBERS),
    "a search": (MLPGridSearchCV(MLPClassifier(**SMALL), **SEARCH), IRIS),
}


@contextmanager
def interrupt_after(seconds):
    """Send Ctrl-C to this process after a time, unless the context ends before."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def short_tabular_fits(monkeypatch):
    monkeypatch.setattr(folds, "MIN_STEPS", 100)  # of 1500


def attributes(model):
    """All attributes, except one that scikit-learn's search sets at the beginning."""
    return {name: value for name, value in vars(model).items() if name != "_checked_cv_orig"}


def check_usable(model, X, y, complete):
    """The estimator predicts, equals its copy, and its record is as long as its training."""
    prediction = model.predict(X)
    assert np.isfinite(model.score(X, y))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), prediction)
    if isinstance(model, MLPClassifier | MLPRegressor):
        assert all(np.isfinite(array).all() for array in (*model.coefs_, *model.intercepts_))
        assert np.isfinite(model.loss_).all()
        curves = model.loss_curve_ if model.n_members > 1 else [model.loss_curve_]
        earlier_epochs = model.max_iter if model.warm_start else 0
        assert max(map(len, curves)) == earlier_epochs + model.n_iter_
    elif isinstance(model, MLPGridSearchCV):  # an interrupted refit leaves a network as its `fit` does
        scores = model.cv_results_["mean_test_score"]
        np.testing.assert_array_equal(scores, complete.cv_results_["mean_test_score"])
    else:  # a table keeps what its settings have reached
        assert 1 <= len(model.settings_) <= len(complete.settings_)
        assert 1 <= model.n_iter_ <= complete.n_iter_


def interrupt(name, n_times, seed):
    """Interrupt a fit so many times, and check each time what it leaves."""
    estimator, (X, y) = FITS[name]
    complete, half = clone(estimator).fit(X, y), pickle.dumps(clone(estimator).fit(X[::2], y[::2]))
    began = time.perf_counter()
    pickle.loads(half).fit(X, y)
    seconds = time.perf_counter() - began
    rng = np.random.default_rng(seed)
    for _ in range(n_times):
        model = pickle.loads(half)
        before, parameters, returned = attributes(model), model.get_params(deep=False), False
        contents = pickle.dumps(before)
        try:
            with interrupt_after(rng.uniform(1e-5, 1.1 * seconds)):
                model.fit(X, y)
                returned = True
        except KeyboardInterrupt:
            pass
        after = attributes(model)
        changed = after.keys() != before.keys() or any(after[name] is not value for name, value in before.items())
        if returned or changed:  # the signal may come just before the end of `fit`
            check_usable(model, X, y, complete)
        else:
            assert pickle.dumps(after) == contents
        for key, value in model.get_params(deep=False).items():
            assert value is parameters[key], key
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict(X), complete.predict(X))


@pytest.mark.parametrize("name", FITS)
def test_an_interrupt_leaves_a_fit_or_the_estimator_from_before(name):
    interrupt(name, 2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", FITS)
def test_many_interrupts(name):
    interrupt(name, 25, seed=1)
