"""Plots of fits and searches, in scikit-learn's Display API; matplotlib is imported when one is drawn."""

from .curves import LossCurveDisplay
from .explained import ExplanationDisplay, ImportanceDisplay
from .heatmap import ValidationHeatmapDisplay
from .out_of_fold import OutOfFoldDisplay

__all__ = [
    "ExplanationDisplay",
    "ImportanceDisplay",
    "LossCurveDisplay",
    "OutOfFoldDisplay",
    "ValidationHeatmapDisplay",
]
