"""Parallel 1×1 convolutions of one value as a single one: Inception's (Szegedy et al. 2015, arXiv:1409.4842)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import ConcatenatedWeights, WeightSlice, WeightSource
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.tensor import Split
from archspec.passes.base import keep_node, rebuild_graph, with_weight_map
from archspec.passes.chains import ValueUses, is_pointwise

Parallel = tuple[Node, ...]


def merge_convs(graph: Graph) -> Graph:
    """Makes one convolution of all 1×1 convolutions that read the same value, and splits its result.

    They have the same stride, all or none of them a bias, no groups, and weights of their own. If a ReLU alone reads each of them,
    one ReLU goes before the split. The new convolution is called `merged`, in the part of the network around them.
    """
    value_uses = ValueUses.from_graph(graph)
    parallel_by_first = {parallel[0].id: parallel for parallel in _find_parallel(value_uses)}
    if not parallel_by_first:
        return graph
    parts: dict[int, Value] = {}
    weight_map: dict[str, WeightSource] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in parallel_by_first:
            parts.update(_add_merged(new, value_uses, parallel_by_first[node.id], inputs, weight_map))
        return (parts[node.id],) if node.id in parts else keep_node(new, node, inputs)

    return with_weight_map(rebuild_graph(graph, change), weight_map)


def _find_parallel(value_uses: ValueUses) -> Iterator[Parallel]:
    uses = Counter(node.path for node in value_uses.graph.ops)
    read = dict.fromkeys(value for node in value_uses.graph.ops for value in node.inputs)
    for value in read:
        alike: dict[object, list[Node]] = {}
        for node in value_uses.graph.users(value):
            if isinstance(node.op, Conv) and node.op.groups == 1 and uses[node.path] == 1 and is_pointwise(node):
                alike.setdefault((node.op.stride, node.op.bias, node.outputs[0].shape.spatial), []).append(node)
        yield from (tuple(nodes) for nodes in alike.values() if len(nodes) > 1)


def _add_merged(
    new: Graph,
    value_uses: ValueUses,
    parallel: Parallel,
    inputs: tuple[Value, ...],
    weight_map: dict[str, WeightSource],
) -> dict[int, Value]:
    """Adds the convolution; the values that stand for the nodes whose places it takes, by their numbers."""
    first = parallel[0]
    assert isinstance(first.op, Conv), "they all are"
    region = _find_common_region(value_uses.graph, parallel)
    path = new.unique_path(value_uses.graph.regions[region].path, "merged")
    widths = tuple(node.outputs[0].shape.channels for node in parallel)
    made = new.add_node(first.op.model_copy(update={"out": sum(widths)}), inputs, path, region=region, span=first.span)
    for weight in first.weights:
        pieces = tuple(WeightSlice(f"{node.name}.{weight.name}") for node in parallel)
        weight_map[".".join((*path, weight.name))] = ConcatenatedWeights(pieces)
    relus = [consumer for node in parallel for consumer in _find_relu(value_uses, node)]
    if len(relus) == len(parallel):
        made = new.add_node(relus[0].op, made, region=region, span=relus[0].span)
    values = new.add_node(Split(sizes=widths), made, region=region, span=first.span)
    ends = [*parallel, *relus] if len(relus) == len(parallel) else parallel
    return {node.id: values[index % len(parallel)] for index, node in enumerate(ends)}


def _find_relu(value_uses: ValueUses, conv: Node) -> Iterator[Node]:
    consumer = value_uses.only_consumer(conv.outputs[0])
    if consumer is not None and isinstance(consumer.op, ReLU):
        yield consumer


def _find_common_region(graph: Graph, nodes: Parallel) -> int:
    """The innermost scope that all nodes are in."""
    first, *others = (graph.enclosing_regions(node.region) for node in nodes)
    shared = [region.id for region in first if all(region in chain for chain in others)]
    return shared[-1]
