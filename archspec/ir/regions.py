"""The tree of a graph's regions: the nodes, members, inputs and outputs of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archspec.ir.node import GraphContents, Input, Node, Region, Value
    from archspec.ir.uses import ComputedUses


class RegionTree:
    """The regions of one graph; each list is indexed by the region's id.

    `Graph.region_tree` is the tree of a graph.
    """

    def __init__(self, graph: GraphContents, uses: ComputedUses | None = None) -> None:
        """With `uses`, the inputs and outputs of regions are only computed values."""
        self._regions, self._nodes = graph.regions, graph.nodes
        self._outputs = tuple(graph.outputs.values())
        self._uses = uses

    @cached_property
    def depths(self) -> list[int]:
        """The number of regions around each region."""
        depths: list[int] = []
        for region in self._regions:
            depths.append(0 if region.parent is None else depths[region.parent] + 1)
        return depths

    @cached_property
    def nodes(self) -> list[range]:
        """The ids of the nodes of each region, including those of the regions inside it."""
        firsts, lasts = [len(self._nodes)] * len(self._regions), [-1] * len(self._regions)
        for node in self._nodes:
            firsts[node.region] = min(firsts[node.region], node.id)
            lasts[node.region] = node.id
        for region in reversed(self._regions[1:]):
            parent = region.parent or 0
            firsts[parent] = min(firsts[parent], firsts[region.id])
            lasts[parent] = max(lasts[parent], lasts[region.id])
        return [range(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]

    @cached_property
    def consecutive(self) -> list[bool]:
        """Whether the nodes of each region are consecutive, which passes may change."""
        counts = Counter(node.region for node in self._nodes)
        for region in reversed(self._regions[1:]):
            counts[region.parent or 0] += counts[region.id]
        return [counts[region.id] == len(self.nodes[region.id]) for region in self._regions]

    @cached_property
    def members(self) -> list[list[Node | Input | Region]]:
        """The nodes directly in each region and its child regions, in the order in which they begin."""
        members: list[list[Node | Input | Region]] = [[] for _ in self._regions]
        begun = {0}
        for node in self._nodes:
            opened: list[Region] = []
            region = self._regions[node.region]
            while region.id not in begun:
                begun.add(region.id)
                opened.append(region)
                region = self._regions[region.parent or 0]
            for region in reversed(opened):
                members[region.parent or 0].append(region)
            members[node.region].append(node)
        return members

    @property
    def inputs(self) -> list[tuple[Value, ...]]:
        """The values from outside each region that have consumers in it, in the order of the consumers."""
        return self._crossing_values[0]

    @property
    def outputs(self) -> list[tuple[Value, ...]]:
        """The values of each region that have consumers outside or are outputs of the network, in the order of the consumers."""
        return self._crossing_values[1]

    @cached_property
    def _crossing_values(self) -> tuple[list[tuple[Value, ...]], list[tuple[Value, ...]]]:
        """The values that enter each region, and those that leave it."""
        entering: list[dict[Value, None]] = [{} for _ in self._regions]
        leaving: list[dict[Value, None]] = [{} for _ in self._regions]
        for value, producer, reader in self._crossings():
            common = self.common(producer, reader)
            self._mark(entering, reader, common, value)
            self._mark(leaving, producer, common, value)
        return list(map(tuple, entering)), list(map(tuple, leaving))

    def common(self, first: int, second: int) -> int:
        """The innermost region that contains both regions."""
        while first != second:
            if self.depths[first] >= self.depths[second]:
                first = self._regions[first].parent or 0
            else:
                second = self._regions[second].parent or 0
        return first

    def _crossings(self) -> Iterator[tuple[Value, int, int]]:
        """The values whose producer and consumer are in different regions, with these two regions."""
        uses = self._uses
        for node in self._nodes:
            for value in node.inputs if uses is None else uses.operands(node):
                producer = self._nodes[value.node].region
                if producer != node.region:
                    yield value, producer, node.region
        for value in self._outputs:
            source = value if uses is None else uses.alias_of[value]
            yield source, self._nodes[source.node].region, 0

    def _mark(self, crossings: list[dict[Value, None]], inner: int, outer: int, value: Value) -> None:
        """Adds a value to the regions from `inner` up to, but without, `outer`."""
        while inner != outer:
            crossings[inner][value] = None
            inner = self._regions[inner].parent or 0
