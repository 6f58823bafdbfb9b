"""Estimators for raw tables: text, missing values, outliers and unscaled targets, without a parameter set.

``table`` reads frames, ``network`` builds the members, ``training`` trains folds and settings as one list of jobs,
``mixture`` combines them by their out-of-fold predictions.
"""

from .classifier import TabularMLPClassifier
from .regressor import TabularMLPRegressor

__all__ = ["TabularMLPClassifier", "TabularMLPRegressor"]
