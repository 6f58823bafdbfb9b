"""Multilayer perceptrons for scikit-learn: its parameters and its numbers, in a fraction of the time."""

from .classifier import MLPClassifier
from .display import LossCurveDisplay, ValidationHeatmapDisplay
from .engine.activations import Activation, check_activation
from .engine.losses import Loss, check_loss
from .regressor import MLPRegressor
from .search import MLPGridSearchCV, MLPRandomizedSearchCV

__all__ = [
    "Activation",
    "Loss",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPGridSearchCV",
    "MLPRandomizedSearchCV",
    "MLPRegressor",
    "ValidationHeatmapDisplay",
    "__version__",
    "check_activation",
    "check_loss",
]
__version__ = "0.1.0"
