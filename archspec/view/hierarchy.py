"""A graph as a tree of its regions and nodes, with equal neighbours found: what a table or a diagram folds."""

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
    """What is known of one part of a network.

    `structure_id` is equal for parts of the same structure: same kinds, arguments, shapes and shared weights, and inside a region the
    same names.
    """

    part: GraphPart
    structure_id: int
    output: tuple[Value, ...]
    cost: Cost
    receptive_field: ReceptiveField
    reuses_weights: bool
    """Whether all its weights were met before, at another use."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The parts of each region, by its number, in the order of the network."""

    members: list[list[PartFacts]]


def build_hierarchy(graph: Graph) -> Hierarchy:
    """The tree of a graph's regions and nodes. One pass over nodes and regions each."""
    costs = dict[int, Cost]()
    shared = set[int]()
    for node, cost in iter_node_costs(graph):
        costs[node.id] = cost
        if not cost.params and not cost.buffers and node.weights:
            shared.add(node.id)
    held, exits, fields = _list_members(graph), _find_region_outputs(graph), compute_receptive_fields(graph)
    forms: dict[Hashable, int] = {}
    members: list[list[PartFacts]] = [[] for _ in graph.regions]
    for region in reversed(graph.regions):
        for part in held[region.id]:
            if isinstance(part, Region):
                members[region.id].append(_describe_region(part, members[part.id], exits[part.id], fields, forms))
            else:
                cost = costs.get(part.id, Cost())
                members[region.id].append(_describe_node(part, cost, part.id in shared, fields, forms))
    return Hierarchy(members)


def relative_name(part: GraphPart, around: Region) -> str:
    """The name of a part as it is known in the region around it; empty where it has none."""
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


def _list_members(graph: Graph) -> list[list[GraphPart]]:
    """The parts of each region, in the order in which they begin."""
    held: list[list[GraphPart]] = [[] for _ in graph.regions]
    begun = {0}
    for node in graph.nodes:
        region = graph.regions[node.region]
        opened: list[Region] = []
        while region.id not in begun:
            begun.add(region.id)
            opened.append(region)
            region = graph.regions[region.parent or 0]
        for region in reversed(opened):
            held[region.parent or 0].append(region)
        held[node.region].append(node)
    return held


def _find_region_outputs(graph: Graph) -> list[dict[Value, None]]:
    """The values of each region that are read outside it, in order."""
    exits: list[dict[Value, None]] = [{} for _ in graph.regions]
    levels = [0] * len(graph.regions)
    for region in graph.regions[1:]:
        levels[region.id] = levels[region.parent or 0] + 1
    for node in graph.ops:
        for value in node.inputs:
            _mark_region_outputs(graph, levels, exits, value, node.region)
    for value in graph.outputs.values():
        _mark_region_outputs(graph, levels, exits, value, 0)
    return exits


def _mark_region_outputs(
    graph: Graph, levels: list[int], exits: list[dict[Value, None]], value: Value, consumer: int
) -> None:
    inner, outer = graph.nodes[value.node].region, consumer
    while inner != outer:
        if levels[inner] >= levels[outer]:
            exits[inner][value] = None
            inner = graph.regions[inner].parent or 0
        else:
            outer = graph.regions[outer].parent or 0


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
    exits: Mapping[Value, None],
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
        tuple(exits),
        sum((facts.cost for facts in inside), Cost()),
        find_widest_field(fields[value.node] for value in exits),
        bool(weighted) and all(facts.reuses_weights for facts in weighted),
    )
