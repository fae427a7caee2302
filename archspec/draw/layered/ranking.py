"""Gives each item of a scope a rank below all its producers, and each line a place in every rank that it passes."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from archspec.draw.layered.scope import Item, Link, Net, Scope


def rank_items(scope: Scope, breadth: int = 0) -> None:
    """Ranks the items by their longest paths, or so that no rank has more than `breadth` boxes and frames, and fills the rows.

    Items with fewer lines from above than to below, such as learned parameters, are as low as possible. Terminals are the first and the last rank.
    """
    entering, leaving = _group_links(scope.links)
    if breadth:
        _rank_narrowly(scope.items, entering, leaving, breadth)
    else:
        _rank_by_paths(scope.items, entering, leaving)
    _align_last_terminals(scope.items, entering)
    _lay_lanes(scope)


def _rank_by_paths(items: Sequence[Item], entering: dict[Item, list[Link]], leaving: dict[Item, list[Link]]) -> None:
    order = _sort_items(items, entering, leaving)
    first = _begins_with_terminals(items, leaving)
    for item in order:
        above = [link.source.rank + 1 for link in entering[item]]
        item.rank = max(above, default=0 if item.kind == "terminal" or not first else 1)
    last = max(item.rank for item in order)
    for item in reversed(order):
        if item.kind == "terminal" and entering[item]:
            item.rank = max(last, *(link.source.rank + 1 for link in entering[item]))
        elif leaving[item] and len(leaving[item]) > len(entering[item]) and item.kind != "terminal":
            item.rank = min(link.target.rank for link in leaving[item]) - 1


def _rank_narrowly(
    items: Sequence[Item], entering: dict[Item, list[Link]], leaving: dict[Item, list[Link]], breadth: int
) -> None:
    """Each box has the first rank below its producers that has room, in depth-first order, and what has no producers the last above its consumers.

    Labels have the ranks between those of boxes.
    """
    first = 2 * _begins_with_terminals(items, leaving)
    held: Counter[int] = Counter()
    for item in _sort_items(items, entering, leaving, deep=True):
        item.rank = max((link.source.rank + 1 for link in entering[item]), default=first * (item.kind != "terminal"))
        if not item.light:
            item.rank += item.rank % 2
            while held[item.rank] == breadth:
                item.rank += 2
            held[item.rank] += 1
    for item in reversed(items):
        if item.light or entering[item] or not leaving[item]:
            continue
        held[item.rank] -= 1
        labels = [link.target for link in leaving[item] if link.target.kind == "label"]
        last = min(
            link.target.rank for source in (item, *labels) for link in leaving[source] if link.target.kind != "label"
        )
        item.rank = max(rank for rank in range(item.rank, last, 2) if held[rank] < breadth)
        held[item.rank] += 1
        for label in labels:
            label.rank = item.rank + 1
    _close_ranks(items)


def _close_ranks(items: Sequence[Item]) -> None:
    """Leaves out ranks without items."""
    places = {rank: place for place, rank in enumerate(sorted({item.rank for item in items}))}
    for item in items:
        item.rank = places[item.rank]


def _begins_with_terminals(items: Sequence[Item], leaving: dict[Item, list[Link]]) -> bool:
    return any(item.kind == "terminal" and leaving[item] for item in items)


def _align_last_terminals(items: Sequence[Item], entering: dict[Item, list[Link]]) -> None:
    outlets = [item for item in items if item.kind == "terminal" and entering[item]]
    last = max((item.rank for item in items if item not in outlets), default=0) + 1
    for item in outlets:
        item.rank = last


def _group_links(links: Sequence[Link]) -> tuple[defaultdict[Item, list[Link]], defaultdict[Item, list[Link]]]:
    """The links that enter and that leave each item."""
    entering: defaultdict[Item, list[Link]] = defaultdict(list)
    leaving: defaultdict[Item, list[Link]] = defaultdict(list)
    for link in links:
        entering[link.target].append(link)
        leaving[link.source].append(link)
    return entering, leaving


def _sort_items(
    items: Sequence[Item], entering: dict[Item, list[Link]], leaving: dict[Item, list[Link]], *, deep: bool = False
) -> list[Item]:
    """The items, each after its producers, in breadth-first order; if `deep`, chains are not interrupted, and what has no producer comes when it is needed."""
    waiting = {item: len(entering[item]) for item in items}
    ready = deque(item for item in items if not waiting[item])
    order = []
    while ready:
        item = ready.popleft()
        order.append(item)
        freed = []
        for link in leaving[item]:
            waiting[link.target] -= 1
            if not waiting[link.target]:
                freed.append(link.target)
        if deep:
            ready.extendleft(reversed(freed))
        else:
            ready.extend(freed)
    return order


def _lay_lanes(scope: Scope) -> None:
    """Gives each line an item in every rank between its ends; lines of one net from one item share them."""
    lanes: dict[tuple[Net, Item, int], Item] = {}
    for link in scope.links:
        between = range(link.source.rank + 1, link.target.rank)
        for rank in between:
            lanes.setdefault((link.net, link.source, rank), Item(rank=rank))
        link.path = [link.source, *(lanes[link.net, link.source, rank] for rank in between), link.target]
    scope.items += lanes.values()
    scope.rows = [[] for _ in range(max(item.rank for item in scope.items) + 1)]
    for item in scope.items:
        scope.rows[item.rank].append(item)
