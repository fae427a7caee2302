"""Computes sums over all paths of a network by channel range, in one sweep over the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from operator import add
from typing import Any, Literal, Self, TypeVar

from archspec.ir.graph import Graph, Node, OperandRef, Value
from archspec.ir.signal_flow import (
    PerChannelRange,
    count_weighted_layers,
    find_residual_operands,
    is_join,
    propagate_routes,
)

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
    """Operands at which paths start, by which they enter a named part."""

    @cached_property
    def total(self) -> int:
        """The number of paths.

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
        """The length that a path gains by entering a node by this operand."""
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
        """The amounts at each target, for each channel range; lengths are counted only with an `extend`."""
        targets = frozenset(self.targets)
        arrived = {value: routes for value, routes in self.sweep(start, merge, extend) if value in targets}
        return chain.from_iterable(arrived[value].values() for value in self.targets if value in arrived)

    def sweep(
        self,
        start: Amount,
        merge: Callable[[Amount, Amount], Amount],
        extend: Callable[[Amount, int], Amount] | None = None,
    ) -> Iterator[tuple[Value, PerChannelRange[Amount]]]:
        """The amounts at each value from the first source on, for each channel range, in topological order."""
        cost = self.cost if extend else None
        options: dict[str, Any] = {"gates": self.gates, "sources": self.sources, "entries": self.entries}
        for node, reached in propagate_routes(self.graph, start, merge, cost, extend, **options):
            yield from zip(node.outputs, reached, strict=True)
