"""Checks the result of a pass: its nodes and names, its inputs and outputs, unused nodes, and the weight map.

Each check is linear in the size of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping

from archspec.errors import ArchspecError
from archspec.ir.graph import Graph, Input, Node, Path, Value
from archspec.ir.uses import find_ancestors
from archspec.ir.weight_provenance import (
    Sizes,
    WeightMapError,
    map_weight_shapes,
)
from archspec.numerals import format_sizes


class BrokenGraphError(ArchspecError, ValueError):
    """Raised for an invalid graph; `span` is the part of the spec that the invalid node was made for."""

    def __init__(self, reason: str, node: Node | None = None) -> None:
        layer = f"{node.name} ({node.op.word})" if node is not None and node.path else node.op.word if node else ""
        super().__init__(f"{layer}: {reason}" if layer else reason)
        self.reason, self.span = reason, node.span if node is not None else None


def check_result(before: Graph, after: Graph, *, outputs: bool = True, unused: bool = True) -> None:
    """Checks the graph `after` that a pass made of `before`.

    Args:
        before: The graph before.
        after: The graph that the pass gave.
        outputs: Whether the outputs must have the names and shapes of those before.
        unused: Whether every node that reached an output must still reach one.

    Raises:
        BrokenGraphError: a check failed; the message says what was expected, got, and where.
    """
    _check_nodes(after)
    _check_names(before, after)
    _check_ends("input", before.inputs, after.inputs)
    if outputs:
        _check_ends("output", before.outputs, after.outputs)
    for value in after.outputs.values():
        _check_value(after, value, len(after.nodes), None)
    if unused:
        _check_reached(before, after)
    _check_weights(before, after)


def _check_nodes(graph: Graph) -> None:
    """Checks that operands come from earlier nodes, and that output shapes are those that the op infers."""
    for id, node in enumerate(graph.nodes):
        if node.id != id:
            raise BrokenGraphError(f"node {id} has the number {node.id}")
        if isinstance(node, Input):
            continue
        for value in node.inputs:
            _check_value(graph, value, id, node)
        inferred = node.op.infer(*node.input_shapes)
        if inferred != node.output_shapes:
            wanted, got = (", ".join(map(str, shapes)) for shapes in (inferred, node.output_shapes))
            raise BrokenGraphError(f"the op makes {wanted}, the graph has {got}", node)


def _check_value(graph: Graph, value: Value, reader: int, node: Node | None) -> None:
    outputs = graph.nodes[value.node].outputs if value.node < reader else ()
    if value.index >= len(outputs) or outputs[value.index] != value:
        raise BrokenGraphError(f"value {value.index} of node {value.node} is read, which nothing before makes", node)


def _check_names(before: Graph, after: Graph) -> None:
    """Checks that no name newly belongs to two modules, or to a module and a region."""
    faults = _find_name_faults(after)
    known = {node.path for node, _ in _find_name_faults(before)} if faults else set()
    for node, reason in faults:
        if node.path not in known:
            raise BrokenGraphError(reason, node)


def _find_name_faults(graph: Graph) -> list[tuple[Node, str]]:
    """The nodes with a module whose name is that of another module, or a prefix of other names; each with the reason."""
    modules: dict[Path, Node] = {}
    around = {region.path for region in graph.regions} | {node.path[:-1] for node in graph.ops}
    faults: list[tuple[Node, str]] = []
    for node in graph.ops:
        first = modules.setdefault(node.path, node)
        if first is not node and not _is_same_module(first, node) and _has_module(first) and _has_module(node):
            faults.append((node, f"another {first.op.word} has this name, and is no use of the same module"))
        if node.path in around and node.path and _has_module(node):
            faults.append((node, "it has a module of its own, and other layers have names below its name"))
    return faults


def _is_same_module(first: Node, node: Node) -> bool:
    return not node.path or (first.op == node.op and first.weights == node.weights)


def _has_module(node: Node) -> bool:
    return any(call.stateful for call in node.op.lower(*node.input_shapes))


def _check_ends(kind: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> None:
    """Checks that inputs or outputs keep their names, sizes and batch; the names of axes may change."""
    wanted, got = (
        [(name, value.shape.sizes, value.shape.batched) for name, value in ends.items()] for ends in (before, after)
    )
    if wanted != got:
        shown = (
            ", ".join(f"{name} {value.shape}" for name, value in ends.items()) or "none" for ends in (before, after)
        )
        raise BrokenGraphError("the {}s were {}, now they are {}".format(kind, *shown))


def _check_reached(before: Graph, after: Graph) -> None:
    """Checks that no node is unused unless the node that it was made for was unused before."""
    allowed = {(node.span, id(node.use)) for node in _find_unused(before)}
    for node in _find_unused(after):
        if (node.span, id(node.use)) not in allowed:
            raise BrokenGraphError("it reaches no output any more", node)


def _find_unused(graph: Graph) -> list[Node]:
    """The nodes that reach no output, the last first."""
    needed = find_ancestors(graph, (value.node for value in graph.outputs.values()))
    return [node for node in reversed(graph.nodes) if isinstance(node, Node) and node.id not in needed]


def _check_weights(before: Graph, after: Graph) -> None:
    """Checks that the weights have the names and shapes that the pass's weight maps give."""
    known = len(before.weight_provenance)
    shapes, there = before.derive(_list_weight_shapes), after.derive(_list_weight_shapes)
    if after.weight_provenance[:known] != before.weight_provenance:
        raise BrokenGraphError("what the passes before did to the weights is lost")
    try:
        for weight_map in after.weight_provenance[known:]:
            shapes = map_weight_shapes(weight_map, shapes)
    except WeightMapError as error:
        raise BrokenGraphError(str(error)) from None
    for node in after.ops if shapes != there else ():
        for name, shape in node.weight_shapes.items():
            _check_weight(name, shape, shapes, node)
    for name in shapes.keys() - there.keys():
        raise BrokenGraphError(f"nothing is said about the weight {name}, which is not there any more")


def _list_weight_shapes(graph: Graph) -> Mapping[str, Sizes]:
    return graph.weight_shapes


def _check_weight(name: str, shape: Sizes, made: Mapping[str, Sizes], node: Node) -> None:
    if name not in made:
        raise BrokenGraphError(f"nothing is said about what its weight {name} is made of", node)
    if made[name] != shape:
        raise BrokenGraphError(f"its weight {name} is {format_sizes(shape)}, made is {format_sizes(made[name])}", node)
