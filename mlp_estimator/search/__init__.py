"""Searches over parameters whose fits train side by side, inside scikit-learn's own search.

``planning`` arranges candidates in cells, ``training`` trains them, ``prefitted`` hands them to scikit-learn's search.
"""

from .grid import MLPGridSearchCV
from .randomized import MLPRandomizedSearchCV

__all__ = ["MLPGridSearchCV", "MLPRandomizedSearchCV"]
