"""How X is read: a matrix of numbers, or a raw table. ``contract.py`` says what estimators ask of both."""

from __future__ import annotations

from .contract import Features, MatrixLike
from .matrix import Coded, Matrix
from .table import Table

__all__ = ["Coded", "Features", "Matrix", "MatrixLike", "Table"]
