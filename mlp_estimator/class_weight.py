"""Weights of classes as weights of rows: learnt from the targets of a fit, applied to those and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight


def weigher(
    class_weight: Any, classes: np.ndarray | None, Y: np.ndarray, sample_weight: Any
) -> Callable[..., np.ndarray]:
    """Return ``weigh(Y, sample_weight)``, the weights of rows; ``classes`` is None for multilabel targets.

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

    def weigh(Y: np.ndarray, sample_weight: Any) -> np.ndarray:
        codes = codes_of(Y)
        weight = np.prod([table.take(codes[:, k], mode="clip") for k, table in enumerate(tables)], axis=0)
        return weight if sample_weight is None else sample_weight * weight

    if not weigh(Y, sample_weight).any():
        raise ValueError("With this class_weight no sample has a weight above zero: give some class a positive one.")
    return weigh


def _weights_of_classes(given: Any, classes: Any, codes: np.ndarray, sample_weight: Any) -> np.ndarray:
    """The weight of each class; with 'balanced' 0 for one that has no sample of any weight."""
    there = np.unique(codes) if isinstance(given, str) else np.arange(len(classes))
    weights, y = np.zeros(len(classes)), classes.take(codes, mode="clip")
    with np.errstate(divide="ignore"):
        weights[there] = compute_class_weight(given, classes=classes[there], y=y, sample_weight=sample_weight)
    if (weights < 0).any() or np.isnan(weights).any():
        raise ValueError(f"class_weight={given!r}: weights are numbers from 0.")
    weights[np.isinf(weights)] = 0.0
    return weights


def codes_of(Y: np.ndarray) -> np.ndarray:
    """Classes as integers, of encoded targets: these may be floats, and smoothed."""
    return Y if Y.dtype.kind == "i" else (Y > 0.5).astype(int)
