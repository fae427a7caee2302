"""Places the ranks of a scope along, and leads its lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, inf, sqrt

from archspec.draw.geometry import Point
from archspec.draw.layered.channels import assign_tracks
from archspec.draw.layered.columns import find_cuts, wrap_rows
from archspec.draw.layered.coordinates import place_across
from archspec.draw.layered.ordering import order_items
from archspec.draw.layered.ranking import rank_items
from archspec.draw.layered.scope import Item, Link, Net, Piece, Scope
from archspec.draw.layered.sides import attach_lines

_STEP = 7.0  # points between tracks
_LEAVES, _ENTERS = 10.0, 15.0  # the room above and below the tracks, for a bend and for an arrow head
_PASSES = 4.0  # the room there if no box is above or below
_HEAD, _LABEL = 11.0, 3.0  # the room between a label and the box below or above it


@dataclass(slots=True)
class Rows:
    """A placed scope: the height of its rows, and the corners of its lines from the middle of its first box or line."""

    scope: Scope
    gap: float
    limit: float = inf
    """The height in points beyond which rows are wrapped into several columns, if lines can lead from one to the next."""
    breadth: int = 0
    """The most boxes of a rank; 0 if there may be any number."""
    sides: Mapping[tuple[Item, Item], Point] = field(default_factory=dict)
    height: float = 0.0
    routes: dict[Link, list[Point]] = field(default_factory=dict)
    _tracks: dict[tuple[Net, Item], float] = field(default_factory=dict)
    _turns: dict[Piece, list[Point]] = field(default_factory=dict)
    """Where lines from one column to the next turn: below the first, and above the next."""

    def place(self) -> None:
        """Places all items and leads all lines."""
        rank_items(self.scope, self.breadth)
        order_items(self.scope)
        self.sides = attach_lines(self.scope)
        place_across(self.scope, compact=self.breadth > 0)
        self._place_along()
        self.routes = {link: self._lead(link) for link in self.scope.links}

    def _place_along(self) -> None:
        pieces: defaultdict[int, list[Piece]] = defaultdict(list)
        for piece in self.scope.iter_pieces():
            pieces[piece[0].rank].append(piece)
        y = 0.0
        for rank, row in enumerate(self.scope.rows):
            if rank:
                y = self._place_channel(pieces[rank - 1], self.scope.rows[rank - 1], row, y)
            middle = y + max(item.up for item in row)
            for item in row:
                item.y = middle
            y = middle + max(item.down for item in row)
        self.height = y
        if self.height > self.limit and (cuts := find_cuts(self.scope, pieces, ceil(self.height / self.limit))):
            self._wrap(pieces, cuts)

    def _wrap(self, pieces: Mapping[int, Sequence[Piece]], cuts: Sequence[int]) -> None:
        before = {item: item.y for item in self.scope.items}
        self.height, self._turns = wrap_rows(self.scope, pieces, cuts)
        self._tracks = {(net, item): y + item.y - before[item] for (net, item), y in self._tracks.items()}
        for item in self.scope.items:
            if item.kind == "terminal":
                item.y = self.height if item.rank else 0.0

    def _place_channel(self, pieces: Sequence[Piece], above: Sequence[Item], below: Sequence[Item], y: float) -> float:
        """Places the tracks between two rows; returns where the lower one begins."""
        tracks = assign_tracks(pieces)
        count = max(tracks.values(), default=-1) + 1
        straight = self._measure_straight(above, below)
        if not count:
            return y + straight
        leaves = _PASSES if all(item.kind == "terminal" for item in above) else _LEAVES
        enters = _PASSES if all(item.kind == "terminal" for item in below) else _ENTERS
        height = max(straight, leaves + (count - 1) * _STEP + enters)
        spare = (height - leaves - enters - (count - 1) * _STEP) / 2
        self._tracks |= {key: y + leaves + spare + track * _STEP for key, track in tracks.items()}
        return y + height

    def _measure_straight(self, above: Sequence[Item], below: Sequence[Item]) -> float:
        """The room between two rows with straight lines between them."""
        if any(all(item.kind == "terminal" for item in row) for row in (above, below)):
            return 0.0
        if all(item.light for item in below):
            return _LABEL
        return _HEAD if all(item.light for item in above) else self.gap

    def _lead(self, link: Link) -> list[Point]:
        """The corners of a line."""
        points: list[Point] = []
        for first, second in pairwise(link.path):
            if side := self.sides.get((first, second)):
                points += [(first.x, second.y + side[1]), (second.x + side[0], second.y + side[1])]
            elif side := self.sides.get((second, first)):
                points += [(first.x + side[0], first.y + side[1]), (second.x, first.y + side[1])]
            else:
                points += self._lead_piece(first, second, link.net)
        return join_pieces(points)

    def _lead_piece(self, upper: Item, lower: Item, net: Net) -> list[Point]:
        start, end = (
            _find_port(upper, upper.outlets.get(net, 0.0), 1),
            _find_port(lower, lower.inlets.get(net, 0.0), -1),
        )
        if turn := self._turns.get((upper, lower, net)):
            (across, low), (_, high) = turn
            return [start, (start[0], low), (across, low), (across, high), (end[0], high), end]
        track = self._tracks.get((net, upper))
        if track is None or abs(start[0] - end[0]) <= 0.05:
            return [start, end]
        return [start, (start[0], track), (end[0], track), end]


def _find_port(item: Item, across: float, side: int) -> Point:
    """Where a line meets the outline of an item at its top (-1) or its bottom (1)."""
    along = item.half[1]
    if item.kind == "circle":
        along = sqrt(max(item.half[0] ** 2 - across**2, 0.0))
    return item.x + across, item.y + side * along


def join_pieces(points: Sequence[Point]) -> list[Point]:
    """The corners without points on straight lines between others."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(kept[-1][0] - point[0]) + abs(kept[-1][1] - point[1]) < 0.01:
            continue
        while len(kept) > 1 and any(
            abs(kept[-2][axis] - kept[-1][axis]) + abs(kept[-1][axis] - point[axis]) < 0.05 for axis in (0, 1)
        ):
            kept.pop()
        kept.append(point)
    return kept
