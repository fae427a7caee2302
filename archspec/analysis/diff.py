"""Compares two networks: parts, counts, and stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Literal

from archspec.analysis.counts import compute_counts, sum_costs
from archspec.analysis.network_matching import PartPair, match_networks
from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph, Node, Region
from archspec.view.hierarchy import PartFacts, select_scalars
from archspec.view.labels import format_value, part_kind
from archspec.view.repetition import FoldedGraph
from archspec.view.stages import Stage, name_stages

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
    """The changes from the first network to the second.

    Parts are matched region by region, by names that say more than a position, by equal structure, and by kind and order
    (`archspec.analysis.matching`); what is left is matched across regions where its structure occurs only once.

    >>> import archspec
    >>> graph = archspec.load("cifar_resnet20_A").graph
    >>> diff_networks(graph, graph).equal
    True
    """
    matched = match_networks(before, after)
    return Diff(
        before.name,
        after.name,
        tuple(_merge_alike(filter(None, map(describe_pair, matched.pairs)))),
        {
            name: (count_before, count_after)
            for (name, count_before), (_, count_after) in zip(count_figures(before), count_figures(after), strict=True)
        },
        tuple(_diff_stages(matched.before, matched.after)),
    )


def count_figures(graph: Graph) -> Iterator[tuple[str, int]]:
    """The counts by which networks are compared.

    >>> import archspec
    >>> dict(count_figures(archspec.load("resnet18").graph))["depth"]
    18
    """
    counted, total, path_counts = compute_counts(graph), sum_costs(graph), count_paths(graph)
    yield "params", counted.params
    yield "macs", counted.macs
    yield "acts", total.acts
    yield "memory", total.memory
    yield "depth", counted.depth
    yield "paths", path_counts.total
    yield "longest", path_counts.longest or 0
    yield "shortest", path_counts.shortest or 0


def describe_pair(pair: PartPair) -> PartChange | None:
    """The change from one part of a pair to the other; None if they are the same.

    >>> import archspec
    >>> graphs = archspec.load("resnet18").graph, archspec.load("resnet18", classes=10).graph
    >>> describe_pair(match_networks(*graphs).pairs[-1]).fields
    (('out', '1000', '10'),)
    """
    before, after = pair.before, pair.after
    if before is None or after is None:
        only = before or after
        assert only is not None
        return PartChange("removed" if before else "added", (_full_name(only),), part_kind(only.part))
    fields = tuple(_diff_names(pair)) + tuple(_diff_fields(before, after))
    return PartChange("changed", (_full_name(after),), part_kind(after.part), fields) if fields else None


def _diff_names(pair: PartPair) -> Iterator[tuple[str, str, str]]:
    """The names of a part that was moved or renamed; a position that only an insertion changed is none."""
    assert pair.before is not None
    assert pair.after is not None
    if pair.moved:
        yield "place", _full_name(pair.before), _full_name(pair.after)
    elif pair.renamed:
        yield "name", *_drop_common(_full_name(pair.before), _full_name(pair.after))


def _drop_common(before: str, after: str) -> tuple[str, str]:
    """Two names without the regions that both begin with.

    >>> _drop_common("layer1.0.middle", "layer1.0.conv2")
    ('middle', 'conv2')
    """
    old, new = before.split("."), after.split(".")
    shared = sum(1 for _ in takewhile(lambda names: names[0] == names[1], zip(old[:-1], new[:-1], strict=False)))
    return ".".join(old[shared:]), ".".join(new[shared:])


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
    merged: dict[tuple[Change, str, Fields, tuple[str, str]], list[str]] = {}
    for part in parts:
        key = (part.change, part.kind, part.fields, _find_place(part))
        merged.setdefault(key, []).extend(part.names)
    for (change, kind, fields, _), names in merged.items():
        yield PartChange(change, tuple(names), kind, fields)


def _find_place(part: PartChange) -> tuple[str, str]:
    """What distinguishes equal changes: of a changed part its own name, of others the region, where blocks in a row count as one.

    >>> _find_place(PartChange("removed", ("stage1.3.relu",), "relu")), _find_place(PartChange("added", ("layer3.6",), "bottleneck"))
    (('stage1.*', 'relu'), ('layer3', ''))
    """
    around, _, own = part.names[0].rpartition(".")
    if part.change == "changed":
        return "", own
    place = ".".join("*" if name.isdigit() else name for name in around.split("."))
    return place, own if place != around else ""


def _full_name(facts: PartFacts) -> str:
    return facts.part.name or part_kind(facts.part)


def _diff_stages(old: FoldedGraph, new: FoldedGraph) -> Iterator[StageChange]:
    before = {name: _stage_figures(stage) for name, stage in name_stages(old).items()}
    after = {name: _stage_figures(stage) for name, stage in name_stages(new).items()}
    for name in dict.fromkeys((*before, *after)):
        yield StageChange(name, before.get(name), after.get(name))


def _stage_figures(stage: Stage) -> Figures:
    return Figures(stage.cost.params, stage.cost.macs, stage.cost.acts, stage.cost.memory)


def _describe_change(before: int, after: int) -> dict[str, int]:
    return {"before": before, "after": after, "delta": after - before}
