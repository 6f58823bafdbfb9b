"""Class weights are sample weights."""

from __future__ import annotations

import numpy as np
import pytest
from samples import SHORT, X_IRIS, Y_IRIS, close_weights

from mlp_estimator import MLPClassifier
from mlp_estimator.fitting.targets.class_weight import class_weights, codes_of, of_rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("with_sample_weight", [False, True])
def test_class_weight_is_the_same_as_those_sample_weights(solver, with_sample_weight):
    X, y = X_IRIS[:120], np.array(["a", "b", "c"])[Y_IRIS[:120]]  # 50, 50, 20
    sample_weight = np.random.default_rng(0).uniform(0.5, 2, 120) if with_sample_weight else np.ones(120)
    counts = np.array([sample_weight[y == c].sum() for c in "abc"])
    for given, weights in (({"a": 2.0, "c": 5.0}, [2.0, 1.0, 5.0]), ("balanced", counts.sum() / (3 * counts))):
        model = MLPClassifier(class_weight=given, solver=solver, **SHORT)
        model.fit(X, y, sample_weight if with_sample_weight else None)
        expected = MLPClassifier(solver=solver, **SHORT).fit(X, y, sample_weight * np.take(weights, Y_IRIS[:120]))
        close_weights(model, expected, rtol=1e-6)


def test_class_weight_of_labels_and_of_two_classes():
    labels = np.column_stack([Y_IRIS == 0, Y_IRIS > 0]).astype(int)
    given = [{0: 1.0, 1: 3.0}, {0: 2.0, 1: 1.0}]
    expected = np.where(labels[:, 0], 3.0, 1.0) * np.where(labels[:, 1], 1.0, 2.0)
    close_weights(
        MLPClassifier(class_weight=given, **SHORT).fit(X_IRIS, labels),
        MLPClassifier(**SHORT).fit(X_IRIS, labels, expected),
    )
    MLPClassifier(class_weight="balanced", **SHORT).fit(X_IRIS, labels)
    binary = MLPClassifier(class_weight={True: 4.0}, **SHORT).fit(X_IRIS, Y_IRIS == 0)
    close_weights(binary, MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS == 0, np.where(Y_IRIS == 0, 4.0, 1.0)))


def test_class_weight_in_a_stream():
    options = {"hidden_layer_sizes": (8,), "random_state": 0, "batch_size": 50}
    ours = MLPClassifier(class_weight={1: 3.0}, **options)
    theirs = MLPClassifier(**options)
    for rows in (slice(0, 75), slice(75, 150)):
        ours.partial_fit(X_IRIS[rows], Y_IRIS[rows], classes=[0, 1, 2])
        weight = np.where(Y_IRIS == 1, 3.0, 1.0)[rows]
        theirs.partial_fit(X_IRIS[rows], Y_IRIS[rows], weight, classes=[0, 1, 2])
    close_weights(ours, theirs)


# Tables of weights, and weights of rows.

CODES = np.repeat([[0], [1], [2]], [5, 3, 2], axis=0)
CLASSES = np.array(["a", "b", "c"])
INDICATORS = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("given", "weight", "expected"),
    [
        ({"a": 2.0}, None, [2.0, 1.0, 1.0]),
        ("balanced", None, [10 / 15, 10 / 9, 10 / 6]),
        ("balanced", np.repeat([2.0, 1.0, 0.0], [5, 3, 2]), [13 / 30, 13 / 9, 0.0]),
    ],
    ids=["dict", "balanced", "a class without weight"],
)
def test_weights_of_classes(given, weight, expected):
    (table,) = class_weights(given, CLASSES, CODES, weight)
    np.testing.assert_allclose(table, expected)
    rows = of_rows([table], CODES, weight)
    np.testing.assert_allclose(rows, np.repeat(expected, [5, 3, 2]) * (1.0 if weight is None else weight))


def test_weights_of_the_classes_of_each_label():
    tables = class_weights([{1: 3.0}, {0: 2.0}], None, INDICATORS, None)
    assert [table.tolist() for table in tables] == [[1.0, 3.0], [2.0, 1.0]]
    assert of_rows(tables, INDICATORS, None).tolist() == [1.0, 3.0, 2.0]


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.4])
def test_smoothed_targets_keep_their_class(eps):
    assert codes_of(INDICATORS * (1 - eps) + eps / 2).tolist() == INDICATORS.astype(int).tolist()


@pytest.mark.parametrize(
    ("given", "classes", "message"),
    [
        ({"a": -1.0}, CLASSES, "weights must be numbers of at least 0"),
        ({"a": np.inf}, CLASSES, "weights must be numbers of at least 0, and finite"),
        ({"a": "1"}, CLASSES, "weights must be numbers of at least 0, and finite"),
        ({"a": 0.0, "b": 0.0, "c": 0.0}, CLASSES, "no sample has a weight above zero"),
        ([{0: 1.0}], CLASSES, "a list of dicts is for multilabel targets"),
        ([{0: 1.0}], None, "class_weight has 1 dicts for 2 labels"),
    ],
)
def test_weights_that_cannot_be(given, classes, message):
    with pytest.raises(ValueError, match=message):
        class_weights(given, classes, CODES if classes is not None else INDICATORS, None)
