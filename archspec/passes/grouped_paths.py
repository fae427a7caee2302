"""Many equal paths as one of grouped convolutions (Xie et al. 2016, arXiv:1611.05431, Figure 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.weight_provenance import ConcatenatedWeights, WeightSlice, WeightSource
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.passes.base import PassError, keep_node, rebuild_graph, with_weight_map
from archspec.passes.chains import NodeChain, ValueUses, joins_channels


@dataclass(frozen=True)
class ParallelPaths:
    """Equal chains that read one value, and the join that brings them together."""

    join: Node
    chains: tuple[NodeChain, ...]

    @property
    def is_sum(self) -> bool:
        return self.join.op.word == "add"


def grouped_paths(graph: Graph) -> Graph:
    """Turns equal paths that are summed or concatenated into one path of grouped convolutions.

    Forms (a) and (b) of a ResNeXt unit become form (c). A path is a series of convolutions, batch normalisations and pointwise
    ops; its first convolution is widened, the others become grouped, and in a sum the last one, without a bias, gathers all
    paths. The network computes the same; its weights are those of the paths, put together.

    Raises:
        PassError: there are no such paths.
    """
    paths_by_join = {paths.join.id: paths for paths in _find_parallel_paths(graph)}
    if not paths_by_join:
        raise PassError("grouped_paths needs equal paths of convolutions that are summed or concatenated", help=_HELP)
    inside = {node.id for paths in paths_by_join.values() for chain in paths.chains for node in chain}
    roots: dict[int, tuple[Value, ...]] = {}
    weight_map: dict[str, WeightSource] = {}

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...] | None:
        if node.id in inside:
            roots[node.id] = inputs
            return None
        if node.id not in paths_by_join:
            return keep_node(new, node, inputs)
        paths = paths_by_join[node.id]
        made = roots[paths.chains[0][0].id]
        for position in range(len(paths.chains[0])):
            made = _add_grouped_op(new, paths, position, made, weight_map)
        return made

    return with_weight_map(rebuild_graph(graph, change, left_out=inside), weight_map)


_HELP = "for example concat: [copies: {times: 32, layers: [conv: 4, relu, conv: {out: 4, kernel: 3}]}]"


def _find_parallel_paths(graph: Graph) -> Iterator[ParallelPaths]:
    value_uses = ValueUses.from_graph(graph)
    for join in graph.ops:
        if len(join.inputs) < 2 or not (join.op.word == "add" or joins_channels(join)):
            continue
        paths = ParallelPaths(join, tuple(value_uses.chain_before(value) for value in join.inputs))
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


def _add_grouped_op(
    new: Graph,
    paths: ParallelPaths,
    position: int,
    inputs: tuple[Value, ...],
    weight_map: dict[str, WeightSource],
) -> tuple[Value, ...]:
    """One op of the path that stands for all, with the weights of theirs."""
    nodes = [chain[position] for chain in paths.chains]
    first, join = nodes[0], paths.join
    gathers = paths.is_sum and position == len(paths.chains[0]) - 1
    op: Op = first.op
    if isinstance(op, Conv):
        groups = 1 if gathers or position == 0 else len(nodes) * op.groups
        op = op.model_copy(update={"out": op.out if gathers else op.out * len(nodes), "groups": groups})
    path = new.unique_path(new.regions[join.region].path, first.path[-1]) if first.path else ()
    for weight in first.weights:
        pieces = tuple(WeightSlice(f"{node.name}.{weight.name}") for node in nodes)
        weight_map[".".join((*path, weight.name))] = ConcatenatedWeights(pieces, 1 if gathers else 0)
    return new.add_node(op, inputs, path, region=join.region, span=first.span, use=join.use)
