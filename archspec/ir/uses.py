"""Collects the uses of a graph's values and modules; `Graph` caches the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from archspec.ir.node import is_noop

if TYPE_CHECKING:
    from archspec.ir.node import GraphContents, Input, Node, OperandRef, Path, Value


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


def find_incoming_edges(graph: GraphContents, nodes: Collection[int]) -> dict[OperandRef, Value]:
    """The operands of some nodes from outside these, in order, with their values."""
    return {
        (id, operand): value
        for id in sorted(nodes)
        for operand, value in enumerate(graph.nodes[id].inputs)
        if value.node not in nodes
    }


def find_leaving_values(graph: GraphContents, nodes: Collection[int]) -> Iterator[Value]:
    """Yields the values of some nodes that have consumers outside or are outputs of the network, in order."""
    returned = collect_outputs(graph)
    for id in sorted(nodes):
        for value in graph.nodes[id].outputs:
            if value in returned or any(user not in nodes for user in value.users):
                yield value


def find_ancestors(
    graph: GraphContents, ends: Iterable[int], operands: Mapping[int, tuple[Value, ...]] | None = None
) -> set[int]:
    """The nodes that the `ends` depend on, including these; `operands` replace those of some nodes."""
    pending, ancestors = list(ends), set[int]()
    while pending:
        id = pending.pop()
        if id not in ancestors:
            ancestors.add(id)
            read = operands.get(id) if operands else None
            pending += [value.node for value in (graph.nodes[id].inputs if read is None else read)]
    return ancestors


class ComputedUses:
    """The uses of computed values: `graph.derive(ComputedUses)`.

    The result of a no-op is an alias of its operand, and a no-op uses nothing.

    >>> from archspec.ir.graph import Graph
    >>> from archspec.ir.shape import Shape
    >>> from archspec.ops import BY_WORD
    >>> graph = Graph("net")
    >>> image = graph.add_input("image", Shape.of(3, 8, 8))
    >>> (same,) = graph.add_node(BY_WORD["identity"](), (image,))
    >>> (relu,) = graph.add_node(BY_WORD["relu"](), (same,))
    >>> uses = ComputedUses(graph)
    >>> uses.alias_of[same] == image, uses.users[image], uses.users[relu]
    (True, [2], [])
    """

    def __init__(self, graph: GraphContents) -> None:
        self.alias_of: dict[Value, Value] = {}
        """For each value the one that it is an alias of; itself if it is none."""
        self.users: dict[Value, list[int]] = {}
        """The ids of the consumers of each computed value, in order, once for each operand; and the number of nodes for each output of
        the network that it is."""
        for node in graph.nodes:
            operands = [self.alias_of[value] for value in node.inputs]
            if is_noop(node):
                self.alias_of.update(zip(node.outputs, operands, strict=True))
                continue
            for value in operands:
                self.users[value].append(node.id)
            self.alias_of.update((value, value) for value in node.outputs)
            self.users.update((value, []) for value in node.outputs)
        for value in graph.outputs.values():
            self.users[self.alias_of[value]].append(len(graph.nodes))

    def operands(self, node: Node | Input) -> tuple[Value, ...]:
        """The computed operands of a node; empty for a no-op."""
        if is_noop(node):
            return ()
        return tuple([self.alias_of[value] for value in node.inputs])
