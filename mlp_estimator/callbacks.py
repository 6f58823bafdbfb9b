"""scikit-learn's callbacks as the observer of a fit: below the task of the fit, one task per epoch or iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .compat import CallbackContext
from .engine.monitor import Monitor


class EpochTasks:
    """Calls the hooks of an estimator's callbacks when an epoch begins and ends.

    ``data`` are X, y and metadata as the user passed them. The fitted attributes of the moment are computed only for
    hooks that ask for a fitted estimator.
    """

    def __init__(self, context: CallbackContext, estimator: Any, data: Mapping[str, Any]):
        self._context = context
        self._arguments = {"estimator": estimator, **data}
        self._task: CallbackContext | None = None
        self._stopped = False

    def follow(self, monitors: Sequence[Monitor], snapshot: Callable[[], dict[str, Any]]) -> None:
        """Take the function that returns the fitted attributes of the moment."""
        self._arguments["reconstruction_attributes"] = snapshot

    def begin(self) -> None:
        """Begin the task of an epoch, unless one is in progress."""
        if self._task is None:
            self._task = self._context.subcontext("epoch")
            self._task.call_on_fit_task_begin(**self._arguments)

    def end(self) -> bool:
        """End the task of the epoch, if any; return whether a callback asked to stop."""
        if self._task is not None:
            task, self._task = self._task, None
            self._stopped = bool(task.call_on_fit_task_end(**self._arguments)) or self._stopped
        return self._stopped
