"""Gives each item of a scope a rank below all its producers, and each line a place in every rank that it passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from archspec.draw.layered.scope import Item, Link, Net, Scope


def rank_items(scope: Scope) -> None:
    """Ranks the items by their longest paths, and fills the rows.

    Items with fewer lines from above than to below, such as learned parameters, are as low as possible. Terminals are the first and the last rank.
    """
    entering, leaving = _group_links(scope.links)
    order = _sort_items(scope.items, entering, leaving)
    first = any(item.kind == "terminal" and leaving[item] for item in scope.items)
    for item in order:
        above = [link.source.rank + 1 for link in entering[item]]
        item.rank = max(above, default=0 if item.kind == "terminal" or not first else 1)
    last = max(item.rank for item in order)
    for item in reversed(order):
        if item.kind == "terminal" and entering[item]:
            item.rank = max(last, *(link.source.rank + 1 for link in entering[item]))
        elif leaving[item] and len(leaving[item]) > len(entering[item]) and item.kind != "terminal":
            item.rank = min(link.target.rank for link in leaving[item]) - 1
    _align_last_terminals(scope.items, entering)
    _lay_lanes(scope)


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


def _sort_items(items: Sequence[Item], entering: dict[Item, list[Link]], leaving: dict[Item, list[Link]]) -> list[Item]:
    """The items, each after its producers."""
    waiting = {item: len(entering[item]) for item in items}
    order = [item for item in items if not waiting[item]]
    for item in order:
        for link in leaving[item]:
            waiting[link.target] -= 1
            if not waiting[link.target]:
                order.append(link.target)
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
