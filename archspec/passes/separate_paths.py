"""A grouped convolution as many equal paths (Xie et al. 2016, arXiv:1611.05431, Figure 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from archspec import meter
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import WeightSlice, WeightSource
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.passes.base import PassError, keep_node, rebuild_graph, with_weight_map
from archspec.passes.chains import NodeChain, ValueUses

_COPY = 20  # units of work for an op and the slices of its weights

SeparateForm = Annotated[
    Literal["sum", "concat"],
    Field(
        description="sum: each path ends in a convolution of its own, form (a); concat: they share the last one, form (b)"
    ),
]


@dataclass(frozen=True)
class GroupedConv:
    """A grouped convolution with what leads to it and what follows it; in a sum the last convolution is among them."""

    chain: NodeChain
    groups: int
    summed: bool

    @property
    def last(self) -> Node:
        return self.chain[-1]


def separate_paths(graph: Graph, *, form: SeparateForm = "sum") -> Graph:
    """Turns each grouped convolution between two others into as many paths as it has groups.

    Form (c) of a ResNeXt unit becomes form (a) or (b). The paths are scopes path1, path2, … with the old names in them. The
    network computes the same; each path has its slices of the weights.

    Raises:
        PassError: there is no grouped convolution between two others.
    """
    grouped_by_last = {grouped.last.id: grouped for grouped in _find_grouped(graph, summed=form == "sum")}
    if not grouped_by_last:
        raise PassError("separate_paths needs a grouped convolution between two that are not grouped", help=_HELP)
    inside = {node.id for grouped in grouped_by_last.values() for node in grouped.chain[:-1]}
    roots: dict[int, tuple[Value, ...]] = {}
    weight_map: dict[str, WeightSource] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...] | None:
        if node.id in inside:
            roots[node.id] = inputs
            return None
        if node.id not in grouped_by_last:
            return keep_node(new, node, inputs)
        grouped = grouped_by_last[node.id]
        return _add_paths(new, grouped, roots[grouped.chain[0].id], weight_map)

    return with_weight_map(rebuild_graph(graph, change), weight_map)


_HELP = "as in [conv: 128, relu, conv: {out: 128, kernel: 3, groups: 32}, relu, conv: {out: 256, bias: false}]"


def _find_grouped(graph: Graph, *, summed: bool) -> Iterator[GroupedConv]:
    """The convolutions that can be cut up, none of them with what another one takes."""
    value_uses = ValueUses.from_graph(graph)
    taken: set[int] = set()
    for node in graph.ops:
        if not isinstance(node.op, Conv) or node.op.groups == 1 or not value_uses.is_separable(node):
            continue
        before, after = value_uses.chain_before(node.inputs[0], convs=1), value_uses.chain_after(node)
        if before and after and _can_be_cut(before[0].op, node.op.groups, after[-1].op):
            chain = (*before, node, *after) if summed else (*before, node, *after[:-1])
            ids = {member.id for member in chain}
            if taken.isdisjoint(ids):
                taken |= ids
                yield GroupedConv(chain, node.op.groups, summed)


def _can_be_cut(first: Op, groups: int, last: Op) -> bool:
    if not isinstance(first, Conv) or not isinstance(last, Conv):
        return False
    return first.groups == last.groups == 1 and first.out % groups == 0 and not last.bias


def _add_paths(
    new: Graph, grouped: GroupedConv, root: tuple[Value, ...], weight_map: dict[str, WeightSource]
) -> tuple[Value, ...]:
    last = grouped.last
    around = new.regions[last.region]
    ends: list[Value] = []
    for number in range(grouped.groups):
        path = new.unique_path(around.path, f"path{number + 1}")
        region = new.add_region(path, "", {}, last.span, around.id)
        values = root
        for node in grouped.chain:
            values = _add_path_op(new, grouped, node, number, values, region.id, weight_map)
        ends += values
    join = Add() if grouped.summed else Concat()
    return new.add_node(join, tuple(ends), region=around.id, span=last.span, use=last.use)


def _add_path_op(
    new: Graph,
    grouped: GroupedConv,
    node: Node,
    number: int,
    inputs: tuple[Value, ...],
    region: int,
    weight_map: dict[str, WeightSource],
) -> tuple[Value, ...]:
    """One op of path `number`, with its slices of the weights."""
    meter.charge_work("passes", _COPY)
    gathers = grouped.summed and node is grouped.last
    op: Op = node.op
    if isinstance(op, Conv):
        op = op.model_copy(update={"out": op.out if gathers else op.out // grouped.groups, "groups": 1})
    path = (*new.regions[region].path, node.path[-1]) if node.path else ()
    axis = 1 if gathers else 0
    for weight in node.weights:
        width = weight.shape[axis] // grouped.groups if weight.shape else 0
        name = f"{node.name}.{weight.name}"
        piece = WeightSlice(name, axis, number * width, (number + 1) * width) if weight.shape else WeightSlice(name)
        weight_map[".".join((*path, weight.name))] = piece
    return new.add_node(op, inputs, path, region=region, span=node.span, use=node.use)
