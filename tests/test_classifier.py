"""MLPClassifier: raw scores, probabilities and smoothed labels."""

from __future__ import annotations

import numpy as np
import pytest
from samples import SHORT, X_IRIS, Y_IRIS
from scipy.special import expit

from mlp_estimator import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_is_cross_entropy_with_softened_targets(n_classes):
    s, y = 0.2, Y_IRIS % n_classes
    model = MLPClassifier((), label_smoothing=s, solver="lbfgs", alpha=1e-3, tol=1e-9, max_iter=3000, random_state=0)
    model.fit(X_IRIS, y)
    target = np.eye(n_classes)[y] * (1 - s) + s / n_classes
    loss = -np.mean(np.sum(target * model.predict_log_proba(X_IRIS), axis=1))
    assert model.loss_ == pytest.approx(loss + 0.5e-3 / 150 * (model.coefs_[0] ** 2).sum())
    # At the optimum the gradient vanishes: the mean residual of each class is 0, since biases are not penalised.
    np.testing.assert_allclose(model.predict_proba(X_IRIS).mean(axis=0), target.mean(axis=0), atol=1e-4)


def test_raw_scores_and_probabilities_belong_together():
    binary = MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS == 1)
    raw = binary.decision_function(X_IRIS)
    assert raw.shape == (150,)
    np.testing.assert_allclose(expit(raw), binary.predict_proba(X_IRIS)[:, 1])
    np.testing.assert_array_equal(raw > 0, binary.predict(X_IRIS))
    several = MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS)
    raw = several.decision_function(X_IRIS)
    np.testing.assert_allclose(np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), several.predict_proba(X_IRIS))
    labels = MLPClassifier(**SHORT).fit(X_IRIS, np.column_stack([Y_IRIS == 0, Y_IRIS > 0]).astype(int))
    np.testing.assert_allclose(expit(labels.decision_function(X_IRIS)), labels.predict_proba(X_IRIS))
