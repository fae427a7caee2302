"""A graph as a tree of its scopes and nodes, with equal neighbours found: what a table or a diagram folds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from archspec.analysis.counts import Cost, node_costs
from archspec.analysis.receptive import ReceptiveField, receptive_fields, widest
from archspec.graph import Graph, Input, Node, Scope, Value

Part = Node | Input | Scope
Scalar = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one part of a network.

    `form` is equal for parts of the same structure: same kinds, arguments, shapes and shared weights, and inside a scope the
    same names.
    """

    part: Part
    form: int
    output: tuple[Value, ...]
    cost: Cost
    field: ReceptiveField
    recursive: bool
    """Whether all its weights were met before, at another use."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of each scope, by its number, in the order of the network."""

    members: list[list[Facts]]


def outline(graph: Graph) -> Outline:
    """The tree of a graph's scopes and nodes. One pass over nodes and scopes each."""
    costs = dict[int, Cost]()
    shared = set[int]()
    for node, cost in node_costs(graph):
        costs[node.id] = cost
        if not cost.params and not cost.buffers and node.weights:
            shared.add(node.id)
    held, exits, fields = _held(graph), _exits(graph), receptive_fields(graph)
    forms: dict[Hashable, int] = {}
    members: list[list[Facts]] = [[] for _ in graph.scopes]
    for scope in reversed(graph.scopes):
        for part in held[scope.id]:
            if isinstance(part, Scope):
                members[scope.id].append(_of_scope(part, members[part.id], exits[part.id], fields, forms))
            else:
                cost = costs.get(part.id, Cost())
                members[scope.id].append(_of_node(part, cost, part.id in shared, fields, forms))
    return Outline(members)


def label(part: Part, around: Scope) -> str:
    """The name of a part as it is known in the scope around it; empty where it has none."""
    if isinstance(part, Input):
        return part.name
    shared = 0
    for one, other in zip(part.path, around.path, strict=False):
        if one != other:
            break
        shared += 1
    return ".".join(part.path[shared:])


def scalars(arguments: Mapping[str, object]) -> dict[str, Scalar | list[Scalar]]:
    """The arguments of a scope or an op that a table can show: numbers, words, and lists of them."""
    shown: dict[str, Scalar | list[Scalar]] = {}
    for name, value in arguments.items():
        if isinstance(value, (tuple, list)) and all(isinstance(one, (int, float, str)) for one in value):
            shown[name] = list(value)
        elif isinstance(value, (int, float, str)):
            shown[name] = value
    return shown


def _held(graph: Graph) -> list[list[Part]]:
    """The parts of each scope, in the order in which they begin."""
    held: list[list[Part]] = [[] for _ in graph.scopes]
    begun = {0}
    for node in graph.nodes:
        scope = graph.scopes[node.scope]
        opened: list[Scope] = []
        while scope.id not in begun:
            begun.add(scope.id)
            opened.append(scope)
            scope = graph.scopes[scope.parent or 0]
        for scope in reversed(opened):
            held[scope.parent or 0].append(scope)
        held[node.scope].append(node)
    return held


def _exits(graph: Graph) -> list[dict[Value, None]]:
    """The values of each scope that are read outside it, in order."""
    exits: list[dict[Value, None]] = [{} for _ in graph.scopes]
    levels = [0] * len(graph.scopes)
    for scope in graph.scopes[1:]:
        levels[scope.id] = levels[scope.parent or 0] + 1
    for node in graph.ops:
        for value in node.inputs:
            _leave(graph, levels, exits, value, node.scope)
    for value in graph.outputs.values():
        _leave(graph, levels, exits, value, 0)
    return exits


def _leave(graph: Graph, levels: list[int], exits: list[dict[Value, None]], value: Value, reader: int) -> None:
    inner, outer = graph.nodes[value.node].scope, reader
    while inner != outer:
        if levels[inner] >= levels[outer]:
            exits[inner][value] = None
            inner = graph.scopes[inner].parent or 0
        else:
            outer = graph.scopes[outer].parent or 0


def _of_node(
    node: Node | Input, cost: Cost, recursive: bool, fields: list[ReceptiveField], forms: dict[Hashable, int]
) -> Facts:
    form: Hashable = (node.name, node.outputs) if isinstance(node, Input) else _form(node, recursive)
    return Facts(node, forms.setdefault(form, len(forms)), node.outputs, cost, fields[node.id], recursive)


def _form(node: Node, recursive: bool) -> Hashable:
    return (type(node.op), node.op, node.input_shapes, node.output_shapes, recursive)


def _of_scope(
    scope: Scope,
    inside: list[Facts],
    exits: Mapping[Value, None],
    fields: list[ReceptiveField],
    forms: dict[Hashable, int],
) -> Facts:
    arguments = tuple((name, str(value)) for name, value in scalars(scope.arguments).items())
    names = tuple((label(facts.part, scope), facts.form) for facts in inside)
    form = forms.setdefault((scope.kind, arguments, names), len(forms))
    weighted = [facts for facts in inside if facts.recursive or facts.cost.params or facts.cost.buffers]
    return Facts(
        scope,
        form,
        tuple(exits),
        sum((facts.cost for facts in inside), Cost()),
        widest(fields[value.node] for value in exits),
        bool(weighted) and all(facts.recursive for facts in weighted),
    )
