"""The pass `separate_paths`: splits grouped convolutions into equal parallel paths (Xie et al. 2016, arXiv:1611.05431, Figure 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from archspec import meter
from archspec.ir.graph import Graph, Node, Region, Value
from archspec.ir.weight_provenance import WeightSlice
from archspec.ops.base import Op, Weight
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat
from archspec.passes.chains import NodeChain, is_separable, trace_chain_after, trace_chain_before
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, replace_groups

_COPY = 20  # units of work for an op and the slices of its weights

SeparateForm = Annotated[
    Literal["sum", "concat"],
    Field(
        description="sum: each path ends in a convolution of its own, form (a); concat: they share the last one, form (b)"
    ),
]


@dataclass(frozen=True)
class GroupedConv:
    """The chain of ops around a grouped convolution that is split; for a sum it includes the last convolution."""

    chain: NodeChain
    groups: int
    summed: bool

    @property
    def last(self) -> Node:
        return self.chain[-1]


@graph_pass(
    "spec",
    keeps="training",
    needs="a grouped convolution between two that are not grouped",
    advice="as in [conv: 128, relu, conv: {out: 128, kernel: 3, groups: 32}, relu, conv: {out: 256, bias: false}]",
)
def separate_paths(graph: Graph, *, form: SeparateForm = "sum") -> Graph:
    """Splits each grouped convolution between two others into a path for each of its groups.

    Form (c) of a ResNeXt unit becomes form (a) or (b). The paths are regions path1, path2, … in which the layers keep their names.
    The network computes the same; each path has its slices of the weights.

    Raises:
        PassError: there is no grouped convolution between two others.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: c, input: [3, 8, 8], stages: {body: [conv: 4, conv: {out: 4, groups: 2}, conv: {out: 6, bias: false}]}}")
    >>> print(format_graph(separate_paths(before.graph, form="concat")))
    %0 = input input: 3×8×8
    %1 = conv(out=2) %0: 2×8×8  body.path1.0
    %2 = conv(out=2) %1: 2×8×8  body.path1.1
    %3 = conv(out=2) %0: 2×8×8  body.path2.0
    %4 = conv(out=2) %3: 2×8×8  body.path2.1
    %5 = concat %2 %4: 4×8×8
    %6 = conv(out=6, bias=False) %5: 6×8×8  body.2
    output = %6
    """
    grouped_by_last = {grouped.last.id: grouped for grouped in _find_grouped(graph, summed=form == "sum")}
    inside = {node.id for grouped in grouped_by_last.values() for node in grouped.chain[:-1]}
    return replace_groups(graph, grouped_by_last, inside, _add_paths)


def _find_grouped(graph: Graph, *, summed: bool) -> Iterator[GroupedConv]:
    """The grouped convolutions that can be split, with chains that do not overlap."""
    taken: set[int] = set()
    for node in graph.ops:
        if not isinstance(node.op, Conv) or node.op.groups == 1 or not is_separable(graph, node):
            continue
        before, after = trace_chain_before(graph, node.inputs[0], convs=1), trace_chain_after(graph, node)
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


def _add_paths(rewriter: Rewriter, grouped: GroupedConv) -> Values:
    last = grouped.last
    root = rewriter.operands(grouped.chain[0])
    ends: list[Value] = []
    for number in range(grouped.groups):
        path = rewriter.unique_path(last.region, f"path{number + 1}")
        region = rewriter.graph.add_region(path, "", {}, last.span, last.region)
        values = root
        for node in grouped.chain:
            values = _add_path_op(rewriter, grouped, node, number, values, region)
        ends += values
    return rewriter.add(Add() if grouped.summed else Concat(), tuple(ends), last)


def _add_path_op(
    rewriter: Rewriter, grouped: GroupedConv, node: Node, number: int, inputs: Values, region: Region
) -> Values:
    """Adds one op of path `number`, with its slices of the weights."""
    meter.charge_work("passes", _COPY)
    gathers = grouped.summed and node is grouped.last
    op: Op = node.op
    if isinstance(op, Conv):
        op = op.model_copy(update={"out": op.out if gathers else op.out // grouped.groups, "groups": 1})
    path = rewriter.unique_path(region.id, node.path[-1]) if node.path else ()
    axis = 1 if gathers else 0
    weights = {weight.name: _slice_weight(node, weight, axis, number, grouped.groups) for weight in node.weights}
    return rewriter.add(op, inputs, node, path=path, region=region.id, weights=weights)


def _slice_weight(node: Node, weight: Weight, axis: int, number: int, groups: int) -> WeightSlice:
    """Slice `number` of `groups` along an axis; a scalar is kept whole."""
    name = f"{node.name}.{weight.name}"
    if not weight.shape:
        return WeightSlice(name)
    width = weight.shape[axis] // groups
    return WeightSlice(name, axis, number * width, (number + 1) * width)
