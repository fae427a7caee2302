"""The pass `grouped_paths`: merges equal parallel paths into grouped convolutions (Xie et al. 2016, arXiv:1611.05431, Figure 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archspec.ir.graph import Graph, Node
from archspec.ir.weight_provenance import ConcatenatedWeights, WeightSlice
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.ops.join import Add
from archspec.passes.chains import NodeChain, joins_channels, trace_chain_before
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, replace_groups


@dataclass(frozen=True)
class ParallelPaths:
    """Equal chains with one common operand, and the join of their results."""

    join: Node
    chains: tuple[NodeChain, ...]

    @property
    def is_sum(self) -> bool:
        return isinstance(self.join.op, Add)


@graph_pass(
    "spec",
    "optimizer",
    keeps="training",
    needs="equal paths of convolutions that are summed or concatenated",
    advice="for example concat: [copies: {times: 32, layers: [conv: 4, relu, conv: {out: 4, kernel: 3}]}]",
)
def grouped_paths(graph: Graph) -> Graph:
    """Turns equal paths that are summed or concatenated into one path of grouped convolutions.

    Forms (a) and (b) of a ResNeXt unit become form (c). A path is a chain of convolutions, batch normalisations and elementwise
    ops. The first convolution is widened and the others become grouped; for a sum, the last one, which has no bias, sums over all
    paths. The network computes the same with the concatenated weights of the paths.

    Raises:
        PassError: there are no such paths.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: paths, input: [4, 8, 8], stages: {body: [concat: [[conv: 2, conv: 3], [conv: 2, conv: 3]]]}}")
    >>> print(format_graph(grouped_paths(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=4) %0: 4×8×8  body.0
    %2 = conv(out=6, groups=2) %1: 6×8×8  body.1
    output = %2
    """
    paths_by_join = {paths.join.id: paths for paths in _find_parallel_paths(graph)}
    inside = {node.id for paths in paths_by_join.values() for chain in paths.chains for node in chain}
    return replace_groups(graph, paths_by_join, inside, _add_grouped_path, left_out=inside)


def _find_parallel_paths(graph: Graph) -> Iterator[ParallelPaths]:
    for join in graph.ops:
        if len(join.inputs) < 2 or not (isinstance(join.op, Add) or joins_channels(join)):
            continue
        paths = ParallelPaths(join, tuple(trace_chain_before(graph, value) for value in join.inputs))
        if all(paths.chains) and _are_equal(paths.chains) and _can_be_grouped(paths):
            yield paths


def _are_equal(chains: tuple[NodeChain, ...]) -> bool:
    ops = [(node.op, node.input_shapes) for node in chains[0]]
    same = all([(node.op, node.input_shapes) for node in chain] == ops for chain in chains)
    return (
        same
        and len({chain[0].inputs[0] for chain in chains}) == 1
        and len({chain[0].id for chain in chains}) == len(chains)
    )


def _can_be_grouped(paths: ParallelPaths) -> bool:
    chain = paths.chains[0]
    convs = [node.op for node in chain if isinstance(node.op, Conv)]
    last = chain[-1].op
    gathers = isinstance(last, Conv) and len(convs) > 1 and last.groups == 1 and not last.bias
    return convs[0].groups == 1 and (gathers or not paths.is_sum)


def _add_grouped_path(rewriter: Rewriter, paths: ParallelPaths) -> Values:
    """Adds the path that replaces all, with their weights."""
    values = rewriter.operands(paths.chains[0][0])
    for nodes in zip(*paths.chains, strict=True):
        values = _add_grouped_op(rewriter, paths, nodes, values)
    return values


def _add_grouped_op(rewriter: Rewriter, paths: ParallelPaths, nodes: NodeChain, inputs: Values) -> Values:
    """Adds the op that replaces those at one position of all paths."""
    first, join = nodes[0], paths.join
    gathers = paths.is_sum and first is paths.chains[0][-1]
    op: Op = first.op
    if isinstance(op, Conv):
        groups = 1 if gathers or first is paths.chains[0][0] else len(nodes) * op.groups
        op = op.model_copy(update={"out": op.out if gathers else op.out * len(nodes), "groups": groups})
    path = rewriter.unique_path(join.region, first.path[-1]) if first.path else ()
    weights = {
        weight.name: ConcatenatedWeights(
            tuple(WeightSlice(f"{node.name}.{weight.name}") for node in nodes), 1 if gathers else 0
        )
        for weight in first.weights
    }
    return rewriter.add(op, inputs, join, path=path, span=first.span, weights=weights)
