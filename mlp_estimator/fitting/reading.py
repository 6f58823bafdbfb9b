"""What users pass as X, y and weights: one rule for text, for objects and for numbers too large, in any container."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..compat import check_sample_weight
from .frames import as_array, missing_entries, odd_columns

_NUMERIC = "biufcmM"  # dates are refused after validation, where frames have become arrays
_LARGEST = {np.dtype(kind): float(np.finfo(kind).max) for kind in (np.float32, np.float64)}
_REMEDY = {
    "X": "Encode it, for example with OneHotEncoder, or use TabularMLPClassifier or TabularMLPRegressor, which read "
    "text. Convert digits to numbers first."
}


def read_numbers(name: str, values: Any) -> Any:
    """Return values for scikit-learn's validation of numbers: lists and objects as arrays, anything else unchanged.

    Raises
    ------
    ValueError
        If there is text, also text that looks like numbers, or an integer beyond float64.
    TypeError
        If an object is no number.
    """
    dtype = getattr(values, "dtype", None)
    if values is None or (isinstance(dtype, np.dtype) and dtype.kind in _NUMERIC) or sparse.issparse(values):
        return values
    columns = odd_columns(values, _NUMERIC)
    if columns is not None:
        _check_columns(name, columns)
        return values
    if getattr(dtype, "kind", "O") in _NUMERIC:  # of an extension of pandas, whose missing values scikit-learn reads
        return values
    array = as_array(name, values)
    if _is_text(array):
        places = range(array.shape[1]) if array.ndim == 2 else ()
        raise _text_error(name, array, [str(k) for k in places if _is_text(array[:, k])])
    return _floats(name, array) if array.dtype.kind == "O" else array


def _check_columns(name: str, columns: Iterable[tuple[Any, Any]]) -> None:
    """Raise an error for columns of text and for objects that are no numbers."""
    text, example = [], None
    for label, column in columns:
        values = as_array(name, column)
        if _is_text(values):
            text.append(repr(label))
            example = values if example is None else example
        elif values.dtype.kind == "O":
            _floats(name, values)
    if example is not None:
        raise _text_error(name, example, text)


def _is_text(array: NDArray[Any]) -> bool:
    if array.dtype.kind == "O":
        return any(isinstance(value, str | bytes) for value in array.ravel())
    return array.dtype.kind in "UST" and array.size > 0


def _text_error(name: str, array: NDArray[Any], columns: list[str]) -> ValueError:
    example = next(value for value in array.ravel().tolist() if isinstance(value, str | bytes))
    where = f"column(s) {', '.join(columns[:5])}{', ...' if columns[5:] else ''}: " if columns else ""
    remedy = _REMEDY.get(name, "Convert it to numbers first.")
    return ValueError(f"{name} is not numeric, it contains text ({where}{example!r}). {remedy}")


def _floats(name: str, array: NDArray[Any]) -> NDArray[np.float64]:
    """Return objects as numbers, missing values as NaN."""
    try:
        return np.where(missing_entries(array), np.nan, array).astype(np.float64)
    except OverflowError:
        raise ValueError(f"Input {name} contains an integer too large for float64: scale {name}.") from None
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} has an entry that is no number: {str(error).rstrip('.')}.") from None


def read_labels(name: str, y: Any) -> Any:
    """Return class labels for scikit-learn's validation: objects of one type as an array of this type.

    Raises
    ------
    ValueError
        If a label is missing, if labels are of several types or of a type that has no order, or if they are sparse and
        have one dimension.
    """
    if sparse.issparse(y) and y.ndim == 1:
        raise ValueError(f"{name} is sparse and has one dimension: pass {name}.toarray().")
    dtype = getattr(y, "dtype", None)
    if y is None or (isinstance(dtype, np.dtype) and dtype.kind != "O") or sparse.issparse(y):
        check_no_missing(name, y)
        return y
    array = as_array(name, y)
    # NumPy makes of a NaN among the words of a list the word "nan".
    objects = np.asarray(y, dtype=object) if dtype is None and array.dtype.kind == "U" else array
    check_no_missing(name, objects)
    if objects.dtype.kind != "O" or set(map(type, objects.ravel().tolist())) == {str}:
        return array
    missing = np.atleast_1d(missing_entries(objects))
    if missing.any():
        row = int(np.argwhere(missing)[0, 0])
        raise ValueError(
            f"Input {name} contains NaN or None: {missing.sum()} missing label(s), the first in row {row}. Remove "
            "these rows, or give them a label of their own."
        )
    if array.dtype.kind == "U" or all(isinstance(value, str) for value in array.ravel()):
        return array
    if all(isinstance(value, Real | np.bool_) for value in array.ravel()):
        typed = np.array(array.tolist())
        if typed.dtype.kind in "biuf":
            return typed
    types = sorted({type(value).__name__ for value in array.ravel()})
    raise ValueError(
        f"{name} has labels of the type(s) {', '.join(types)}. Labels must be all text, or all integers of up to 64 "
        "bits or booleans: convert them first."
    )


def check_no_missing(name: str, values: Any) -> None:
    """Raise an error for numbers of which some are missing."""
    array = np.asarray(values)
    if array.ndim and array.dtype.kind == "f" and np.isnan(array).any():
        missing = np.isnan(array).reshape(len(array), -1).any(axis=1)
        raise ValueError(
            f"Input {name} contains NaN: {missing.sum()} missing value(s), the first in row {int(missing.argmax())}. "
            "Remove these rows, or find the values."
        )


def read_weights(sample_weight: Any, X: Any, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """Return validated weights of rows in the type of the computation, None where there are none."""
    values = read_numbers("sample_weight", sample_weight)
    if values is not None:
        check_numeric("sample_weight", np.asarray(values))
    is_number = isinstance(values, np.ndarray) and values.ndim == 0
    weight = check_sample_weight(values.item() if is_number else values, X)
    if weight is not None:
        weight = to_dtype("sample_weight", weight, dtype)
        check_total(weight, dtype)
        limits = np.finfo(dtype)
        if weight.max() < limits.tiny / limits.eps:
            raise ValueError(f"sample_weight is too small for {dtype}: multiply it by a constant.")
    return weight


def read_groups(groups: Any, n_rows: int) -> NDArray[Any] | None:
    """Return the group of each row."""
    if groups is None:
        return None
    groups = as_array("groups", groups)
    if groups.shape != (n_rows,):
        raise ValueError(f"groups has the shape {groups.shape}: give one for each of the {n_rows} rows.")
    missing = missing_entries(groups) if groups.dtype.kind == "O" else groups != groups  # as NaN and NaT are
    if missing.any():
        raise ValueError(
            f"groups has {missing.sum()} missing value(s), the first in row {int(missing.argmax())}: give each row a "
            "group, such as one of its own."
        )
    if groups.dtype.kind == "O":
        first: dict[Any, str] = {}  # of 1 and 1.0, which are one group
        values = [value if isinstance(value, Hashable) else str(value) for value in groups.tolist()]
        groups = np.array([first.setdefault(value, str(value)) for value in values])
    return np.unique(groups, return_inverse=True)[1]


def row_counts(weight: NDArray[Any] | None) -> NDArray[np.float64] | None:
    """Return how often each row counts in statistics: whole weights are repeated rows, others have the mean 1."""
    if weight is None:
        return None
    counts = weight.astype(np.float64)
    whole = bool((counts == np.round(counts)).all())
    return counts if whole else counts * (len(counts) / counts.sum())


def check_total(weight: NDArray[Any] | None, dtype: np.dtype[Any]) -> None:
    """Raise an error for weights whose sum, times a loss, does not fit into the type of the computation."""
    if weight is None:
        return
    with np.errstate(over="ignore"):
        total = float(weight.sum(dtype=np.float64))
    limits = np.finfo(dtype)
    if not total <= float(limits.max) * float(limits.eps):
        raise ValueError(
            f"The weights of the samples add up to {total:g}, too large for {dtype}: divide sample_weight and "
            "class_weight by a common factor."
        )


def to_dtype(name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array in a type, in C order, and raise an error if a number does not fit."""
    check_range(name, array, dtype)
    return np.ascontiguousarray(array, dtype)


