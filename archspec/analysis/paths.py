"""Counts the paths of a network exactly, by channel range, and the distribution of their lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from operator import add

from archspec.analysis.path_factors import Factor, factor_paths
from archspec.analysis.path_sums import LengthUnit, PathSums
from archspec.ir.graph import Graph, OperandRef, Value
from archspec.ir.parts import NamedParts, UnknownPartError

MOST = Fraction(95, 100)
"""The default share of paths for `narrowest_range`."""

CHEAP = 2**25
"""The most bits of a distribution that is computed without request, in a few seconds at most."""


@dataclass(frozen=True, eq=False)
class PathCounts(PathSums):
    """The paths from `sources` and `entries` to `targets`, summed over all pairs. Each number is computed on first use.

    `total`, `mean`, `longest` and `shortest` take one sweep over the graph each and do not need the whole distribution.

    >>> import archspec
    >>> paths = archspec.load("cifar_resnet20_A").paths()
    >>> paths.total, paths.shortest, paths.longest, paths.mean
    (512, 0, 9, Fraction(9, 2))
    >>> dict(paths.lengths)
    {0: 1, 1: 9, 2: 36, 3: 84, 4: 126, 5: 126, 6: 84, 7: 36, 8: 9, 9: 1}
    """

    @cached_property
    def lengths(self) -> Mapping[int, int]:
        """The number of paths of each length, the shortest first.

        The counts at one value are packed into one integer, the generating polynomial of the lengths evaluated at 2**bits. Merging
        is a sum, and adding to the lengths is a shift. Only the final counts must fit their digits, and none exceeds the total.

        >>> import archspec
        >>> dict(archspec.load("cifar_resnet20_A").paths("layers").lengths)
        {2: 1, 4: 9, 6: 36, 8: 84, 10: 126, 12: 126, 14: 84, 16: 36, 18: 9, 20: 1}
        """
        size = (self.total.bit_length() + 7) // 8 or 1
        packed = sum(self.amounts_at_targets(1, add, lambda amount, cost: amount << 8 * size * cost))
        digits = packed.to_bytes((packed.bit_length() + 7) // 8, "little")
        counts = (int.from_bytes(digits[offset : offset + size], "little") for offset in range(0, len(digits), size))
        return {length: count for length, count in enumerate(counts) if count}

    @cached_property
    def lengths_are_cheap(self) -> bool:
        """Whether `lengths` is computed quickly: it has as many bits as the total, for each length."""
        return (self.longest or 0) * self.total.bit_length() <= CHEAP

    @cached_property
    def longest(self) -> int | None:
        """The largest length; None if there is no path."""
        return max(self.amounts_at_targets(0, max, add), default=None)

    @cached_property
    def shortest(self) -> int | None:
        """The smallest length; None if there is no path."""
        return min(self.amounts_at_targets(0, min, add), default=None)

    @cached_property
    def mean(self) -> Fraction | None:
        """The mean length over all paths; None if there is no path."""
        sums = list(self.amounts_at_targets((1, 0), _add_pairs, _lengthen_all))
        return Fraction(sum(summed for _, summed in sums), self.total) if sums else None

    def share_within(self, low: int, high: int) -> Fraction:
        """The share of paths with a length from `low` to `high`, both included; 0 if there is no path.

        >>> import archspec
        >>> archspec.load("cifar_resnet20_A").paths().share_within(3, 6)
        Fraction(105, 128)
        """
        within = sum(count for length, count in self.lengths.items() if low <= length <= high)
        return Fraction(within, self.total or 1)

    def narrowest_range(self, share: Fraction = MOST) -> tuple[int, int] | None:
        """The narrowest range of lengths, ends included, with at least this share of the paths; None if there is no path.

        Of several, the one with the most paths, and then the one with the shortest lengths.

        >>> import archspec
        >>> archspec.load("cifar_resnet20_A").paths().narrowest_range()
        (2, 7)
        """
        lengths = list(self.lengths)
        best: tuple[int, int, int] | None = None
        low = within = 0
        for high in lengths:
            within += self.lengths[high]
            while within - self.lengths[lengths[low]] >= share * self.total:
                within -= self.lengths[lengths[low]]
                low += 1
            if within >= share * self.total:
                candidate = (high - lengths[low], -within, lengths[low])
                best = min(best, candidate) if best else candidate
        return (best[2], best[2] + best[0]) if best else None

    @cached_property
    def by_output(self) -> Mapping[str, PathCounts]:
        """The paths to each output of the network among the targets; empty if there is only one."""
        named = {name: value for name, value in self.graph.outputs.items() if value in self.targets}
        return {name: self.with_targets(value) for name, value in named.items()} if len(named) > 1 else {}

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """The parts of the network whose numbers of paths multiply to the total; empty if there is no path.

        >>> import archspec
        >>> [(factor.name, factor.total) for factor in archspec.load("cifar_resnet20_A").paths().factors]
        [('conv1', 1), ('stem', 1), ('stage1', 8), ('stage2', 8), ('stage3', 8), ('avgpool', 1), ('fc', 1)]
        """
        return factor_paths(self)

    def as_dict(self, *, lengths: bool = True) -> dict[str, object]:
        """The counts as plain data, for `--json`. Without `lengths`, these and the numbers that need them are None."""
        most = self.narrowest_range() if lengths else None
        return {
            "unit": self.unit,
            "gates": self.gates,
            "total": self.total,
            "longest": self.longest,
            "shortest": self.shortest,
            "mean": None if self.mean is None else float(self.mean),
            "range_of_95_percent": most
            and {
                "from": most[0],
                "to": most[1],
                "share": float(self.share_within(*most)),
                "paths": self._count_within(*most),
            },
            "factors": [factor.as_dict() for factor in self.factors],
            "outputs": {name: paths.total for name, paths in self.by_output.items()},
            "lengths": {str(length): count for length, count in self.lengths.items()} if lengths else None,
        }

    def _count_within(self, low: int, high: int) -> int:
        return sum(count for length, count in self.lengths.items() if low <= length <= high)


def _add_pairs(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return first[0] + second[0], first[1] + second[1]


def _lengthen_all(routes: tuple[int, int], cost: int) -> tuple[int, int]:
    """The number of routes and the sum of their lengths, after adding `cost` to each length."""
    return routes[0], routes[1] + cost * routes[0]


def count_paths(
    graph: Graph,
    unit: LengthUnit = "modules",
    gates: bool = False,
    source: str | Value | None = None,
    target: str | Value | None = None,
) -> PathCounts:
    """The paths of a network from its inputs to its outputs, or from one `source` to one `target`.

    A path follows the edges that carry the signal, through the channels that it reaches; with `gates`, the other edges as well.
    Its length in `modules` is the number of joins that it enters by a residual branch (Veit et al. 2016, arXiv:1605.06431), in `layers`
    the number of weighted layers on it, where a shared layer counts at each use.

    Args:
        graph: the network.
        unit: the unit of lengths.
        gates: whether paths also go through gates.
        source: a value, or the name of an input, an output or a part: a layer as in the `state_dict`, a block, a stage. Paths start
            where they enter the part, so that the part is on the path.
        target: the same; paths end where they leave the part. A path that can end at several values of the part counts for each.

    Raises:
        UnknownPartError: the network has no input, output or part of that name.

    >>> import archspec
    >>> count_paths(archspec.load("cifar_resnet20_A").graph, target="stage1").total
    8
    """
    sources, entries = _resolve_source(graph, source)
    return PathCounts(graph, unit, gates, sources, _resolve_target(graph, target), entries)


def _resolve_source(graph: Graph, wanted: str | Value | None) -> tuple[tuple[Value, ...], frozenset[OperandRef]]:
    if wanted is None:
        return tuple(graph.inputs.values()), frozenset()
    if isinstance(wanted, Value):
        return (wanted,), frozenset()
    if wanted in graph.inputs:
        return (graph.inputs[wanted],), frozenset()
    parts = graph.derive(NamedParts)
    part = parts.get(wanted)
    if part is not None:
        return (() if part.incoming else part.outputs), frozenset(part.incoming)
    if wanted in graph.outputs:
        return (graph.outputs[wanted],), frozenset()
    raise _unknown_part_error(parts, wanted)


def _resolve_target(graph: Graph, wanted: str | Value | None) -> tuple[Value, ...]:
    if wanted is None:
        return tuple(graph.outputs.values())
    if isinstance(wanted, Value):
        return (wanted,)
    if wanted in graph.outputs:
        return (graph.outputs[wanted],)
    parts = graph.derive(NamedParts)
    part = parts.get(wanted)
    if part is not None:
        return part.outputs
    if wanted in graph.inputs:
        return (graph.inputs[wanted],)
    raise _unknown_part_error(parts, wanted)


def _unknown_part_error(parts: NamedParts, name: str) -> UnknownPartError:
    ends = (*parts.graph.inputs, *parts.graph.outputs)
    return UnknownPartError(f"the network has no part, input or output {name[:80]!r}", parts.suggest(name, ends))
