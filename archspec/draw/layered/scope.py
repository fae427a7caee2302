"""Defines what one frame of a layered picture holds: boxes, inner frames and lanes of arrows, in ranks.

Sizes are `across` the direction of the arrows and `along` it, so that one algorithm lays out columns and rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from archspec.draw.geometry import Point

Net = Hashable
"""Arrows that share a line: those of one tail with one kind, label and width."""


@dataclass(slots=True, eq=False)
class Item:
    """A box, an inner frame, a label, or the place where a line passes a rank. Extents are from its axis and its middle."""

    left: float = 0.0
    right: float = 0.0
    up: float = 0.0
    down: float = 0.0
    half: Point = (0.0, 0.0)
    """Half the sizes of its outline, at which arrows end."""
    kind: Literal["box", "circle", "frame", "label", "line", "terminal"] = "line"
    id: str = ""
    captioned: bool = False
    """Whether a caption is at its right, so that no line can leave it there."""
    inlets: dict[Net, float] = field(default_factory=dict)
    """Where lines enter it, across from its axis."""
    outlets: dict[Net, float] = field(default_factory=dict)
    rank: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def light(self) -> bool:
        """Whether it is no box, so that less room is above and below it."""
        return self.kind in ("label", "line", "terminal")


@dataclass(slots=True, eq=False)
class Link:
    """A line from one item of a scope to another."""

    source: Item
    target: Item
    net: Net
    skip: bool
    """Whether it is a skip connection, which leaves and enters boxes by their sides."""
    main: bool = False
    """Whether it is on a longest path of the picture."""
    path: list[Item] = field(default_factory=list)
    """The items that it passes, with both ends; those beside a box are in its rank."""


@dataclass(slots=True)
class Scope:
    """The items of a frame and the lines between them."""

    items: list[Item] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    rows: list[list[Item]] = field(default_factory=list)
    """The items of each rank from left to right."""
    _by_ends: dict[tuple[Item, Item, Net], Link] = field(default_factory=dict)

    def connect(self, source: Item, target: Item, net: Net, *, skip: bool = False, main: bool = False) -> Link:
        """The line between two items, which is made if there is none."""
        link = self._by_ends.get((source, target, net))
        if link is None:
            link = self._by_ends[source, target, net] = Link(source, target, net, skip)
            self.links.append(link)
        link.main |= main
        return link

    def iter_pieces(self) -> Iterator[Piece]:
        """The pieces of lines between neighbouring ranks, each once."""
        pieces = (
            (upper, lower, link.net)
            for link in self.links
            for upper, lower in pairwise(link.path)
            if upper.rank != lower.rank
        )
        yield from dict.fromkeys(pieces)


Piece = tuple[Item, Item, Net]
"""A piece of a line: the item above, the item below, and whose line it is."""
