"""How far a long experiment is, and why it ends early: what shows it is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from archspec.errors import ArchspecError

Item = TypeVar("Item")


class Track(Protocol):
    """Gives the items of a sequence in order, and shows how many are done."""

    def __call__(self, items: Sequence[Item], description: str) -> Iterable[Item]: ...


def track_silently(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Shows nothing."""
    del description
    return items


class ExperimentError(ArchspecError, ValueError):
    """What was asked for cannot be done with this network, these data or these weights."""


class DivergedError(ArchspecError, ArithmeticError):
    """A loss, a gradient, a weight or a score that is no finite number; in training, `epoch` and `step` say where."""

    def __init__(self, message: str, *, epoch: int | None = None, step: int | None = None) -> None:
        super().__init__(message)
        self.epoch, self.step = epoch, step


class StoppedError(ArchspecError):
    """A training that was stopped between two steps; its text is where that was."""
