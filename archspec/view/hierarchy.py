"""Builds the tree of a graph's regions and nodes, with the costs of each and a number that equal parts share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from archspec.analysis.counts import Cost, iter_node_costs
from archspec.analysis.receptive_field import ReceptiveField, compute_receptive_fields, find_widest_field
from archspec.ir.graph import Graph, Input, Node, Region, Value

GraphPart = Node | Input | Region
ScalarValue = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class PartFacts:
    """Costs, output and structure of one part of a network.

    `structure_id` is equal for parts of the same structure: same kinds, arguments, shapes and shared weights, and inside a region the
    same names.
    """

    part: GraphPart
    structure_id: int
    output: tuple[Value, ...]
    cost: Cost
    receptive_field: ReceptiveField
    reuses_weights: bool
    """Whether all its weights belong to an earlier part, which counts them."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The parts of each region, by its number, in the order of the network."""

    members: list[list[PartFacts]]


def build_hierarchy(graph: Graph) -> Hierarchy:
    """The tree of a graph's regions and nodes, built in linear time and cached with the graph."""
    return graph.derive(_build_hierarchy)


def _build_hierarchy(graph: Graph) -> Hierarchy:
    costs = dict[int, Cost]()
    shared = set[int]()
    for node, cost in iter_node_costs(graph):
        costs[node.id] = cost
        if not cost.params and not cost.buffers and node.weights:
            shared.add(node.id)
    tree, fields = graph.region_tree, compute_receptive_fields(graph)
    forms: dict[Hashable, int] = {}
    members: list[list[PartFacts]] = [[] for _ in graph.regions]
    for region in reversed(graph.regions):
        for part in tree.members[region.id]:
            if isinstance(part, Region):
                members[region.id].append(
                    _describe_region(part, members[part.id], tree.outputs[part.id], fields, forms)
                )
            else:
                cost = costs.get(part.id, Cost())
                members[region.id].append(_describe_node(part, cost, part.id in shared, fields, forms))
    return Hierarchy(members)


def relative_name(part: GraphPart, around: Region) -> str:
    """The name of a part relative to a region around it; empty if it has none."""
    if isinstance(part, Input):
        return part.name
    shared = 0
    for name, enclosing_name in zip(part.path, around.path, strict=False):
        if name != enclosing_name:
            break
        shared += 1
    return ".".join(part.path[shared:])


def select_scalars(arguments: Mapping[str, object]) -> dict[str, ScalarValue | list[ScalarValue]]:
    """The arguments of a region or an op that a table can show: numbers, words, and lists of them."""
    shown: dict[str, ScalarValue | list[ScalarValue]] = {}
    for name, value in arguments.items():
        if isinstance(value, (tuple, list)) and all(isinstance(item, (int, float, str)) for item in value):
            shown[name] = list(value)
        elif isinstance(value, (int, float, str)):
            shown[name] = value
    return shown


def _describe_node(
    node: Node | Input, cost: Cost, reuses_weights: bool, fields: list[ReceptiveField], forms: dict[Hashable, int]
) -> PartFacts:
    form: Hashable = (node.name, node.outputs) if isinstance(node, Input) else _node_structure(node, reuses_weights)
    return PartFacts(node, forms.setdefault(form, len(forms)), node.outputs, cost, fields[node.id], reuses_weights)


def _node_structure(node: Node, reuses_weights: bool) -> Hashable:
    return (type(node.op), node.op, node.input_shapes, node.output_shapes, reuses_weights)


def _describe_region(
    region: Region,
    inside: list[PartFacts],
    outputs: tuple[Value, ...],
    fields: list[ReceptiveField],
    forms: dict[Hashable, int],
) -> PartFacts:
    arguments = tuple((name, str(value)) for name, value in select_scalars(region.arguments).items())
    names = tuple((relative_name(facts.part, region), facts.structure_id) for facts in inside)
    form = forms.setdefault((region.kind, arguments, names), len(forms))
    weighted = [facts for facts in inside if facts.reuses_weights or facts.cost.params or facts.cost.buffers]
    return PartFacts(
        region,
        form,
        outputs,
        sum((facts.cost for facts in inside), Cost()),
        find_widest_field(fields[value.node] for value in outputs),
        bool(weighted) and all(facts.reuses_weights for facts in weighted),
    )
