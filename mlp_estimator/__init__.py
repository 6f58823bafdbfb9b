"""Multilayer perceptrons for scikit-learn: its parameters and its numbers, in a fraction of the time."""

from .classifier import MLPClassifier
from .engine.activations import Activation, check_activation
from .engine.losses import Loss, check_loss
from .regressor import MLPRegressor
from .search import MLPGridSearchCV, MLPRandomizedSearchCV

__all__ = [
    "Activation",
    "Loss",
    "MLPClassifier",
    "MLPGridSearchCV",
    "MLPRandomizedSearchCV",
    "MLPRegressor",
    "__version__",
    "check_activation",
    "check_loss",
]
__version__ = "0.1.0"
