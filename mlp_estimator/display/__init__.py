"""Plots of fits and searches, in scikit-learn's Display API; matplotlib is imported when one is drawn."""

from .curves import LossCurveDisplay
from .heatmap import ValidationHeatmapDisplay

__all__ = ["LossCurveDisplay", "ValidationHeatmapDisplay"]
