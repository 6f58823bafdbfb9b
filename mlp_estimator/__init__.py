"""Multilayer perceptrons for scikit-learn: its parameters and its numbers, in a fraction of the time."""

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__version__ = "0.1.0"

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
