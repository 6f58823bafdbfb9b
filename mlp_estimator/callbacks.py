"""scikit-learn's callbacks as the watcher of a run: below the task of the fit one for each epoch or iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.callback import CallbackContext


class EpochTasks:
    """Calls the hooks of an estimator's callbacks when an epoch begins and ends.

    ``fitted`` returns what makes a copy of the estimator predict with the parameters of that moment; it is called
    for those hooks only that ask for a fitted estimator. ``data`` are X, y and metadata as the user gave them.
    """

    def __init__(
        self, context: CallbackContext, estimator: Any, fitted: Callable[[], dict[str, Any]], data: Mapping[str, Any]
    ):
        self._context = context
        self._arguments = {"estimator": estimator, "reconstruction_attributes": fitted, **data}

        self._task: CallbackContext | None = None
        self._stopped = False

    def begin(self) -> None:
        if self._task is None:
            self._task = self._context.subcontext("epoch")
            self._task.call_on_fit_task_begin(**self._arguments)

    def end(self) -> bool:
        if self._task is not None:
            task, self._task = self._task, None
            self._stopped = bool(task.call_on_fit_task_end(**self._arguments)) or self._stopped
        return self._stopped
