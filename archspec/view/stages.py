"""Groups the parts of a network into stages, the rows of the table in its paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from archspec.analysis.counts import Cost
from archspec.ir.graph import Input, Node, Region
from archspec.view.hierarchy import relative_name
from archspec.view.labels import format_name_range
from archspec.view.repetition import FoldedGraph, PartRun

_WHOLE = 0.5  # a region without a kind that holds a larger share of the layers is opened
_ALL = 0.85  # the same for a block
_FEW = 2  # stages with weights of a spec that has only one stage besides its head
_FIT = 14  # stages of a spec that fit a page
_MOST = 26  # the same for merged ones


@dataclass
class Stage:
    """One stage: runs of parts."""

    runs: list[PartRun] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        return sum((facts.cost for run in self.runs for facts in run.parts), Cost())


def iter_stage_runs(folded: FoldedGraph, region: int = 0) -> Iterator[PartRun]:
    """Yields the runs of parts that make up the stages; a region that holds most of the network is opened."""
    whole = len(folded.graph.nodes)
    for run in folded.runs(region):
        part = run.first.part
        if isinstance(part, Region) and run.times == 1 and _should_open(folded, part, whole):
            yield from iter_stage_runs(folded, part.id)
        elif not isinstance(part, Input):
            yield run


def _should_open(folded: FoldedGraph, part: Region, whole: int) -> bool:
    return len(folded.node_range(part)) > max((_ALL if part.kind else _WHOLE) * whole, 3)


def group_stages(folded: FoldedGraph) -> list[Stage]:
    """The stages of a network: those of its spec if they fit a page and none of them is most of the network.

    Of single layers, those after a weighted one belong to its stage: `conv1 … maxpool`. Stages that do not fit are merged with their
    neighbours, as the name of the merged stage says.
    """
    own = list(_group_own_stages(folded))
    return own if len(own) <= _FIT and not _is_one_stage(folded) else _merge_to_fit(list(_group_runs(folded)))


def _is_one_stage(folded: FoldedGraph) -> bool:
    """Whether one stage of a spec is most of the network, and at most one other has weights or it consists of several blocks."""
    parts = folded.members[0]
    weighted = sum(facts.cost.params > 0 or facts.reuses_weights for facts in parts)
    whole = len(folded.graph.nodes)
    large = [f.part for f in parts if isinstance(f.part, Region) and _should_open(folded, f.part, whole)]
    return any(weighted <= _FEW or _has_several_blocks(folded, region) for region in large)


def _has_several_blocks(folded: FoldedGraph, region: Region) -> bool:
    runs = list(folded.runs(region.id))
    return len(runs) > 1 and all(isinstance(run.first.part, Region) for run in runs)


def _group_own_stages(folded: FoldedGraph) -> Iterator[Stage]:
    """Yields the stages of the spec, with single layers after a weighted one in its stage."""
    current = Stage()
    for facts in folded.members[0]:
        if isinstance(facts.part, Input):
            continue
        run = PartRun((facts,))
        if current.runs and not _continues_layers(folded, current, run):
            yield current
            current = Stage()
        current.runs.append(run)
    if current.runs:
        yield current


def _continues_layers(folded: FoldedGraph, stage: Stage, run: PartRun) -> bool:
    """Whether a single layer is the only consumer of the layers of a stage, which have no weighted layer before another one."""
    layers = [earlier.first.part for earlier in stage.runs]
    new = run.first.part
    single = isinstance(new, Node) and all(isinstance(layer, Node) for layer in layers)
    weighted = any(isinstance(layer, Node) and layer.op.weighted for layer in layers)
    starts = isinstance(new, Node) and new.op.weighted > 0 and weighted
    return single and not starts and _feeds_only(folded, stage.runs[-1], run)


def _group_runs(folded: FoldedGraph) -> Iterator[Stage]:
    """Yields the stages: uses of one block at one resolution are one stage, and so are consecutive layers outside a block."""
    current = Stage()
    for run in iter_stage_runs(folded):
        if current.runs and not _belongs_to_stage(folded, current, run):
            yield current
            current = Stage()
        current.runs.append(run)
    if current.runs:
        yield current


def _belongs_to_stage(folded: FoldedGraph, stage: Stage, run: PartRun) -> bool:
    """Whether a run belongs to the stage before it: it is its only consumer and of its kind."""
    before = stage.runs[-1]
    if not _feeds_only(folded, before, run):
        return False
    old, new = before.first.part, run.first.part
    if isinstance(new, Region) and isinstance(old, Region):
        return old.kind == new.kind != "" and _spatial_resolution(before) == _spatial_resolution(run)
    if isinstance(new, Region):
        return not any(earlier.first.cost.params or isinstance(earlier.first.part, Region) for earlier in stage.runs)
    return isinstance(old, Node) and not _ends_resolution(stage)


def _feeds_only(folded: FoldedGraph, before: PartRun, run: PartRun) -> bool:
    inside = {id for facts in run.parts for id in folded.node_range(facts.part)}
    last = folded.consumers(before.last.part)
    return bool(last) and last <= inside


def _ends_resolution(stage: Stage) -> bool:
    """Whether a stage of layers outside a block ends here: it has weights and its last layer is a pool."""
    last = stage.runs[-1].first.part
    weighted = any(run.first.cost.params for run in stage.runs)
    return weighted and isinstance(last, Node) and last.op.coarsens


def _spatial_resolution(run: PartRun) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(value.shape.sizes[axis] for axis in value.shape.places) for value in run.last.output)


def _merge_to_fit(stages: list[Stage]) -> list[Stage]:
    """The stages, merged in pairs until they fit a page."""
    while len(stages) > _MOST:
        pairs = range(0, len(stages), 2)
        stages = [Stage([run for stage in stages[index : index + 2] for run in stage.runs]) for index in pairs]
    return stages


def name_stages(folded: FoldedGraph) -> dict[str, Stage]:
    """The stages of a network by their names, in order; names that would be equal have those of the parts around them, or a number.

    >>> import archspec
    >>> spec = {"name": "net", "input": [8], "stages": {"a.fc": {"linear": 8}, "b.fc": {"linear": 4}, "head": {"linear": 2}}}
    >>> list(name_stages(FoldedGraph(archspec.load(spec).graph)))
    ['a.fc', 'b.fc', 'head']
    """
    stages = group_stages(folded)
    counted = Counter(_name_stage(folded, stage) for stage in stages)
    unique = {name for name, count in counted.items() if count == 1}
    named: dict[str, Stage] = {}
    for stage in stages:
        name = _name_stage(folded, stage, unique)
        again = sum(other == name or other.startswith(f"{name} (") for other in named)
        named[f"{name} ({again + 1})" if again else name] = stage
    return named


def _name_stage(folded: FoldedGraph, stage: Stage, unique: Collection[str] | None = None) -> str:
    """The name of a stage: of its part, of the first and last use of its block, or of its first and last layer; in full if the short one is not unique."""
    named = [run for run in stage.runs if isinstance(run.first.part, Region)] or stage.runs
    root = folded.graph.regions[0]
    full = [relative_name(part, root) for part in (named[0].first.part, named[-1].last.part)]
    short = format_name_range(*map(shorten_name, full))
    return short if unique is None or short in unique else format_name_range(*full)


def shorten_name(name: str) -> str:
    """The last component of a dotted name if it starts with a letter, else the whole name."""
    return name.rpartition(".")[2] if name.rpartition(".")[2][:1].isalpha() else name


def iter_stage_nodes(folded: FoldedGraph, stage: Stage) -> Iterator[int]:
    for run in stage.runs:
        for facts in run.parts:
            yield from folded.node_range(facts.part)
