"""Arranges a network with nested skip connections as a U: both ends of each skip connection stand in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from archspec.draw.picture import Edge

Rows = tuple[tuple[str, ...], ...]


def bend_edges(edges: list[Edge], order: Sequence[str], ends: Sequence[str]) -> tuple[list[Edge], Rows]:
    """The arrows, rising on the right leg of the U, and its rows; the arrows unchanged and no rows if it is no U.

    `order` has the ids of the boxes in the order of the network, `ends` those of its outputs.
    """
    place = {id: number for number, id in enumerate(order)}
    pairs = sorted((place[edge.tail], place[edge.head]) for edge in edges if _is_long_skip(edge, place))
    if not _are_nested(pairs):
        return edges, ()
    (_, outer), (_, inner) = pairs[0], pairs[-1]
    rows = [[order[tail], order[head]] for tail, head in pairs]
    rows[0] += [*order[outer + 1 :], *ends]
    rising = [
        replace(edge, rising=True) if edge.flow == "flow" and inner <= place[edge.head] <= outer else edge
        for edge in edges
    ]
    return rising, tuple(map(tuple, rows))


def _is_long_skip(edge: Edge, place: dict[str, int]) -> bool:
    return edge.flow in {"identity", "concat"} and place[edge.head] - place[edge.tail] > 1


def _are_nested(pairs: list[tuple[int, int]]) -> bool:
    """Whether there are several skip connections, each inside the one before."""
    inside = pairwise(pairs)
    return len(pairs) > 1 and all(outer[0] < inner[0] < inner[1] < outer[1] for outer, inner in inside)
