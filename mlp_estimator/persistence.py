"""Estimators in files: their state is numbers, strings and arrays, with the version that wrote it.

Formats that load no code they do not trust, such as skops, need then trust the class of the estimator only.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, cast

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

VERSION = "_mlp_estimator_version"
CLASS = "_mlp_estimator_class"


class OtherVersionWarning(InconsistentVersionWarning):
    """An estimator is loaded that another version of this package has saved."""

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by mlp_estimator {self.original_sklearn_version}, and "
            f"{self.current_sklearn_version} is installed. Its predictions may differ: fit it again, or load it with "
            "the version that saved it."
        )


class Persistent(BaseEstimator):
    """An estimator whose saved state has no objects of this package.

    Those of ``_stored_types`` are saved as dicts of their attributes. A user's own objects stay what they are.
    """

    _stored_types: ClassVar[tuple[type, ...]] = ()

    def __getstate__(self) -> dict[str, Any]:
        from . import __version__  # the package imports this module

        state = cast(Any, super()).__getstate__()
        return {**_plain(state, self._stored_types), VERSION: __version__}

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
        types = {stored.__name__: stored for stored in self._stored_types}
        attributes = {name: _restored(value, types) for name, value in state.items() if name != VERSION}
        cast(Any, super()).__setstate__(attributes)

    def __dask_tokenize__(self) -> Any:
        """Return what Dask names tasks by. The fields of the dataclass would be the same after each fit."""
        from dask.base import normalize_token

        return normalize_token((type(self), self.__getstate__()))


def _plain(value: Any, types: tuple[type, ...]) -> Any:
    """Return a value with a dict for each object of these types in it."""
    if type(value) in types:
        names = [field.name for field in fields(value)] if is_dataclass(value) else vars(value)
        attributes = {name: _plain(getattr(value, name), types) for name in names}
        return {CLASS: type(value).__name__, **attributes}
    if type(value) is dict:
        return {key: _plain(entry, types) for key, entry in value.items()}
    if type(value) is list and not _of_numbers(value):
        return [_plain(entry, types) for entry in value]
    return value


def _of_numbers(value: list[Any]) -> bool:
    """Tell whether a list is a curve: these may be long, and have no objects in them."""
    return bool(value) and isinstance(value[0], float)


def _restored(value: Any, types: Mapping[str, type]) -> Any:
    """Undo ``_plain``."""
    if type(value) is list and not _of_numbers(value):
        return [_restored(entry, types) for entry in value]
    if type(value) is not dict:
        return value
    entries = {key: _restored(entry, types) for key, entry in value.items()}
    if CLASS not in entries:
        return entries
    restored: Any = object.__new__(types[entries.pop(CLASS)])
    vars(restored).update(entries)
    return restored
