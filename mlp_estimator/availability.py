"""Methods that exist for some parameters only, with an error that says why."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


class UnavailableError(AttributeError, ValueError):
    """The method does not go with the parameters: a missing attribute, for a reason that has a name."""


class _AvailableUnless:
    """Like scikit-learn's ``available_if``; ``reason`` returns why the method is missing, or an empty string."""

    def __init__(self, method: Callable[..., Any], reason: Callable[[Any], str]):
        self.method, self.reason = method, reason
        update_wrapper(cast(Any, self), method)

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        if instance is None:
            return self.method
        reason = self.reason(instance)
        if reason:
            raise UnavailableError(reason)
        return MethodType(self.method, instance)


def available_unless(reason: Callable[[Any], str]) -> Callable[[Method], Method]:
    """Decorate a method that is missing where ``reason(instance)`` is not empty; type checkers see the method."""

    def decorate(method: Method) -> Method:
        return cast(Method, _AvailableUnless(method, reason))

    return decorate