def check_range(name: str, X: Any, dtype: np.dtype[Any]) -> None:
    """Raise an error for finite numbers, dense or sparse, that become infinite in the type of the computation.

    X itself is cast batch by batch, long after scikit-learn's check that it is finite.
    """
    if X.dtype == dtype or X.dtype.kind != "f" or X.dtype.itemsize < dtype.itemsize:
        return
    values = (X.data if sparse.issparse(X) else X).ravel(order="K")
    limit = _LARGEST[dtype]
    # A product of one row takes 0.5 us, its extremes 4. It may overflow where no number is too large.
    with np.errstate(over="ignore"):
        if not values.size or values.dot(values) < limit:
            return
    largest = max(values.max(), -values.min())
    if largest > limit:
        remedy = ", or fit with dtype='float64'" if dtype == np.float32 else ""
        raise ValueError(
            f"Input {name} contains a value too large for {dtype} (absolute value {largest:.3g}): scale {name}{remedy}."
        )


def check_numeric(name: str, array: Any) -> None:
    """Raise an error for dtypes that scikit-learn accepts as numbers: dates, durations, strings of digits."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}, which is not numeric: convert it to numbers first.")


def float_type(array: Any) -> np.dtype[Any]:
    """Return float32 or float64: the type of an array of one of them, and float64 for any other."""
    return array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float64)
