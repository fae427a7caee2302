"""A graph as text, a line a node: for tests, for examples, for whoever looks at what a pass did."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import WeightMap


def format_graph(graph: Graph) -> str:
    """The nodes of a graph in order, with what they read, their shapes and their names, and its outputs.

    >>> from archspec.ir.shape import Shape
    >>> from archspec.ops.conv import Conv
    >>> graph = Graph("small")
    >>> x = graph.add_input("x", Shape.of(3, 8, 8))
    >>> (graph.outputs["y"],) = graph.add_node(Conv(out=4, kernel=3), (x,), ("body", "0"))
    >>> print(format_graph(graph))
    %0 = input x: 3×8×8
    %1 = conv(out=4, kernel=3) %0: 4×6×6  body.0
    y = %1
    """
    return "\n".join(_format_lines(graph))


def _format_lines(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        shapes = ", ".join(str(value.shape) for value in node.outputs)
        if isinstance(node, Node):
            operands = "".join(f" {_format_value(graph, value)}" for value in node.inputs)
            yield f"%{node.id} = {_format_op(node)}{operands}: {shapes}{'  ' + node.name if node.path else ''}"
        else:
            yield f"%{node.id} = input {node.name}: {shapes}"
    for name, value in graph.outputs.items():
        yield f"{name} = {_format_value(graph, value)}"


def _format_op(node: Node) -> str:
    fields = ", ".join(f"{name}={value}" for name, value in node.op.arguments().items())
    return f"{node.op.word}({fields})" if fields else node.op.word


def _format_value(graph: Graph, value: Value) -> str:
    several = len(graph.nodes[value.node].outputs) > 1
    return f"%{value.node}.{value.index}" if several else f"%{value.node}"


def format_weight_map(weight_map: WeightMap) -> str:
    """What a pass did to the weights, a line each.

    >>> from archspec.ir.weight_provenance import RemovedWeight, WeightSlice
    >>> print(format_weight_map({"b.weight": WeightSlice("a.weight", 0, 0, 2), "a.weight": RemovedWeight()}))
    b.weight = WeightSlice(name='a.weight', axis=0, start=0, stop=2)
    a.weight = RemovedWeight()
    """
    return "\n".join(f"{name} = {source}" for name, source in weight_map.items())
