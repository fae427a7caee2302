"""Places a chain with nested skip connections as a U: both ends of each skip connection stand in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from archspec.draw.geometry import RADIUS, Point
from archspec.draw.placed import Cell
from archspec.draw.series_parallel import Pair, Series

_APART = 84.0  # between the legs
_BESIDE = 5.0  # between an arrow and its label


@dataclass(slots=True)
class UShape:
    """A placed U: the centres of its boxes, the corners of its arrows and the middles of their labels."""

    centres: dict[str, Point] = field(default_factory=dict)
    routes: dict[Pair, list[Point]] = field(default_factory=dict)
    labels: dict[Pair, Point | None] = field(default_factory=dict)


def find_nested(tree: Series, bypasses: Sequence[Pair]) -> list[Pair]:
    """The bypassing arrows of a chain, the outermost first, if there are several, each is inside the one before, and there is
    something inside the innermost; else none.

    >>> find_nested(Series(tuple("abcde")), [("b", "d"), ("a", "e")])
    [('a', 'e'), ('b', 'd')]
    """
    chain = [item for item in tree.items if isinstance(item, str)]
    place = {node: number for number, node in enumerate(chain)}
    if len(bypasses) < 2 or len(chain) < len(tree.items):
        return []
    pairs = sorted((place[tail], place[head]) for tail, head in bypasses)
    nested = all(outer[0] < inner[0] and inner[1] < outer[1] for outer, inner in pairwise(pairs))
    return [(chain[tail], chain[head]) for tail, head in pairs] if nested and pairs[-1][1] - pairs[-1][0] > 1 else []


def place_u(
    chain: Sequence[str],
    pairs: Sequence[Pair],
    cells: Mapping[str, Cell],
    labels: Mapping[Pair, Point],
    gap: float,
    side: int,
) -> UShape:
    """The U of a chain with these nested skip connections. `side` is 1 if labels are after the arrows along which they are, else -1."""
    return _UPlacer(chain, pairs, cells, labels, gap, side).place()


@dataclass(slots=True)
class _UPlacer:
    chain: Sequence[str]
    pairs: Sequence[Pair]
    cells: Mapping[str, Cell]
    sizes: Mapping[Pair, Point]
    gap: float
    side: int
    shape: UShape = field(default_factory=UShape)

    def place(self) -> UShape:
        index = {node: number for number, node in enumerate(self.chain)}
        tails, heads = [index[tail] for tail, _ in self.pairs], [index[head] for _, head in self.pairs]
        *down, last = self.chain[tails[-1] + 1 : heads[-1]]
        right = self._measure_apart(last)
        y = self._place_rows(tails, heads, right)
        self._stack_up(list(reversed(self.chain[: tails[0]])), self.chain[tails[0]], 0.0)
        self._stack_up(self.chain[heads[0] + 1 :], self.chain[heads[0]], right)
        y += max(self.cells[node].along for node in self.pairs[-1])
        above = self.chain[tails[-1]]
        for node in down:
            y = self._below(above, node)
            self._put(node, 0.0, y)
            y, above = y + self.cells[node].along, node
        self._put(last, right / 2, y + self._gap((above, last)) + self.cells[last].along)
        for pair in pairwise(self.chain):
            self._lead(pair, last)
        for tail, head in self.pairs:
            self._lead_across(tail, head)
        return self.shape

    def _measure_apart(self, last: str) -> float:
        """The distance between the axes of the legs, wide enough for the last box below between them."""
        rooms = max(self._inner_room(node) for node in self.chain if node != last)
        label = max((self.sizes[pair][0] for pair in self.pairs), default=0.0)
        return max(2 * rooms + max(_APART, label + 40), 2 * (self._inner_room(last) + 2 * RADIUS))

    def _inner_room(self, node: str) -> float:
        """The room for a box at the inner side of a leg, where no caption is."""
        return self.cells[node].across if self.cells[node].captioned else self.cells[node].room

    def _put(self, node: str, x: float, y: float) -> None:
        self.shape.centres[node] = (x, y)

    def _gap(self, pair: Pair) -> float:
        label = max(self.sizes.get(pair, (0, 0))[1], self.sizes.get((pair[1], pair[0]), (0, 0))[1])
        return max(self.gap, label + 12 if label else 0.0)

    def _distance(self, upper: str, lower: str) -> float:
        return self.cells[upper].along + self._gap((upper, lower)) + self.cells[lower].along

    def _below(self, upper: str, lower: str) -> float:
        return self.shape.centres[upper][1] + self._distance(upper, lower)

    def _place_rows(self, tails: Sequence[int], heads: Sequence[int], right: float) -> float:
        """Places both legs from the outermost skip connection to the innermost; the place along of that."""
        y = 0.0
        self._put(self.chain[tails[0]], 0.0, y)
        self._put(self.chain[heads[0]], right, y)
        for (tail, inner_tail), (head, inner_head) in zip(pairwise(tails), pairwise(heads), strict=True):
            legs = [
                (0.0, list(self.chain[tail : inner_tail + 1])),
                (right, list(reversed(self.chain[inner_head : head + 1]))),
            ]
            lengths = [sum(self._distance(*pair) for pair in pairwise(leg)) for _, leg in legs]
            for (x, leg), length in zip(legs, lengths, strict=True):
                self._place_leg(leg, x, y, (max(lengths) - length) / (len(leg) - 1))
            y += max(lengths)
        return y

    def _place_leg(self, leg: Sequence[str], x: float, y: float, slack: float) -> None:
        for upper, lower in pairwise(leg):
            y += self._distance(upper, lower) + slack
            self._put(lower, x, y)

    def _stack_up(self, nodes: Sequence[str], below: str, x: float) -> None:
        y = self.shape.centres[below][1]
        for node in nodes:
            y -= self._distance(node, below)
            self._put(node, x, y)
            below = node

    def _lead(self, pair: Pair, last: str) -> None:
        """An arrow of the chain: down the left leg, up the right one, by a bend to the last box and from it."""
        tail, head = pair
        (x0, y0), (x1, y1) = self.shape.centres[tail], self.shape.centres[head]
        sign = 1 if y1 > y0 else -1
        start, end = y0 + sign * self.cells[tail].along, y1 - sign * self.cells[head].along
        if head == last:
            route = [(x0, start), (x0, y1), (x1 - self.cells[head].across, y1)]
            middle = start + self._gap(pair) / 2
        elif tail == last:
            route = [(x0 + self.cells[tail].across, y0), (x1, y0), (x1, end)]
            middle = y0 - self.cells[tail].along - self._gap(pair) / 2
        else:
            route, middle = [(x0, start), (x0, end)], (start + end) / 2
        size = self.sizes[pair][0]
        x = x1 if tail == last else x0
        self.shape.routes[pair] = route
        self.shape.labels[pair] = (x + self.side * (size / 2 + _BESIDE), middle) if size else None

    def _lead_across(self, tail: str, head: str) -> None:
        (x0, y), (x1, _) = self.shape.centres[tail], self.shape.centres[head]
        start, end = x0 + self.cells[tail].across, x1 - self.cells[head].across
        along = self.sizes[tail, head][1]
        self.shape.routes[tail, head] = [(start, y), (end, y)]
        self.shape.labels[tail, head] = ((start + end) / 2, y - along / 2 - 2) if along else None
