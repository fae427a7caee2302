"""Finds the edges of a graph that lie on skip connections, and their kinds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Literal

from archspec.ir.dominators import DominatorTree
from archspec.ir.graph import Graph, Input, Node, OperandRef
from archspec.ir.signal_flow import carries_signal, is_join, list_signal_operands
from archspec.ops.base import SkipKind

Flow = SkipKind | Literal["flow", "gate"]
"""The kind of an edge: the main path, one of three kinds of skip connection, or a gate."""
_PRECEDENCE: tuple[Flow, ...] = ("flow", "projection", "identity", "concat", "gate")


def choose_flow(flows: Collection[Flow]) -> Flow:
    """The kind of an arrow for several edges: the main path if one of them belongs to it, else the first kind in a fixed order."""
    return min(flows, key=_PRECEDENCE.index)


def find_skip_connections(graph: Graph) -> dict[OperandRef, Flow]:
    """The operands that lie on skip connections or are gates, with their kinds.

    A skip connection bypasses weighted layers and meets them again in a join. An operand of a join is the end of one if another operand
    has more weighted layers, on the shortest and on the longest path of the signal from a node that dominates both, and if no operand
    has fewer on the shortest or the skip connection begins at a node that dominates another operand. It reaches back over the nodes
    that serve nothing else. Weighted layers among these make it a projection (He et al. 2015), which only sums have. Without, it is an
    identity, or a skip connection into a concatenation.

    >>> import archspec
    >>> spec = {"name": "net", "input": [8], "stages": {"a": {"add": ["identity", {"linear": 8}]}, "b": {"linear": 8}}}
    >>> find_skip_connections(archspec.load(spec).graph)
    {(2, 0): 'identity'}
    """
    return graph.derive(_find_skip_connections)


def _find_skip_connections(graph: Graph) -> dict[OperandRef, Flow]:
    bypasses = _Bypasses(graph)
    flows: dict[OperandRef, Flow] = {}
    for node in graph.ops:
        if not node.op.join:
            continue
        gates = [operand for operand in range(len(node.inputs)) if not carries_signal(node, operand)]
        flows.update(((node.id, operand), "gate") for operand in gates)
        if is_join(node):
            for operand in bypasses.find_ends(node):
                way, kind = bypasses.trace_back(node, operand)
                flows.update((use, choose_flow([kind, flows.get(use, kind)])) for use in way)
    return flows


class _Bypasses:
    """The dominators of a graph and the weighted layers before each node, to compare the operands of joins."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        before = [[node.inputs[operand].node for operand in list_signal_operands(node)] for node in graph.nodes]
        self.tree = DominatorTree(before, {value.node for value in graph.inputs.values()})
        self.fewest: list[int] = []
        """The weighted layers on the shortest path of the signal to each node, with itself."""
        self.most: list[int] = []
        """The same for the longest path."""
        for node in graph.nodes:
            own = node.op.weighted if isinstance(node, Node) else 0
            reached = [id for id in before[node.id] if self.tree.is_reached(id)]
            self.fewest.append(own + min((self.fewest[id] for id in reached), default=0))
            self.most.append(own + max((self.most[id] for id in reached), default=0))

    def find_ends(self, join: Node) -> Iterator[int]:
        """The operands of a join that have fewer weighted layers than another one with a common dominator."""
        operands = sorted(self._reached_operands(join), key=lambda pair: -self.fewest[pair[1]])
        longest: dict[
            int, int
        ] = {}  # of the operands with more layers on their shortest path, by their outermost dominator
        for _, equal in groupby(operands, key=lambda pair: self.fewest[pair[1]]):
            same = list(equal)
            yield from (
                operand for operand, node in same if self.most[node] < longest.get(self.tree.outermost[node], 0)
            )
            for _, node in same:
                outermost = self.tree.outermost[node]
                longest[outermost] = max(longest.get(outermost, 0), self.most[node])

    def trace_back(self, join: Node, operand: int) -> tuple[list[OperandRef], SkipKind]:
        """The operands on the way back from the end of a skip connection to its start, none if it is no such, and its kind."""
        ends = [node for _, node in self._reached_operands(join)]
        places = sorted(self.tree.starts[node] for node in ends)
        end = join.inputs[operand].node
        kind: SkipKind = "projection" if self._has_own_weights(end, places) else join.op.skip_kinds[0]
        way: list[OperandRef] = [(join.id, operand)]
        node = self.graph.nodes[end]
        while len(node.inputs) == 1 and self._serves_only_skip(node, places):
            way.append((node.id, 0))
            node = self.graph.nodes[node.inputs[0].node]
        fewest = self.fewest[end] == min(self.fewest[other] for other in ends)
        begins = kind != "projection" and self._count_dominated(node, places) > 1
        return way if kind in join.op.skip_kinds and (fewest or begins) else [], kind

    def _has_own_weights(self, end: int, places: list[int]) -> bool:
        """Whether weighted layers are among the nodes that serve only the skip connection with this end."""
        pending = [self.graph.nodes[end]]
        while pending:
            node = pending.pop()
            if isinstance(node, Node) and self._serves_only_skip(node, places):
                if node.op.weighted:
                    return True
                pending += [self.graph.nodes[node.inputs[operand].node] for operand in list_signal_operands(node)]
        return False

    def _reached_operands(self, join: Node) -> list[tuple[int, int]]:
        """The operands of a join by which the signal enters it, each with its producer."""
        operands = ((operand, join.inputs[operand].node) for operand in list_signal_operands(join))
        return [(operand, node) for operand, node in operands if self.tree.is_reached(node)]

    def _serves_only_skip(self, node: Node | Input, places: list[int]) -> bool:
        """Whether a node lies on one skip connection only: it has one consumer, or is a split, and dominates no other operand of the join."""
        single = self.graph.count_uses(node) == 1 or len(node.outputs) > 1
        return isinstance(node, Node) and single and self._count_dominated(node, places) <= 1

    def _count_dominated(self, node: Node | Input, places: list[int]) -> int:
        """The number of operands of a join, at `places` of the dominator tree, that a node dominates."""
        return bisect_left(places, self.tree.stops[node.id]) - bisect_left(places, self.tree.starts[node.id])
