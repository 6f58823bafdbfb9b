"""``partial_fit``, where the parameters allow it, and the reason where they do not."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import Any

from .engine.solvers import SOLVERS


class UnavailableError(AttributeError, ValueError):
    """A method does not go with the parameters: an attribute that is missing, for a reason that can be named."""


class incremental_fit:  # noqa: N801
    """A method that is there for some parameters only, as with scikit-learn's ``available_if``; its error says why."""

    def __init__(self, method: Callable[..., Any]):
        self.method = method
        update_wrapper(self, method)  # type: ignore[arg-type]

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self.method
        if estimator.solver in [name for name, solver in SOLVERS.items() if not solver.incremental]:
            raise UnavailableError(
                f"partial_fit is only available for stochastic optimizers: {estimator.solver} is not stochastic, "
                "choose solver='adam' or 'sgd'."
            )
        if estimator.early_stopping:
            raise UnavailableError(
                "partial_fit does not support early_stopping=True: it sees one chunk of the data at a time. "
                "Set early_stopping=False and score a validation set between the calls."
            )
        if getattr(estimator, "class_weight", None) == "balanced":
            raise UnavailableError(
                "class_weight='balanced' needs all of y at once, which partial_fit never sees: give a dict of weights, "
                "for example from sklearn.utils.class_weight.compute_class_weight."
            )
        return MethodType(self.method, estimator)
