"""Computes the receptive fields of values: the part of the network's input that one element depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import ceil

from archspec.ir.graph import Graph, Input, Node, Value
from archspec.ops.base import Everything, Window


@dataclass(frozen=True, slots=True)
class SpatialField:
    """A receptive field for each spatial axis of the input: its extent in input elements, and the step between those of neighbours.

    Both are exact; after an upsampling they may be fractions.

    >>> SpatialField((7, 7), (2, 2)).through(Window((3, 3), (2, 2)))
    SpatialField(extent=(11, 11), step=(4, 4))
    """

    extent: tuple[int | Fraction, ...]
    step: tuple[int | Fraction, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """The extent, rounded up to whole elements."""
        return tuple(map(ceil, self.extent))

    def through(self, window: Window) -> SpatialField:
        """The receptive field of the output of a window that slides over a value with this receptive field."""
        extent = tuple(e + (w - 1) * s for e, w, s in zip(self.extent, window.extent, self.step, strict=True))
        return SpatialField(extent, tuple(a * b for a, b in zip(self.step, window.step, strict=True)))


ReceptiveField = SpatialField | Everything | None
"""None stands for independence of the input, as of a learned tensor."""


Reduction = int | Fraction | tuple[int | Fraction, ...] | None
"""How many places of the input a place stands for; one number if it is so on all axes, None for a value without places."""


def compute_receptive_fields(graph: Graph) -> list[ReceptiveField]:
    """The receptive field of each node's outputs, by the node's id, gates included.

    It is the theoretical field, which padding and the border of the input do not reduce. That of a join is the largest of its
    operands' fields. An op that depends on all places, and everything computed from it, has the field "everything".

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> [compute_receptive_fields(graph)[node.id].size for node in graph.ops if node.name == "layer4.1.bn2"]
    [(435, 435)]
    """
    fields: list[ReceptiveField] = []
    for node in graph.nodes:
        fields.append(
            _input_field(node)
            if isinstance(node, Input)
            else _propagate_field(node, find_widest_field(_operand_fields(node, fields)))
        )
    return fields


def _operand_fields(node: Node, fields: list[ReceptiveField]) -> Iterator[ReceptiveField]:
    """The fields of the operands that an output depends on, which excludes the input of a learned constant."""
    inputs, outputs = node.input_shapes, node.output_shapes
    for operand, value in enumerate(node.inputs):
        everywhere = range(value.shape.channels)
        if any(node.op.routes(operand, everywhere, inputs, outputs, output) for output in range(len(outputs))):
            yield fields[value.node]


def _input_field(node: Input) -> SpatialField:
    axes = len(node.outputs[0].shape.places)
    return SpatialField((1,) * axes, (1,) * axes)


def _propagate_field(node: Node, field: ReceptiveField) -> ReceptiveField:
    window = node.op.window(*node.input_shapes)
    if window is None or field is None:
        return field
    if window == "everything" or field == "everything" or len(window.extent) != len(field.extent):
        return "everything"
    return field.through(window)


def find_widest_field(fields: Iterable[ReceptiveField]) -> ReceptiveField:
    """The largest of several fields for each axis; "everything" if one of them is that, None if there is none.

    >>> find_widest_field([SpatialField((3, 3), (1, 1)), None, SpatialField((5, 1), (1, 1))]).size
    (5, 3)
    """
    return reduce(_merge_fields, fields, None)


def _merge_fields(first: ReceptiveField, second: ReceptiveField) -> ReceptiveField:
    if first is None or second is None:
        return second if first is None else first
    if first == "everything" or second == "everything" or len(first.extent) != len(second.extent):
        return "everything"
    return SpatialField(tuple(map(max, first.extent, second.extent)), tuple(map(max, first.step, second.step)))


def list_reductions(graph: Graph) -> dict[Value, Reduction]:
    """The reduction of the first output of each node.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> list_reductions(graph)[graph.nodes[1].outputs[0]]
    2
    """
    fields = compute_receptive_fields(graph)
    return {
        value: _simplify(fields[node.id]) if value.shape.spatial else None
        for node in graph.nodes
        for value in node.outputs
    }


def _simplify(field: object) -> Reduction:
    steps = field.step if isinstance(field, SpatialField) else ()
    if not steps:
        return None
    whole = tuple(int(step) if step == int(step) else step for step in steps)
    return whole[0] if len(set(whole)) == 1 else whole
