"""What is known before the network is built: lower bounds of sizes, and values of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from archspec.spec.bound_tree import Layer
from archspec.spec.budget import LAYER, NODE


class SizeEstimate(NamedTuple):
    """The least number of nodes and of applied layers; `width` is the number of resulting values, None if it is not known."""

    nodes: int
    layers: int
    width: int | None = None

    def plus(self, other: SizeEstimate) -> SizeEstimate:
        """The size of this followed by the other, whose results it has."""
        return SizeEstimate(self.nodes + other.nodes, self.layers + other.layers, other.width)

    def times(self, count: int) -> SizeEstimate:
        return SizeEstimate(self.nodes * count, self.layers * count, self.width)

    @property
    def work(self) -> int:
        """The least units of work for this size."""
        return NODE * self.nodes + LAYER * self.layers


@dataclass(frozen=True, eq=False, slots=True)
class KnownArguments:
    """The values of arguments that are known at one place before the network is built."""

    id: int
    own: dict[str, Any]
    """The arguments that are not the document's."""
    names: Mapping[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class WrittenLayer:
    """A layer that is an argument of a block, with the known arguments of its caller."""

    layer: Layer
    env: KnownArguments
