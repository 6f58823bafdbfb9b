"""What this package uses of scikit-learn's private modules, and what differs between its versions, typed.

The one place to change with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.base import _fit_context
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

if TYPE_CHECKING or find_spec("sklearn.callback"):  # from scikit-learn 1.9 on
    from sklearn.callback import CallbackContext, CallbackSupportMixin, with_callbacks
else:

    class CallbackContext:
        """A fit without callbacks, as its estimator sees it."""

        def call_on_fit_task_begin(self, **arguments: Any) -> None:
            """Call nothing."""

        def call_on_fit_task_end(self, **arguments: Any) -> None:
            """Call nothing."""

    class CallbackSupportMixin:
        """An estimator to which no callbacks can be added."""

        def set_callbacks(self, *callbacks: Any) -> NoReturn:
            """Raise an error that names the version of scikit-learn that has callbacks."""
            raise ImportError(
                f"Callbacks need scikit-learn 1.9 or newer, and version {sklearn.__version__} is installed: upgrade "
                "scikit-learn, or fit without callbacks."
            )

        def _init_callback_context(self, **arguments: Any) -> CallbackContext:
            return CallbackContext()

    def with_callbacks(method):
        """Return the method, one call deeper: warnings count the calls up to the user's line."""

        @wraps(method)
        def called(*args, **kwargs):
            return method(*args, **kwargs)

        return called


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
    if not checked.any():  # scikit-learn's own check from version 1.9 on
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return checked
