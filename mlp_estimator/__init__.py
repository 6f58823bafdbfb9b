"""Multilayer perceptrons for scikit-learn: its parameters and its numbers, several times faster."""

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__version__ = "0.1.0"

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
