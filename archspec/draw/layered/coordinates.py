"""Places items across, so that lines are as straight as the distances in the ranks allow.

The sum of the weighted offsets of all pieces of lines is least (Gansner et al. 1993, "A Technique for Drawing Directed Graphs"): a linear programme whose
dual is a minimum cost flow. Of all solutions, the one in the middle or one with more straight lines is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import networkx as nx

from archspec.draw.layered.scope import Item, Scope

_UNIT = 10  # parts of a point: the flow is of integers
_APART = 20.0  # between boxes
_LANES = 13.0  # between lines
_BESIDE = 18.0  # between a box and a line that turns into it
_WEIGHTS = {0: 6, 1: 4, 2: 12}
"""The weight of a piece, by how many of its ends are no boxes."""
_NARROW = 60  # the weight of the width of all
_MAIN = 4  # how much more that of a main path is
Constraint = tuple[int, int, int, int | None]
"""Items `i` and `j` with `x_j - x_i >= length`; with a weight, what each unit less costs."""


def place_across(scope: Scope, *, compact: bool = False) -> None:
    """Sets `x` of all items; if `compact`, the width of all is less, and more lines are bent."""
    constraints = list(_list_constraints(scope))
    if compact:
        constraints += _list_bounds(scope.items)
    least, most = solve_distances(len(scope.items) + 2 * compact, constraints)
    middle = [(low + high) // 2 for low, high in zip(least, most, strict=True)]
    soft = [constraint for constraint in constraints if constraint[3] is not None]
    places = max((middle, least, most), key=lambda places: _count_straight(places, soft))
    for item, x in zip(scope.items, places, strict=False):
        item.x = x / _UNIT


def _list_constraints(scope: Scope) -> Iterator[Constraint]:
    """The distances in rows, and the offsets along lines."""
    number = {item: place for place, item in enumerate(scope.items)}
    for row in scope.rows:
        for left, right in pairwise(row):
            yield number[left], number[right], round(_find_distance(left, right) * _UNIT), None
    main = {(*pair, link.net) for link in scope.links if link.main for pair in pairwise(link.path)}
    for upper, lower, net in scope.iter_pieces():
        offset = round((upper.outlets.get(net, 0.0) - lower.inlets.get(net, 0.0)) * _UNIT)
        weight = _WEIGHTS[(upper.kind == "line") + (lower.kind == "line")] * (
            _MAIN if (upper, lower, net) in main else 1
        )
        yield number[upper], number[lower], offset, weight
        yield number[lower], number[upper], -offset, weight
    for link in scope.links:
        for first, second in pairwise(link.path):
            if first.rank == second.rank:
                yield number[first], number[second], 0, 1
                yield number[second], number[first], 0, 1


def _list_bounds(items: Sequence[Item]) -> Iterator[Constraint]:
    """Two more items, at the left and the right of all, that are as close to each other as possible."""
    left, right = len(items), len(items) + 1
    for number, item in enumerate(items):
        yield left, number, round(item.left * _UNIT), None
        yield number, right, round(item.right * _UNIT), None
    yield right, left, 0, _NARROW


def _count_straight(places: Sequence[int], soft: Sequence[Constraint]) -> int:
    """The weight of the lines without offset."""
    return sum(weight or 0 for i, j, length, weight in soft if places[j] - places[i] == length)


def _find_distance(left: Item, right: Item) -> float:
    kinds = {left.kind, right.kind}
    gap = _APART if not kinds & {"line", "terminal"} else _LANES if kinds <= {"line", "terminal"} else _BESIDE
    return left.right + gap + right.left


def solve_distances(count: int, constraints: Sequence[Constraint]) -> tuple[list[int], list[int]]:
    """The least and the greatest places of `count` items with the least costs.

    >>> solve_distances(3, [(0, 1, 10, None), (2, 0, 0, 1), (0, 2, 0, 1), (2, 1, 0, 1), (1, 2, 0, 1)])
    ([0, 10, 0], [0, 10, 10])
    """
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    graph.add_nodes_from(range(count))
    for tail, head, length, weight in constraints:
        graph.add_edge(tail, head, weight=-length, **({} if weight is None else {"capacity": weight}))
    _, flow = nx.network_simplex(graph)
    arcs: list[tuple[int, int, int]] = []
    used: dict[tuple[int, int], int] = {}
    for tail, head, length, weight in constraints:
        key = used[tail, head] = used.get((tail, head), -1) + 1
        passed = flow[tail][head][key]
        if weight is None or passed < weight:
            arcs.append((tail, head, length))
        if passed:
            arcs.append((head, tail, -length))
    least = _find_longest(count, arcs, [0] * count)
    most = _find_longest(count, [(head, tail, length) for tail, head, length in arcs], [-max(least, default=0)] * count)
    return least, [-place for place in most]


def _find_longest(count: int, arcs: Sequence[tuple[int, int, int]], start: Sequence[int]) -> list[int]:
    """The least places, from `start`, with `x_j - x_i >= length` for all arcs."""
    places = list(start)
    for _ in range(count + 1):
        changed = False
        for tail, head, length in arcs:
            if places[head] < places[tail] + length:
                places[head], changed = places[tail] + length, True
        if not changed:
            break
    return places
