"""Axes of a plot; matplotlib is imported when one is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np


def axes_for(ax: Any, n: int = 1) -> tuple[Any, list[Any]]:
    """Return ``ax`` with its figure, or a new figure with n axes, one below the other."""
    if ax is not None:
        axes = list(np.ravel(ax))
        if len(axes) < n:
            raise ValueError(f"This picture needs {n} axes, one for losses and one for scores, but ax has {len(axes)}.")
        return axes[0].figure, axes[:n]
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Pictures need matplotlib: pip install matplotlib.") from error
    figure, grid = plt.subplots(n, sharex=True, squeeze=False, layout="constrained")
    return figure, list(grid.flat)
