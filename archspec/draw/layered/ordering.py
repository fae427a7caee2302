"""Orders the items of each rank so that few lines cross, by barycentres and by swaps of neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from archspec.draw.layered.scope import Item, Net, Scope

_SWEEPS = 6
_Neighbours = Mapping[Item, Sequence[tuple[Item, float, float]]]
"""The items in the rank above or below that lines connect each item with, and the places of both ends on their items."""


def order_items(scope: Scope) -> None:
    """Reorders the rows of a scope."""
    above, below = _find_neighbours(scope)
    rows = scope.rows
    best = [list(row) for row in rows], _count_all(rows, below)
    for sweep in range(_SWEEPS):
        if not best[1]:
            break
        down = sweep % 2 == 0
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = rows[number - 1 if down else number + 1]
            rows[number] = _sort_row(rows[number], fixed, above if down else below)
        _swap_neighbours(rows, above, below)
        count = _count_all(rows, below)
        if count < best[1]:
            best = [list(row) for row in rows], count
    scope.rows = best[0]


def _find_neighbours(scope: Scope) -> tuple[_Neighbours, _Neighbours]:
    above: defaultdict[Item, list[tuple[Item, float, float]]] = defaultdict(list)
    below: defaultdict[Item, list[tuple[Item, float, float]]] = defaultdict(list)
    for upper, lower, net in scope.iter_pieces():
        start, end = _find_share(upper, upper.outlets, net), _find_share(lower, lower.inlets, net)
        below[upper].append((lower, start, end))
        above[lower].append((upper, end, start))
    return above, below


def _find_share(item: Item, ports: Mapping[Net, float], net: Net) -> float:
    """Where a line is on an item, from -0.4 at its left to 0.4 at its right."""
    return 0.4 * ports.get(net, 0.0) / max(item.left, item.right, 1.0)


def _sort_row(row: Sequence[Item], fixed: Sequence[Item], neighbours: _Neighbours) -> list[Item]:
    """The row by the mean places of what its items are connected with; items without lines stay where they are."""
    place = {item: number for number, item in enumerate(fixed)}
    connected = [item for item in row if neighbours[item]]
    means = {
        item: sum(place[other] + share for other, _, share in neighbours[item]) / len(neighbours[item])
        for item in connected
    }
    ordered = iter(sorted(connected, key=means.__getitem__))
    return [next(ordered) if neighbours[item] else item for item in row]


def _swap_neighbours(rows: Sequence[list[Item]], above: _Neighbours, below: _Neighbours) -> None:
    """Swaps neighbours as long as this saves crossings or, without more of them, length."""
    for _ in range(_SWEEPS):
        swapped = False
        for number, row in enumerate(rows):
            places = [
                {item: place for place, item in enumerate(rows[near])} if 0 <= near < len(rows) else {}
                for near in (number - 1, number + 1)
            ]
            for place in range(len(row) - 1):
                left, right = row[place : place + 2]
                saved = sum(
                    _count_pair(left, right, neighbours, near) - _count_pair(right, left, neighbours, near)
                    for neighbours, near in zip((above, below), places, strict=True)
                )
                if saved > 0 or (not saved and _shortens(left, right, place, (above, below), places)):
                    row[place : place + 2] = right, left
                    swapped = True
        if not swapped:
            return


def _shortens(
    left: Item, right: Item, place: int, both: Sequence[_Neighbours], places: Sequence[Mapping[Item, int]]
) -> bool:
    """Whether the lines of two neighbours are shorter if these are swapped."""
    change = 0.0
    for neighbours, near in zip(both, places, strict=True):
        for item, old, new in ((left, place, place + 1), (right, place + 1, place)):
            change += sum(abs(near[other] - new) - abs(near[other] - old) for other, _, _ in neighbours[item])
    return change < 0


def _count_pair(left: Item, right: Item, neighbours: _Neighbours, places: Mapping[Item, int]) -> int:
    """The crossings between the lines of two neighbours, the first of them at the left."""
    return sum(
        places[other] + share > places[another] + another_share
        for other, _, share in neighbours[left]
        for another, _, another_share in neighbours[right]
    )


def _count_all(rows: Sequence[Sequence[Item]], below: _Neighbours) -> int:
    return sum(_count_between(upper, lower, below) for upper, lower in pairwise(rows))


def _count_between(upper: Sequence[Item], lower: Iterable[Item], below: _Neighbours) -> int:
    place = {item: number for number, item in enumerate(lower)}
    ends = sorted(
        (number + start, place[other] + end) for number, item in enumerate(upper) for other, start, end in below[item]
    )
    return sum(
        before[0] < after[0] and before[1] > after[1]
        for number, before in enumerate(ends)
        for after in ends[number + 1 :]
    )
