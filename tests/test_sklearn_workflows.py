"""scikit-learn's meta-estimators, splitters and tools: the same results with this package's networks as with its own.

Each workflow is a function of a pair of estimators. It runs with both pairs and equal seeds, and its results are equal
up to rounding. Where they are not, ``LETTERS`` names the difference of ``docs/differences.md``.
"""

from __future__ import annotations

import pickle
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network as theirs
from samples import X_CANCER, X_DIAB, X_IRIS, Y_CANCER, Y_DIAB, Y_IRIS, since_scikit_learn
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay, calibration_curve
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SelectKBest, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.inspection import DecisionBoundaryDisplay, partial_dependence, permutation_importance
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor
from sklearn.metrics import (
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    make_scorer,
    mean_absolute_error,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    LeavePOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

import mlp_estimator as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
IRIS, CANCER = (X_IRIS, Y_IRIS), (X_CANCER[:200, :8], Y_CANCER[:200])
NUMBERS = (X_DIAB[:150], Y_DIAB[:150])
PAIRS = (X_DIAB[:150], np.column_stack([Y_DIAB[:150], X_DIAB[:150, 2] ** 2]))
TAGS = (X_IRIS, np.column_stack([Y_IRIS > 0, X_IRIS[:, 1] > 0, X_IRIS[:, 0] > 1]).astype(int))
WORDS = np.array(["early", "late"])
WEIGHT = RNG.uniform(0.5, 2.0, 200)
GROUPS = np.arange(150) // 10 % 6
HOLES = np.where(RNG.uniform(size=X_DIAB[:150].shape) < 0.1, np.nan, X_DIAB[:150])
UNLABELLED = np.where(RNG.uniform(size=150) < 0.5, -1, Y_IRIS)
TEXTS = ["a good red car", "a bad blue car", "good day", "bad night", "red and good", "blue and bad"] * 10
FRAME = pd.DataFrame({"size": X_IRIS[:, 0], "width": X_IRIS[:, 1], "kind": np.array(list("abc"))[GROUPS % 3]})
OPTIONS = {"hidden_layer_sizes": (8,), "max_iter": 8, "learning_rate_init": 0.02, "random_state": 0}


def pair(module):
    """The two estimators of a package, with small options."""
    return SimpleNamespace(
        classifier=lambda **options: module.MLPClassifier(**(OPTIONS | options)),
        regressor=lambda **options: module.MLPRegressor(**(OPTIONS | options)),
    )


class WithoutScores(ours.MLPClassifier):
    """The classifier with the methods that scikit-learn's has."""

    @property
    def decision_function(self):
        raise AttributeError("hidden")


OURS, THEIRS = pair(ours), pair(theirs)
WITHOUT_SCORES = pair(SimpleNamespace(MLPClassifier=WithoutScores, MLPRegressor=ours.MLPRegressor))


def fitted(meta, X, y, **params):
    """The predictions of a fitted meta-estimator by each of its methods."""
    meta.fit(X, y, **params)
    methods = ("predict", "predict_proba", "decision_function", "transform")
    return {name: getattr(meta, name)(X) for name in methods if hasattr(meta, name)}


def scored(estimator, X, y, **options):
    return cross_val_score(estimator, X, y, **{"cv": 3, **options})


def searched(search, X, y, **params):
    search.fit(X, y, **params)
    found = {name: value for name, value in search.cv_results_.items() if "_test_" in name}
    return {**found, "best": search.best_params_, "predict": search.predict(X)}


def first_layer(network):
    """Importances of features: the lengths of their weights."""
    return np.linalg.norm(network.coefs_[0], axis=1)


def imputed(pair):
    return IterativeImputer(pair.regressor(), max_iter=2, random_state=0).fit_transform(HOLES)


def frozen_then_calibrated(pair):
    frozen = FrozenEstimator(pair.classifier().fit(*CANCER))
    return fitted(CalibratedClassifierCV(frozen), *CANCER)


def boundary(pair, response_method="auto"):
    network = pair.classifier().fit(X_IRIS[:, :2], Y_IRIS > 0)
    display = DecisionBoundaryDisplay.from_estimator(
        network, X_IRIS[:, :2], grid_resolution=15, response_method=response_method, plot_method="contour"
    )
    return display.response


def curve(Display, names, pair):
    display = Display.from_estimator(pair.classifier().fit(*CANCER), *CANCER)
    return [getattr(display, name) for name in names]


def routed(pair):
    with config_context(enable_metadata_routing=True):
        network = pair.classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        return scored(network, *CANCER, params={"sample_weight": WEIGHT})


def streamed(pair):
    network = pair.classifier()
    for start in (0, 50, 100):
        rows = slice(start, start + 50)
        network.partial_fit(X_IRIS[rows], Y_IRIS[rows], classes=[0, 1, 2])
    return network.predict_proba(X_IRIS)


def exported(pair):
    network = pickle.loads(pickle.dumps(pair.classifier().fit(*IRIS)))
    return fitted(clone(network), *IRIS), network.predict_proba(X_IRIS)


def in_a_frame(pair):
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["size", "width"]), ("kinds", OneHotEncoder(), ["kind"])]
    )
    return fitted(make_pipeline(columns, pair.classifier()), FRAME, WORDS[(Y_IRIS > 0).astype(int)])


