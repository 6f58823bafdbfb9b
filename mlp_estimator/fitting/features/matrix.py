"""X as numbers: arrays, frames and sparse matrices, read in the user's memory and never copied as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...engine.batches import as_readable
from ...engine.layers import Layer
from ..reading import check_numeric, check_range, read_numbers
from .blocks import TableLayout
from .contract import Features, Validate

MISSING = (
    "TabularMLPClassifier and TabularMLPRegressor read missing values as they are. For this estimator, drop the rows, "
    "or replace the values, for example with sklearn.impute.SimpleImputer in a pipeline."
)


@dataclass
class Matrix(Features):
    """Numbers, read as they are in the type of the network; ``layers`` are those in front of the first affine one."""

    layers: tuple[Layer, ...] = ()
    dtype: str = ""

    # dtype="numeric" leaves integers, float16 and memory maps unchanged: batches are cast, not X.
    options: ClassVar[Mapping[str, Any]] = {"accept_sparse": "csr", "dtype": "numeric"}

    def read(self, X: Any, validate: Validate, name: str = "X") -> Any:
        """Validate X, and return it in one block of memory."""
        try:
            X = validate(read_numbers("X", X), **self.options)
        except ValueError as error:
            if str(error).startswith("Input X contains NaN."):
                raise ValueError(f"Input {name} contains NaN. {MISSING}") from None
            raise
        check_numeric("X", X)
        X = as_readable(X)
        if self.dtype:
            check_range(name, X, np.dtype(self.dtype))
        return X

    def pieces(self, rows: Any) -> Iterator[Any]:
        """Yield all rows at once: they are in memory, and networks read them batch by batch."""
        yield rows

    def bottom(self) -> tuple[Layer, ...]:
        return self.layers


@dataclass
class Coded(Features):
    """Rows as the bottom layers of ``features`` read them, in place of the table that they were coded from."""

    features: Features

    @property
    def layout(self) -> TableLayout:
        return self.features.layout

    def read(self, X: Any, validate: Validate) -> Any:
        return X

    def pieces(self, rows: Any) -> Iterator[Any]:
        yield rows
