"""What the values and the modules of a graph are used for, each in one sweep; `Graph` keeps the results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archspec.ir.graph import Graph
    from archspec.ir.node import Path, Value


def collect_outputs(graph: Graph) -> frozenset[Value]:
    """The values that the network returns."""
    return frozenset(graph.outputs.values())


def count_path_uses(graph: Graph) -> Counter[Path]:
    """How many nodes there are of each path."""
    return Counter(node.path for node in graph.ops)


def find_whole_numbers(graph: Graph) -> frozenset[Value]:
    """The values that some op reads whole numbers from, or an op that only moves them there."""
    values: set[Value] = set()
    for node in reversed(tuple(graph.ops)):
        moved = node.op.moves and not values.isdisjoint(node.outputs)
        values.update(value for position, value in enumerate(node.inputs) if moved or position in node.op.indices)
    return frozenset(values)
