"""Which layers of a network would be others if its inputs had other sizes: those whose weights or code depend on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.shape import Shape
from archspec.numerals import format_sizes
from archspec.ops.base import ShapeError

Dependence = Literal["weights", "shapes", "code"]
"""What does not stay: the sizes of the weights; that its operands fit at all; what torch is called with."""


@dataclass(frozen=True, slots=True)
class FixedLayer:
    """A layer that other sizes of the inputs would change, and how.

    `node` is the layer, or the learned parameter that does not fit to what a join has beside it.
    """

    node: Node
    kind: Dependence
    reason: str
    part: str
    """The innermost part that the layer is in, by name; empty outside all parts."""

    @property
    def name(self) -> str:
        """The layer as the `state_dict` knows it, or what it computes and where."""
        word = self.node.op.word
        return f"{self.node.name} ({word})" if self.node.path else f"{word} in {self.part}" if self.part else word


def find_fixed_layers(graph: Graph, inputs: Mapping[str, Shape]) -> Iterator[FixedLayer]:
    """The layers that would be others with other sizes of the inputs, in order, up to the first that these do not fit.

    Args:
        graph: the network.
        inputs: the other shapes of some inputs, by name.

    >>> import archspec
    >>> graph = archspec.load("{name: a, input: [3, 8, 8], stages: {conv: {conv: 4}, flat: flatten, fc: {linear: 2}}}").graph
    >>> [(layer.name, layer.reason) for layer in find_fixed_layers(graph, {"input": Shape.of(3, 16, 16)})]
    [('fc (linear)', 'its weight is 2×256, and would be 2×1024')]
    """
    shapes = {graph.inputs[name]: shape for name, shape in inputs.items()}
    for node in graph.ops:
        given = tuple(shapes.get(value, value.shape) for value in node.inputs)
        if given == node.input_shapes:
            continue
        try:
            made = node.op.infer(*given)
        except ShapeError as error:
            parameter = _find_parameter(graph, node)
            reason = f"its {format_sizes(parameter.weights[0].shape)} do not fit" if parameter else error.message
            yield _make_fixed_layer(graph, parameter or node, "shapes", reason)
            return
        shapes.update(zip(node.outputs, made, strict=True))
        yield from _compare_layer(graph, node, given)


def _compare_layer(graph: Graph, node: Node, given: tuple[Shape, ...]) -> Iterator[FixedLayer]:
    for before, after in zip(node.weights, node.op.weights(*given), strict=True):
        if before != after:
            sizes = format_sizes(before.shape), format_sizes(after.shape)
            reason = "its {} is {}, and would be {}".format(before.name, *sizes)
            yield _make_fixed_layer(graph, node, "weights", reason)
            return
    if node.op.lower(*given) != node.op.lower(*node.input_shapes):
        yield _make_fixed_layer(graph, node, "code", f"it is for {_format_shapes(node.input_shapes)}")


def _make_fixed_layer(graph: Graph, node: Node, kind: Dependence, reason: str) -> FixedLayer:
    return FixedLayer(node, kind, reason, ".".join(graph.regions[node.region].path))


def _find_parameter(graph: Graph, node: Node) -> Node | None:
    """The learned parameter among the operands of a join, by way of ops that only move elements."""
    return next(filter(None, (_follow_moves(graph, value) for value in node.inputs)), None) if node.op.join else None


def _follow_moves(graph: Graph, value: Value) -> Node | None:
    producer = graph.producer(value)
    while isinstance(producer, Node) and producer.op.moves and len(producer.inputs) == 1:
        producer = graph.producer(producer.inputs[0])
    return producer if isinstance(producer, Node) and producer.op.word == "parameter" else None


def _format_shapes(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))
