"""Places the ends of lines on boxes: at the top and the bottom side by side, of skip connections and outer operands of joins at the sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal

from archspec.draw.geometry import Point
from archspec.draw.layered.scope import Item, Link, Net, Scope

_PORT = 9.0  # the distance of lines at one side of a box
_SPREAD = 14.0  # at its top or bottom
_INSET = 16.0  # how far those are from a corner, at least, both sides together
_CAP = 4.7  # from the middle of a circle
Side = Literal["left", "right"]
_End = tuple[Net, int, tuple[bool, int]]
"""An end of a line: whose it is, the place of the next item in the neighbouring rank, whether it is on no main path, and how many ranks it leads."""


@dataclass(slots=True)
class _Turn:
    """A line that enters or leaves a box by a side: `corner` is where it turns, in the rank of the box."""

    corner: Item
    links: list[Link]
    incoming: bool
    place: float
    """The place of its next item in the neighbouring rank."""


def attach_lines(scope: Scope) -> dict[tuple[Item, Item], Point]:
    """Puts corners of lines beside boxes into the rows, and places all other ends at the tops and bottoms.

    Returns:
        The end of each line at a side of a box from the middle of that, by corner and box.
    """
    places = {item: number for row in scope.rows for number, item in enumerate(row)}
    turns: defaultdict[tuple[Item, Side], list[_Turn]] = defaultdict(list)
    for item in [item for item in scope.items if item.kind in ("box", "circle")]:
        leaving = [link for link in scope.links if link.source is item]
        entering = [link for link in scope.links if link.target is item]
        _turn_leaving(turns, item, leaving, places)
        _turn_entering(turns, item, entering, places)
    ends: dict[tuple[Item, Item], Point] = {}
    for (item, side), some in turns.items():
        ends |= _place_turns(scope, item, side, some)
    _place_ports(scope, places)
    return ends


def _turn_leaving(
    turns: defaultdict[tuple[Item, Side], list[_Turn]], item: Item, leaving: list[Link], places: dict[Item, int]
) -> None:
    """Leads skip connections of more than one rank out of a side of a box."""
    by_net: defaultdict[Net, list[Link]] = defaultdict(list)
    for link in leaving:
        by_net[link.net].append(link)
    long = [links for links in by_net.values() if links[0].skip and max(map(_measure_span, links)) > 1]
    if item.kind == "circle" and len(by_net) > len(long) + 1:
        plain = [links for links in by_net.values() if links not in long]
        long += [links for links in plain if links is not max(plain, key=lambda some: any(link.main for link in some))]
    ahead = [places[link.path[1]] for links in by_net.values() if links not in long for link in links]
    if not ahead:
        return
    for links in long:
        place = places[max(links, key=_measure_span).path[1]]
        corner = Item(rank=item.rank)
        for link in links:
            link.path.insert(1, corner)
        turns[item, _choose_side(item, place, ahead)].append(_Turn(corner, links, False, place))


def _turn_entering(
    turns: defaultdict[tuple[Item, Side], list[_Turn]], item: Item, entering: list[Link], places: dict[Item, int]
) -> None:
    """Leads skip connections into a side of a box, and of several lines into a circle the outer ones."""
    if len(entering) < 2:
        return
    ordered = sorted(entering, key=lambda link: places.get(link.path[-2], places[link.source]))
    turned = [link for link in ordered if link.skip and _measure_span(link) > 1]
    if item.kind == "circle":
        top = _choose_top(ordered)
        turned = [link for link in ordered if link is not top]
    if len(turned) == len(entering) and item.kind != "circle":
        turned = turned[1:]
    rest = [places.get(link.path[-2], places[link.source]) for link in ordered if link not in turned]
    for link in turned:
        place = places.get(link.path[-2], places[link.source])
        side = _choose_side(item, place, rest) if rest else "left" if link is turned[0] else "right"
        corner = Item(rank=item.rank)
        link.path.insert(-1, corner)
        turns[item, side].append(_Turn(corner, [link], True, place))


def _choose_top(ordered: Sequence[Link]) -> Link | None:
    """Of several lines to a circle the one to its top: the only main, short or plain one, or else the middle one; none of two."""
    tests: tuple[Callable[[Link], bool], ...] = (
        lambda link: link.main,
        lambda link: _measure_span(link) == 1,
        lambda link: not link.skip,
    )
    for test in tests:
        some = [link for link in ordered if test(link)]
        if len(some) == 1:
            return some[0]
    return ordered[len(ordered) // 2] if len(ordered) > 2 else None


def _choose_side(item: Item, place: float, others: list[int]) -> Side:
    return "left" if item.captioned or place < sum(others) / len(others) else "right"


def _measure_span(link: Link) -> int:
    """How many ranks a line leads; one more for a label, behind which it goes on."""
    return link.target.rank - link.source.rank + (link.target.kind == "label")


def _place_turns(scope: Scope, item: Item, side: Side, turns: list[_Turn]) -> dict[tuple[Item, Item], Point]:
    """Puts the corners at one side of a box into its row, the nearest first; those that come in are above the others."""
    sign = 1 if side == "right" else -1
    nearest = sorted(turns, key=lambda turn: sign * turn.place)
    row = scope.rows[item.rank]
    number = row.index(item)
    corners = [turn.corner for turn in nearest]
    scope.items += corners
    row[number + (side == "right") : number + (side == "right")] = corners if side == "right" else reversed(corners)
    incoming = [turn for turn in nearest if turn.incoming]
    outgoing = [turn for turn in reversed(nearest) if not turn.incoming]
    across, along = item.half
    apart = min(_PORT, (2 * along - 8.0) / max(len(turns) - 1, 1))
    ends = {}
    for place, turn in enumerate([*incoming, *outgoing]):
        down = (place - (len(turns) - 1) / 2) * apart
        out = sqrt(across**2 - down**2) if item.kind == "circle" else across
        ends[turn.corner, item] = (sign * out, down)
    return ends


def _place_ports(scope: Scope, places: dict[Item, int]) -> None:
    """Places the ends of lines at the tops and bottoms of boxes, in the order of the items to which they lead."""
    entering: defaultdict[Item, list[_End]] = defaultdict(list)
    leaving: defaultdict[Item, list[_End]] = defaultdict(list)
    for link in scope.links:
        span = (not link.main, _measure_span(link) + link.skip)
        for upper, lower in pairwise(link.path):
            if upper.rank != lower.rank:
                leaving[upper].append((link.net, places.get(lower, places[link.target]), span))
                entering[lower].append((link.net, places.get(upper, places[link.source]), span))
    for item, ends in entering.items():
        item.inlets = item.inlets if item.kind == "frame" else _spread(item, ends)
    for item, ends in leaving.items():
        item.outlets = item.outlets if item.kind == "frame" else _spread(item, ends)


def _spread(item: Item, ends: Sequence[_End]) -> dict[Net, float]:
    """The places of lines at one side of a box; the main or else the shortest is in its middle if the others have room beside it."""
    if item.light:
        return {}
    by_net: defaultdict[Net, list[_End]] = defaultdict(list)
    for end in ends:
        by_net[end[0]].append(end)
    ordered = sorted(by_net, key=lambda net: sum(place for _, place, _ in by_net[net]) / len(by_net[net]))
    spans = [min(span for _, _, span in by_net[net]) for net in ordered]
    shortest = [number for number, span in enumerate(spans) if span == min(spans)]
    centre = shortest[len(shortest) // 2]
    beside = max(centre, len(ordered) - 1 - centre)
    room = max(item.half[0] - _INSET / 2, item.half[0] / 2)
    if item.kind == "box" and len(shortest) % 2 and beside * _PORT <= room:
        middle, apart = float(centre), min(_SPREAD, room / max(beside, 1))
    else:
        room = room if item.kind == "box" else _CAP
        middle, apart = (len(ordered) - 1) / 2, min(_SPREAD, 2 * room / max(len(ordered) - 1, 1))
    return {net: round((number - middle) * apart, 1) for number, net in enumerate(ordered)}
