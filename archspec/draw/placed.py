"""Defines boxes, arrows and parts while a picture is placed in columns.

Sizes are `across` the direction of the arrows and `along` it, so that one algorithm places columns and rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archspec.draw.geometry import Point
from archspec.draw.series_parallel import Pair


@dataclass(frozen=True, slots=True)
class Cell:
    """Half the sizes of a box, and the room for frames around it and a caption beside it."""

    across: float
    along: float
    left: float = 0.0
    right: float = 0.0
    above: float = 0.0
    below: float = 0.0
    round: bool = False
    """Whether it is a circle."""
    captioned: bool = False
    """Whether a caption is at its right, so that no arrow can leave it there."""

    @property
    def room(self) -> float:
        """Half the width of the box with what is beside it."""
        return self.across + max(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Links:
    """What the placing knows of arrows: which pairs have one, the room of their labels (across, along), which are on the main path."""

    labels: Mapping[Pair, Point]
    main: frozenset[Pair]
    chain: frozenset[Pair]
    """Those that bypass nothing."""

    def measure(self, pairs: Iterable[Pair]) -> Point:
        """The largest sizes of the labels of some pairs."""
        sizes = [self.labels.get(pair, (0.0, 0.0)) for pair in pairs]
        return max((size[0] for size in sizes), default=0.0), max((size[1] for size in sizes), default=0.0)

    def between(self, tails: Iterable[str], heads: Iterable[str]) -> list[Pair]:
        """The pairs of a tail and a head that have an arrow in a chain."""
        targets = list(heads)
        return [(tail, head) for tail in tails for head in targets if (tail, head) in self.chain]


@dataclass(slots=True)
class Placed:
    """A placed part: the centres of its boxes from the top of its axis, its extents from the axis, and the lanes beside it."""

    left: float
    right: float
    along: float
    centres: dict[str, Point] = field(default_factory=dict)
    lanes: dict[Pair, float] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)
    """The boxes of branches that leave and enter the main branch by its sides."""

    def add(self, other: Placed, across: float, along: float) -> None:
        """Takes over the boxes and lanes of a part of this one, moved."""
        self.centres |= {node: (x + across, y + along) for node, (x, y) in other.centres.items()}
        self.lanes |= {pair: x + across for pair, x in other.lanes.items()}
        self.beside |= other.beside
        self.left, self.right = max(self.left, other.left - across), max(self.right, other.right + across)
