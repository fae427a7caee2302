"""The stages of a network: what a reader of its paper would call a row of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archspec.analysis.counts import Cost
from archspec.analysis.folding import Folding, Run, spanned
from archspec.analysis.outline import label
from archspec.graph import Input, Node, Scope

_WHOLE = (
    0.5  # a part that only groups and has more of the layers than this is opened: it is not one stage of the network
)
_ALL = 0.85  # the same of a block
_MOST = 26  # stages: as many fit a page


@dataclass
class Stage:
    """One stage: runs of parts."""

    runs: list[Run] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        return sum((facts.cost for run in self.runs for facts in run.parts), Cost())


def parts(folding: Folding, scope: int = 0) -> Iterator[Run]:
    """The runs of parts that stages are made of: those of the network, with what holds most of it opened."""
    whole = len(folding.graph.nodes)
    for run in folding.runs(scope):
        part = run.first.part
        if isinstance(part, Scope) and run.times == 1 and _opens(folding, part, whole):
            yield from parts(folding, part.id)
        elif not isinstance(part, Input):
            yield run


def _opens(folding: Folding, part: Scope, whole: int) -> bool:
    return len(folding.nodes(part)) > max((_ALL if part.kind else _WHOLE) * whole, 3)


def grouped(folding: Folding) -> list[Stage]:
    """The stages of a network, as many as fit a page."""
    return _fitted(list(_grouped(folding)))


def _grouped(folding: Folding) -> Iterator[Stage]:
    """The stages: parts of one block at one resolution together, loose layers in a row together."""
    current = Stage()
    for run in parts(folding):
        if current.runs and not _joins(folding, current, run):
            yield current
            current = Stage()
        current.runs.append(run)
    if current.runs:
        yield current


def _joins(folding: Folding, stage: Stage, run: Run) -> bool:
    """Whether a run belongs to the stage before it: it reads that alone and is of its kind."""
    before = stage.runs[-1]
    if not _follows(folding, before, run):
        return False
    old, new = before.first.part, run.first.part
    if isinstance(new, Scope) and isinstance(old, Scope):
        return old.kind == new.kind != "" and _resolution(before) == _resolution(run)
    if isinstance(new, Scope):
        return not any(one.first.cost.params or isinstance(one.first.part, Scope) for one in stage.runs)
    return isinstance(old, Node) and not _ended(stage)


def _follows(folding: Folding, before: Run, run: Run) -> bool:
    inside = {id for facts in run.parts for id in folding.nodes(facts.part)}
    last = folding.readers(before.last.part)
    return bool(last) and last <= inside


def _ended(stage: Stage) -> bool:
    """Whether loose layers have come to the end of a resolution: weights, then a pool."""
    last = stage.runs[-1].first.part
    weighted = any(one.first.cost.params for one in stage.runs)
    return weighted and isinstance(last, Node) and last.op.word in {"maxpool", "avgpool"}


def _resolution(run: Run) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(value.shape.sizes[axis] for axis in value.shape.places) for value in run.last.output)


def _fitted(found: list[Stage]) -> list[Stage]:
    """The stages, neighbours joined where there are too many for a page."""
    while len(found) > _MOST:
        pairs = range(0, len(found), 2)
        found = [Stage([run for stage in found[at : at + 2] for run in stage.runs]) for at in pairs]
    return found


def name_of(folding: Folding, stage: Stage) -> str:
    """What the stage is called: its one part, the first and the last of a block's uses, or all its loose layers."""
    named = [run for run in stage.runs if isinstance(run.first.part, Scope)] or stage.runs
    root = folding.graph.scopes[0]
    first, last = short(label(named[0].first.part, root)), short(label(named[-1].last.part, root))
    return spanned(first, last)


def short(name: str) -> str:
    """A name without the scopes that hold the whole network."""
    return name.rpartition(".")[2] if name.rpartition(".")[2][:1].isalpha() else name


def nodes_of(folding: Folding, stage: Stage) -> Iterator[int]:
    for run in stage.runs:
        for facts in run.parts:
            yield from folding.nodes(facts.part)
