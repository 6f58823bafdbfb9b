"""Names of other libraries are refused with the name to use here."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn.base import clone

from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.hints import OTHER_NAMES

X, Y = np.zeros((4, 1)), [0, 1, 0, 1]


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor])
def test_names_of_other_libraries(cls):
    known = inspect.signature(cls).parameters
    for name in set(OTHER_NAMES) - set(known):
        with pytest.raises(TypeError, match=f"^{cls.__name__} got an unexpected keyword argument '{name}': "):
            cls(**{name: 1})
    in_fit = inspect.signature(cls.fit).parameters
    for name in set(OTHER_NAMES) - set(in_fit):
        with pytest.raises(TypeError, match=rf"^{cls.__name__}\.fit\(\) got an unexpected keyword argument '{name}': "):
            cls().fit(X, Y, **{name: 1})


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: TabularMLPClassifier(cat_features=["a"]), "use categorical_features$"),
        (
            lambda: TabularMLPClassifier().fit(X, Y, cat_features=[0]),
            r"categorical_features, a parameter of TabularMLPC",
        ),
        (
            lambda: TabularMLPClassifier().fit(X, Y, class_weight=None),
            r"it is a parameter of TabularMLPClassifier\(\.\.\.\)$",
        ),
        (lambda: TabularMLPRegressor().predict_interval(X, alpha=0.1), "of intervals coverage"),
        (lambda: TabularMLPClassifier().predict_set(X, alpha=0.1), "of intervals coverage"),
        (lambda: TabularMLPClassifier(n_fold=3), r"did you mean n_folds\?$"),
        (lambda: MLPClassifier(foo=3), "it takes hidden_layer_sizes, activation, solver"),
        (lambda: MLPClassifier().fit(X, Y, eval_set=[(X, Y)]), "give X_val and y_val to fit$"),
        (lambda: MLPClassifier().fit(X, Y, sample_weights=Y), r"did you mean sample_weight\?$"),
        (lambda: MLPRegressor().partial_fit(X, Y, sample_weights=Y), r"did you mean sample_weight\?$"),
        (lambda: TabularMLPRegressor().fit(X, Y, X_valid=X), r"did you mean X_val\?$"),
        (
            lambda: TabularMLPRegressor().fit(X),
            r"^TabularMLPRegressor\.fit\(\): missing a required argument: 'y'",
        ),
    ],
)
def test_hints(call, hint):
    with pytest.raises(TypeError, match=hint):
        call()


@pytest.mark.parametrize("arguments", [(), (X,), (X, Y)])
def test_methods_of_the_class_are_called_on_an_instance(arguments):
    with pytest.raises(TypeError, match=r"\.fit was called on a class: call it on an estimator"):
        MLPClassifier.fit(*arguments)


def test_what_a_hint_recommends_is_there():
    parameters = {name for cls in (MLPClassifier, TabularMLPRegressor) for name in inspect.signature(cls).parameters}
    parameters |= set(inspect.signature(TabularMLPRegressor.fit).parameters) | {"class_weight"}
    words = {word.strip(",;:") for hint in OTHER_NAMES.values() for word in hint.split() if "_" in word}
    assert words <= parameters


def test_a_subclass_has_parameters_of_its_own():
    class Mine(MLPClassifier):
        def __init__(self, eta=0.1):
            super().__init__(learning_rate_init=eta)
            self.eta = eta

    assert clone(Mine(eta=0.2)).eta == 0.2
    with pytest.raises(TypeError, match="unexpected keyword argument 'lr'"):
        Mine(lr=0.1)


def test_the_signature_is_that_of_the_parameters():
    for cls in (MLPClassifier, TabularMLPRegressor):
        assert [*inspect.signature(cls).parameters] == [*inspect.signature(cls.__init__).parameters][1:]
        assert "random_state" in inspect.signature(cls).parameters
