"""How many routes lead through a network, and how long they are: exact counts, by channel range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import chain
from operator import add
from typing import Literal

from archspec.diagnostics import did_you_mean
from archspec.graph import Graph, Node, Value
from archspec.routes import detours, joins, sweep, weighted

Unit = Literal["modules", "layers"]


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths from `sources` to `targets`, summed over all pairs; each figure is worked out when it is first asked for.

    `total`, `longest` and `shortest` cost one sweep over the graph and never need the whole distribution.
    """

    graph: Graph = field(repr=False)
    unit: Unit
    gates: bool
    sources: tuple[Value, ...]
    targets: tuple[Value, ...]

    @cached_property
    def total(self) -> int:
        """How many paths there are."""
        return sum(self._at_targets(1, add))

    @cached_property
    def lengths(self) -> Mapping[int, int]:
        """How many paths have each length, the shortest first.

        All counts of one place are one integer: the polynomial of the lengths at 2**bits. Every step is a sum or a shift, so
        only the last result must fit into its digits, and no count there is above the total.
        """
        size = (self.total.bit_length() + 7) // 8 or 1
        packed = sum(self._at_targets(1, add, lambda amount, cost: amount << 8 * size * cost))
        digits = packed.to_bytes((packed.bit_length() + 7) // 8, "little")
        counts = (int.from_bytes(digits[at : at + size], "little") for at in range(0, len(digits), size))
        return {length: count for length, count in enumerate(counts) if count}

    @cached_property
    def longest(self) -> int | None:
        """The most units on one path; None where there is no path."""
        return max(self._at_targets(0, max, add), default=None)

    @cached_property
    def shortest(self) -> int | None:
        """The fewest units on one path; None where there is no path."""
        return min(self._at_targets(0, min, add), default=None)

    @cached_property
    def mean(self) -> Fraction | None:
        """The mean length over all paths; None where there is no path."""
        if not self.total:
            return None
        return Fraction(sum(length * count for length, count in self.lengths.items()), self.total)

    def share(self, low: int, high: int) -> Fraction:
        """Which part of all paths has a length from `low` to `high`, both included; 0 where there is no path."""
        within = sum(count for length, count in self.lengths.items() if low <= length <= high)
        return Fraction(within, self.total or 1)

    def as_dict(self) -> dict[str, object]:
        """The figures as plain data, for `--json`; counts are exact."""
        return {
            "unit": self.unit,
            "gates": self.gates,
            "total": self.total,
            "longest": self.longest,
            "shortest": self.shortest,
            "mean": None if self.mean is None else float(self.mean),
            "lengths": {str(length): count for length, count in self.lengths.items()},
        }

    @cached_property
    def _detours(self) -> dict[int, tuple[bool, ...]]:
        return detours(self.graph, gates=self.gates)

    def _cost(self, node: Node, operand: int) -> int:
        if self.unit == "layers":
            return weighted(node, operand)
        return self._detours[node.id][operand] if joins(node) else 0

    def _at_targets(
        self, start: int, merge: Callable[[int, int], int], extend: Callable[[int, int], int] | None = None
    ) -> Iterator[int]:
        """What arrives at each target, range by range; lengths matter only where there is an `extend`."""
        cost = self._cost if extend else None
        wanted = {value.node for value in self.targets}
        arrived: dict[tuple[int, int], list[int]] = {}
        for node, reached in sweep(self.graph, start, merge, cost, extend, gates=self.gates, sources=self.sources):
            if node.id in wanted:
                arrived.update({(node.id, index): list(routes.values()) for index, routes in enumerate(reached)})
        return chain.from_iterable(arrived[value.node, value.index] for value in self.targets)


def paths(
    graph: Graph,
    unit: Unit = "modules",
    gates: bool = False,
    source: str | Value | None = None,
    target: str | Value | None = None,
) -> Paths:
    """The paths of a network from its inputs to its outputs, or from one `source` to one `target` (a name or a value).

    A path follows the edges that carry the signal, through the channels that it reaches; `gates` follows the others as well.
    Its length in `modules` is the number of joins that it enters by a longer way than necessary (Veit et al. 2016,
    arXiv:1605.06431), in `layers` the number of weighted layers that it passes, a shared one each time.

    Raises `LookupError` where the network has no input or output of that name.
    """
    return Paths(graph, unit, gates, _values(graph.inputs, source, "input"), _values(graph.outputs, target, "output"))


def _values(named: Mapping[str, Value], wanted: str | Value | None, role: str) -> tuple[Value, ...]:
    if wanted is None:
        return tuple(named.values())
    if isinstance(wanted, Value):
        return (wanted,)
    if wanted not in named:
        hint = did_you_mean(wanted, named)
        raise LookupError(f"the network has no {role} {wanted!r}" + (f"; {hint}" if hint else ""))
    return (named[wanted],)
