"""Computes live ranges of values, and the points where a network can be cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from archspec.analysis.counts import FLOAT32
from archspec.ir.graph import Graph, Input, Path, Value, computes
from archspec.ir.names import UniqueNames
from archspec.ir.uses import ComputedUses


@dataclass(frozen=True, slots=True)
class CutPoint:
    """The point right before a node, given by its id."""

    node: int
    values: int
    """The number of values that cross."""
    bytes: int
    """The bytes of these values, for one sample in float32."""
    regions: int
    """The number of regions that are cut through."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value that crosses a cut: its producer is before the cut and a consumer after it."""

    name: str
    """The name of the module that produces it, else the op and its region; of an input, its name."""
    value: Value

    @property
    def sizes(self) -> tuple[int, ...]:
        """Its sizes without the batch."""
        return self.value.shape.sizes

    @property
    def bytes(self) -> int:
        """Its bytes for one sample in float32."""
        return self.value.shape.numel * FLOAT32

    def as_dict(self) -> dict[str, object]:
        return {"name": self.name, "sizes": list(self.sizes), "bytes": self.bytes}


class LiveRanges:
    """The live range of each computed value: from its producer to its last consumer."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.last_uses = {value: users[-1] for value, users in graph.derive(ComputedUses).users.items() if users}
        """The id of the last consumer of each computed value; the number of nodes if the network returns it."""

    def live_before(self, node: int) -> tuple[Crossing, ...]:
        """The values that are live right before a node, in the order of their producers."""
        live = [value for value, end in self.last_uses.items() if self.defining_node(value) < node <= end]
        names = UniqueNames(variant="{} ({})".format)
        return tuple(
            Crossing(names.take(self._name_value(value)), value) for value in sorted(live, key=_definition_order)
        )

    def defining_node(self, value: Value) -> int:
        """The id of a value's producer; -1 for an input."""
        return -1 if isinstance(self.graph.nodes[value.node], Input) else value.node

    def _name_value(self, value: Value) -> str:
        node = self.graph.nodes[value.node]
        if isinstance(node, Input):
            return node.name
        around = ".".join(self.graph.regions[node.region].path)
        name = node.name or (f"{node.op.word} in {around}" if around else node.op.word)
        return f"{name}[{value.index}]" if len(node.outputs) > 1 else name


def find_cut_points(graph: Graph) -> list[CutPoint]:
    """The points where a network can be cut: before each node that is no no-op, except the first, and not between two uses of one weight."""
    live_ranges = graph.derive(LiveRanges)
    spans = [
        (live_ranges.defining_node(value) + 1, end, value.shape.numel * FLOAT32)
        for value, end in live_ranges.last_uses.items()
    ]
    values = _sum_over_spans(graph, ((first, last, 1) for first, last, _ in spans))
    sizes = _sum_over_spans(graph, spans)
    tied = _sum_over_spans(graph, ((first + 1, last, 1) for first, last in find_weight_ranges(graph).values()))
    tree = graph.region_tree
    computing = list(filter(computes, graph.nodes))
    return [
        CutPoint(node.id, values[node.id], sizes[node.id], tree.depths[tree.common(before.region, node.region)])
        for before, node in pairwise(computing)
        if not tied[node.id]
    ]


def find_weight_ranges(graph: Graph) -> dict[Path, tuple[int, int]]:
    """The ids of the first and the last node of each module with weights."""
    uses: dict[Path, tuple[int, int]] = {}
    for node in graph.ops:
        if node.path and node.weights:
            first, _ = uses.get(node.path, (node.id, node.id))
            uses[node.path] = first, node.id
    return uses


def _sum_over_spans(graph: Graph, spans: Iterable[tuple[int, int, int]]) -> list[int]:
    """For each node, the sum of the amounts of all `spans` (first node, last node, amount) that include it."""
    steps = [0] * (len(graph.nodes) + 2)
    for first, last, amount in spans:
        steps[first] += amount
        steps[last + 1] -= amount
    return list(accumulate(steps))


def _definition_order(value: Value) -> tuple[int, int]:
    return value.node, value.index
