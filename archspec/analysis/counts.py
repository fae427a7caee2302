"""Counts parameters, buffers, multiply-accumulates, activations, memory and depth as exact integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph, Node, Path
from archspec.ops.base import Weight

FLOAT32 = 4
"""Bytes of one float32 element."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The costs of one part of a network, for one sample.

    >>> Cost(params=10, macs=100) + Cost(params=5, buffers=2)
    Cost(params=15, buffers=2, macs=100, acts=0, memory=0)
    """

    params: int = 0
    """Trainable scalars."""
    buffers: int = 0
    """Scalars that are not trained: running statistics."""
    macs: int = 0
    """Multiply-accumulates of convolutions, linear layers and matrix products; FLOPs are twice as many."""
    acts: int = 0
    """Elements that convolutions, linear layers, products of matrices and pools with a window write; see `Op.acts`."""
    memory: int = 0
    """Bytes of the outputs of all its ops, in float32."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.params + other.params,
            self.buffers + other.buffers,
            self.macs + other.macs,
            self.acts + other.acts,
            self.memory + other.memory,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a whole network; see `compute_counts`.

    >>> Counts(params=10, buffers=0, macs=100, depth=1).depth
    1
    """

    params: int
    buffers: int
    macs: int
    depth: int


def iter_owned_weights(graph: Graph) -> Iterator[tuple[Node, tuple[Weight, ...]]]:
    """Yields each node with the weights that it is the first to use; a later node that shares them gets none.

    >>> import archspec
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> next((node.name, weights) for node, weights in iter_owned_weights(graph) if weights)
    ('conv1', (Weight(name='weight', shape=(16, 3, 3, 3), trainable=True),))
    """
    return _iter_owned_weights(graph.ops)


def _iter_owned_weights(nodes: Iterable[Node]) -> Iterator[tuple[Node, tuple[Weight, ...]]]:
    met: set[Path] = set()
    for node in nodes:
        weights = node.weights
        if weights and node.path in met:
            weights = ()
        elif weights and node.path:
            met.add(node.path)
        yield node, weights


def iter_node_costs(graph: Graph) -> Iterator[tuple[Node, Cost]]:
    """Yields each node with its contribution to the network's cost: shared weights count at their first use, MACs at every use.

    >>> import archspec
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> next((node.name, cost) for node, cost in iter_node_costs(graph))
    ('conv1', Cost(params=432, buffers=0, macs=442368, acts=16384, memory=65536))
    """
    yield from graph.derive(_list_graph_costs)


def _list_graph_costs(graph: Graph) -> list[tuple[Node, Cost]]:
    return list(list_node_costs(graph.ops))


def list_node_costs(nodes: Iterable[Node]) -> Iterator[tuple[Node, Cost]]:
    """Yields some nodes of a graph, in its order, with their contributions to its cost.

    >>> import archspec
    >>> sum(cost.macs for _, cost in list_node_costs(archspec.load("cifar_resnet20_A").graph.ops))
    40551040
    """
    for node, weights in _iter_owned_weights(nodes):
        trainable = sum(weight.numel for weight in weights if weight.trainable)
        fixed = sum(weight.numel for weight in weights if not weight.trainable)
        memory = FLOAT32 * sum(shape.numel for shape in node.output_shapes)
        yield node, Cost(trainable, fixed, node.macs, node.acts, memory)


def sum_region_costs(graph: Graph) -> list[Cost]:
    """The cost of each region, by its id, including the regions inside it; region 0 is the whole network.

    >>> import archspec
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> sum_region_costs(graph)[0] == sum_costs(graph)
    True
    """
    costs = [Cost() for _ in graph.regions]
    for node, cost in iter_node_costs(graph):
        costs[node.region] += cost
    for region in reversed(graph.regions):
        if region.parent is not None:
            costs[region.parent] += costs[region.id]
    return costs


def sum_costs(graph: Graph) -> Cost:
    """The sum of the costs of all nodes.

    >>> import archspec
    >>> sum_costs(archspec.load("cifar_resnet20_A").graph)
    Cost(params=269722, buffers=1395, macs=40551040, acts=194570, memory=2679080)
    """
    return graph.derive(_add_costs)


def _add_costs(graph: Graph) -> Cost:
    return sum((cost for _, cost in iter_node_costs(graph)), Cost())


def count_params(graph: Graph) -> int:
    """Trainable scalars: weights, biases, affine parameters of normalisations; shared ones count once.

    >>> import archspec
    >>> count_params(archspec.load("cifar_resnet20_A").graph)
    269722
    """
    return sum_costs(graph).params


def count_buffers(graph: Graph) -> int:
    """Scalars of the `state_dict` that are not trained: running statistics; shared ones count once.

    >>> import archspec
    >>> count_buffers(archspec.load("cifar_resnet20_A").graph)
    1395
    """
    return sum_costs(graph).buffers


def count_macs(graph: Graph) -> int:
    """Multiply-accumulates of convolutions, linear layers and matrix products for one sample; every use of a shared layer counts.

    >>> import archspec
    >>> count_macs(archspec.load("cifar_resnet20_A").graph)
    40551040
    """
    return sum(node.macs for node in graph.ops)


def compute_depth(graph: Graph) -> int:
    """Weighted layers on the longest path from an input to an output; 0 if there is no path.

    >>> import archspec
    >>> compute_depth(archspec.load("cifar_resnet20_A").graph)
    20
    """
    return graph.derive(_compute_depth)


def _compute_depth(graph: Graph) -> int:
    return count_paths(graph, "layers").longest or 0


def compute_counts(graph: Graph) -> Counts:
    """All counts of a network.

    >>> import archspec
    >>> compute_counts(archspec.load("cifar_resnet20_A").graph)
    Counts(params=269722, buffers=1395, macs=40551040, depth=20)
    """
    cost = sum_costs(graph)
    return Counts(cost.params, cost.buffers, cost.macs, compute_depth(graph))