def in_threads(pair):
    with joblib.parallel_backend("threading", n_jobs=2):
        return scored(pair.classifier(), *IRIS)


def splitter(cv):
    """A workflow that cross-validates a classifier with a splitter."""
    groups = GROUPS if "Group" in type(cv).__name__ else None
    return lambda pair: scored(pair.classifier(max_iter=3), *IRIS, cv=cv, groups=groups)


FEW = (np.vstack([X_IRIS[:6], X_IRIS[100:106]]), np.repeat([0, 1], 6))
CLASSIFIERS = {
    "adaboost": lambda c: AdaBoostClassifier(c, n_estimators=3, random_state=0),
    "bagging": lambda c: BaggingClassifier(c, 3, max_samples=0.6, max_features=3, random_state=0),
    "bagging, out of bag": lambda c: BaggingClassifier(c, 15, max_samples=0.5, oob_score=True, random_state=0),
    "boosting from a network": lambda c: GradientBoostingClassifier(init=c, n_estimators=3, max_depth=1),
    "calibration, isotonic": lambda c: CalibratedClassifierCV(c, method="isotonic", cv=3),
    "calibration, sigmoid": lambda c: CalibratedClassifierCV(c, cv=3),
    "calibration, temperature": lambda c: CalibratedClassifierCV(c, method="temperature", cv=3, ensemble=False),
    "kernel features": lambda c: make_pipeline(Nystroem(n_components=10, random_state=0), c),
    "one versus one": OneVsOneClassifier,
    "one versus rest": OneVsRestClassifier,
    "output codes": lambda c: OutputCodeClassifier(c, code_size=2, random_state=0),
    "recursive elimination": lambda c: RFE(c, n_features_to_select=2, importance_getter=first_layer),
    "recursive elimination by cross-validation": lambda c: RFECV(c, cv=3, importance_getter=first_layer),
    "selection from weights": lambda c: SelectFromModel(c, importance_getter=first_layer),
    "sequential selection": lambda c: SequentialFeatureSelector(c, n_features_to_select=2, cv=2),
    "stacking": lambda c: StackingClassifier([("a", c), ("b", LogisticRegression())], cv=3),
    "stacking, passthrough": lambda c: StackingClassifier(
        [("a", c)], LogisticRegression(max_iter=500), cv=3, passthrough=True
    ),
    "stacking, network on top": lambda c: StackingClassifier([("a", LogisticRegression())], c, cv=3),
    "union of features": lambda c: make_pipeline(
        FeatureUnion([("square", PolynomialFeatures()), ("best", SelectKBest(k=2))]), c
    ),
    "voting, hard": lambda c: VotingClassifier([("a", c), ("b", LogisticRegression())]),
    "voting, soft": lambda c: VotingClassifier([("a", c), ("b", LogisticRegression())], voting="soft"),
    "calibration, one network": lambda c: CalibratedClassifierCV(c, cv=2, ensemble=False),
}
REGRESSORS = {
    "adaboost of numbers": lambda r: AdaBoostRegressor(r, n_estimators=3, random_state=0),
    "bagging of numbers": lambda r: BaggingRegressor(r, 3, bootstrap_features=True, random_state=0),
    "boosting of numbers from a network": lambda r: GradientBoostingRegressor(init=r, n_estimators=3, max_depth=1),
    "robust regression": lambda r: RANSACRegressor(r, min_samples=0.5, max_trials=3, random_state=0),
    "stacking of numbers": lambda r: StackingRegressor([("a", r), ("b", LinearRegression())], cv=3),
    "target, transformed": lambda r: TransformedTargetRegressor(r, transformer=QuantileTransformer(n_quantiles=20)),
    "target, by functions": lambda r: TransformedTargetRegressor(r, func=np.arcsinh, inverse_func=np.sinh),
    "voting of numbers": lambda r: VotingRegressor([("a", r), ("b", LinearRegression())], weights=[1, 2]),
}
SPLITTERS = {
    "group k-fold": GroupKFold(3),
    "group shuffle": GroupShuffleSplit(2, random_state=0),
    "k-fold": KFold(3, shuffle=True, random_state=0),
    "leave one group out": LeaveOneGroupOut(),
    "leave groups out": LeavePGroupsOut(4),
    "predefined": PredefinedSplit(GROUPS - 1),
    "repeated": RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
    "repeated, stratified": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    "shuffle": ShuffleSplit(3, random_state=0),
    "stratified": StratifiedKFold(3),
    "stratified groups": StratifiedGroupKFold(3),
    "stratified shuffle": StratifiedShuffleSplit(3, random_state=0),
    "a list": [(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50))],
}
TOOLS = {
    "calibration curve": lambda p: calibration_curve(
        Y_CANCER[:200], p.classifier().fit(*CANCER).predict_proba(CANCER[0])[:, 1]
    ),
    "calibration display": partial(curve, CalibrationDisplay, ("prob_true", "prob_pred")),
    "chain": lambda p: fitted(ClassifierChain(p.classifier(), order="random", cv=3, random_state=0), *TAGS),
    "chain of numbers": lambda p: fitted(RegressorChain(p.regressor(), cv=3), *PAIRS),
    "columns of a frame": in_a_frame,
    "copies": exported,
    "decision boundary": boundary,
    "decision boundary of probabilities": partial(boundary, response_method="predict_proba"),
    "detection curve": partial(curve, DetCurveDisplay, ("fpr", "fnr")),
    "frozen": lambda p: fitted(
        StackingClassifier([("a", FrozenEstimator(p.classifier().fit(*IRIS)))], cv="prefit"), *IRIS
    ),
    "frozen, calibrated": frozen_then_calibrated,
    "grid search": lambda p: searched(
        GridSearchCV(p.classifier(), {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(3,), (4, 2)]}, cv=3), *IRIS
    ),
    "grid search of a pipeline": lambda p: searched(
        GridSearchCV(
            Pipeline([("scale", StandardScaler()), ("net", p.regressor())]),
            {"scale": [StandardScaler(), "passthrough"], "net__activation": ["relu", "tanh"]},
            cv=2,
        ),
        *NUMBERS,
    ),
    "grid search, weighted": lambda p: searched(
        GridSearchCV(
            p.classifier(), {"alpha": [1e-4, 1.0]}, cv=3, scoring=["accuracy", "neg_log_loss"], refit="accuracy"
        ),
        *CANCER,
        sample_weight=WEIGHT,
    ),
    "halving grid": lambda p: searched(
        HalvingGridSearchCV(p.classifier(), {"alpha": [1e-4, 1e-2, 1.0]}, cv=3, random_state=0), *IRIS
    ),
    "halving of epochs": lambda p: searched(
        HalvingRandomSearchCV(
            p.classifier(),
            {"alpha": loguniform(1e-5, 1)},
            n_candidates=4,
            resource="max_iter",
            max_resources=8,
            min_resources=2,
            factor=2,
            cv=2,
            random_state=0,
        ),
        *IRIS,
    ),
    "imputation": imputed,
    "imputation in front": lambda p: fitted(make_pipeline(SimpleImputer(), p.regressor()), HOLES, Y_DIAB[:150]),
    "leave one out": lambda p: scored(p.classifier(max_iter=2), *FEW, cv=LeaveOneOut()),
    "leave two out": lambda p: scored(p.classifier(max_iter=1), FEW[0][::2], FEW[1][::2], cv=LeavePOut(2)),
    "learning curve": lambda p: learning_curve(p.classifier(), *IRIS, cv=2, shuffle=True, random_state=0),
    "learning curve, incremental": lambda p: learning_curve(
        p.classifier(batch_size=30, shuffle=False),
        *IRIS,
        cv=2,
        shuffle=True,
        random_state=0,
        exploit_incremental_learning=True,
        train_sizes=[0.5, 1.0],
    ),
    "many metrics": lambda p: {
        name: value
        for name, value in cross_validate(
            p.classifier(),
            *CANCER,
            cv=3,
            return_train_score=True,
            scoring=[
                "accuracy",
                "roc_auc",
                "neg_log_loss",
                "average_precision",
                "neg_brier_score",
                "matthews_corrcoef",
            ],
        ).items()
        if "time" not in name
    },
    "metadata routing": routed,
    "multi-output labels": lambda p: [
        np.array(part) for part in fitted(MultiOutputClassifier(p.classifier()), *TAGS).values()
    ],
    "multi-output numbers": lambda p: fitted(MultiOutputRegressor(p.regressor()), *PAIRS),
    "multilabel": lambda p: fitted(p.classifier(), *TAGS),
    "out-of-fold log-probabilities": lambda p: cross_val_predict(
        p.classifier(), *IRIS, cv=3, method="predict_log_proba"
    ),
    "own scorer": lambda p: scored(p.regressor(), *NUMBERS, scoring=make_scorer(mean_absolute_error)),
    "partial dependence": lambda p: [
        partial_dependence(p.classifier().fit(*IRIS), X_IRIS, [k], grid_resolution=5)["average"] for k in (0, (1, 2))
    ],
    "partial dependence, individual": lambda p: partial_dependence(
        p.regressor().fit(*NUMBERS), NUMBERS[0], [1], kind="individual", grid_resolution=5
    )["individual"],
    "permutation importance": lambda p: permutation_importance(
        p.classifier().fit(*IRIS), *IRIS, n_repeats=3, random_state=0
    )["importances"],
    "permutation test": lambda p: permutation_test_score(p.classifier(), *IRIS, cv=2, n_permutations=3, random_state=0),
    "precision and recall": partial(curve, PrecisionRecallDisplay, ("precision", "recall", "average_precision")),
    "processes": lambda p: scored(p.classifier(), *IRIS, n_jobs=2),
    "random search": lambda p: searched(
        RandomizedSearchCV(p.regressor(), {"alpha": loguniform(1e-4, 1)}, n_iter=3, cv=2, random_state=0), *NUMBERS
    ),
    "roc curve": partial(curve, RocCurveDisplay, ("fpr", "tpr", "roc_auc")),
    "search over a meta-estimator": lambda p: searched(
        GridSearchCV(OneVsRestClassifier(p.classifier()), {"estimator__alpha": [1e-4, 1.0]}, cv=2), *IRIS
    ),
    "self-training": lambda p: fitted(
        SelfTrainingClassifier(p.classifier(max_iter=30), threshold=0.6), X_IRIS, UNLABELLED
    ),
    "sparse text": lambda p: fitted(make_pipeline(TfidfVectorizer(), p.classifier()), TEXTS, WORDS[np.arange(60) % 2]),
    "stream": streamed,
    "threads": in_threads,
    "threshold, fixed": lambda p: fitted(FixedThresholdClassifier(p.classifier(), threshold=0.3), *CANCER),
    "threshold, tuned": lambda p: fitted(TunedThresholdClassifierCV(p.classifier(), cv=3, thresholds=20), *CANCER),
    "time series": lambda p: scored(p.regressor(), *NUMBERS, cv=TimeSeriesSplit(3)),
    "validation curve": lambda p: validation_curve(
        p.classifier(), *IRIS, param_name="alpha", param_range=[1e-4, 1.0], cv=2
    ),
    "weighted boosting": lambda p: fitted(
        AdaBoostClassifier(p.classifier(), n_estimators=2, random_state=0), *CANCER, sample_weight=WEIGHT
    ),
}
WORKFLOWS = {
    **{name: lambda p, make=make: fitted(make(p.classifier()), *IRIS) for name, make in CLASSIFIERS.items()},
    **{name: lambda p, make=make: fitted(make(p.regressor()), *NUMBERS) for name, make in REGRESSORS.items()},
    **{name: splitter(cv) for name, cv in SPLITTERS.items()},
    **TOOLS,
}
# Difference q: there is a `decision_function`, and these tools prefer it to `predict_proba`.
LETTERS = dict.fromkeys(
    (
        "calibration, isotonic", "calibration, one network", "calibration, sigmoid", "calibration, temperature",
        "decision boundary", "frozen, calibrated", "one versus one", "output codes",
    ),
    "q",
)  # fmt: skip

