"""What this package uses of scikit-learn's private modules, typed: the one place to change with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.callback import CallbackContext, CallbackSupportMixin, with_callbacks
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _check_sample_weight, _check_y

__all__ = [
    "BaseSearchCV",
    "CallbackContext",
    "CallbackSupportMixin",
    "Interval",
    "Options",
    "StrOptions",
    "check_method_params",
    "check_sample_weight",
    "check_targets",
    "fit_method",
    "fit_method_with_callbacks",
    "safe_indexing",
    "safe_split",
]

P = ParamSpec("P")
R = TypeVar("R")

safe_indexing: Callable[[Any, NDArray[np.integer[Any]]], Any] = _safe_indexing
safe_split: Callable[..., tuple[Any, Any]] = _safe_split


def fit_method(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a fit method: it validates the parameters first."""
    decorated: Callable[P, R] = _fit_context(prefer_skip_nested_validation=True)(method)
    return decorated


def fit_method_with_callbacks(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a fit method that supports callbacks, too."""
    decorated: Callable[P, R] = with_callbacks(fit_method(method))
    return decorated


def check_method_params(X: Any, params: Mapping[str, Any], indices: Any = None) -> dict[str, Any]:
    """Return the parameters of a method, those of the length of X restricted to some rows."""
    checked: dict[str, Any] = _check_method_params(X, params=params, indices=indices)
    return checked


def check_targets(y: Any, *, numeric: bool) -> NDArray[Any]:
    """Return validated targets, (n,) or (n, n_targets)."""
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    checked: NDArray[Any] = _check_y(y, multi_output=True, y_numeric=numeric)
    return checked


def check_sample_weight(sample_weight: Any, X: Any) -> NDArray[Any] | None:
    """Return validated weights that are not negative, None where there are none."""
    if sample_weight is None:
        return None
    checked: NDArray[Any] = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    return checked
