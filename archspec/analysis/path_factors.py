"""The number of paths as a product: the stretches of a network that all paths enter by one value and leave by one."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

from archspec.analysis.path_sums import PathSums
from archspec.ir.graph import Node, Path, Value

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


@dataclass(frozen=True, slots=True)
class _Boundary:
    """A boundary between two parts: behind node `after`; `value` is the only one that paths cross it by, if there is one."""

    after: int
    crossing: int
    value: Value | None


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
    while paths.total:
        labels = _label_nodes(paths, opened)
        parts = dict.fromkeys(labels)
        if len(parts) > _PARTS:
            return factored
        closer = _factor_by_labels(paths, labels)
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


def _factor_by_labels(paths: PathSums, labels: list[str]) -> tuple[Factor, ...]:
    spans = _find_value_spans(paths)
    labels = labels[: max(value.node for value in paths.targets) + 1]
    cuts = _find_boundaries(spans, labels)
    counts = _find_separating_values(paths, [cut.value for cut in cuts if cut.value is not None])
    made: list[Factor] = []
    parts: list[str] = [labels[min((value.node for value in spans), default=0)]]
    why: str | None = None
    last = 1
    for cut in cuts:
        name = labels[cut.after + 1]
        reached = counts.get(cut.value) if cut.value is not None else None
        if reached is None:
            parts += [name] if name not in parts else []
            why = f"{cut.crossing} values lead across" if cut.value is None else "a slice ends some of the paths"
            continue
        made.append(Factor(tuple(parts), reached // last, why if len(parts) > 1 else None))
        parts, why, last = [name], None, reached
    return (*made, Factor(tuple(parts), paths.total // last, why if len(parts) > 1 else None))


def _find_boundaries(spans: dict[Value, int], labels: list[str]) -> list[_Boundary]:
    """The boundaries between parts that paths cross."""
    changes = [0] * (len(labels) + 1)
    for value, last in spans.items():
        changes[value.node] += 1
        changes[min(last, len(labels))] -= 1
    cuts: list[_Boundary] = []
    crossing = 0
    for index in range(len(labels) - 1):
        crossing += changes[index]
        if crossing and labels[index] != labels[index + 1]:
            cuts.append(_Boundary(index, crossing, _crossing_value(spans, index) if crossing == 1 else None))
    return cuts


def _crossing_value(spans: dict[Value, int], node: int) -> Value | None:
    """The value that leads across the boundary behind node `node`."""
    return next((value for value, last in spans.items() if value.node <= node < last), None)


def _find_value_spans(paths: PathSums) -> dict[Value, int]:
    """The values on paths, each with the last node that a path goes on to; past the end for a target."""
    graph = paths.graph
    end = len(graph.nodes)
    on_path = {(value.node, value.index): end for value in paths.targets}
    for node in reversed(graph.nodes):
        if not isinstance(node, Node) or not any((node.id, index) in on_path for index in range(len(node.outputs))):
            continue
        for operand, value in enumerate(node.inputs):
            if (paths.gates or node.op.carries(operand, len(node.inputs))) and (node.id, operand) not in paths.entries:
                on_path.setdefault((value.node, value.index), node.id)
    places = tuple(value for node in graph.nodes for value in node.outputs if (value.node, value.index) in on_path)
    reached = paths.arrivals(places, True, lambda reached, _: reached)
    return {value: on_path[value.node, value.index] for value in places if reached[value.node, value.index]}


def _find_separating_values(paths: PathSums, values: list[Value]) -> dict[Value, int]:
    """Those values that all paths pass, with the number of ways to each; from one to the next the numbers multiply."""
    forward = {key: sum(counts) for key, counts in paths.arrivals(tuple(values), 1, add).items()}
    kept: dict[Value, int] = {}
    before: tuple[int, dict[tuple[int, int], int]] | None = None
    for value in dict.fromkeys(values):
        ways = forward[value.node, value.index]
        beyond = paths.with_sources(value)
        onward = {key: sum(counts) for key, counts in beyond.arrivals((*values, *paths.targets), 1, add).items()}
        rest = sum(onward[target.node, target.index] for target in paths.targets)
        if ways * rest != paths.total or (before and before[0] * before[1][value.node, value.index] != ways):
            continue
        kept[value] = ways
        before = ways, onward
    return kept
