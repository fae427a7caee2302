"""The pass `drop_path`: FractalNet's regularisation (Larsson et al. 2016, arXiv:1605.07648, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.signal_flow import count_weighted_layers, propagate_routes
from archspec.ops.fractal import ColumnDraw, DropMean
from archspec.ops.join import Mean
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph

Local = Annotated[float, Field(ge=0, le=1, description="probability of dropping each operand of a join, in [0, 1]")]
Share = Annotated[
    float,
    Field(
        ge=0, le=1, description="part of the minibatches that keep one column instead, in [0, 1]: 0 for none, 1 for all"
    ),
]


@graph_pass(
    "spec",
    keeps="evaluation",
    needs="means of two values or more, this network has none",
    advice="drop_path is for networks that join with mean, as FractalNet does",
)
def drop_path(graph: Graph, *, local: Local = 0.15, share: Share = 0.5) -> Graph:
    """Drops operands of a network's means at random in training: some in each (local), or all but one column (global).

    For each minibatch one of the two is drawn and, for global sampling, the column. There are as many columns as the widest mean
    has operands; the operand of a mean with the most weighted layers before it is in column 0, the next one in column 1, and so on.
    A mean without an operand in the kept column samples locally: in a fractal network its value is not used. In evaluation the means
    are not changed. Weights keep their names; paths, shapes and counts do not change.

    Raises:
        PassError: the network has no mean of two values or more.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: fractal, input: [4, 8, 8], stages: {body: [{mean: [conv: 4, [conv: 4, conv: 4]]}]}}")
    >>> print(format_graph(drop_path(before.graph)))
    %0 = input input: 4×8×8
    %1 = columndraw(columns=2) %0: 2
    %2 = conv(out=4) %0: 4×8×8  body.0
    %3 = conv(out=4) %0: 4×8×8  body.1
    %4 = conv(out=4) %3: 4×8×8  body.2
    %5 = dropmean(columns=(1, 0)) %2 %4 %1: 4×8×8
    output = %5
    """
    means = [node for node in graph.ops if isinstance(node.op, Mean) and len(node.inputs) > 1]
    columns = _assign_columns(graph, means)
    first = next(graph.ops, None)
    drawn: list[Value] = []
    regions = {region.path for region in graph.regions}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node is first and columns:
            draw = ColumnDraw(columns=max(map(len, columns.values())), share=share)
            drawn.extend(rewriter.add(draw, (next(iter(rewriter.graph.inputs.values())),), means[0], region=0))
        if node.id not in columns:
            return None
        mean = DropMean(p=local, columns=columns[node.id])
        path = (
            () if node.path in regions else node.path
        )  # the name of the mean is also that of the region of its branches
        return rewriter.add(mean, (*rewriter.operands(node), *drawn), node, path=path)

    return rewrite_graph(graph, rewrite)


def _assign_columns(graph: Graph, means: list[Node]) -> Mapping[int, tuple[int, ...]]:
    """The column of each operand of each mean: its rank by the weighted layers before it, the most first."""
    longest = [
        [max(routes.values(), default=0) for routes in reached]
        for _, reached in propagate_routes(graph, 0, max, count_weighted_layers, int.__add__)
    ]
    return {node.id: _rank_amounts([longest[value.node][value.index] for value in node.inputs]) for node in means}


def _rank_amounts(amounts: list[int]) -> tuple[int, ...]:
    order = sorted(range(len(amounts)), key=lambda index: -amounts[index])
    ranks = {index: rank for rank, index in enumerate(order)}
    return tuple(ranks[index] for index in range(len(amounts)))
