"""scikit-learn's own test_mlp.py, as installed, run on the classes of this package."""

from __future__ import annotations

import importlib.util

import pytest
import sklearn.neural_network

import mlp_estimator

LEFT_OUT = {
    "test_gradient": "calls the private _loss_grad_lbfgs; test_objective.py has the gradients",
    "test_learning_rate_warmstart": "reads the private _optimizer",
    "test_adaptive_learning_rate": "reads the private _optimizer",
    "test_early_stopping_stratified": "expects an error where the split is plain: difference c",
}


def _suite():
    """The module, executed while its import statement finds this package's classes."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLPClassifier", "MLPRegressor"):
            patch.setattr(sklearn.neural_network, name, getattr(mlp_estimator, name))
        spec.loader.exec_module(module)
    assert module.MLPClassifier is mlp_estimator.MLPClassifier
    return module


_tests = {name: test for name, test in vars(_suite()).items() if name.startswith("test_")}
for _test in _tests.values():
    pytest.mark.filterwarnings("default")(_test)  # their warnings are checked by their own tests
globals().update({name: test for name, test in _tests.items() if name not in LEFT_OUT})


def test_only_named_tests_are_left_out():
    assert set(LEFT_OUT) <= set(_tests)
    assert len(_tests) >= 42
