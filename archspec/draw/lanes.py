"""Assigns arrows that bypass boxes of a chain to lanes at its sides, so that none of one lane overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]
_APART = 13.0  # points between lanes


@dataclass(frozen=True, slots=True)
class Bypass:
    """An arrow past items of a chain, from item `start` to item `stop`; both are the same if it is a loop."""

    pair: tuple[str, str]
    start: int
    stop: int
    sides: frozenset[Side]
    """The sides where its ends can be reached."""
    label: float = 0.0
    """The room across of its label."""

    def overlaps(self, other: Bypass) -> bool:
        return self.start < other.stop and other.start < self.stop

    def encloses(self, other: Bypass) -> bool:
        return self.start <= other.start and other.stop <= self.stop


def assign_lanes(bypasses: Iterable[Bypass], extents: Sequence[tuple[float, float]]) -> dict[tuple[str, str], float]:
    """The place across of each bypass; negative ones are at the left of the axis.

    An arrow is farther from the axis than those that it encloses, so that they do not cross, and on the side where its lane is nearer;
    if both are, on the right beside the boxes, and farther out on the side with fewer arrows.

    Args:
        bypasses: the arrows.
        extents: how far each item of the chain reaches to the left and to the right of the axis.

    >>> both = frozenset({"left", "right"})
    >>> assign_lanes([Bypass(("a", "c"), 0, 2, both), Bypass(("b", "d"), 1, 3, both)], [(10, 10)] * 4)
    {('a', 'c'): 23.0, ('b', 'd'): -23.0}
    """
    taken: dict[Side, list[tuple[int, Bypass]]] = {"right": [], "left": []}
    for bypass in sorted(bypasses, key=lambda bypass: (bypass.stop - bypass.start, bypass.start, bypass.pair)):
        lanes = {side: _find_lane(bypass, taken[side]) for side in taken if side in bypass.sides}
        side = min(lanes, key=lambda side: (lanes[side], len(taken[side]) if lanes[side] else 0))
        taken[side].append((lanes[side], bypass))
    places: dict[tuple[str, str], float] = {}
    for side, used in taken.items():
        sign, column = (1, 1) if side == "right" else (-1, 0)
        across = 0.0
        for lane in range(max((lane for lane, _ in used), default=-1) + 1):
            inside = [bypass for number, bypass in used if number == lane]
            passed = (extents[item][column] for bypass in inside for item in range(bypass.start, bypass.stop + 1))
            across = max(across, *passed) + _APART
            places |= {bypass.pair: sign * across for bypass in inside}
            across += max(bypass.label for bypass in inside)
    return places


def _find_lane(bypass: Bypass, taken: Sequence[tuple[int, Bypass]]) -> int:
    """The first lane outside those of enclosed arrows in which nothing overlaps."""
    lane = 1 + max((number for number, other in taken if bypass.overlaps(other) and bypass.encloses(other)), default=-1)
    while any(number == lane and bypass.overlaps(other) for number, other in taken):
        lane += 1
    return lane
