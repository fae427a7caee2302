"""What is known of a network before it is made: sizes of its layers, and the arguments at one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from archspec.spec.bound_tree import Layer
from archspec.spec.budget import LAYER, NODE


class SizeEstimate(NamedTuple):
    """At least so many nodes, and so many layers applied to make them; `width` values come out, None where that is not known."""

    nodes: int
    layers: int
    width: int | None = None

    def plus(self, other: SizeEstimate) -> SizeEstimate:
        """The size of both; what comes out is what comes out of the other."""
        return SizeEstimate(self.nodes + other.nodes, self.layers + other.layers, other.width)

    def times(self, count: int) -> SizeEstimate:
        return SizeEstimate(self.nodes * count, self.layers * count, self.width)

    @property
    def work(self) -> int:
        """The units of work that this is at least."""
        return NODE * self.nodes + LAYER * self.layers


@dataclass(frozen=True, eq=False, slots=True)
class KnownArguments:
    """The arguments whose values are known at one place, before the network is built."""

    id: int
    own: dict[str, Any]
    """Those that are not the document's."""
    names: Mapping[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class WrittenLayer:
    """A layer that is the argument of a block, with what was known where it was written."""

    layer: Layer
    env: KnownArguments
