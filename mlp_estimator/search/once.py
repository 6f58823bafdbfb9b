"""Estimators with a method that acts differently once: how a search hands trained fits to scikit-learn's own search."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, cast


def once(estimator: Any, method: str, action: Callable[[Any], Any]) -> Any:
    """Return a copy of an estimator whose next call of a method is that of ``action`` with the copy.

    From that call on the copy is an ordinary estimator of the same class.
    """
    cls = _class_with(cast(Hashable, type(estimator)), method)
    copy = cls.__new__(cls)
    vars(copy).update(vars(estimator), _once=action)
    return copy


@cache
def _class_with(ordinary: Any, method: str) -> Any:
    def act(self: Any, *arguments: Any, **options: Any) -> Any:
        self.__class__ = ordinary
        return vars(self).pop("_once")(self)

    cls = type(ordinary.__name__, (ordinary,), {})
    setattr(cls, method, act)  # scikit-learn reads the signatures of methods where a class is made
    return cls
