"""Which networks a fit trains, and how their states become one fitted object.

A plan makes the jobs of a fit, and joins what they leave: ``ensemble.py`` for one network or several, ``folds.py``,
which runs them cycle by cycle, for configurations on folds. The plan of a search over candidates and splits is made of
those of its candidates (``search/training.py``).
"""

from __future__ import annotations

from .ensemble import Ensemble, draw_seeds
from .folds import Folds

__all__ = ["Ensemble", "Folds", "draw_seeds"]
