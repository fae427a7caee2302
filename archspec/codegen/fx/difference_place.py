"""Finds where two models begin to differ: whether a difference reaches the modules behind it, and what lies around it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from archspec.codegen.fx.module_values import TOLERANCE, ModuleDifference, ModuleValues
from archspec.ir.graph import Graph, Node, Region, Value
from archspec.numerals import format_sizes
from archspec.printable import list_some

_NAMED = 3  # the most operations in one message


def fades(graph: Graph, part: Node | Region | None, recorder: ModuleValues) -> bool:
    """Whether a value that differs is the same for a module behind it: then the models do the same in modules of other names.

    A normalisation of timm has its activation inside, and a reference may make tokens of an image inside or outside a module.
    """
    if part is None:
        return False
    inside = graph.region_tree.nodes[part.id] if isinstance(part, Region) else ()
    pending = list(graph.region_tree.outputs[part.id] if isinstance(part, Region) else part.outputs)
    for value in pending:
        for consumer in _iter_consumers(graph, value):
            if consumer.id in inside:
                continue
            agreement = recorder.agrees(consumer.name, reads=consumer.inputs[0] == value)
            if agreement or (agreement is None and recorder.becomes(part.name, consumer.name)):
                return True
            if agreement is None and not consumer.op.reads_batch:
                pending += (other for other in consumer.outputs if other not in pending)
    return False


def _list_between(graph: Graph, recorder: ModuleValues, node: Node) -> list[str]:
    """The ops before a node that are no modules of both models, up to those that are, with their lines; the nearest ones first."""
    pending, texts = [value.node for value in node.inputs], dict[str, None]()
    for id in pending:
        before = graph.nodes[id]
        if isinstance(before, Node) and recorder.agrees(before.name, reads=False) is None:
            texts[_name_place(before)] = None
            pending += (value.node for value in before.inputs if value.node not in pending)
    return list(texts)


def _list_behind(graph: Graph, recorder: ModuleValues, node: Node) -> list[str]:
    """The consumers of a node that are no modules of both models, with their lines."""
    users = (user for value in node.outputs for user in _iter_consumers(graph, value))
    return list(dict.fromkeys(_name_place(user) for user in users if recorder.agrees(user.name, reads=False) is None))


def _iter_consumers(graph: Graph, value: Value) -> Iterator[Node]:
    nodes = (graph.nodes[user] for user in value.users)
    return (node for node in nodes if isinstance(node, Node))


def _name_place(node: Node) -> str:
    return f"{node.op.word} (line {node.span.line})"


def describe_difference(first: ModuleDifference, reference: str) -> str:
    """The message of the first difference."""
    if first.shapes[0] != first.shapes[1]:
        ours, theirs = map(format_sizes, first.shapes)
        return f"{first.name} is the first whose value differs: {ours}, in {reference} {theirs}"
    size = f"by about {first.value:.2g} of its norm" if first.value < float("inf") else "where one is no number"
    return f"{first.name} is the first whose value differs from {reference}, {size}"


def advise(
    first: ModuleDifference, graph: Graph, part: Node | Region | None, recorder: ModuleValues, theirs: nn.Module
) -> str:
    """What a user can conclude of the first difference."""
    if first.input > TOLERANCE:
        between = _list_between(graph, recorder, part) if isinstance(part, Node) else []
        return "its input differs already: what differs lies between the module before it and this one" + (
            f", in {list_some(between, _NAMED)}" if between else ""
        )
    if isinstance(part, Region):
        return "its input and the modules in it agree: what differs is between them, or has no module of its own"
    module = theirs.get_submodule(first.name)
    behind = _list_behind(graph, recorder, part) if isinstance(part, Node) and any(module.children()) else []
    return "its input agrees: what differs is in its arguments" + (
        f", or in {list_some(behind, _NAMED)}, which {type(module).__name__} has inside" if behind else ""
    )
