"""The picture of a tabular fit shows its out-of-fold predictions, as scikit-learn would count them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from mlp_estimator import MLPClassifier, OutOfFoldDisplay, TabularMLPClassifier, TabularMLPRegressor

FAST = {"settings": [{"hidden_layer_sizes": (4,)}], "n_folds": 2, "max_iter": 16, "random_state": 0}


def test_reliability_of_two_classes():
    X, y = (array[:200] for array in load_breast_cancer(return_X_y=True))
    model = TabularMLPClassifier(**FAST).fit(X, np.where(y == 1, "yes", "no"))
    np.testing.assert_array_equal(model.classes_[model.oof_target_] == "yes", y == 1)
    display = OutOfFoldDisplay.from_estimator(model, n_bins=4)
    observed, predicted = calibration_curve(y, model.oof_prediction_[:, 1], n_bins=4, strategy="quantile")
    np.testing.assert_array_equal(display.line_.get_ydata(), observed)
    np.testing.assert_array_equal(display.line_.get_xdata(), predicted)
    assert display.line_.get_label() == "TabularMLPClassifier"


def test_reliability_of_the_predicted_class_among_several():
    X, y = load_iris(return_X_y=True)
    model = TabularMLPClassifier(**FAST).fit(X, y)
    display = OutOfFoldDisplay.from_estimator(model, n_bins=3)
    right, confidence = model.oof_prediction_.argmax(axis=1) == y, model.oof_prediction_.max(axis=1)
    np.testing.assert_allclose(display.observed, calibration_curve(right, confidence, n_bins=3, strategy="quantile")[0])


def test_residuals_with_the_interval_that_covers_them():
    X, y = (array[:200] for array in load_diabetes(return_X_y=True))
    model = TabularMLPRegressor(**FAST).fit(X, y)
    display = OutOfFoldDisplay.from_estimator(model, coverage=0.8, name="mine")
    np.testing.assert_allclose(display.line_.get_ydata(), y - model.oof_prediction_, rtol=1e-4, atol=1e-3)
    low, high = sorted(line.get_ydata()[0] for line in display.ax_.lines if line is not display.line_)
    assert np.mean((low <= display.observed) & (display.observed <= high)) == pytest.approx(0.8, abs=0.01)
    assert "80% of the residuals" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_without_such_predictions():
    X, y = (array[:60] for array in load_diabetes(return_X_y=True))
    for model in (
        TabularMLPRegressor(**FAST).fit(X, y, X_val=X, y_val=y),
        TabularMLPRegressor(**FAST).fit(X, np.column_stack([y, y])),
        TabularMLPRegressor(**FAST, loss="gaussian_nll").fit(X, y),
        MLPClassifier((3,), solver="lbfgs", alpha=1.0, random_state=0).fit(X, y > 100),
    ):
        with pytest.raises(ValueError, match="needs out-of-fold predictions of a single target"):
            OutOfFoldDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="coverage=2: must be a number between 0 and 1"):
        OutOfFoldDisplay.from_estimator(model, coverage=2)
