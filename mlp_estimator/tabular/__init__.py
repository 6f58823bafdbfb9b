"""Estimators for raw tables: text, missing values, outliers and unscaled targets, without a parameter set."""

from .classifier import TabularMLPClassifier
from .regressor import TabularMLPRegressor

__all__ = ["TabularMLPClassifier", "TabularMLPRegressor"]
