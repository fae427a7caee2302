"""Registers the handlers of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Handler = Callable[..., Any]

HANDLERS: dict[str, Handler] = {}
"""By the name of a function without underscores. A handler takes the raising and the arguments of the function, under torch's names."""


HandlerType = TypeVar("HandlerType", bound=Callable[..., Any])


def function(*names: str) -> Callable[[HandlerType], HandlerType]:
    """Registers a handler for functions of these names."""

    def register(handler: HandlerType) -> HandlerType:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register


def per_axis(value: Any) -> Any:
    """A number where a value has the same one for all axes.

    >>> per_axis((3, 3)), per_axis((3, 1)), per_axis(2)
    (3, [3, 1], 2)
    """
    if not isinstance(value, tuple | list):
        return value
    return value[0] if len(set(value)) == 1 else list(value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
