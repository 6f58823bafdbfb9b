"""Estimators in files: their state is numbers, strings and arrays, with the version that wrote it.

Formats that load no code they do not trust, such as skops, need then trust the class of the estimator only.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from .engine.losses import LOSSES
from .engine.optimizers import OPTIMIZERS
from .engine.runs import RunState
from .engine.schedules import Progress
from .fitting.features import Matrix, Table
from .fitting.features.kinds import KINDS
from .fitting.features.target_means import TargetMeans
from .fitting.fitted import Fitted, Networks, Perceptron
from .fitting.importances import RowSample
from .fitting.intervals import Residuals
from .fitting.member_config import MemberConfig, Members
from .fitting.targets import TARGETS, Encoded, Unit
from .legacy import CLASS

VERSION = "_mlp_estimator_version"


STORED_TYPES: dict[str, type] = {
    type_.__name__: type_
    for type_ in (
        *LOSSES.values(), *OPTIMIZERS.values(), RunState, Progress, Fitted, Networks, Perceptron, MemberConfig, Members,
        Matrix, Table, TargetMeans, *KINDS.values(), *TARGETS.values(), Unit, Residuals,
        RowSample, Encoded,
    )
}  # fmt: skip
"""Objects of the package in fitted attributes. They are saved as dicts of their attributes."""


class OtherVersionWarning(InconsistentVersionWarning):
    """An estimator is loaded that another version of this package has saved."""

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by mlp_estimator {self.original_sklearn_version}, and "
            f"{self.current_sklearn_version} is installed. Its predictions may differ: fit it again, or load it with "
            "the version that saved it."
        )


class Persistent(BaseEstimator):
    """An estimator whose saved state has no objects of this package: a user's own objects stay what they are."""

    def __getstate__(self) -> dict[str, Any]:
        from . import __version__  # the package imports this module

        state = cast(Any, super()).__getstate__()
        return {**_plain(state), VERSION: __version__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        from . import __version__

        version = state.get(VERSION, "0.1")  # the version that did not write its number
        if version != __version__:
            warnings.warn(
                cast(Any, OtherVersionWarning)(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        state = self._upgraded({name: value for name, value in state.items() if name != VERSION})
        attributes = {name: restored(value) for name, value in state.items()}
        cast(Any, super()).__setstate__(attributes)

    def _upgraded(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state of a file as this version writes it."""
        return state

    def __dask_tokenize__(self) -> Any:
        """Return what Dask names tasks by. The fields of the dataclass would be the same after each fit."""
        from dask.base import normalize_token

        return normalize_token((type(self), self.__getstate__()))


def _plain(value: Any) -> Any:
    """Return a value with a dict for each object of the stored types in it."""
    if STORED_TYPES.get(type(value).__name__) is type(value):
        names = [field.name for field in fields(value)] if is_dataclass(value) else vars(value)
        attributes = {name: _plain(getattr(value, name)) for name in names}
        return {CLASS: type(value).__name__, **attributes}
    if type(value) is dict:
        return {key: _plain(entry) for key, entry in value.items()}
    if type(value) is list and not _of_numbers(value):
        return [_plain(entry) for entry in value]
    return value


def _of_numbers(value: list[Any]) -> bool:
    """Tell whether a list is a curve: these may be long, and have no objects in them."""
    return bool(value) and isinstance(value[0], float)


def restored(value: Any) -> Any:
    """Undo ``_plain``."""
    if type(value) is list and not _of_numbers(value):
        return [restored(entry) for entry in value]
    if type(value) is not dict:
        return value
    entries = {key: restored(entry) for key, entry in value.items()}
    if CLASS not in entries:
        return entries
    made: Any = object.__new__(STORED_TYPES[entries.pop(CLASS)])
    vars(made).update(entries)
    return made
