"""What a network holds and costs: parameters, buffers, multiply-accumulates, depth. Exact integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph, Node, Path
from archspec.ops.base import Weight


@dataclass(frozen=True, slots=True)
class Cost:
    """What one part of a network holds and costs, for one sample."""

    params: int = 0
    """Trainable scalars."""
    buffers: int = 0
    """Scalars that training does not change by gradients: running statistics."""
    macs: int = 0
    """Multiply-accumulates of convolutions, linear layers and matrix products; FLOPs are twice as many."""
    activations: int = 0
    """Elements of all outputs of its ops."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.params + other.params,
            self.buffers + other.buffers,
            self.macs + other.macs,
            self.activations + other.activations,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a whole network."""

    params: int
    buffers: int
    macs: int
    depth: int


def iter_owned_weights(graph: Graph) -> Iterator[tuple[Node, tuple[Weight, ...]]]:
    """Each node with the weights that are met there first: none where an earlier node of the same path holds them."""
    met: set[Path] = set()
    for node in graph.ops:
        weights = node.weights
        if weights and node.path in met:
            weights = ()
        elif weights and node.path:
            met.add(node.path)
        yield node, weights


def iter_node_costs(graph: Graph) -> Iterator[tuple[Node, Cost]]:
    """Each node with what it adds to the network: shared weights count at their first use, work at every use."""
    for node, weights in iter_owned_weights(graph):
        trainable = sum(weight.numel for weight in weights if weight.trainable)
        fixed = sum(weight.numel for weight in weights if not weight.trainable)
        yield node, Cost(trainable, fixed, node.macs, sum(shape.numel for shape in node.output_shapes))


def sum_region_costs(graph: Graph) -> list[Cost]:
    """For each region, by its number, the sum over its nodes and the regions inside it; the network is number 0."""
    costs = [Cost() for _ in graph.regions]
    for node, cost in iter_node_costs(graph):
        costs[node.region] += cost
    for region in reversed(graph.regions):
        if region.parent is not None:
            costs[region.parent] += costs[region.id]
    return costs


def sum_costs(graph: Graph) -> Cost:
    """The sum over all nodes."""
    return sum((cost for _, cost in iter_node_costs(graph)), Cost())


def count_params(graph: Graph) -> int:
    """Trainable scalars: weights, biases, the affine pairs of normalisations; shared ones once."""
    return sum_costs(graph).params


def count_buffers(graph: Graph) -> int:
    """Scalars of the state that are not trained: running statistics; shared ones once."""
    return sum_costs(graph).buffers


def count_macs(graph: Graph) -> int:
    """Multiply-accumulates of convolutions, linear layers and matrix products for one sample; every use of a shared layer counts."""
    return sum(node.macs for node in graph.ops)


def compute_depth(graph: Graph) -> int:
    """Weighted layers on the longest path from an input to an output; 0 where there is no path."""
    return count_paths(graph, "layers").longest or 0


def compute_counts(graph: Graph) -> Counts:
    """All counts of a network."""
    cost = sum_costs(graph)
    return Counts(cost.params, cost.buffers, cost.macs, compute_depth(graph))
