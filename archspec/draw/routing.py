"""Leads the arrows between placed boxes along and across, in orthogonal pieces, and places their labels beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt

from archspec.draw.geometry import RADIUS, Point
from archspec.draw.placed import Cell, Links, Placed
from archspec.draw.placing import STEP, TRACK
from archspec.draw.series_parallel import Pair

_PORT = 9.0  # the distance of arrows at one side of a box
_INSET = 8.0  # from the corner of a box
_FEW = 3  # arrows at one side of a box whose tracks are below labels
_BESIDE = 5.0  # between an arrow and its label


@dataclass(frozen=True, slots=True)
class _Attachment:
    """An end of an arrow at the side of a box: by a lane or the axis of a branch at `across`."""

    pair: Pair
    across: float
    incoming: bool


@dataclass(slots=True)
class Router:
    """Leads the arrows of one picture."""

    placed: Placed
    cells: Mapping[str, Cell]
    links: Links
    _tails: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _heads: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _ports: dict[tuple[Pair, bool], Point] = field(default_factory=dict)

    def route(self) -> dict[Pair, list[Point]]:
        """The corners of each arrow."""
        attached: defaultdict[tuple[str, bool], list[_Attachment]] = defaultdict(list)
        for pair, across in self.placed.lanes.items():
            self._attach(attached, pair, across, ends=(False, True))
        for pair in sorted(self.links.chain):
            tail, head = pair
            if self._leaves_by_side(pair):
                self._attach(attached, pair, self._x(head), ends=(False,))
            elif self._enters_by_side(pair):
                self._attach(attached, pair, self._x(tail), ends=(True,))
            else:
                self._heads[tail].append(head)
                self._tails[head].append(tail)
        for head, tails in self._tails.items():
            if self.cells[head].round and len(tails) > 1:
                outer = [min(tails, key=self._x), max(tails, key=self._x)]
                for tail in dict.fromkeys(outer):
                    if self._x(tail) != self._x(head):
                        self._attach(attached, (tail, head), self._x(tail), ends=(True,))
        for (node, right), ends in attached.items():
            self._place_ports(node, right, ends)
        return {pair: self._route_lane(pair) for pair in self.placed.lanes} | {
            pair: self._route_link(pair) for pair in sorted(self.links.chain)
        }

    def _x(self, node: str) -> float:
        return self.placed.centres[node][0]

    def _leaves_by_side(self, pair: Pair) -> bool:
        tail, head = pair
        away = abs(self._x(head) - self._x(tail)) > self.cells[tail].across + _INSET
        return away and not self.cells[tail].captioned and head in self.placed.beside and tail not in self.placed.beside

    def _enters_by_side(self, pair: Pair) -> bool:
        tail, head = pair
        away = abs(self._x(head) - self._x(tail)) > self.cells[head].across + _INSET
        return away and not self.cells[head].captioned and tail in self.placed.beside and head not in self.placed.beside

    def _attach(
        self,
        attached: defaultdict[tuple[str, bool], list[_Attachment]],
        pair: Pair,
        across: float,
        ends: Sequence[bool],
    ) -> None:
        for incoming in ends:
            node = pair[incoming]
            attached[node, across > self._x(node)].append(_Attachment(pair, across, incoming))

    def _place_ports(self, node: str, right: bool, ends: list[_Attachment]) -> None:
        """Places the arrows at one side of a box, so that none crosses another: those that come in above, from the nearest to the farthest."""
        (x, y), cell = self.placed.centres[node], self.cells[node]
        ends.sort(key=lambda end: (not end.incoming, abs(end.across - x) * (1 if end.incoming else -1), end.pair))
        apart = min(_PORT, (2 * cell.along - _INSET) / max(len(ends) - 1, 1))
        for number, end in enumerate(ends):
            down = (number - (len(ends) - 1) / 2) * apart
            out = sqrt(cell.across**2 - down**2) if cell.round else cell.across
            self._ports[end.pair, end.incoming] = (x + (out if right else -out), y + down)

    def _route_lane(self, pair: Pair) -> list[Point]:
        across = self.placed.lanes[pair]
        start, end = self._ports[pair, False], self._ports[pair, True]
        return [start, (across, start[1]), (across, end[1]), end]

    def _route_link(self, pair: Pair) -> list[Point]:
        tail, head = pair
        (x0, y0), (x1, y1) = self.placed.centres[tail], self.placed.centres[head]
        bottom, top = y0 + self.cells[tail].along, y1 - self.cells[head].along
        if port := self._ports.get((pair, False)):
            return [port, (x1, port[1]), (x1, top)]
        if port := self._ports.get((pair, True)):
            return [(x0, bottom), (x0, port[1]), port]
        if abs(x0 - x1) < 0.01:
            return [(x0, bottom), (x0, top)]
        if len(self._heads[tail]) > 1:
            return self._route_fork(pair, bottom, top)
        return self._route_join(pair, bottom, top)

    def _route_fork(self, pair: Pair, bottom: float, top: float) -> list[Point]:
        """From the bottom of a box to one of several: straight if all are below it, else from one point."""
        tail, head = pair
        x0, x1 = self._x(tail), self._x(head)
        if self._all_within(tail, self._heads[tail]):
            return [(x1, bottom), (x1, top)]
        track = bottom + self.cells[tail].below + TRACK
        return [(x0, bottom), (x0, track), (x1, track), (x1, top)]

    def _route_join(self, pair: Pair, bottom: float, top: float) -> list[Point]:
        """To the top of a box from one of several: straight if all are above it, to the top of a circle, else to points side by side."""
        tail, head = pair
        x0, x1 = self._x(tail), self._x(head)
        tails, cell = sorted(self._tails[head], key=self._x), self.cells[head]
        if self._all_within(head, tails):
            return [(x0, bottom), (x0, top)]
        track = top - cell.above - TRACK
        if cell.round:
            return [(x0, bottom), (x0, track), (x1, track), (x1, top)]
        ports = self._space_tails(head, tails)
        rightward = [other for other in tails if self._x(other) < ports[other]]
        leftward = [other for other in reversed(tails) if self._x(other) >= ports[other]]
        track -= STEP * (rightward if tail in rightward else leftward).index(tail)
        return [(x0, bottom), (x0, track), (ports[tail], track), (ports[tail], top)]

    def _space_tails(self, head: str, tails: Sequence[str]) -> dict[str, float]:
        """Where arrows from several boxes, from left to right, come to the top of one: around that which comes straight, or else its middle."""
        x, across, last = self._x(head), self.cells[head].across, len(tails) - 1
        straight = next((number for number, tail in enumerate(tails) if abs(self._x(tail) - x) < 0.01), last / 2)
        farthest = max(straight, last - straight)
        wanted = max(2 * (across - 2 * _INSET) / max(last, 1), _PORT)
        apart = min(wanted, (across - _INSET) / max(farthest, 0.5))
        return {tail: x + (number - straight) * apart for number, tail in enumerate(tails)}

    def _all_within(self, node: str, others: Sequence[str]) -> bool:
        cell = self.cells[node]
        return not cell.round and all(abs(self._x(other) - self._x(node)) <= cell.across - _INSET for other in others)

    def place_label(self, pair: Pair, corners: Sequence[Point], side: int) -> Point | None:
        """The middle of the label of an arrow beside its last long piece along, or of a bypass beside its lane below its tail."""
        across = self.links.labels[pair][0]
        if not across:
            return None
        if pair in self.placed.lanes:
            side = 1 if self.placed.lanes[pair] > self._x(pair[0]) else -1
        x, start, end = self._label_piece(pair, corners, clear=side > 0)
        return x + side * (across / 2 + _BESIDE), (start + end) / 2

    def _find_clear_end(self, pair: Pair, end: float, lowest: float) -> float:
        """Where an arrow that enters a box straight between bent ones ends for its label, whose own end is `lowest`: above their tracks, if it would be among these."""
        head = pair[1]
        bent = [tail for tail in self._tails[head] if abs(self._x(tail) - self._x(head)) > 0.01]
        most = max(sum((self._x(tail) < self._x(head)) == left for tail in bent) for left in (True, False))
        uppermost = end - self.cells[head].above - TRACK - STEP * (most - 1)
        if not bent or lowest <= uppermost:
            return end
        covers = most > _FEW or self.cells[head].captioned or self._reaches_port(pair)
        return uppermost if covers else end

    def _reaches_port(self, pair: Pair) -> bool:
        """Whether the label of an arrow that enters a box straight is as wide as the distance to the arrow beside it."""
        _, head = pair
        ports = self._space_tails(head, sorted(self._tails[head], key=self._x))
        apart = min(abs(across - self._x(head)) for tail, across in ports.items() if tail != pair[0])
        return not self.cells[head].round and self.links.labels[pair][0] + _BESIDE + RADIUS > apart

    def _find_clear_start(self, tail: str, start: float, highest: float) -> float:
        """Where an arrow that leaves a box straight between bent ones begins for its label, whose own top is `highest`: below their track, if it would be on it."""
        heads = self._heads[tail]
        track = start + self.cells[tail].below + TRACK
        return track if len(heads) > 1 and highest < track and not self._all_within(tail, heads) else start

    def _label_piece(self, pair: Pair, corners: Sequence[Point], *, clear: bool) -> tuple[float, float, float]:
        """The place across and the ends of the piece for a label; `clear` of frames and captions around the boxes."""
        if pair[0] == pair[1]:
            return self.placed.lanes[pair], self.placed.centres[pair[0]][1], self.placed.centres[pair[0]][1]
        if pair in self.placed.lanes:
            bottom = self.placed.centres[pair[0]][1] + self.cells[pair[0]].along + self.cells[pair[0]].below
            return self.placed.lanes[pair], bottom, bottom + 2 * TRACK
        pieces = [(a, b) for a, b in pairwise(corners) if abs(a[0] - b[0]) < 0.01]
        incoming = len(self._tails[pair[1]]) > 1 or (pair, True) in self._ports
        (x, start), (_, end) = pieces[0 if incoming else -1]
        room = 2 * TRACK + self.links.labels[pair][1]
        start = start + self.cells[pair[0]].below if clear and start == corners[0][1] else start
        end = end - self.cells[pair[1]].above if clear and end == corners[-1][1] else end
        if (pair, False) in self._ports:
            start = end - room
        if (pair, True) in self._ports:
            end = start + room
        if incoming and end == corners[-1][1]:
            end = self._find_clear_end(pair, end, (start + end + self.links.labels[pair][1]) / 2)
        elif not incoming and start == corners[0][1]:
            start = self._find_clear_start(pair[0], start, (start + end - self.links.labels[pair][1]) / 2)
        return x, start, end
