"""The queries of a graph: producers, consumers, regions, and cached derived facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from archspec.ir.dag import build_dag
from archspec.ir.node import Input, Node, Path, Region, Value
from archspec.ir.regions import RegionTree
from archspec.ir.uses import collect_outputs, count_path_uses, find_whole_numbers

if TYPE_CHECKING:
    import networkx as nx

Derived = TypeVar("Derived")


class GraphQueries:
    """The queries of `Graph`, which inherits them."""

    nodes: Sequence[Node | Input]
    regions: Sequence[Region]
    outputs: Mapping[str, Value]
    frozen: bool
    _derived: dict[Callable[[Any], Any], Any]

    def derive(self, function: Callable[[Self], Derived]) -> Derived:
        """The result of a function of this graph, cached if the graph is frozen."""
        if not self.frozen:
            return function(self)
        if function not in self._derived:
            self._derived[function] = function(self)
        return self._derived[function]  # type: ignore[no-any-return]

    @property
    def dag(self) -> nx.MultiDiGraph[int]:
        """The graph for networkx, as `archspec.ir.dag.build_dag` describes it, built on first use."""
        return self.derive(build_dag)

    @property
    def region_tree(self) -> RegionTree:
        """The nodes, members, inputs and outputs of all regions."""
        return self.derive(RegionTree)

    @property
    def ops(self) -> Iterator[Node]:
        """The nodes that compute, in topological order."""
        return (node for node in self.nodes if isinstance(node, Node))

    def producer(self, value: Value) -> Node | Input:
        """The node that produces a value."""
        return self.nodes[value.node]

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all weights, by their names in the `state_dict`."""
        return {name: shape for node in self.ops for name, shape in node.weight_shapes.items()}

    def users(self, value: Value) -> list[Node]:
        """The consumers of a value, in order, once for each operand."""
        return [node for id in value.users if isinstance(node := self.nodes[id], Node)]

    def uses(self, value: Value) -> Iterator[tuple[Node, int]]:
        """The uses of a value, in order: the consumer, and the position of the operand."""
        for user in dict.fromkeys(value.users):
            node = self.nodes[user]
            assert isinstance(node, Node), "an input reads nothing"
            yield from ((node, position) for position, operand in enumerate(node.inputs) if operand == value)

    def is_used(self, value: Value) -> bool:
        """Whether a value has a consumer or is an output of the network."""
        return bool(value.users) or self.is_output(value)

    def last_use(self, value: Value) -> int:
        """The id of the last consumer of a used value; the number of nodes if the network returns it."""
        return len(self.nodes) if self.is_output(value) else value.users[-1]

    def only_user(self, value: Value) -> Node | None:
        """The only consumer of a value, with one use of it; None if it has others or is an output of the network."""
        return self.users(value)[0] if len(value.users) == 1 and not self.is_output(value) else None

    def is_output(self, value: Value) -> bool:
        """Whether the network returns a value."""
        return value in self.derive(collect_outputs)

    def count_uses(self, node: Node | Input) -> int:
        """The number of uses of a node's outputs; being an output of the network is one."""
        return sum(len(value.users) + self.is_output(value) for value in node.outputs)

    @property
    def path_uses(self) -> Counter[Path]:
        """The number of nodes of each path; nodes of one path share a module."""
        return self.derive(count_path_uses)

    def shares_module(self, node: Node) -> bool:
        """Whether a node shares its module, and so its weights, with others."""
        return bool(node.path) and self.path_uses[node.path] > 1

    def users_outside(self, nodes: Collection[int]) -> set[int]:
        """The ids of the consumers of some nodes outside these; with the number of nodes of the graph, if the network returns one of the values."""
        outputs = [value for id in nodes for value in self.nodes[id].outputs]
        users = {user for value in outputs for user in value.users if user not in nodes}
        return users | {len(self.nodes)} if any(map(self.is_output, outputs)) else users

    @property
    def whole_numbers(self) -> frozenset[Value]:
        """The values that an op such as an embedding reads as integers, directly or through ops that only move elements."""
        return self.derive(find_whole_numbers)

    def holds_indices(self, value: Value) -> bool:
        """Whether a value holds integers."""
        return value in self.whole_numbers

    def enclosing_regions(self, region: int) -> tuple[Region, ...]:
        """A region and those around it, the outermost (the network) first."""
        chain = [self.regions[region]]
        while (parent := chain[-1].parent) is not None:
            chain.append(self.regions[parent])
        return tuple(reversed(chain))
