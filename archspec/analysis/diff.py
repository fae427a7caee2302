"""What differs between two networks: in structure, in cost and in paths, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from archspec.analysis.counts import counts, total
from archspec.analysis.folding import Folding
from archspec.analysis.outline import Facts, label, scalars
from archspec.analysis.paths import paths
from archspec.analysis.stages import Stage, grouped, name_of
from archspec.graph import Graph, Node, Scope

Change = Literal["added", "removed", "changed"]
Fields = tuple[tuple[str, str, str], ...]
"""What changed: its name, before, after."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of which the other network has none, or has another; or several alike, by their names."""

    change: Change
    names: tuple[str, ...]
    kind: str
    """The op's word or the block, of the second network where both have one."""
    fields: Fields = ()

    def as_dict(self) -> dict[str, object]:
        """The part as plain data, for `--json`."""
        fields = {name: {"before": before, "after": after} for name, before, after in self.fields}
        return {"change": self.change, "names": list(self.names), "kind": self.kind, "fields": fields}


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of a network or of a stage, for one sample."""

    params: int
    macs: int
    activations: int


@dataclass(frozen=True, slots=True)
class StageChange:
    """A stage, by name, in both networks; None where one has none of that name."""

    name: str
    before: Figures | None
    after: Figures | None


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs between two networks."""

    before: str
    after: str
    parts: tuple[Part, ...]
    counts: Mapping[str, tuple[int, int]]
    """`params`, `macs`, `activations`, `depth`, `paths`, `longest` and `shortest` path: before and after."""
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
            "counts": {name: _pair(*pair) for name, pair in self.counts.items()},
            "stages": [asdict(stage) for stage in self.stages],
        }


def diff(before: Graph, after: Graph) -> Diff:
    """What is to be changed to make the second network of the first; parts are known by their names."""
    old, new = Folding(before), Folding(after)
    return Diff(
        before.name,
        after.name,
        tuple(_alike(_parts(old, new, 0, 0))),
        {name: (one, other) for (name, one), (_, other) in zip(_counts(before), _counts(after), strict=True)},
        tuple(_stages(old, new)),
    )


def _counts(graph: Graph) -> Iterator[tuple[str, int]]:
    counted, found = counts(graph), paths(graph)
    yield "params", counted.params
    yield "macs", counted.macs
    yield "activations", total(graph).activations
    yield "depth", counted.depth
    yield "paths", found.total
    yield "longest", found.longest or 0
    yield "shortest", found.shortest or 0


def _parts(old: Folding, new: Folding, before: int, after: int) -> Iterator[Part]:
    """The differences inside two scopes, in the order of the second network; what it lacks stands where it was."""
    ours, theirs = _named(old, before), _named(new, after)
    place = {name: at for at, name in enumerate(ours)}
    waiting = [name for name in ours if name not in theirs]
    for name, facts in theirs.items():
        while waiting and name in ours and place[waiting[0]] < place[name]:
            yield Part("removed", (_name(ours[waiting[0]]),), _kind(ours[waiting.pop(0)]))
        if name not in ours:
            yield Part("added", (_name(facts),), _kind(facts))
        else:
            yield from _both(old, new, ours[name], facts)
    for name in waiting:
        yield Part("removed", (_name(ours[name]),), _kind(ours[name]))


def _both(old: Folding, new: Folding, before: Facts, after: Facts) -> Iterator[Part]:
    fields = tuple(_fields(before, after))
    if fields:
        yield Part("changed", (_name(after),), _kind(after), fields)
    if isinstance(before.part, Scope) and isinstance(after.part, Scope):
        yield from _parts(old, new, before.part.id, after.part.id)


def _fields(before: Facts, after: Facts) -> Iterator[tuple[str, str, str]]:
    if _kind(before) != _kind(after):
        yield "kind", _kind(before), _kind(after)
        return
    old, new = _arguments(before), _arguments(after)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield name, old.get(name, "–"), new.get(name, "–")


def _arguments(facts: Facts) -> dict[str, str]:
    part = facts.part
    given = dict(part.op) if isinstance(part, Node) else part.arguments if isinstance(part, Scope) else {}
    shown = {name: _shown(value) for name, value in scalars(given).items()}
    return shown | ({} if isinstance(part, (Node, Scope)) else {"shape": str(facts.output[0].shape)})


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "×".join(map(_shown, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _alike(parts: Iterator[Part]) -> Iterator[Part]:
    """The parts with those of one change together, where the first of them stands."""
    found: dict[tuple[Change, str, Fields, str], list[str]] = {}
    for part in parts:
        own = part.names[0].rpartition(".")[2] if part.change == "changed" else _scope_of(part.names[0])
        found.setdefault((part.change, part.kind, part.fields, own), []).extend(part.names)
    for (change, kind, fields, _), names in found.items():
        yield Part(change, tuple(names), kind, fields)


def _scope_of(name: str) -> str:
    """Where a part is: additions to different places are told apart."""
    return name.rpartition(".")[0]


def _named(folding: Folding, scope: int) -> dict[str, Facts]:
    """The parts of a scope by name; those without one by their op and how many of it came before."""
    around, named = folding.graph.scopes[scope], dict[str, Facts]()
    for facts in folding.members[scope]:
        name = label(facts.part, around) or _kind(facts)
        key, turn = name, 2
        while key in named:
            key, turn = f"{name} {turn}", turn + 1
        named[key] = facts
    return named


def _name(facts: Facts) -> str:
    part = facts.part
    return ".".join(part.path) if isinstance(part, Scope) else part.name or _kind(facts)


def _kind(facts: Facts) -> str:
    part = facts.part
    if isinstance(part, Scope):
        return part.kind
    return part.op.word if isinstance(part, Node) else "input"


def _stages(old: Folding, new: Folding) -> Iterator[StageChange]:
    before = {name_of(old, stage): _figures(stage) for stage in grouped(old)}
    after = {name_of(new, stage): _figures(stage) for stage in grouped(new)}
    for name in dict.fromkeys((*before, *after)):
        yield StageChange(name, before.get(name), after.get(name))


def _figures(stage: Stage) -> Figures:
    return Figures(stage.cost.params, stage.cost.macs, stage.cost.activations)


def _pair(before: int, after: int) -> dict[str, int]:
    return {"before": before, "after": after, "delta": after - before}
