"""Methods that exist for some parameters only, with an error that says why."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class UnavailableError(AttributeError, ValueError):
    """The method does not go with the parameters: a missing attribute, for a reason that has a name."""


class _AvailableUnless(Generic[T, P, R]):
    """Like scikit-learn's ``available_if``; ``reason`` returns why the method is missing, or an empty string."""

    def __init__(self, method: Callable[Concatenate[T, P], R], reason: Callable[[T], str]):
        self.method, self.reason = method, reason
        update_wrapper(cast(Any, self), method)

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[Concatenate[T, P], R]: ...
    @overload
    def __get__(self, instance: T, owner: type) -> Callable[P, R]: ...
    def __get__(self, instance: T | None, owner: type) -> Callable[..., R]:
        if instance is None:
            return self.method
        reason = self.reason(instance)
        if reason:
            raise UnavailableError(reason)
        bound: Callable[..., R] = self.method.__get__(instance)
        return bound


def available_unless(
    reason: Callable[[Any], str],
) -> Callable[[Callable[Concatenate[T, P], R]], _AvailableUnless[T, P, R]]:
    """Decorate a method that is missing where ``reason(instance)`` is not empty."""
    return lambda method: _AvailableUnless(method, reason)
