"""scikit-learn's callbacks as the observer of a fit: below the task of the fit, one task per epoch or other part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .compat import CallbackContext
from .engine.monitor import Monitor


class PartTasks:
    """Calls the hooks of an estimator's callbacks when a part of the fit begins and ends, such as an epoch.

    ``data`` are X, y and metadata as the user passed them. ``attributes`` returns the fitted attributes of a fitted
    network; those of the moment are computed only for hooks that ask for a fitted estimator.
    """

    def __init__(
        self,
        context: CallbackContext,
        part: str,
        estimator: Any,
        data: Mapping[str, Any],
        attributes: Callable[[Any], dict[str, Any]],
    ):
        self._context, self._part, self._attributes = context, part, attributes
        self._arguments = {"estimator": estimator, **data}
        self._task: CallbackContext | None = None
        self._stopped = False

    def follow(self, monitors: Sequence[Monitor], snapshot: Callable[[], Any]) -> None:
        """Take the function that returns the fitted network of the moment."""
        self._arguments["reconstruction_attributes"] = lambda: self._attributes(snapshot())

    def begin(self) -> None:
        """Begin the task of a part, unless one is in progress."""
        if self._task is None:
            self._task = self._context.subcontext(self._part)
            self._task.call_on_fit_task_begin(**self._arguments)

    def end(self) -> bool:
        """End the task of the part, if any; return whether a callback asked to stop."""
        if self._task is not None:
            task, self._task = self._task, None
            self._stopped = bool(task.call_on_fit_task_end(**self._arguments)) or self._stopped
        return self._stopped


@contextmanager
def fit_tasks(
    estimator: Any,
    part: str,
    n_parts: int | None,
    X: Any,
    y: Any,
    sample_weight: Any,
    attributes: Callable[[Any], dict[str, Any]],
) -> Iterator[PartTasks | None]:
    """Call the hooks of an estimator's callbacks when its fit begins and ends.

    Yields the tasks of the parts of the fit, None where there are no callbacks. ``n_parts`` is their maximum number,
    None if it is not known.
    """
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    data = {"X": X, "y": y, "metadata": metadata}
    context = estimator._init_callback_context(max_subtasks=n_parts)
    context.call_on_fit_task_begin(estimator=estimator, **data)
    observed = getattr(estimator, "_skl_callbacks", None)
    yield PartTasks(context, part, estimator, data, attributes) if observed else None
    context.call_on_fit_task_end(estimator=estimator, reconstruction_attributes={}, **data)
