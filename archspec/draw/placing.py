"""Places the boxes of a series-parallel picture: chains on one axis, branches side by side, bypassing arrows in lanes at the sides.

Sizes are `across` the direction of the arrows and `along` it, so that one algorithm places columns and rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from archspec.draw.geometry import RADIUS, Point
from archspec.draw.lanes import Bypass, Side, assign_lanes
from archspec.draw.series_parallel import NotSeriesParallelError, Pair, Parallel, Series

TRACK = 12.0
"""The room along for the arrow head or the bend beside a box, where arrows fork or join."""
STEP = 5.0
"""The distance of parallel tracks."""
_ENTRY = 14.0  # the least room along between a track and a branch
_APART = 20.0  # between branches
_BESIDE = 2  # how many more boxes than others a branch has that stays on the axis


@dataclass(frozen=True, slots=True)
class Cell:
    """Half the sizes of a box, and the room for frames around it and a caption beside it."""

    across: float
    along: float
    left: float = 0.0
    right: float = 0.0
    above: float = 0.0
    below: float = 0.0
    round: bool = False
    """Whether it is a circle."""
    captioned: bool = False
    """Whether a caption is at its right, so that no arrow can leave it there."""

    @property
    def room(self) -> float:
        """Half the width of the box with what is beside it."""
        return self.across + max(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Links:
    """What the placing knows of arrows: which pairs have one, the room of their labels (across, along), which are on the main path."""

    labels: Mapping[Pair, Point]
    main: frozenset[Pair]
    chain: frozenset[Pair]
    """Those that bypass nothing."""

    def measure(self, pairs: Iterable[Pair]) -> Point:
        """The largest sizes of the labels of some pairs."""
        sizes = [self.labels.get(pair, (0.0, 0.0)) for pair in pairs]
        return max((size[0] for size in sizes), default=0.0), max((size[1] for size in sizes), default=0.0)

    def between(self, tails: Iterable[str], heads: Iterable[str]) -> list[Pair]:
        """The pairs of a tail and a head that have an arrow in a chain."""
        targets = list(heads)
        return [(tail, head) for tail in tails for head in targets if (tail, head) in self.chain]


@dataclass(slots=True)
class Placed:
    """A placed part: the centres of its boxes from the top of its axis, its extents from the axis, and the lanes beside it."""

    left: float
    right: float
    along: float
    centres: dict[str, Point] = field(default_factory=dict)
    lanes: dict[Pair, float] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)
    """The boxes of branches that leave and enter the main branch by its sides."""

    def add(self, other: Placed, across: float, along: float) -> None:
        """Takes over the boxes and lanes of a part of this one, moved."""
        self.centres |= {node: (x + across, y + along) for node, (x, y) in other.centres.items()}
        self.lanes |= {pair: x + across for pair, x in other.lanes.items()}
        self.beside |= other.beside
        self.left, self.right = max(self.left, other.left - across), max(self.right, other.right + across)


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
            extents.append((part.left, part.right))
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
        return self._place_branches(item, *_find_ends(items, number, before, after))

    def _gap(self, upper: str | Parallel, lower: str | Parallel) -> float:
        if isinstance(upper, str) and isinstance(lower, str):
            label = self.links.measure([(upper, lower)])[1]
            wanted = max(self.gap, label + 12 if label else 0.0)
            beside = [
                self.cells[upper].below * self.cells[upper].captioned,
                self.cells[lower].above * self.cells[lower].captioned,
            ]
            return max(wanted - sum(beside), TRACK)
        return TRACK

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
        placed = Placed(0.0, 0.0, above + max(part.along for part in parts) + below)
        share = 0.5 if before and after else 0.0 if before else 1.0
        least = max((self.cells[node].across for node in (before, after) if node), default=0.0) + 2 * RADIUS
        for number, across in enumerate(_spread(parts, main, least)):
            slack = placed.along - above - below - parts[number].along
            placed.add(parts[number], across, above + slack * share)
            if main is not None and number != main:
                placed.beside.update(group.branches[number].iter_nodes())
        return placed

    def _measure_way(self, pairs: list[list[Pair]]) -> float:
        """The room along between the branches and the box where they fork or join."""
        label = max(self.links.measure(some)[1] for some in pairs)
        return max(_ENTRY + STEP * (len(pairs) // 2), label + 10 if label else 0.0)

    def _add_lanes(
        self, placed: Placed, items: Sequence[str | Parallel], extents: Sequence[tuple[float, float]]
    ) -> None:
        place = {node: number for number, item in enumerate(items) for node in _nodes_of(item)}
        bypasses = []
        for pair in self.bypasses:
            tail, head = (place.get(node) for node in pair)
            if tail is None or head is None or (tail == head and not isinstance(items[tail], str)):
                continue
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
        order = _order_branches(len(item.branches), self.mains[item])
        outer: list[tuple[Side, int]] = [("left", order[0]), ("right", order[-1])]
        return frozenset(
            side
            for side, number in outer
            for inner in item.branches[number].items
            if node in _nodes_of(inner) and side in self._exposed(inner, node)
        )


def _find_ends(
    items: Sequence[str | Parallel], number: int, before: str | None, after: str | None
) -> tuple[str | None, str | None]:
    """The boxes before and after an item of a chain that is between two boxes."""
    nearer = [items[near] if 0 <= near < len(items) else None for near in (number - 1, number + 1)]
    start, end = (near if isinstance(near, str) else None for near in nearer)
    return start or before, end or after


def find_mains(
    series: Series, links: Links, before: str | None = None, after: str | None = None
) -> dict[Parallel, int | None]:
    """The number of the branch that stays on the axis, for each group of a chain between two boxes.

    The others are skip connections or, at the ends of the network, much shorter. None if the branches are equal in rank.
    """
    mains: dict[Parallel, int | None] = {}
    for number, item in enumerate(series.items):
        if not isinstance(item, str):
            ends = _find_ends(series.items, number, before, after)
            mains[item] = _find_main(item, links, {node for node in ends if node})
            for branch in item.branches:
                mains |= find_mains(branch, links, *ends)
    return mains


def _find_main(group: Parallel, links: Links, ends: AbstractSet[str]) -> int | None:
    main = []
    for number, branch in enumerate(group.branches):
        pairs = {*links.between(ends, branch.iter_nodes()), *links.between(branch.iter_nodes(), ends)}
        if pairs <= links.main:
            main.append(number)
    if len(main) == 1:
        return main[0]
    sizes = [len(list(branch.iter_nodes())) for branch in group.branches]
    longest, *others = sorted(sizes, reverse=True)
    return sizes.index(longest) if len(ends) < 2 and longest >= others[0] + _BESIDE else None


def _nodes_of(item: str | Parallel) -> list[str]:
    return list(Series((item,)).iter_nodes())


def _order_branches(count: int, main: int | None) -> list[int]:
    """The numbers of the branches from left to right: in order, or the others to the right and the left of the main one in turn."""
    if main is None:
        return list(range(count))
    others = [number for number in range(count) if number != main]
    return [*reversed(others[1::2]), main, *others[::2]]


def _spread(parts: Sequence[Placed], main: int | None, least: float) -> list[float]:
    """The axis of each branch: side by side, the middle one or the middle between two at 0."""
    order = _order_branches(len(parts), main)
    middle = order.index(main) if main is not None else len(order) // 2
    axes = [0.0] * len(parts)
    if main is None and len(order) % 2 == 0:
        inner = max(parts[order[middle - 1]].right, parts[order[middle]].left) + _APART / 2
        axes[order[middle - 1]], axes[order[middle]] = -inner, inner
    floor = least if main is not None else 0.0
    for number in range(middle + 1, len(order)):
        part, inner_part = parts[order[number]], parts[order[number - 1]]
        axes[order[number]] = max(axes[order[number - 1]] + inner_part.right + _APART + part.left, floor)
    start = middle - 1 if main is not None or len(order) % 2 else middle - 2
    for number in range(start, -1, -1):
        part, inner_part = parts[order[number]], parts[order[number + 1]]
        axes[order[number]] = min(axes[order[number + 1]] - inner_part.left - _APART - part.right, -floor)
    return axes
