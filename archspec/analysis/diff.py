"""Compares two networks: parts, counts, and stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from archspec.analysis.counts import compute_counts, sum_costs
from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph, Node, Region
from archspec.ir.names import UniqueNames
from archspec.view.hierarchy import PartFacts, relative_name, select_scalars
from archspec.view.labels import format_value, part_kind
from archspec.view.repetition import FoldedGraph
from archspec.view.stages import Stage, group_stages, name_stage

Change = Literal["added", "removed", "changed"]
Fields = tuple[tuple[str, str, str], ...]
"""The changed fields: name, before, after."""


@dataclass(frozen=True, slots=True)
class PartChange:
    """A part that differs or that only one of the networks has; equal changes are merged and list all names.

    >>> PartChange("changed", ("fc",), "linear", (("out", "1000", "10"),)).as_dict()
    {'change': 'changed', 'names': ['fc'], 'kind': 'linear', 'fields': {'out': {'before': '1000', 'after': '10'}}}
    """

    change: Change
    names: tuple[str, ...]
    kind: str
    """The op's word or the name of the block, in the second network if both have the part."""
    fields: Fields = ()

    def as_dict(self) -> dict[str, object]:
        """The part as plain data, for `--json`."""
        fields = {name: {"before": before, "after": after} for name, before, after in self.fields}
        return {"change": self.change, "names": list(self.names), "kind": self.kind, "fields": fields}


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of a network or of a stage, for one sample.

    >>> Figures(params=10, macs=100, acts=4, memory=16).macs
    100
    """

    params: int
    macs: int
    acts: int
    memory: int


@dataclass(frozen=True, slots=True)
class StageChange:
    """A stage, by name, in both networks; None for a network without it.

    >>> StageChange("fc", Figures(10, 100, 4, 16), None).after is None
    True
    """

    name: str
    before: Figures | None
    after: Figures | None


@dataclass(frozen=True, slots=True)
class Diff:
    """The differences between two networks.

    >>> import archspec
    >>> change = archspec.load("resnet18").diff(archspec.load("resnet18", classes=10))
    >>> change.parts
    (PartChange(change='changed', names=('fc',), kind='linear', fields=(('out', '1000', '10'),)),)
    >>> change.counts["params"]
    (11689512, 11181642)
    """

    before: str
    after: str
    parts: tuple[PartChange, ...]
    counts: Mapping[str, tuple[int, int]]
    """`params`, `macs`, `acts`, `memory`, `depth`, `paths`, `longest` and `shortest` path: before and after."""
    stages: tuple[StageChange, ...]

    @property
    def equal(self) -> bool:
        """Whether the networks have the same parts and the same counts."""
        return not self.parts and all(before == after for before, after in self.counts.values())

    def as_dict(self) -> dict[str, object]:
        """The difference as plain data, for `--json`; counts are exact."""
        return {
            "before": self.before,
            "after": self.after,
            "equal": self.equal,
            "parts": [part.as_dict() for part in self.parts],
            "counts": {name: _describe_change(*pair) for name, pair in self.counts.items()},
            "stages": [asdict(stage) for stage in self.stages],
        }


def diff_networks(before: Graph, after: Graph) -> Diff:
    """The changes from the first network to the second; parts are matched by their names.

    >>> import archspec
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> diff_networks(graph, graph).equal
    True
    """
    old, new = FoldedGraph(before), FoldedGraph(after)
    return Diff(
        before.name,
        after.name,
        tuple(_merge_alike(_diff_regions(old, new, 0, 0))),
        {
            name: (count_before, count_after)
            for (name, count_before), (_, count_after) in zip(
                _compute_counts(before), _compute_counts(after), strict=True
            )
        },
        tuple(_diff_stages(old, new)),
    )


def _compute_counts(graph: Graph) -> Iterator[tuple[str, int]]:
    counted, total, path_counts = compute_counts(graph), sum_costs(graph), count_paths(graph)
    yield "params", counted.params
    yield "macs", counted.macs
    yield "acts", total.acts
    yield "memory", total.memory
    yield "depth", counted.depth
    yield "paths", path_counts.total
    yield "longest", path_counts.longest or 0
    yield "shortest", path_counts.shortest or 0


def _diff_regions(old: FoldedGraph, new: FoldedGraph, before: int, after: int) -> Iterator[PartChange]:
    """The differences inside two regions, in the order of the second network; removed parts are at their old positions."""
    ours, theirs = _name_parts(old, before), _name_parts(new, after)
    place = {name: position for position, name in enumerate(ours)}
    waiting = [name for name in ours if name not in theirs]
    for name, facts in theirs.items():
        while waiting and name in ours and place[waiting[0]] < place[name]:
            yield PartChange("removed", (_full_name(ours[waiting[0]]),), part_kind(ours[waiting.pop(0)].part))
        if name not in ours:
            yield PartChange("added", (_full_name(facts),), part_kind(facts.part))
        else:
            yield from _diff_part(old, new, ours[name], facts)
    for name in waiting:
        yield PartChange("removed", (_full_name(ours[name]),), part_kind(ours[name].part))


def _diff_part(old: FoldedGraph, new: FoldedGraph, before: PartFacts, after: PartFacts) -> Iterator[PartChange]:
    fields = tuple(_diff_fields(before, after))
    if fields:
        yield PartChange("changed", (_full_name(after),), part_kind(after.part), fields)
    if isinstance(before.part, Region) and isinstance(after.part, Region):
        yield from _diff_regions(old, new, before.part.id, after.part.id)


def _diff_fields(before: PartFacts, after: PartFacts) -> Iterator[tuple[str, str, str]]:
    if part_kind(before.part) != part_kind(after.part):
        yield "kind", part_kind(before.part), part_kind(after.part)
        return
    old, new = _collect_arguments(before), _collect_arguments(after)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield name, old.get(name, "–"), new.get(name, "–")


def _collect_arguments(facts: PartFacts) -> dict[str, str]:
    part = facts.part
    given = dict(part.op) if isinstance(part, Node) else part.arguments if isinstance(part, Region) else {}
    shown = {name: format_value(value) for name, value in select_scalars(given).items()}
    return shown | ({} if isinstance(part, (Node, Region)) else {"shape": str(facts.output[0].shape)})


def _merge_alike(parts: Iterator[PartChange]) -> Iterator[PartChange]:
    """The changes, with equal ones merged into the first."""
    merged: dict[tuple[Change, str, Fields, str], list[str]] = {}
    for part in parts:
        own = part.names[0].rpartition(".")[2] if part.change == "changed" else _enclosing_name(part.names[0])
        merged.setdefault((part.change, part.kind, part.fields, own), []).extend(part.names)
    for (change, kind, fields, _), names in merged.items():
        yield PartChange(change, tuple(names), kind, fields)


def _enclosing_name(name: str) -> str:
    """The name of the region of a part, which distinguishes additions to different places."""
    return name.rpartition(".")[0]


def _name_parts(folded: FoldedGraph, region: int) -> dict[str, PartFacts]:
    """The parts of a region by name; those without a name by their op and a number."""
    around, names = folded.graph.regions[region], UniqueNames(variant="{} {}".format)
    named: dict[str, PartFacts] = {}
    for facts in folded.members[region]:
        named[names.take(relative_name(facts.part, around) or part_kind(facts.part))] = facts
    return named


def _full_name(facts: PartFacts) -> str:
    return facts.part.name or part_kind(facts.part)


def _diff_stages(old: FoldedGraph, new: FoldedGraph) -> Iterator[StageChange]:
    before = {name_stage(old, stage): _stage_figures(stage) for stage in group_stages(old)}
    after = {name_stage(new, stage): _stage_figures(stage) for stage in group_stages(new)}
    for name in dict.fromkeys((*before, *after)):
        yield StageChange(name, before.get(name), after.get(name))


def _stage_figures(stage: Stage) -> Figures:
    return Figures(stage.cost.params, stage.cost.macs, stage.cost.acts, stage.cost.memory)


def _describe_change(before: int, after: int) -> dict[str, int]:
    return {"before": before, "after": after, "delta": after - before}
