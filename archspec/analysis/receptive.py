"""Which part of the network's input one element of a value depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import ceil

from archspec.graph import Graph, Input, Node
from archspec.ops.base import Everything, Window


@dataclass(frozen=True, slots=True)
class Field:
    """A receptive field, per spatial axis of the input: its extent in input elements, and the step from one element's to the next.

    Both are exact; behind an upsampling they may be fractions.
    """

    extent: tuple[int | Fraction, ...]
    step: tuple[int | Fraction, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """The extent in whole elements."""
        return tuple(map(ceil, self.extent))

    def through(self, window: Window) -> Field:
        """The field behind a window that slides over this one."""
        extent = tuple(e + (w - 1) * s for e, w, s in zip(self.extent, window.extent, self.step, strict=True))
        return Field(extent, tuple(a * b for a, b in zip(self.step, window.step, strict=True)))


ReceptiveField = Field | Everything | None
"""None: nothing of the input, as behind a learned tensor."""


def receptive_fields(graph: Graph) -> list[ReceptiveField]:
    """The receptive field of each node's outputs, by its number. Gates count: an output depends on them.

    The field is the theoretical one: padding and the border of the input do not cut it. At a join it is the largest of the
    operands'; an op that sees all places makes it "everything", and it stays so.
    """
    fields: list[ReceptiveField] = []
    for node in graph.nodes:
        fields.append(_of_input(node) if isinstance(node, Input) else _behind(node, widest(_seen(node, fields))))
    return fields


def _seen(node: Node, fields: list[ReceptiveField]) -> Iterator[ReceptiveField]:
    """The fields of the operands on which some output depends; a learned constant's input is none of them."""
    inputs, outputs = node.input_shapes, node.output_shapes
    for operand, value in enumerate(node.inputs):
        everywhere = range(value.shape.channels)
        if any(node.op.routes(operand, everywhere, inputs, outputs, output) for output in range(len(outputs))):
            yield fields[value.node]


def _of_input(node: Input) -> Field:
    axes = len(node.outputs[0].shape.places)
    return Field((1,) * axes, (1,) * axes)


def _behind(node: Node, field: ReceptiveField) -> ReceptiveField:
    window = node.op.window(*node.input_shapes)
    if window is None or field is None:
        return field
    if window == "everything" or field == "everything" or len(window.extent) != len(field.extent):
        return "everything"
    return field.through(window)


def widest(fields: Iterable[ReceptiveField]) -> ReceptiveField:
    """The largest of several fields, axis by axis."""
    return reduce(_wider, fields, None)


def _wider(one: ReceptiveField, other: ReceptiveField) -> ReceptiveField:
    if one is None or other is None:
        return other if one is None else one
    if one == "everything" or other == "everything" or len(one.extent) != len(other.extent):
        return "everything"
    return Field(tuple(map(max, one.extent, other.extent)), tuple(map(max, one.step, other.step)))
