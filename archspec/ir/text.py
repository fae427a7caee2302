"""Formats graphs and weight maps as text, for tests, examples and debugging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import (
    BatchNormConstant,
    ComputedWeight,
    ConcatenatedWeights,
    ConstantInputResponse,
    NewWeight,
    RemovedWeight,
    ScaledWeight,
    StackedWeights,
    WeightMap,
    WeightSlice,
    WeightSource,
    WeightSum,
)
from archspec.numerals import format_sizes


def format_graph(graph: Graph) -> str:
    """The nodes of a graph in order with their operands, output shapes and names, and its outputs.

    >>> from archspec.ir.shape import Shape
    >>> from archspec.ops.conv import Conv
    >>> graph = Graph("small")
    >>> x = graph.add_input("x", Shape.of(3, 8, 8))
    >>> graph.add_output("y", *graph.add_node(Conv(out=4, kernel=3), (x,), ("body", "0")))
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
    """A weight map, a line for each weight.

    >>> parts = (WeightSlice("a.weight"), WeightSlice("b.weight", axis=1, start=0, stop=2))
    >>> print(format_weight_map({"a.weight": ConcatenatedWeights(parts, axis=1), "b.weight": RemovedWeight()}))
    a.weight = concat(a.weight, b.weight[:, 0:2], axis=1)
    b.weight is removed
    """
    return "\n".join(f"{name} {_format_fate(source)}" for name, source in weight_map.items())


def _format_fate(source: WeightSource | NewWeight | RemovedWeight) -> str:
    if isinstance(source, NewWeight):
        return f"is new: {format_sizes(source.shape)}"
    return "is removed" if isinstance(source, RemovedWeight) else f"= {_format_source(source)}"


def _format_source(source: WeightSource) -> str:
    match source:
        case WeightSlice(name=name, axis=axis, start=start, stop=stop):
            return name if start is None else f"{name}[{':, ' * axis}{start}:{stop}]"
        case BatchNormConstant(name=name, constant=constant, rectified=rectified):
            return f"{'rectified ' * rectified}{constant}({name})"
        case ConcatenatedWeights(pieces=pieces, axis=axis):
            return f"concat({_format_sources(pieces)}, axis={axis})"
        case ScaledWeight(weight=weight, factor=factor, axis=axis):
            return f"scale({_format_sources((weight, factor))}, axis={axis})"
        case ConstantInputResponse(weight=weight, values=values):
            return f"respond({_format_sources((weight, values))})"
        case WeightSum(parts=parts):
            return f"sum({_format_sources(parts)})"
        case ComputedWeight(rule=rule, tensors=tensors):
            return f"{rule}({_format_sources(tensors)})"
        case StackedWeights(parts=parts):
            return f"stack({_format_sources(parts)})"


def _format_sources(sources: Iterable[WeightSource]) -> str:
    return ", ".join(map(_format_source, sources))
