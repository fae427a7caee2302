"""The number of paths as a product: the stretches of a network that all paths enter by one value and leave by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import add
from typing import NamedTuple

from archspec.analysis.path_sums import PathSums
from archspec.ir.graph import Node, Path, Value
from archspec.ir.signal_flow import carries_signal, list_signal_operands

_PARTS = 64  # the most parts that are taken for stages


@dataclass(frozen=True, slots=True)
class Factor:
    """Consecutive parts of a network that all paths enter by one value and leave by one, and how many paths lead through them.

    >>> Factor(("stage1",), 8).as_dict()
    {'parts': ['stage1'], 'total': 8, 'why': None}
    """

    parts: tuple[str, ...]
    total: int
    reason: str | None = None
    """Why several parts are one stretch."""

    @property
    def name(self) -> str:
        return self.parts[0] if len(self.parts) == 1 else f"{self.parts[0]} … {self.parts[-1]}"

    def as_dict(self) -> dict[str, object]:
        return {"parts": list(self.parts), "total": self.total, "why": self.reason}


class _Span(NamedTuple):
    """The live range of a value on paths: `last` is the last consumer on a path, and `ways` is the number of paths to the value."""

    last: int
    ways: int


class _Boundary(NamedTuple):
    """A boundary between two parts: behind node `after`; `value` is the only one by which all paths cross it, if there is one."""

    after: int
    value: Value | None
    reason: str
    """Why the parts on both sides are one factor, if they are."""


def factor_paths(paths: PathSums) -> tuple[Factor, ...]:
    """The parts of a network, or runs of them, whose numbers of paths multiply to the total.

    Parts are the stages, or what is in a stage that has all of the paths. Several parts are one factor where paths go from one
    to the next by several values, or where the numbers do not multiply because a slice ends some paths and not others. There are
    no factors where there is no path, or more than 64 parts.

    >>> import archspec
    >>> from archspec.analysis.paths import count_paths
    >>> [(factor.name, factor.total) for factor in factor_paths(count_paths(archspec.load("unet").graph))]
    [('down1', 1), ('pool1 … up1', 5), ('out', 1)]
    """
    opened: frozenset[Path] = frozenset()
    factored: tuple[Factor, ...] = ()
    spans = _find_value_spans(paths) if paths.total else {}
    while paths.total:
        labels = _label_nodes(paths, opened)
        parts = dict.fromkeys(labels)
        if len(parts) > _PARTS:
            return factored
        closer = _factor_by_labels(paths, spans, labels)
        inner = _dominating_part(closer, paths.total)
        if factored and inner is None and sum(factor.total > 1 for factor in closer) < 2:
            return factored
        factored = closer
        if inner is None or inner in opened:
            return factored
        opened |= {inner}
    return factored


def _dominating_part(factored: tuple[Factor, ...], total: int) -> Path | None:
    """The part that has all of the paths, if it is one part."""
    whole = [factor for factor in factored if factor.total == total > 1 and len(factor.parts) == 1]
    return tuple(whole[0].parts[0].split(".")) if whole else None


def _label_nodes(paths: PathSums, opened: frozenset[Path]) -> list[str]:
    """For each node the name of its part: the outermost region that is not opened, or the layer; of an unnamed one, the last's."""
    graph = paths.graph
    labels: list[str] = []
    for node in graph.nodes:
        if not isinstance(node, Node):
            labels.append("")
            continue
        path = node.path or graph.regions[node.region].path
        own = next((path[:end] for end in range(1, len(path) + 1) if path[:end] not in opened), ())
        labels.append(".".join(own) or (labels[-1] if labels else ""))
    first = next((label for label in labels if label), graph.name)
    return [label or first for label in labels]


def _factor_by_labels(paths: PathSums, spans: Mapping[Value, _Span], labels: list[str]) -> tuple[Factor, ...]:
    labels = labels[: max(value.node for value in paths.targets) + 1]
    boundaries = list(_find_boundaries(paths, spans, labels))
    crossing = dict.fromkeys(boundary.value for boundary in boundaries if boundary.value is not None)
    separating = _find_separating_values(paths, {value: spans[value].ways for value in crossing})
    made: list[Factor] = []
    parts: list[str] = [labels[min((value.node for value in spans), default=0)]]
    why: str | None = None
    last = 1
    for after, value, reason in boundaries:
        name = labels[after + 1]
        if value not in separating:
            parts += [name] if name not in parts else []
            why = reason
            continue
        ways = spans[value].ways
        made.append(Factor(tuple(parts), ways // last, why if len(parts) > 1 else None))
        parts, why, last = [name], None, ways
    return (*made, Factor(tuple(parts), paths.total // last, why if len(parts) > 1 else None))


def _find_boundaries(paths: PathSums, spans: Mapping[Value, _Span], labels: Sequence[str]) -> Iterator[_Boundary]:
    """The boundaries between parts that paths cross."""
    made, read = defaultdict[int, set[Value]](set), defaultdict[int, set[Value]](set)
    for value, span in spans.items():
        made[value.node].add(value)
        read[span.last].add(value)
    last_start = _find_last_start(paths, spans)
    live: set[Value] = set()
    for index, (label, following) in enumerate(pairwise(labels)):
        live |= made[index]
        live -= read[index]
        if not live or label == following:
            continue
        if len(live) > 1:
            yield _Boundary(index, None, f"{len(live)} values lead across")
        elif index < last_start:
            yield _Boundary(index, None, "some paths start in a later part")
        else:
            (value,) = live
            yield _Boundary(index, value, "a slice ends some of the paths")


def _find_value_spans(paths: PathSums) -> dict[Value, _Span]:
    """The values on paths, in topological order; past the end of the network goes a target."""
    graph = paths.graph
    last = dict.fromkeys(paths.targets, len(graph.nodes))
    for node in reversed(graph.nodes):
        if any(value in last for value in node.outputs):
            for operand in list_signal_operands(node, gates=paths.gates):
                if (node.id, operand) not in paths.entries:
                    last.setdefault(node.inputs[operand], node.id)
    ways = ((value, sum(routes.values())) for value, routes in paths.sweep(1, add))
    return {value: _Span(last[value], count) for value, count in ways if count and value in last}


def _find_last_start(paths: PathSums, spans: Mapping[Value, _Span]) -> int:
    """The last node at which a path starts."""
    entries = ((paths.graph.nodes[id], operand) for id, operand in paths.entries)
    entered = (node for node, operand in entries if carries_signal(node, operand, gates=paths.gates))
    starts = chain(paths.sources, *(node.outputs for node in entered))
    return max((value.node for value in starts if value in spans), default=0)


def _find_separating_values(paths: PathSums, ways: Mapping[Value, int]) -> frozenset[Value]:
    """The values at which every way to them and every way on from them are one path.

    Args:
        paths: all of them pass each of the values.
        ways: how many lead to each of the values, in topological order.
    """
    onward: dict[Value, int] = {}
    for value in reversed(tuple(ways)):
        onward[value] = _count_ways_on(paths.with_sources(value), onward)
    return frozenset(value for value, before in ways.items() if before * onward[value] == paths.total)


def _count_ways_on(paths: PathSums, onward: Mapping[Value, int]) -> int:
    """How many paths there are; where all channels of a value of `onward` are reached at once, it says how many go on from there."""
    targets = Counter(paths.targets)
    total = 0
    for value, routes in paths.sweep(1, add):
        if value in onward and list(routes) == [range(value.shape.channels)]:
            return sum(routes.values()) * onward[value]
        if value in targets:
            total += sum(routes.values()) * targets[value]
    return total
