"""How X is read: the seam between a table and the bottom of the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike

from ...engine.layers import Layer
from .blocks import TableLayout


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, n_features)."""

    def tocsr(self) -> Any:
        """Return it in CSR format."""


MatrixLike: TypeAlias = ArrayLike | SparseMatrix
"""What the estimators accept as X."""

Validate: TypeAlias = Callable[..., Any]
"""scikit-learn's ``validate_data`` of an estimator, which takes X and options and returns X."""


class Features(ABC):
    """What a fit learned of X, and how X becomes what the bottom layers read."""

    @abstractmethod
    def read(self, X: Any, validate: Validate) -> Any:
        """Validate X of a prediction, and return its rows."""

    @property
    def text_columns(self) -> list[str]:
        """The names of the columns that files without types hold as text."""
        return []

    @abstractmethod
    def pieces(self, rows: Any) -> Iterator[Any]:
        """Yield what the bottom layers read, stretch by stretch of what ``read`` returned."""

    @property
    def layout(self) -> TableLayout:
        """The columns of a coded table."""
        raise NotImplementedError(f"{type(self).__name__} is no table.")

    def bottom(self) -> tuple[Layer, ...]:
        """Return the layers in front of the first affine one of a network of the user's sizes."""
        return ()
