"""Finds recurrences: layers that are applied again, with the same weights, to what they have produced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from archspec.ir.graph import Graph, Node


def count_turns(graph: Graph, nodes: Iterable[int]) -> int:
    """How often a recurrence in a part of the network is run; 1 if there is none.

    Layers that share weights side by side, as the branches of a siamese network, are none.

    >>> import archspec
    >>> graph = archspec.load("lstm").graph
    >>> count_turns(graph, range(len(graph.nodes)))
    5
    """
    uses: defaultdict[tuple[str, ...], list[Node]] = defaultdict(list)
    for node in (graph.nodes[id] for id in nodes):
        if isinstance(node, Node) and graph.path_uses[node.path] > 1 and node.weights and node.path:
            uses[node.path].append(node)
    for shared in sorted(uses.values(), key=len, reverse=True):
        if len(shared) > 1 and _depends(graph, shared[-1], shared[0]):
            return len(shared)
    return 1


def _depends(graph: Graph, later: Node, earlier: Node) -> bool:
    """Whether a value on the way from one node reaches another."""
    reached, pending = {later.id}, [later]
    while pending:
        for value in pending.pop().inputs:
            if value.node == earlier.id:
                return True
            producer = graph.nodes[value.node]
            if value.node > earlier.id and value.node not in reached and isinstance(producer, Node):
                reached.add(value.node)
                pending.append(producer)
    return False
