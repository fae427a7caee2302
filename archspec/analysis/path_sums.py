"""Sums over all paths of a network, by channel range: what a sweep over the graph brings to its targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from operator import add
from typing import Any, Literal, Self, TypeVar

from archspec.ir.graph import Graph, Node, OperandRef, Value
from archspec.ir.signal_flow import count_weighted_layers, find_residual_operands, is_join, propagate_routes

LengthUnit = Literal["modules", "layers"]
Amount = TypeVar("Amount")


@dataclass(frozen=True, eq=False)
class PathSums:
    """The paths from `sources` and `entries` to `targets`, summed over all pairs."""

    graph: Graph = field(repr=False)
    unit: LengthUnit
    gates: bool
    sources: tuple[Value, ...]
    targets: tuple[Value, ...]
    entries: frozenset[OperandRef] = frozenset()
    """Operands at which paths start: those by which a named part is entered."""

    @cached_property
    def total(self) -> int:
        """How many paths there are.

        >>> import archspec
        >>> archspec.load("densenet169").paths().total == 2**82
        True
        """
        return sum(self.amounts_at_targets(1, add))

    def with_targets(self, *targets: Value) -> Self:
        """The same paths, to other targets."""
        return replace(self, targets=targets)

    def with_sources(self, *sources: Value) -> Self:
        """The same paths, from other sources."""
        return replace(self, sources=sources, entries=frozenset())

    def cost(self, node: Node, operand: int) -> int:
        """By how much a path grows that enters a node by this operand."""
        if self.unit == "layers":
            return count_weighted_layers(node, operand)
        return int(self._residual_operands[node.id][operand]) if is_join(node) else 0

    @cached_property
    def _residual_operands(self) -> dict[int, tuple[bool, ...]]:
        return find_residual_operands(self.graph, gates=self.gates)

    def amounts_at_targets(
        self,
        start: Amount,
        merge: Callable[[Amount, Amount], Amount],
        extend: Callable[[Amount, int], Amount] | None = None,
    ) -> Iterator[Amount]:
        """What arrives at each target, range by range; lengths matter only where there is an `extend`."""
        arrived = self.arrivals(self.targets, start, merge, extend)
        return chain.from_iterable(arrived[value.node, value.index] for value in self.targets)

    def arrivals(
        self,
        places: tuple[Value, ...],
        start: Amount,
        merge: Callable[[Amount, Amount], Amount],
        extend: Callable[[Amount, int], Amount] | None = None,
    ) -> dict[tuple[int, int], list[Amount]]:
        """What arrives at each of some values, range by range, in one sweep."""
        cost = self.cost if extend else None
        wanted = {value.node for value in places}
        arrived: dict[tuple[int, int], list[Amount]] = {}
        options: dict[str, Any] = {"gates": self.gates, "sources": self.sources, "entries": self.entries}
        for node, reached in propagate_routes(self.graph, start, merge, cost, extend, **options):
            if node.id in wanted:
                arrived.update({(node.id, index): list(routes.values()) for index, routes in enumerate(reached)})
        return arrived
