"""A search is scikit-learn's: it takes any X and any metadata, raises the same errors, and ends with an interrupt."""

from __future__ import annotations

import collections
import warnings

import numpy as np
import pandas as pd
import pytest
from samples import X_DIAB, X_IRIS, Y_DIAB, Y_IRIS
from searches import GRID, NETWORK, REGRESSOR, agree
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer, StandardScaler

from mlp_estimator import MLPClassifier, MLPGridSearchCV, MLPRandomizedSearchCV
from mlp_estimator.engine.losses import SoftmaxCrossEntropy

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = MLPClassifier((3,), max_iter=5, random_state=0)
ALPHAS = {"mlpclassifier__alpha": [1e-4, 10.0]}


class Words(collections.abc.Sequence):
    """An object with a length and words, which is no array."""

    def __init__(self, words):
        self.words = words

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return self.words[i]


class Lengths(TransformerMixin, BaseEstimator):
    """A step that reads anything with a length, and returns what ``form`` makes of its numbers."""

    def __init__(self, form=np.asarray):
        self.form = form

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.form([[float(len(row)), 1.0] for row in X])


TOKENS = [["a", "b"], ["a"], ["b", "c", "c"]] * 10
UNREADABLE = {
    "tokens": (CountVectorizer(analyzer=list), TOKENS),
    "dicts": (DictVectorizer(), [{"a": 1.0}, {"b": 2.0, "c": 1.0}, {}] * 10),
    "strings": (TfidfVectorizer(), ["a word", "two words", "three more words"] * 10),
    "series": (TfidfVectorizer(), pd.Series(["a word", "two words", "three more words"] * 10)),
    "ragged": (Lengths(), [[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]] * 10),
    "objects": (Lengths(), [Words(row) for row in TOKENS]),
    "arrays": (Lengths(), [np.zeros((n, 2)) for n in (1, 3, 2)] * 10),
    "sets": (FunctionTransformer(lambda X: MultiLabelBinarizer(classes=list("abc")).fit_transform(X)),
             [set(row) for row in TOKENS]),
    "pairs": (FeatureHasher(4, input_type="pair"), [[("a", 1)], [("b", 2), ("c", 1)], []] * 10),
    "lists": (Lengths(form=list), TOKENS),  # the network reads a list of lists
    "frames": (Lengths(form=pd.DataFrame), TOKENS),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("options", [{}, {"max_memory": 1.0}], ids=str)
def test_only_the_first_step_reads_x(what, options, trained_together):
    step, X = UNREADABLE[what]
    model = make_pipeline(step, SMALL)
    ours = MLPGridSearchCV(model, ALPHAS, cv=2, scoring="neg_log_loss", **options).fit(X, [0, 1, 0] * 10)
    agree(ours, GridSearchCV(model, ALPHAS, cv=2, scoring="neg_log_loss").fit(X, [0, 1, 0] * 10))
    assert trained_together()[0] == 4


def test_only_the_first_step_reads_x_over_processes():
    model = make_pipeline(CountVectorizer(analyzer=list), SMALL)
    grid = ALPHAS | {"mlpclassifier__hidden_layer_sizes": [(3,), (4,)]}
    ours = MLPGridSearchCV(model, grid, cv=2, n_jobs=2).fit(TOKENS, [0, 1, 0] * 10)
    agree(ours, GridSearchCV(model, grid, cv=2).fit(TOKENS, [0, 1, 0] * 10))


def test_memory_is_that_of_what_reaches_the_network(trained_together):
    wide = FunctionTransformer(lambda X: np.repeat(X, 500, axis=1))  # 2 kB become 1.2 MB
    grid = {"mlpclassifier__alpha": [1.0, 2.0, 3.0, 4.0]}
    MLPGridSearchCV(make_pipeline(wide, SMALL), grid, cv=2, max_memory=1e5, refit=False).fit(X_IRIS, Y_IRIS)
    assert trained_together() == (8, 4)  # the networks have 48 kB, so that one per candidate and split waits


GROUPS = np.arange(150) % 7
WEIGHT = np.random.default_rng(0).uniform(0.1, 2, 150)
with config_context(enable_metadata_routing=True):
    ROUTES = {
        "splitter": (NETWORK, {"cv": GroupKFold(3)}, {"groups": GROUPS}),
        "splitter that asks": (
            NETWORK, {"cv": LeaveOneGroupOut().set_split_request(groups=True)}, {"groups": GROUPS}
        ),
        "alias of the splitter": (
            NETWORK, {"cv": GroupKFold(3).set_split_request(groups="clinic")}, {"clinic": GROUPS}
        ),
        "scorer": (
            clone(NETWORK).set_fit_request(sample_weight=False),
            {"cv": 3, "scoring": get_scorer("neg_log_loss").set_score_request(sample_weight=True)},
            {"sample_weight": WEIGHT},
        ),
        "scorers": (
            clone(NETWORK).set_fit_request(sample_weight="fit_weight"),
            {
                "cv": GroupKFold(3), "refit": "a",
                "scoring": {"a": get_scorer("accuracy").set_score_request(sample_weight="score_weight"),
                            "b": get_scorer("neg_log_loss").set_score_request(sample_weight=False)},
            },
            {"groups": GROUPS, "fit_weight": WEIGHT, "score_weight": WEIGHT[::-1]},
        ),
        "network": (clone(NETWORK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True),
                    {"cv": GroupKFold(3)}, {"sample_weight": WEIGHT, "groups": GROUPS}),
        "steps": (
            make_pipeline(
                StandardScaler().set_fit_request(sample_weight=True),
                clone(NETWORK).set_fit_request(sample_weight=False),
            ),
            {"cv": GroupKFold(3), "scoring": get_scorer("accuracy").set_score_request(sample_weight=True)},
            {"sample_weight": WEIGHT, "groups": GROUPS},
        ),
    }  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_routes_of_metadata(route, n_jobs):
    estimator, options, params = ROUTES[route]
    name = "alpha" if estimator is not ROUTES["steps"][0] else "mlpclassifier__alpha"
    with config_context(enable_metadata_routing=True):
        ours = MLPGridSearchCV(estimator, {name: [1e-4, 1.0]}, n_jobs=n_jobs, **options).fit(X_IRIS, Y_IRIS, **params)
        agree(ours, GridSearchCV(estimator, {name: [1e-4, 1.0]}, **options).fit(X_IRIS, Y_IRIS, **params))
        draw = {"n_iter": 2, "random_state": 0}
        ours = MLPRandomizedSearchCV(estimator, {name: [1.0, 2.0, 3.0]}, **draw, **options)
        theirs = RandomizedSearchCV(estimator, {name: [1.0, 2.0, 3.0]}, **draw, **options)
        agree(ours.fit(X_IRIS, Y_IRIS, **params), theirs.fit(X_IRIS, Y_IRIS, **params))


def test_routes_of_nested_searches():
    with config_context(enable_metadata_routing=True):
        scores = [
            cross_val_score(
                Search(NETWORK, GRID, cv=GroupKFold(2)), X_IRIS, Y_IRIS, cv=GroupKFold(3), params={"groups": GROUPS}
            )
            for Search in (MLPGridSearchCV, GridSearchCV)
        ]
        np.testing.assert_allclose(*scores, atol=1e-6)
        network = clone(NETWORK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        answers = [
            cross_validate(Search(network, GRID, cv=2), X_IRIS, Y_IRIS, cv=3, params={"sample_weight": WEIGHT})
            for Search in (MLPGridSearchCV, GridSearchCV)
        ]
        np.testing.assert_allclose(*(answer["test_score"] for answer in answers), atol=1e-6)


def test_metadata_that_nobody_asks_for_is_scikit_learns_error():
    with config_context(enable_metadata_routing=True):
        for params in ({"groups": GROUPS}, {"sample_weight": WEIGHT}, {"nonsense": 1}):
            answers_agree(lambda: (NETWORK, GRID, {"cv": 3}), X_IRIS, Y_IRIS, params)


def used_up():
    splits = iter([(np.arange(100), np.arange(100, 150))])
    list(splits)
    return splits


class Inconsistent(KFold):
    """A splitter with fewer splits than it says."""

    def split(self, X, y=None, groups=None):
        return list(super().split(X, y, groups))[:-1]


BAD_SEARCHES = {
    "no splits": lambda: (NETWORK, GRID, {"cv": []}),
    "used up": lambda: (NETWORK, GRID, {"cv": used_up()}),
    "empty generator": lambda: (NETWORK, GRID, {"cv": (split for split in ())}),
    "predefined": lambda: (NETWORK, GRID, {"cv": PredefinedSplit([-1] * 150)}),
    "inconsistent": lambda: (NETWORK, GRID, {"cv": Inconsistent(3)}),
    "no pairs": lambda: (NETWORK, GRID, {"cv": [np.arange(150)]}),
    "triples": lambda: (NETWORK, GRID, {"cv": [(np.arange(9), np.arange(9), np.arange(9))]}),
    "rows out of range": lambda: (NETWORK, GRID, {"cv": [(np.arange(999), np.arange(9))]}),
    "too many folds": lambda: (NETWORK, GRID, {"cv": 200}),
    "one fold": lambda: (NETWORK, GRID, {"cv": 1}),
    "word": lambda: (NETWORK, GRID, {"cv": "five"}),
    "groups are missing": lambda: (NETWORK, GRID, {"cv": GroupKFold(3)}),
    "empty grid": lambda: (NETWORK, [], {}),
    "empty values": lambda: (NETWORK, {"alpha": []}, {}),
    "scalar values": lambda: (NETWORK, {"alpha": 1.0}, {}),
    "unknown parameter": lambda: (NETWORK, {"nonsense": [1]}, {}),
    "scoring": lambda: (NETWORK, GRID, {"scoring": "nonsense"}),
    "refit": lambda: (NETWORK, GRID, {"scoring": ["accuracy", "neg_log_loss"], "refit": True}),
    "error_score": lambda: (NETWORK, GRID, {"error_score": "nonsense"}),
    "n_jobs": lambda: (NETWORK, GRID, {"n_jobs": 0}),
    "class": lambda: (MLPClassifier, GRID, {}),
    "no steps": lambda: (Pipeline([]), {}, {}),
    "steps without names": lambda: (Pipeline([NETWORK]), {}, {}),
    "a word for steps": lambda: (Pipeline("word"), {}, {}),
    "no last step": lambda: (Pipeline([("scale", StandardScaler()), ("last", None)]), {}, {}),
    "a step that is no transformer": lambda: (make_pipeline(LogisticRegression(), NETWORK), {}, {}),
}


def answer(Search, make, X, y, params):
    estimator, grid, options = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(Search(estimator, grid, **options).fit(X, y, **params).cv_results_)
        except Exception as error:
            return type(error), str(error).replace(Search.__name__, "the search")


def answers_agree(make, X, y, params):
    ours, theirs = (answer(Search, make, X, y, params) for Search in (MLPGridSearchCV, GridSearchCV))
    if isinstance(theirs, tuple) and "fits failed" in theirs[1]:  # with tracebacks, whose lines differ
        ours, theirs = ((kind, message.strip().splitlines()[-1]) for kind, message in (ours, theirs))
    assert ours == theirs


@pytest.mark.parametrize("what", BAD_SEARCHES)
def test_scikit_learn_speaks_first(what):
    ours, theirs = (
        answer(Search, BAD_SEARCHES[what], X_IRIS, Y_IRIS, {}) for Search in (MLPGridSearchCV, GridSearchCV)
    )
    if isinstance(theirs, tuple) and "fits failed" in theirs[1]:  # tracebacks differ in their lines
        ours, theirs = ((kind, message.strip().splitlines()[-1]) for kind, message in (ours, theirs))
    assert ours == theirs


@pytest.mark.parametrize(("X", "y", "params"), [
    (X_IRIS, Y_IRIS[:10], {}), (X_IRIS, [], {}), (None, Y_IRIS, {}), (X_IRIS[:0], Y_IRIS[:0], {}),
    (X_IRIS[0], Y_IRIS, {}), (3, Y_IRIS, {}), (X_IRIS, Y_IRIS, {"nonsense": 1}),
    (X_IRIS, Y_IRIS, {"sample_weight": np.ones(3)}), (X_IRIS, Y_IRIS, {"groups": np.ones(3)}),
], ids=range(9))  # fmt: skip
def test_scikit_learn_speaks_first_about_data(X, y, params):
    answers_agree(lambda: (SMALL, {"alpha": [1.0]}, {"cv": 3}), X, y, params)


class Drawing:
    """A distribution with a generator of its own: each candidate is drawn once."""

    def __init__(self):
        self.n_drawn = 0

    def rvs(self, random_state=None):
        self.n_drawn += 1
        return float(self.n_drawn)


def test_candidates_are_drawn_once():
    alpha = Drawing()
    search = MLPRandomizedSearchCV(SMALL, {"alpha": alpha}, n_iter=4, cv=2).fit(X_IRIS, Y_IRIS)
    assert alpha.n_drawn == 4
    assert [params["alpha"] for params in search.cv_results_["params"]] == [1.0, 2.0, 3.0, 4.0]
    assert search.best_estimator_.alpha == search.best_params_["alpha"]


class Interrupting:
    """Raise KeyboardInterrupt at an evaluation of a loss, and count those that follow."""

    def __init__(self, loss, at, monkeypatch):
        evaluate, self.n_calls = loss.value_and_grad, 0

        def value_and_grad(*arrays):
            self.n_calls += 1
            if self.n_calls == at:
                raise KeyboardInterrupt
            return evaluate(*arrays)

        monkeypatch.setattr(loss, "value_and_grad", value_and_grad)


def scored(estimator, X, y):
    raise AssertionError("half-trained networks were scored")


@pytest.mark.parametrize(("network", "grid"), [
    (NETWORK, GRID),
    (NETWORK, {"hidden_layer_sizes": [(3,), (4,), (5,)]}),
    (NETWORK, {"solver": ["sgd", "adam"], "batch_size": [10, 20, 30]}),
    (NETWORK, {"early_stopping": [True], "alpha": [1.0, 2.0]}),
    (NETWORK, {"n_members": [3]}),
    (NETWORK, {"solver": ["lbfgs", "cg"]}),
    (NETWORK, {"max_time": [100.0]}),
    (make_pipeline(StandardScaler(), NETWORK), ALPHAS),
    (make_pipeline(StandardScaler(), NETWORK), {"mlpclassifier": [SMALL, clone(SMALL).set_params(solver="lbfgs")]}),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("at", [1, 4])
def test_an_interrupt_ends_the_search_and_nothing_is_scored(network, grid, at, monkeypatch):
    interrupting = Interrupting(SoftmaxCrossEntropy, at, monkeypatch)
    search = MLPGridSearchCV(network, grid, cv=2, scoring=scored)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X_IRIS, Y_IRIS)
    assert interrupting.n_calls == at  # no other population begins
    assert search.estimator is network
    assert not hasattr(search, "cv_results_")
    monkeypatch.undo()
    agree(search.set_params(scoring=None).fit(X_IRIS, Y_IRIS), GridSearchCV(network, grid, cv=2).fit(X_IRIS, Y_IRIS))


def test_an_interrupt_of_the_refit_keeps_the_best_estimator(monkeypatch):
    search = MLPGridSearchCV(REGRESSOR, GRID, cv=2).fit(X_DIAB, Y_DIAB)
    loss = type(search.best_estimator_._fitted.targets.loss)
    counting = Interrupting(loss, -1, monkeypatch)
    MLPGridSearchCV(REGRESSOR, GRID, cv=2, refit=False).fit(X_DIAB, Y_DIAB)
    monkeypatch.undo()
    Interrupting(loss, counting.n_calls + 3, monkeypatch)
    with pytest.warns(UserWarning, match="interrupted"):
        again = MLPGridSearchCV(REGRESSOR, GRID, cv=2).fit(X_DIAB, Y_DIAB)
    agree_but_for_the_refit = again.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(agree_but_for_the_refit, search.cv_results_["mean_test_score"])
