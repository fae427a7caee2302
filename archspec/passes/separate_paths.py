"""A grouped convolution as many equal paths (Xie et al. 2016, arXiv:1611.05431, Figure 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from archspec import meter
from archspec.carried import Carried, Piece
from archspec.graph import Graph, Node, Value
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.passes.base import FreeNames, PassError, followed, keep, rebuild
from archspec.passes.chains import Chain, Wiring

_COPY = 20  # units of work for an op and the slices of its weights

Form = Annotated[
    Literal["sum", "concat"],
    Field(
        description="sum: each path ends in a convolution of its own, form (a); concat: they share the last one, form (b)"
    ),
]


@dataclass(frozen=True)
class Grouped:
    """A grouped convolution with what leads to it and what follows it; in a sum the last convolution is among them."""

    chain: Chain
    groups: int
    summed: bool

    @property
    def last(self) -> Node:
        return self.chain[-1]


def separate_paths(graph: Graph, *, form: Form = "sum") -> Graph:
    """Turns each grouped convolution between two others into as many paths as it has groups.

    Form (c) of a ResNeXt unit becomes form (a) or (b). The paths are scopes path1, path2, … with the old names in them. The
    network computes the same; each path has its slices of the weights.

    Raises:
        PassError: there is no grouped convolution between two others.
    """
    found = {grouped.last.id: grouped for grouped in _all_grouped(graph, summed=form == "sum")}
    if not found:
        raise PassError("separate_paths needs a grouped convolution between two that are not grouped", help=_HELP)
    inside = {node.id for grouped in found.values() for node in grouped.chain[:-1]}
    roots: dict[int, tuple[Value, ...]] = {}
    step: dict[str, Carried] = {}
    names = FreeNames(graph)

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...] | None:
        if node.id in inside:
            roots[node.id] = inputs
            return None
        if node.id not in found:
            return keep(new, node, inputs)
        grouped = found[node.id]
        return _add_paths(new, grouped, roots[grouped.chain[0].id], names, step)

    return followed(rebuild(graph, change), step)


_HELP = "as in [conv: 128, relu, conv: {out: 128, kernel: 3, groups: 32}, relu, conv: {out: 256, bias: false}]"


def _all_grouped(graph: Graph, *, summed: bool) -> Iterator[Grouped]:
    wiring = Wiring.of(graph)
    for node in graph.ops:
        if not isinstance(node.op, Conv) or node.op.groups == 1:
            continue
        before, after = wiring.before(node.inputs[0], convs=1), wiring.after(node)
        if before and after and _can_be_cut(before[0].op, node.op.groups, after[-1].op):
            chain = (*before, node, *after)
            yield Grouped(chain if summed else chain[:-1], node.op.groups, summed)


def _can_be_cut(first: Op, groups: int, last: Op) -> bool:
    if not isinstance(first, Conv) or not isinstance(last, Conv):
        return False
    return first.groups == last.groups == 1 and first.out % groups == 0 and not last.bias


def _add_paths(
    new: Graph, grouped: Grouped, root: tuple[Value, ...], names: FreeNames, step: dict[str, Carried]
) -> tuple[Value, ...]:
    last = grouped.last
    around = new.scopes[last.scope]
    ends: list[Value] = []
    for number in range(grouped.groups):
        path = names.take(around.path, f"path{number + 1}")
        scope = new.open(path, "", {}, last.span, around.id)
        values = root
        for node in grouped.chain:
            values = _add(new, grouped, node, number, values, scope.id, step)
        ends += values
    join = Add() if grouped.summed else Concat()
    return new.add(join, tuple(ends), scope=around.id, span=last.span, use=last.use)


def _add(
    new: Graph,
    grouped: Grouped,
    node: Node,
    number: int,
    inputs: tuple[Value, ...],
    scope: int,
    step: dict[str, Carried],
) -> tuple[Value, ...]:
    """One op of path `number`, with its slices of the weights."""
    meter.charge("passes", _COPY)
    gathers = grouped.summed and node is grouped.last
    op: Op = node.op
    if isinstance(op, Conv):
        op = op.model_copy(update={"out": op.out if gathers else op.out // grouped.groups, "groups": 1})
    path = (*new.scopes[scope].path, node.path[-1]) if node.path else ()
    axis = 1 if gathers else 0
    for weight in node.weights:
        width = weight.shape[axis] // grouped.groups if weight.shape else 0
        name = f"{node.name}.{weight.name}"
        piece = Piece(name, axis, number * width, (number + 1) * width) if weight.shape else Piece(name)
        step[".".join((*path, weight.name))] = piece
    return new.add(op, inputs, path, scope=scope, span=node.span, use=node.use)
