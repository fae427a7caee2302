"""How far a long experiment is: what shows it is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Track(Protocol):
    """Gives the items of a sequence in order, and shows how many are done."""

    def __call__(self, items: Sequence[Item], what: str) -> Iterable[Item]: ...


def quiet(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Shows nothing."""
    del what
    return items


class ExperimentError(ValueError):
    """What was asked for cannot be done with this network, these data or these weights."""
