"""Weights of classes as weights of rows: learned from the targets of a fit, applied to those and to others."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight


def class_weights(
    class_weight: Any, classes: NDArray[Any] | None, Y: NDArray[Any], sample_weight: NDArray[Any] | None
) -> list[NDArray[np.float64]]:
    """Return the weights of the classes of each column of encoded targets; ``classes`` is None for indicators.

    Raises
    ------
    ValueError
        If a weight is negative, if no row has a weight, or if a list of dicts does not match the labels.
    """
    given, names = [class_weight], [classes]
    if classes is None:
        names = [np.arange(2)] * Y.shape[1]
        given = class_weight if isinstance(class_weight, list) else given * len(names)
    elif isinstance(class_weight, list):
        raise ValueError("class_weight as a list of dicts is for multilabel targets: give one dict, or 'balanced'.")
    if len(given) != len(names):
        raise ValueError(f"class_weight has {len(given)} dicts for {len(names)} labels: give one for each.")
    columns = zip(given, names, codes_of(Y).T, strict=True)
    tables = [_weights_of_classes(*column, sample_weight) for column in columns]
    if not of_rows(tables, Y, sample_weight).any():
        raise ValueError("With this class_weight no sample has a weight above zero: give some class a positive one.")
    return tables


def of_rows(tables: Sequence[NDArray[np.float64]], Y: NDArray[Any], sample_weight: NDArray[Any] | None) -> NDArray[Any]:
    """Return sample weights times the weights of the classes."""
    codes = codes_of(Y)
    weight: NDArray[Any] = np.prod([table.take(codes[:, k], mode="clip") for k, table in enumerate(tables)], axis=0)
    return weight if sample_weight is None else sample_weight * weight


def _weights_of_classes(
    class_weight: Any, classes: Any, codes: NDArray[Any], sample_weight: NDArray[Any] | None
) -> NDArray[Any]:
    """Return the weight of each class; with 'balanced' 0 for a class without any weighted sample."""
    if isinstance(class_weight, dict):
        _check_keys(class_weight, classes.tolist())
        if not all(isinstance(value, Real) and 0.0 <= float(value) < np.inf for value in class_weight.values()):
            raise ValueError(f"class_weight={class_weight!r}: weights must be numbers of at least 0, and finite.")
    present = np.unique(codes) if isinstance(class_weight, str) else np.arange(len(classes))
    weights, y = np.zeros(len(classes)), classes.take(codes, mode="clip")
    with np.errstate(divide="ignore"):
        weights[present] = compute_class_weight(
            class_weight, classes=classes[present], y=y, sample_weight=sample_weight
        )
    weights[np.isinf(weights)] = 0.0
    return weights


def _check_keys(class_weight: dict[Any, Any], classes: list[Any]) -> None:
    """Raise an error for a dict that names what is no class, and not all that are."""
    unknown = [key for key in class_weight if key not in classes]
    left_out = [label for label in classes if label not in class_weight]
    if unknown and left_out:
        raise ValueError(
            f"class_weight has the key(s) {unknown}, which are no classes, and none for the classes {left_out}: its "
            f"keys must be among {classes}."
        )


def codes_of(Y: NDArray[Any]) -> NDArray[Any]:
    """Return classes as integers, of encoded targets: these may be floats, and smoothed."""
    return Y if Y.dtype.kind == "i" else (Y > 0.5).astype(int)
