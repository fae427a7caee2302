"""Places a network of nested Us (U-Net++, Zhou et al. 2018, arXiv:1807.10165) on a grid: a row for each level, a column for each U."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archspec.draw.geometry import Point
from archspec.draw.lanes import Bypass, assign_lanes
from archspec.draw.placed import Cell
from archspec.draw.series_parallel import NotSeriesParallelError, Pair
from archspec.draw.u_placing import UShape

GridPlace = tuple[int, int]

_LANES = 13.0  # points between a row and the lanes above it
_ALONG, _LEAVES, _ENTERS = -0.3, 0.1, 0.5  # where arrows are at a side of a box, in halves of its height


def find_grid(nodes: Sequence[str], pairs: Sequence[Pair]) -> dict[str, GridPlace]:
    """The row and column of each box.

    A box with one producer is below it on the way down, in the first column, and beside it elsewhere; one with several is beside the
    last of those in the uppermost row, and the others are below.

    Raises:
        NotSeriesParallelError: the network is no nested U.

    >>> find_grid("abcde", [("a", "b"), ("b", "c"), ("a", "d"), ("b", "d"), ("d", "e")])
    {'a': (0, 0), 'b': (1, 0), 'c': (2, 0), 'd': (0, 1), 'e': (0, 2)}
    """
    producers: defaultdict[str, list[str]] = defaultdict(list)
    for tail, head in pairs:
        producers[head].append(tail)
    places: dict[str, GridPlace] = {}
    for node in nodes:
        if any(producer not in places for producer in producers[node]):
            raise NotSeriesParallelError(f"{node} before its producers")
        place = _find_place([places[producer] for producer in producers[node]], set(places.values()))
        if place in places.values():
            raise NotSeriesParallelError(f"{node} in the place of another")
        places[node] = place
    return places


def _find_place(producers: Sequence[GridPlace], taken: set[GridPlace]) -> GridPlace:
    if not producers:
        return 0, 0
    row = min(place[0] for place in producers)
    column = max(place[1] for place in producers if place[0] == row)
    if len(producers) == 1 and not column and (row + 1, 0) not in taken:
        return row + 1, 0
    if any(place[1] > column for place in producers):
        raise NotSeriesParallelError("an arrow to the left")
    return row, column + 1


def place_grid(
    nodes: Sequence[str], pairs: Sequence[Pair], cells: Mapping[str, Cell], labels: Mapping[Pair, Point], gap: float
) -> UShape:
    """The grid of a nested U. Raises `NotSeriesParallelError` if it is none, or an arrow would lead through a box."""
    return _GridPlacer(find_grid(nodes, pairs), pairs, cells, labels, gap).place()


@dataclass(slots=True)
class _GridPlacer:
    places: Mapping[str, GridPlace]
    pairs: Sequence[Pair]
    cells: Mapping[str, Cell]
    sizes: Mapping[Pair, Point]
    gap: float
    shape: UShape = field(default_factory=UShape)
    apart: float = 0.0
    """Between columns."""

    def place(self) -> UShape:
        lanes = self._assign_lanes()
        self.apart = max(size[0] for size in self.sizes.values()) + 4 * _LANES
        self._place_boxes(lanes)
        for pair in self.pairs:
            self.shape.routes[pair] = self._route_above(pair, lanes) if pair in lanes else self._route(pair)
        for pair in self._choose_labelled():
            self.shape.labels[pair] = self._place_label(pair)
        return self.shape

    def _span(self, pair: Pair) -> tuple[int, int]:
        """How many rows up and columns to the right an arrow leads."""
        (row, column), (other_row, other_column) = self.places[pair[0]], self.places[pair[1]]
        return row - other_row, other_column - column

    def _assign_lanes(self) -> dict[Pair, float]:
        """The distance above their row of arrows past boxes of it."""
        lanes: dict[Pair, float] = {}
        for row in {place[0] for place in self.places.values()}:
            bypasses = [
                Bypass(pair, self.places[pair[0]][1], self.places[pair[1]][1], frozenset({"right"}))
                for pair in self.pairs
                if self._span(pair)[0] == 0 and self.places[pair[0]][0] == row and self._span(pair)[1] > 1
            ]
            last = max((bypass.stop for bypass in bypasses), default=0)
            lanes |= assign_lanes(bypasses, [(0.0, 0.0)] * (last + 1))
        return lanes

    def _place_boxes(self, lanes: Mapping[Pair, float]) -> None:
        widths: defaultdict[int, float] = defaultdict(float)
        heights: defaultdict[int, float] = defaultdict(float)
        above: defaultdict[int, float] = defaultdict(float)
        for node, (row, column) in self.places.items():
            widths[column] = max(widths[column], self.cells[node].room)
            heights[row] = max(heights[row], self.cells[node].along)
        for pair, lane in lanes.items():
            row = self.places[pair[0]][0]
            above[row] = max(above[row], lane)
        label = max(size[1] for size in self.sizes.values())
        ys, y = {}, 0.0
        for row in sorted(heights):
            y += above[row] + heights[row]
            ys[row] = y
            y += heights[row] + max(self.gap, label + 12)
        xs, x = {}, 0.0
        for column in sorted(widths):
            xs[column] = x + widths[column]
            x += 2 * widths[column] + self.apart
        self.shape.centres.update({node: (xs[column], ys[row]) for node, (row, column) in self.places.items()})

    def _at(self, node: str, across: float, along: float) -> Point:
        """A point of a box, in halves of its sizes from its middle."""
        x, y = self.shape.centres[node]
        return x + across * self.cells[node].across, y + along * self.cells[node].along

    def _beside(self, node: str, side: int, along: float) -> Point:
        """A point at the left or the right of a box, in halves of the least height of its row."""
        x, y = self.shape.centres[node]
        return x + side * self.cells[node].across, y + along * min(
            self.cells[other].along for other in self._iter_row(node)
        )

    def _is_alone(self, pair: Pair) -> bool:
        """Whether an arrow along a row shares neither end with one that leads up."""
        up = [other for other in self.pairs if self._span(other)[0] > 0]
        return all(pair[0] != tail and pair[1] != head for tail, head in up)

    def _route(self, pair: Pair) -> list[Point]:
        tail, head = pair
        up, right = self._span(pair)
        if (up, right) == (-1, 0):
            return [self._at(tail, 0, 1), self._at(head, 0, -1)]
        if up == 0:
            along = 0.0 if self._is_alone(pair) else _ALONG
            return [self._beside(tail, 1, along), self._beside(head, -1, along)]
        row, column = self.places[tail]
        if up < 0 or any((row, column + step) in self.places.values() for step in range(1, right)):
            raise NotSeriesParallelError(f"{pair} through boxes")
        start, end = self._beside(tail, 1, _LEAVES), self._beside(head, -1, _ENTERS)
        channel = end[0] - 1.5 * _LANES
        return [start, (channel, start[1]), (channel, end[1]), end]

    def _route_above(self, pair: Pair, lanes: Mapping[Pair, float]) -> list[Point]:
        """Over a row: arrows leave a box at the right of its middle, the longer ones nearer to it, and enter one at the left."""
        tail, head = pair
        leaving = sorted((other for other in lanes if other[0] == tail), key=lambda other: -self._span(other)[1])
        entering = sorted((other for other in lanes if other[1] == head), key=lambda other: self._span(other)[1])
        start = self._at(tail, 0.85 * (leaving.index(pair) + 1) / len(leaving), -1)
        end = self._at(head, -0.85 + 0.7 * entering.index(pair) / len(entering), -1)
        top = min(self.shape.centres[node][1] - self.cells[node].along for node in self._iter_row(tail)) - lanes[pair]
        return [start, (start[0], top), (end[0], top), end]

    def _iter_row(self, node: str) -> Iterator[str]:
        return (other for other, place in self.places.items() if place[0] == self.places[node][0])

    def _choose_labelled(self) -> list[Pair]:
        """The arrow of each box and shape that states it: down, along, or up."""
        order = {(-1, 0): 0, (0, 1): 1}
        chosen: dict[tuple[str, Point], Pair] = {}
        for pair in sorted(self.pairs, key=lambda pair: order.get(self._span(pair), 2 + self._span(pair)[1])):
            if self.sizes[pair][0] and pair in self.sizes:
                chosen.setdefault((pair[0], self.sizes[pair]), pair)
        return list(chosen.values())

    def _place_label(self, pair: Pair) -> Point:
        (x0, y0), (x1, y1) = self.shape.routes[pair][:2]
        across, along = self.sizes[pair]
        if x0 == x1:
            return x0 + across / 2 + 5, (y0 + y1) / 2
        return x0 + 6 + across / 2, y0 - along / 2 - 2
