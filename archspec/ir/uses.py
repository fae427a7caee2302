"""Collects the uses of a graph's values and modules; `Graph` caches the results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archspec.ir.node import GraphContents, Path, Value


def collect_outputs(graph: GraphContents) -> frozenset[Value]:
    """The values that the network returns."""
    return frozenset(graph.outputs.values())


def count_path_uses(graph: GraphContents) -> Counter[Path]:
    """The number of nodes of each path."""
    return Counter(node.path for node in graph.ops)


def find_whole_numbers(graph: GraphContents) -> frozenset[Value]:
    """The values that an op reads as integers, directly or through ops that only move elements."""
    values: set[Value] = set()
    for node in reversed(tuple(graph.ops)):
        moved = node.op.moves and not values.isdisjoint(node.outputs)
        values.update(value for position, value in enumerate(node.inputs) if moved or position in node.op.indices)
    return frozenset(values)
