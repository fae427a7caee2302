"""The interface for showing progress, and the errors of experiments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from archspec.errors import ArchspecError

Item = TypeVar("Item")


class Track(Protocol):
    """A function that yields the items of a sequence in order and shows how many are done."""

    def __call__(self, items: Sequence[Item], description: str) -> Iterable[Item]: ...


def track_silently(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Yields the items and shows nothing."""
    del description
    return items


class ExperimentError(ArchspecError, ValueError):
    """Raised if an experiment cannot be done with a network, data or weights.

    >>> issubclass(ExperimentError, ArchspecError)
    True
    """


class DivergedError(ArchspecError, ArithmeticError):
    """Raised if a loss, gradient, weight or score is not finite; in training, `epoch` and `step` say where.

    >>> DivergedError("the loss is nan", epoch=2, step=7).step
    7
    """

    def __init__(self, message: str, *, epoch: int | None = None, step: int | None = None) -> None:
        super().__init__(message)
        self.epoch, self.step = epoch, step


class StoppedError(ArchspecError):
    """Raised if a training was stopped between two steps; the message says where.

    >>> issubclass(StoppedError, ArchspecError)
    True
    """
