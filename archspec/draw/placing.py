"""Places the boxes of a series-parallel picture: chains on one axis, branches side by side, bypassing arrows in lanes at the sides.

Sizes are `across` the direction of the arrows and `along` it, so that one algorithm places columns and rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archspec.draw.branches import find_ends, order_branches, spread_branches
from archspec.draw.crossings import Crossing, count_channels, find_crossings, place_channels
from archspec.draw.geometry import RADIUS, Point
from archspec.draw.lanes import Bypass, Side, assign_lanes
from archspec.draw.placed import Cell, Links, Placed
from archspec.draw.series_parallel import NotSeriesParallelError, Pair, Parallel, Series

TRACK = 12.0
"""The room along for the arrow head or the bend beside a box, where arrows fork or join."""
STEP = 5.0
"""The distance of parallel tracks."""
_LABEL = 5.0  # between the axis and a label, and beside that
_ENTRY = 14.0  # the least room along between a track and a branch


@dataclass(frozen=True, slots=True)
class Placer:
    """Places the parts of one picture."""

    cells: Mapping[str, Cell]
    links: Links
    bypasses: Sequence[Pair]
    gap: float
    mains: Mapping[Parallel, int | None]
    """The number of the branch that stays on the axis, of each group (`find_mains`)."""
    lies: bool = False
    """Whether chains are rows, whose labels are above the axis and captions below it."""

    def place(self, series: Series, before: str | None = None, after: str | None = None) -> Placed:
        """A chain between two boxes; None where nothing is before or after it. Raises `NotSeriesParallelError`."""
        placed = Placed(0.0, 0.0, 0.0)
        items = series.items
        extents: list[tuple[float, float]] = []
        for number, item in enumerate(items):
            placed.along += self._gap(items[number - 1], item) if number else 0.0
            part = self._place_item(items, number, before, after)
            placed.add(part, 0.0, placed.along)
            placed.along += part.along
            extents.append((part.left, max(part.right, self._measure_label(items, number))))
        self._add_lanes(placed, items, extents)
        return placed

    def _place_item(
        self, items: Sequence[str | Parallel], number: int, before: str | None, after: str | None
    ) -> Placed:
        item = items[number]
        if isinstance(item, str):
            cell = self.cells[item]
            room = cell.above + 2 * cell.along + cell.below
            return Placed(
                cell.across + cell.left, cell.across + cell.right, room, {item: (0.0, cell.above + cell.along)}
            )
        return self._place_branches(item, *find_ends(items, number, before, after))

    def _measure_label(self, items: Sequence[str | Parallel], number: int) -> float:
        """The room at the right of the axis for the label below an item of a column."""
        upper, lower = (items[place] if place < len(items) else None for place in (number, number + 1))
        if self.lies or not isinstance(upper, str) or not isinstance(lower, str):
            return 0.0
        label = self.links.measure([(upper, lower)])[0]
        return label + _LABEL if label else 0.0

    def _gap(self, upper: str | Parallel, lower: str | Parallel) -> float:
        if isinstance(upper, str) and isinstance(lower, str):
            label = self.links.measure([(upper, lower)])[1]
            wanted = max(self.gap, label + 12 if label else 0.0)
            spare = self.cells[upper].below + self.cells[lower].above if self._captioned(upper, lower) else 0.0
            return max(wanted - spare, TRACK)
        return TRACK

    def _captioned(self, *nodes: str) -> bool:
        """Whether these boxes of a row have captions below, so that there is room between them."""
        return self.lies and all(self.cells[node].captioned for node in nodes)

    def _place_branches(self, group: Parallel, before: str | None, after: str | None) -> Placed:
        parts = [self.place(branch, before, after) for branch in group.branches]
        entries = [self.links.between([before] if before else [], branch.iter_nodes()) for branch in group.branches]
        exits = [self.links.between(branch.iter_nodes(), [after] if after else []) for branch in group.branches]
        for part, entry, exit in zip(parts, entries, exits, strict=True):
            label = self.links.measure([*entry, *exit])[0]
            part.left, part.right = max(part.left, label), max(part.right, label)
        main = self.mains[group]
        above = self._measure_way(entries) if before else 0.0
        below = self._measure_way(exits) if after else 0.0
        below += TRACK if after and main is not None and self.cells[after].captioned else 0.0
        lower = self._measure_begun(group, main) if after and not before else 0.0
        placed = Placed(0.0, 0.0, above + max(part.along for part in parts) + lower + below)
        share = 0.5 if bool(before) == bool(after) else 0.0 if before else 1.0
        crossings = find_crossings(group, self.bypasses)
        order = order_branches(len(parts), main, crossings)
        least = max((self.cells[node].across for node in (before, after) if node), default=0.0) + 2 * RADIUS
        axes = spread_branches(parts, order, main, least, count_channels(crossings, order))
        for number, across in enumerate(axes):
            slack = placed.along - above - below - parts[number].along - (lower if number == main else 0.0)
            placed.add(parts[number], across, above + slack * share)
            if main is not None and number != main:
                placed.beside.update(group.branches[number].iter_nodes())
        for crossing in crossings:
            self._check_crossing(crossing, group, order, placed.centres)
        rights = [axes[number] + parts[number].right for number in order]
        placed.lanes |= place_channels(crossings, order, rights, placed.centres)
        return placed

    def _measure_begun(self, group: Parallel, main: int | None) -> float:
        """The room for branches in which a frame begins, below the main one, which is not in that frame."""
        begun = [
            TRACK + sum(2 * self.cells[node].along + self.cells[node].above for node in branch.iter_nodes())
            for number, branch in enumerate(group.branches)
            if number != main and any(self.cells[node].above for node in branch.iter_nodes())
        ]
        return max(begun, default=0.0) if main is not None else 0.0

    def _check_crossing(
        self, crossing: Crossing, group: Parallel, order: Sequence[int], centres: Mapping[str, Point]
    ) -> None:
        """Raises `NotSeriesParallelError` if an arrow cannot be led between two branches: both ends must face the gap, the head farther along."""
        tail, head = crossing.pair
        ends = (tail, crossing.start, crossing.stop), (head, crossing.stop, crossing.start)
        for node, own, other in ends:
            side: Side = "right" if order.index(own) < order.index(other) else "left"
            if not any(
                node in _nodes_of(item) and side in self._exposed(item, node) for item in group.branches[own].items
            ):
                raise NotSeriesParallelError(f"{crossing.pair} inside branches")
        if centres[tail][1] >= centres[head][1] or abs(order.index(crossing.start) - order.index(crossing.stop)) != 1:
            raise NotSeriesParallelError(f"{crossing.pair} between branches")

    def _measure_way(self, pairs: list[list[Pair]]) -> float:
        """The room along between the branches and the box where they fork or join."""
        label = max(self.links.measure(some)[1] for some in pairs)
        return max(_ENTRY + STEP * max(len(pairs) - 2, 0), label + 10 if label else 0.0)

    def _add_lanes(
        self, placed: Placed, items: Sequence[str | Parallel], extents: Sequence[tuple[float, float]]
    ) -> None:
        place = {node: number for number, item in enumerate(items) for node in _nodes_of(item)}
        bypasses = []
        for pair in self.bypasses:
            tail, head = (place.get(node) for node in pair)
            if tail is None or head is None or (tail == head and not isinstance(items[tail], str)):
                continue
            if tail > head:
                raise NotSeriesParallelError(f"{pair} leads back")
            sides = self._exposed(items[tail], pair[0]) & self._exposed(items[head], pair[1])
            if not sides:
                raise NotSeriesParallelError(f"{pair} inside branches")
            bypasses.append(Bypass(pair, tail, head, sides, self.links.labels.get(pair, (0.0, 0.0))[0]))
        for pair, across in assign_lanes(bypasses, extents).items():
            placed.lanes[pair] = across
            room = abs(across) + self.links.labels.get(pair, (0.0, 0.0))[0]
            placed.left, placed.right = (
                max(placed.left, -across, room * (across < 0)),
                max(placed.right, room * (across > 0)),
            )

    def _exposed(self, item: str | Parallel, node: str) -> frozenset[Side]:
        """The sides of an item from which a box inside it can be reached across."""
        if isinstance(item, str):
            return frozenset({"left"} if self.cells[item].captioned else {"left", "right"})
        order = order_branches(len(item.branches), self.mains[item], find_crossings(item, self.bypasses))
        outer: list[tuple[Side, int]] = [("left", order[0]), ("right", order[-1])]
        return frozenset(
            side
            for side, number in outer
            for inner in item.branches[number].items
            if node in _nodes_of(inner) and side in self._exposed(inner, node)
        )


def _nodes_of(item: str | Parallel) -> list[str]:
    return list(Series((item,)).iter_nodes())
