"""Decides which of several parallel branches stays on the axis, their order, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from archspec.draw.crossings import Crossing
from archspec.draw.placed import Links, Placed
from archspec.draw.series_parallel import Parallel, Series

_APART = 20.0  # between branches
_BESIDE = 2  # how many more boxes than others a branch has that stays on the axis


def find_ends(
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
            ends = find_ends(series.items, number, before, after)
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


def order_branches(count: int, main: int | None, crossings: Sequence[Crossing]) -> list[int]:
    """The numbers of the branches from left to right.

    In order, but one with arrows from or to several others is between these; or the others to the right and the left of the main one in turn.
    """
    if main is not None:
        others = [number for number in range(count) if number != main]
        return [*reversed(others[1::2]), main, *others[::2]]
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for crossing in crossings:
        neighbours[crossing.start].add(crossing.stop)
        neighbours[crossing.stop].add(crossing.start)
    middles = [sum(near) / len(near) if len(near) > 1 else number for number, near in enumerate(neighbours)]
    return sorted(range(count), key=lambda number: (middles[number], number))


def spread_branches(
    parts: Sequence[Placed], order: Sequence[int], main: int | None, least: float, channels: Sequence[float]
) -> list[float]:
    """The axis of each branch: side by side, the middle one or the middle between two at 0. `channels` is the room after each for arrows."""
    middle = order.index(main) if main is not None else len(order) // 2
    axes = [0.0] * len(parts)
    if main is None and len(order) % 2 == 0:
        left, right = order[middle - 1], order[middle]
        inner = max(parts[left].right, parts[right].left) + (_APART + channels[middle - 1]) / 2
        axes[left], axes[right] = -inner, inner
    floor = least if main is not None else 0.0
    for place in range(middle + 1, len(order)):
        part, inner_part = parts[order[place]], parts[order[place - 1]]
        apart = inner_part.right + _APART + channels[place - 1] + part.left
        axes[order[place]] = max(axes[order[place - 1]] + apart, floor)
    start = middle - 1 if main is not None or len(order) % 2 else middle - 2
    for place in range(start, -1, -1):
        part, inner_part = parts[order[place]], parts[order[place + 1]]
        apart = inner_part.left + _APART + channels[place] + part.right
        axes[order[place]] = min(axes[order[place + 1]] - apart, -floor)
    return axes
