"""Finds the edges of a graph that lie on skip connections, and their kinds."""

from __future__ import annotations

from typing import Literal

from archspec.ir.graph import Graph, Node, OperandRef, Value
from archspec.ir.signal_flow import carries_signal, find_residual_operands
from archspec.ops.base import SkipKind

Flow = SkipKind | Literal["flow", "gate"]
"""The kind of an edge: the main path, one of three kinds of skip connection, or a gate."""


def find_skip_connections(graph: Graph) -> dict[OperandRef, Flow]:
    """The operands that lie on skip connections or are gates, with their kinds.

    The skip connections of a join are its operands with the fewest weighted layers, if another operand has more (Veit et al. 2016). A
    skip connection reaches back over the nodes that have no other consumer. That of an `add` is a projection if it has weights and an
    identity if it has none; that of another join counts only if it has no weights.
    """
    return graph.derive(_find_skip_connections)


def _find_skip_connections(graph: Graph) -> dict[OperandRef, Flow]:
    flows: dict[OperandRef, Flow] = {}
    longer = find_residual_operands(graph)
    for node in graph.ops:
        if not node.op.join:
            continue
        for operand, value in enumerate(node.inputs):
            if not carries_signal(node, operand):
                flows[node.id, operand] = "gate"
            elif node.id in longer and any(longer[node.id]) and not longer[node.id][operand]:
                flows.update(_trace_skip_connection(graph, node, operand, value))
    return flows


def _trace_skip_connection(graph: Graph, join: Node, operand: int, value: Value) -> dict[OperandRef, Flow]:
    way: list[OperandRef] = [(join.id, operand)]
    weights = False
    current = graph.nodes[value.node]
    while isinstance(current, Node) and _serves_only_skip(graph, current):
        weights = weights or current.op.weighted > 0
        way.append((current.id, 0))
        current = graph.nodes[current.inputs[0].node]
    kind = "projection" if weights else join.op.skip_kinds[0]
    return dict.fromkeys(way, kind) if kind in join.op.skip_kinds else {}


def _serves_only_skip(graph: Graph, node: Node) -> bool:
    """Whether a node lies on the skip connection only: it has one operand and one consumer, or is a split."""
    return len(node.inputs) == 1 and (graph.count_uses(node) == 1 or len(node.outputs) > 1) and not node.op.join