# scikit-learn rounds what the first estimator predicts to float32.
IN_FLOAT32 = {"boosting from a network", "boosting of numbers from a network"}


def check_equal(ours, theirs, atol):
    """Results are equal: numbers up to rounding, anything else exactly. Ours may have methods that theirs lack."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        for name, value in theirs.items():
            check_equal(ours[name], value, atol)
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            check_equal(one, other, atol)
    elif np.asarray(theirs).dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=atol)
    else:
        np.testing.assert_array_equal(ours, theirs)


def cases(names):
    """The names, with marks for those that an older scikit-learn does not have."""
    newer = {"calibration, temperature": since_scikit_learn("1.8", "temperature scaling")}
    return [pytest.param(name, marks=newer.get(name, ())) for name in names]


@pytest.mark.parametrize("name", cases(WORKFLOWS))
def test_a_workflow_gives_scikit_learns_results(name):
    workflow = WORKFLOWS[name]
    atol = 1e-6 if name in IN_FLOAT32 else 1e-9
    check_equal(workflow(WITHOUT_SCORES if name in LETTERS else OURS), workflow(THEIRS), atol)


def test_letters_are_documented():
    page = (Path(__file__).parents[1] / "docs" / "differences.md").read_text()
    assert set(LETTERS.values()) <= set(re.findall(r"^\*\*([a-z])\.\*\*", page, flags=re.M))


@pytest.mark.parametrize("name", cases(LETTERS))
def test_a_workflow_with_a_letter_decides_nearly_alike(name):
    found, expected = WORKFLOWS[name](OURS), WORKFLOWS[name](THEIRS)
    if name == "decision boundary":
        np.testing.assert_array_equal(found > 0, expected > 0.5)
    else:
        assert np.mean(found["predict"] != expected["predict"]) < 0.05
