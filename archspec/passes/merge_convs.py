"""The pass `merge_convs`: merges parallel 1×1 convolutions, as in Inception (Szegedy et al. 2015, arXiv:1409.4842)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import ConcatenatedWeights, WeightSlice
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.tensor import Split
from archspec.passes.chains import is_pointwise
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph

Parallel = tuple[Node, ...]


@graph_pass("optimizer", keeps="evaluation")
def merge_convs(graph: Graph) -> Graph:
    """Merges all 1×1 convolutions with the same operand into one, and splits its result.

    They have the same stride, all or none of them a bias, no groups, and no shared weights. If the only consumer of each is a ReLU,
    one ReLU is put before the split. The new convolution is named `merged`, in the innermost region around them.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: parallel, input: [4, 8, 8], stages: {body: [concat: [conv: 2, conv: 3]]}}")
    >>> print(format_graph(merge_convs(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=5) %0: 5×8×8  body.merged
    %2 = split(sizes=(2, 3)) %1: 2×8×8, 3×8×8
    %3 = concat %2.0 %2.1: 5×8×8
    output = %3
    """
    parallel_by_first = {parallel[0].id: parallel for parallel in _find_parallel(graph)}
    parts: dict[int, Value] = {}

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id in parallel_by_first:
            parts.update(_add_merged(rewriter, graph, parallel_by_first[node.id]))
        return (parts[node.id],) if node.id in parts else None

    return rewrite_graph(graph, rewrite)


def _find_parallel(graph: Graph) -> Iterator[Parallel]:
    for value in dict.fromkeys(value for node in graph.ops for value in node.inputs):
        alike: dict[object, list[Node]] = {}
        for node in graph.users(value):
            if (
                isinstance(node.op, Conv)
                and node.op.groups == 1
                and not graph.shares_module(node)
                and is_pointwise(node)
            ):
                alike.setdefault((node.op.stride, node.op.bias, node.outputs[0].shape.spatial), []).append(node)
        yield from (tuple(nodes) for nodes in alike.values() if len(nodes) > 1)


def _add_merged(rewriter: Rewriter, graph: Graph, parallel: Parallel) -> dict[int, Value]:
    """Adds the merged convolution and returns the values that replace those of the merged nodes, by node id."""
    first = parallel[0]
    assert isinstance(first.op, Conv), "they all are"
    region = reduce(graph.region_tree.common, (node.region for node in parallel))
    widths = tuple(node.outputs[0].shape.channels for node in parallel)
    weights = {
        weight.name: ConcatenatedWeights(tuple(WeightSlice(f"{node.name}.{weight.name}") for node in parallel))
        for weight in first.weights
    }
    op, path = first.op.model_copy(update={"out": sum(widths)}), rewriter.unique_path(region, "merged")
    made = rewriter.add(op, rewriter.operands(first), first, path=path, region=region, weights=weights)
    relus = [consumer for node in parallel for consumer in _find_relu(graph, node)]
    if len(relus) == len(parallel):
        made = rewriter.add(relus[0].op, made, relus[0], region=region)
    values = rewriter.add(Split(sizes=widths), made, first, region=region)
    ends = [*parallel, *relus] if len(relus) == len(parallel) else parallel
    return {node.id: values[index % len(parallel)] for index, node in enumerate(ends)}


def _find_relu(graph: Graph, conv: Node) -> Iterator[Node]:
    consumer = graph.only_user(conv.outputs[0])
    if consumer is not None and isinstance(consumer.op, ReLU):
        yield consumer
