"""Multilayer perceptrons for scikit-learn: its parameters and its numbers, in a fraction of the time."""

from .classifier import MLPClassifier
from .display import (
    ExplanationDisplay,
    ImportanceDisplay,
    LossCurveDisplay,
    OutOfFoldDisplay,
    ValidationHeatmapDisplay,
)
from .engine.activations import Activation
from .engine.checks import check_activation, check_loss
from .engine.losses import Loss
from .explanation import Explanation
from .regressor import MLPRegressor
from .search import MLPGridSearchCV, MLPRandomizedSearchCV
from .tabular import TabularMLPClassifier, TabularMLPRegressor
from .versions import show_versions

__all__ = [
    "Activation",
    "Explanation",
    "ExplanationDisplay",
    "ImportanceDisplay",
    "Loss",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPGridSearchCV",
    "MLPRandomizedSearchCV",
    "MLPRegressor",
    "OutOfFoldDisplay",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "ValidationHeatmapDisplay",
    "__version__",
    "check_activation",
    "check_loss",
    "show_versions",
]
__version__ = "0.3.0"
