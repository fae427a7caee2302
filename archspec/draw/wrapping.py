"""Wraps a chain that is too long for a page into several columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from archspec.draw.geometry import Point
from archspec.draw.placed import Placed
from archspec.draw.placing import TRACK, Placer
from archspec.draw.series_parallel import Pair, Series

_CHANNEL = 34.0  # the room across between columns, for the arrow to the next one
_BESIDE = 5.0  # between an arrow and its label
_DROP = 20.0  # the room along for that arrow below a column and above the next


def place_wrapped(placer: Placer, tree: Series, count: int) -> tuple[Placed, dict[Pair, list[Point]]]:
    """A chain in `count` columns side by side, or in fewer if it has not enough places to cut it, and the arrows between columns."""
    cuts = _choose_cuts(placer, tree, count) if count > 1 else []
    columns = [placer.place(Series(tree.items[start:stop])) for start, stop in pairwise([0, *cuts, len(tree.items)])]
    if len(columns) == 1:
        return columns[0], {}
    whole = Placed(columns[0].left, columns[0].right, max(column.along for column in columns) + 2 * _DROP)
    routes: dict[Pair, list[Point]] = {}
    axis = 0.0
    whole.add(columns[0], 0.0, 0.0)
    for cut, (column, following) in zip(cuts, pairwise(columns), strict=True):
        tail, head = pair = _find_cut_pair(tree, cut)
        label = placer.links.measure([pair])
        before = axis
        right = max(column.right, label[0] + _BESIDE)
        channel = axis + right + _CHANNEL / 2
        axis += right + _CHANNEL + following.left
        whole.add(following, axis, _DROP)
        start = whole.centres[tail][1] + placer.cells[tail].along
        end = whole.centres[head][1] - placer.cells[head].along
        low = start + max(placer.cells[tail].below + _DROP, label[1] + TRACK)
        high = end - placer.cells[head].above - TRACK
        routes[pair] = [(before, start), (before, low), (channel, low), (channel, high), (axis, high), (axis, end)]
    return whole, routes


def label_turn(route: Sequence[Point], size: Point, side: int) -> Point | None:
    """The middle of the label of an arrow to the next column, beside its start."""
    across, along = route[0]
    return (across + side * (size[0] / 2 + _BESIDE), along + size[1] / 2 + 3) if size[0] else None


def _find_cut_pair(tree: Series, cut: int) -> Pair:
    tail, head = tree.items[cut - 1 : cut + 1]
    assert isinstance(tail, str)
    assert isinstance(head, str)
    return tail, head


def _choose_cuts(placer: Placer, tree: Series, count: int) -> list[int]:
    """Where to cut the chain, so that the longest column is as short as possible."""
    places = [0, *_list_places(tree, placer.bypasses), len(tree.items)]
    lengths = {
        (start, stop): placer.place(Series(tree.items[start:stop])).along
        for number, start in enumerate(places)
        for stop in places[number + 1 :]
    }
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for _ in range(count):
        longer: dict[int, tuple[float, list[int]]] = {}
        for start, (length, cuts) in best.items():
            for stop in places:
                if stop > start:
                    candidate = max(length, lengths[start, stop]), [*cuts, stop]
                    longer[stop] = min(longer.get(stop, candidate), candidate)
        best |= {stop: min(best.get(stop, found), found) for stop, found in longer.items()}
    return best[len(tree.items)][1][:-1]


def _list_places(tree: Series, bypasses: Collection[Pair]) -> list[int]:
    """The items of a chain before which it can be cut: a single arrow leads there."""
    place = {node: number for number, item in enumerate(tree.items) for node in Series((item,)).iter_nodes()}
    crossed = {
        cut
        for tail, head in bypasses
        for cut in range(min(place[tail], place[head]) + 1, max(place[tail], place[head]) + 1)
    }
    return [
        cut
        for cut in range(1, len(tree.items))
        if cut not in crossed and all(isinstance(item, str) for item in tree.items[cut - 1 : cut + 1])
    ]
