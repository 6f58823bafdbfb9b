"""Raw tables as columns: pandas and polars frames, arrays and lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..fitting.reading import as_array, missing_entries


@dataclass
class Columns:
    """The columns of a table: numbers (n,) as floats with NaN for missing, or objects with None for missing."""

    names: list[str] | None
    values: list[NDArray[Any]]
    is_category: list[bool]  # by the type of the column
    n_rows: int


def read_columns(X: Any) -> Columns:
    """Read a table column by column.

    Raises
    ------
    ValueError, TypeError
        If X is no table of two dimensions, is empty or sparse, repeats a name, or has a column of dates.
    """
    if sparse.issparse(X):
        raise TypeError(
            "Sparse data was passed, but dense data is required: use MLPClassifier or MLPRegressor for sparse X."
        )
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        names = [str(name) for name in X.columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"X has several columns of the name(s) {repeated}: rename them.")
        columns = [X.iloc[:, k] if hasattr(X, "iloc") else X[name] for k, name in enumerate(X.columns)]
        read = [_frame_column(name, column) for name, column in zip(names, columns, strict=True)]
        n_rows = len(X)
    else:
        X = _array(X)
        n_rows, names = len(X), None
        read = [_array_column(k, X[:, k]) for k in range(X.shape[1])]
    if n_rows == 0 or not read:
        raise ValueError(
            f"Found array with {n_rows} sample(s) and {len(read)} feature(s) (shape=({n_rows}, {len(read)})) while a "
            "minimum of 1 is required."
        )
    return Columns(names, [values for values, _ in read], [category for _, category in read], n_rows)


def categorical(columns: Columns, chosen: Any) -> NDArray[np.bool_]:
    """Tell which columns are categories: those of text, and those that ``chosen`` (names, indices, a mask) names.

    Raises
    ------
    ValueError
        If an entry of ``chosen`` is no column.
    """
    mask = np.array(columns.is_category, dtype=bool)
    if chosen is None or isinstance(chosen, str):
        return mask
    chosen = np.asarray(chosen)
    if chosen.dtype.kind == "b":
        if chosen.shape != mask.shape:
            raise ValueError(
                f"categorical_features set as a boolean mask should have shape (n_features,), got: {chosen.shape}"
            )
        both: NDArray[np.bool_] = mask | chosen
        return both
    for name in chosen.tolist():
        if isinstance(name, str):
            if columns.names is None or name not in columns.names:
                raise ValueError(f"categorical_features has an item value '{name}' which is not a feature name of X.")
            mask[columns.names.index(name)] = True
        elif isinstance(name, int) and 0 <= name < len(mask):
            mask[name] = True
        else:
            raise ValueError(f"categorical_features has the entry {name!r}: give names, indices or a mask.")
    return mask


def _array(table: Any) -> NDArray[Any]:
    mixed = False
    if isinstance(table, list | tuple):
        rows = [row for row in table if isinstance(row, Sequence) and not isinstance(row, str)]
        mixed = any(isinstance(value, str) or value is None for row in rows for value in row)
    X: NDArray[Any] = np.asarray(table, dtype=object) if mixed else np.asarray(table)
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead. Reshape your data to (n_samples, n_features)."
        )
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported.")
    if X.dtype.kind not in "biufOUS":
        raise TypeError(f"X has dtype {X.dtype}: {_DATES}")
    return X


_DATES = "make numbers or categories of dates and durations first, such as year, month, weekday, or days since a date."


def _frame_column(name: str, column: Any) -> tuple[NDArray[Any], bool]:
    """Return the values of a column of a frame, and whether its type is that of a category."""
    dtype = column.dtype
    if str(dtype).lower().startswith(("datetime", "timedelta", "period", "date", "duration", "time", "timestamp")):
        raise TypeError(f"Column {name!r} has dtype {dtype}: {_DATES}")
    if hasattr(column, "is_null"):  # polars
        missing = column.is_null().to_numpy()
        numeric = dtype.is_numeric()
        values = as_array(f"Column {name!r}", column) if numeric else np.array(column.to_list(), dtype=object)
        category = not numeric
    else:
        missing = column.isna().to_numpy()
        category = str(dtype).startswith(("category", "bool", "object", "str", "large_string")) or not _is_numeric(
            dtype
        )
        values = column.to_numpy(dtype=object) if category else column.to_numpy(dtype=np.float64, na_value=np.nan)
    return _prepared(name, values, missing, category)


def _is_numeric(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "iuf" or getattr(dtype, "_is_numeric", False)


def _array_column(k: int, values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Return the values of a column of an array, and whether it holds text."""
    if values.dtype.kind in "biuf":
        return _prepared(f"x{k}", values, None, False)
    values = values.astype(object)
    missing = missing_entries(values)
    try:
        numbers = np.where(missing, np.nan, values).astype(np.float64)
    except OverflowError:
        raise ValueError(f"Input X contains an integer too large for float64 in column 'x{k}': scale it.") from None
    except (TypeError, ValueError):
        return _prepared(f"x{k}", values, missing, True)
    if any(isinstance(value, str) for value in values[~missing]):
        return _prepared(f"x{k}", values, missing, True)
    return _prepared(f"x{k}", numbers, missing, False)


def _prepared(
    name: str, values: NDArray[Any], missing: NDArray[np.bool_] | None, category: bool
) -> tuple[NDArray[Any], bool]:
    if category:
        values = np.array(values, dtype=object)
        values[missing] = None
        return values, True
    if missing is not None and missing.any():
        values = np.where(missing, np.nan, values.astype(np.float64))
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError(
            f"Input X contains infinity or a value too large in column {name!r}: replace it by a number, or by NaN if "
            "it is missing."
        )
    return values, False
