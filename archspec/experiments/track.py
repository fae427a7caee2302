"""How far a long experiment is, and why it ends early: what shows it is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from archspec.errors import ArchspecError

Item = TypeVar("Item")


class Track(Protocol):
    """Yields the items of a sequence in order, and shows how many are done."""

    def __call__(self, items: Sequence[Item], description: str) -> Iterable[Item]: ...


def track_silently(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Shows nothing."""
    del description
    return items


class ExperimentError(ArchspecError, ValueError):
    """What was asked for cannot be done with this network, these data or these weights.

    >>> issubclass(ExperimentError, ArchspecError)
    True
    """


class DivergedError(ArchspecError, ArithmeticError):
    """A loss, a gradient, a weight or a score is not finite; in training, `epoch` and `step` say where.

    >>> DivergedError("the loss is nan", epoch=2, step=7).step
    7
    """

    def __init__(self, message: str, *, epoch: int | None = None, step: int | None = None) -> None:
        super().__init__(message)
        self.epoch, self.step = epoch, step


class StoppedError(ArchspecError):
    """A training was stopped between two steps; the text says where.

    >>> issubclass(StoppedError, ArchspecError)
    True
    """
