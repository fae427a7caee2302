"""Leads arrows from one branch to another, as those of merge-and-run networks, through channels between the branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archspec.draw.geometry import Point
from archspec.draw.series_parallel import Pair, Parallel

_APART = 13.0  # points between arrows in a channel


@dataclass(frozen=True, slots=True)
class Crossing:
    """An arrow from branch `start` to branch `stop`."""

    pair: Pair
    start: int
    stop: int


def find_crossings(group: Parallel, bypasses: Sequence[Pair]) -> list[Crossing]:
    """The arrows between the branches of a group."""
    place = {node: number for number, branch in enumerate(group.branches) for node in branch.iter_nodes()}
    inside = (pair for pair in bypasses if pair[0] in place and pair[1] in place)
    return [Crossing(pair, place[pair[0]], place[pair[1]]) for pair in inside if place[pair[0]] != place[pair[1]]]


def count_channels(crossings: Sequence[Crossing], order: Sequence[int]) -> list[float]:
    """The room after each branch, from left to right, for the arrows between it and the next."""
    return [_APART * len(list(_iter_between(crossings, order, place))) for place in range(len(order))]


def place_channels(
    crossings: Sequence[Crossing], order: Sequence[int], rights: Sequence[float], centres: Mapping[str, Point]
) -> dict[Pair, float]:
    """The place across of each arrow, in the channel at the right of a branch; arrows one after the other share it."""
    places: dict[Pair, float] = {}
    for place, right in enumerate(rights):
        ends: list[float] = []
        between = _iter_between(crossings, order, place)
        for crossing in sorted(between, key=lambda crossing: [centres[node][1] for node in crossing.pair]):
            start, end = (centres[node][1] for node in crossing.pair)
            lane = next((lane for lane, last in enumerate(ends) if last <= start), len(ends))
            ends[lane:] = [end, *ends[lane + 1 :]]
            places[crossing.pair] = right + _APART * (lane + 1)
    return places


def _iter_between(crossings: Sequence[Crossing], order: Sequence[int], place: int) -> Iterator[Crossing]:
    """The arrows that leave one branch and enter the next, or the other way around."""
    for crossing in crossings:
        if min(order.index(crossing.start), order.index(crossing.stop)) == place:
            yield crossing
