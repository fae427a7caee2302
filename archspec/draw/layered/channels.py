"""Leads lines through the channel between two ranks: each that is not straight has a track, in an order with few crossings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from archspec.draw.layered.scope import Item, Net, Piece

_NEAR = 4.0  # points between two lines that would be taken for one
_STRAIGHT = 0.05


@dataclass
class _Line:
    """A line in a channel: where it comes from above, and where it leads below."""

    key: tuple[Net, Item]
    above: float
    below: list[float]
    track: int = -1

    @cached_property
    def extent(self) -> tuple[float, float]:
        return min(self.above, *self.below), max(self.above, *self.below)

    def meets(self, other: _Line) -> bool:
        """Whether they may not have one track."""
        (low, high), (other_low, other_high) = self.extent, other.extent
        return low < other_high + _NEAR and other_low < high + _NEAR

    def must_be_below(self, other: _Line) -> bool:
        """Whether they would coincide if it were above the other: it ends where the other begins."""
        return any(abs(end - other.above) < _NEAR for end in self.below)

    def count_above(self, other: _Line) -> int:
        """The crossings if it is above the other."""
        low, high = self.extent
        other_low, other_high = other.extent
        return (low < other.above < high) + sum(other_low < end < other_high for end in self.below)


def assign_tracks(pieces: Iterable[Piece]) -> dict[tuple[Net, Item], int]:
    """The track of each line that is not straight among the pieces between two ranks, by its net and its upper item; 0 is the uppermost."""
    by_key: dict[tuple[Net, Item], _Line] = {}
    for upper, lower, net in pieces:
        line = by_key.setdefault((net, upper), _Line((net, upper), upper.x + upper.outlets.get(net, 0.0), []))
        line.below.append(lower.x + lower.inlets.get(net, 0.0))
    bent = [line for line in by_key.values() if any(abs(end - line.above) > _STRAIGHT for end in line.below)]
    placed: list[_Line] = []
    for line in _order_lines(bent):
        line.track = 1 + max((other.track for other in placed if line.meets(other)), default=-1)
        placed.append(line)
    return {line.key: line.track for line in placed}


def _order_lines(lines: Sequence[_Line]) -> list[_Line]:
    """The lines from the uppermost track to the lowest: each time the one with the fewest coincidences and crossings above those that are left."""
    rates = [
        [
            sum(rate)
            for rate in zip((0, 0), *(_compare(line, other) for other in lines if other is not line), strict=True)
        ]
        for line in lines
    ]
    pending = dict.fromkeys(range(len(lines)))
    ordered = []
    while pending:
        best = min(pending, key=rates.__getitem__)
        del pending[best]
        ordered.append(lines[best])
        for index in pending:
            coincidences, crossings = _compare(lines[index], lines[best])
            rates[index][0] -= coincidences
            rates[index][1] -= crossings
    return ordered


def _compare(line: _Line, other: _Line) -> tuple[int, int]:
    """The coincidences if a line is above another one that it meets, and the crossings that this adds."""
    if not line.meets(other):
        return 0, 0
    return line.must_be_below(other), line.count_above(other) - other.count_above(line)
