"""Lists what a stage contains, in rows: chains of layers and blocks, each with the number of times it is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from archspec.ir.graph import Graph, Node, OperandRef, Region, computes
from archspec.ir.uses import find_ancestors
from archspec.printable import shorten_text
from archspec.view import labels
from archspec.view.hierarchy import relative_name
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.skip_connections import Flow, choose_flow
from archspec.view.stages import Stage, shorten_name

_ROWS = 5  # the most rows of a stage
_CHAIN = 7  # the most layers of a block that are written out
_FEW = 3  # the most parts of a turn that are named one by one


_LONGEST = 60  # the most characters of a row of several layers
BESIDE = "beside "
"""The beginning of a row that is parallel to the one before."""


@dataclass(frozen=True, slots=True)
class Row:
    """A chain of layers or a block, and the number of times that it is there in a row.

    >>> row = Row("conv 3×3, 256, relu", 6, times=3)
    >>> str(row), row.layers
    ('conv 3×3, 256, relu ×3', 6)
    """

    text: str
    layers: int
    """The layers of all its repetitions."""
    times: int = 1
    skip: Flow | None = None
    """The kind of skip connection in the block."""
    nodes: Sequence[int] = field(default=(), repr=False)
    """The ids of the nodes of all its repetitions, in order."""

    def __str__(self) -> str:
        return labels.format_repeated(self.text, self.times)


def list_stage_rows(folded: FoldedGraph, stage: Stage, flows: Mapping[OperandRef, Flow]) -> list[Row]:
    """The rows of a stage; of those beyond a limit only the layers are counted, in the last row."""
    rows = list(_iter_rows(folded, stage.runs, flows, opened=True))
    rows = list(_merge_rows(_mark_parallel(folded.graph, rows)))
    if len(rows) <= _ROWS:
        return rows
    hidden = sum(row.layers for row in rows[_ROWS - 1 :])
    return [*rows[: _ROWS - 1], Row(f"… {hidden:,} more {'layers' if hidden > 1 else 'layer'}", hidden)]


def format_chain(nodes: Iterable[Node]) -> Iterator[Row]:
    """The rows of a chain of layers; a weighted layer begins a row: `conv 7×7, 64, /2, batchnorm, relu`."""
    row: list[Node] = []
    for node in filter(computes, nodes):
        long = len(_join_layers([*row, node]).text) > _LONGEST
        if row and (node.op.weighted or len(row) > 2 or node.op.category == "pool" or long):
            yield _join_layers(row)
            row = []
        row.append(node)
    if row:
        yield _join_layers(row)


def _join_layers(nodes: Sequence[Node]) -> Row:
    text = ", ".join(labels.format_op(node.op) for node in nodes)
    return Row(text, len(nodes), nodes=[node.id for node in nodes])


def _mark_parallel(graph: Graph, rows: Sequence[Row]) -> Iterator[Row]:
    """The rows; one that does not depend on the row before says that it is beside that, and a join of both has a row of its own."""
    yield from rows[:1]
    for before, row in pairwise(rows):
        if not row.nodes or _depends(graph, row.nodes[0], before.nodes):
            yield row
            continue
        branch, joined = _split_join(graph, row)
        yield replace(branch, text=f"{BESIDE}{branch.text}")
        yield from joined


def _split_join(graph: Graph, row: Row) -> tuple[Row, list[Row]]:
    """A row without the layers from the first join on, and these; the whole row if it is a block or begins with a join."""
    layers = [node for node in map(graph.nodes.__getitem__, row.nodes) if isinstance(node, Node)]
    count = next((place for place, node in enumerate(layers) if len(node.inputs) > 1), 0)
    if not count or row.text != _join_layers(layers).text:
        return row, []
    return _join_layers(layers[:count]), [_join_layers(layers[count:])]


def _depends(graph: Graph, node: int, others: Collection[int]) -> bool:
    """Whether a node depends on one of some others, or on nothing."""
    before = [value.node for value in graph.nodes[node].inputs]
    nearest = not before or any(id in others for id in before)
    return nearest or not find_ancestors(graph, before).isdisjoint(others)


def find_plain_chain(folded: FoldedGraph, region: Region) -> list[Node]:
    """The layers of a region if they are a short chain; else an empty list."""
    nodes = _list_layers(folded, region)
    plain = len(nodes) <= _CHAIN and not any(len(node.inputs) > 1 or len(node.outputs) > 1 for node in nodes)
    return nodes if plain else []


def _list_layers(folded: FoldedGraph, region: Region) -> list[Node]:
    return list(filter(computes, (folded.graph.nodes[id] for id in folded.node_range(region))))


def _merge_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, with consecutive ones of the same text as one."""
    for (text, skip), group in groupby(rows, key=lambda row: (row.text, row.skip)):
        equal = list(group)
        nodes = [id for row in equal for id in row.nodes]
        yield Row(text, sum(row.layers for row in equal), sum(row.times for row in equal), skip, nodes)


def _iter_rows(
    folded: FoldedGraph, runs: Iterable[PartRun], flows: Mapping[OperandRef, Flow], *, opened: bool
) -> Iterator[Row]:
    """The rows of some parts; with `opened`, a single block among them is replaced by its parts, if these are few."""
    runs = list(runs)
    blocks = [run for run in runs if isinstance(run.first.part, Region)]
    named = {
        run.first.part.kind for run in blocks if isinstance(run.first.part, Region) and not _find_chain(folded, run)
    }
    loose: list[Node] = []
    for run in runs:
        part = run.first.part
        if isinstance(part, Node):
            loose.extend(facts.part for facts in run.parts if isinstance(facts.part, Node))
        elif isinstance(part, Region):
            yield from format_chain(loose)
            loose = []
            if part.kind not in named - {""} and (chain := _find_chain(folded, run)):
                yield from format_chain(chain)
            else:
                yield from _iter_block_rows(folded, run, part, flows, opened=opened and len(blocks) == 1)
    yield from format_chain(loose)


def _find_chain(folded: FoldedGraph, run: PartRun) -> list[Node]:
    """The layers of a block that is there once, if they are a short chain; else an empty list."""
    part = run.first.part
    return find_plain_chain(folded, part) if isinstance(part, Region) and run.times == 1 else []


def _iter_block_rows(
    folded: FoldedGraph, run: PartRun, region: Region, flows: Mapping[OperandRef, Flow], *, opened: bool
) -> Iterator[Row]:
    """The rows of a run of blocks: those of its parts, if they are shown and few, else one."""
    inside = list(folded.runs(region.id)) if run.times == 1 else []
    blocks = [part for part in inside if isinstance(part.first.part, Region)]
    wrapper = not region.kind and len(inside) == len(blocks) == 1
    shown = wrapper or (opened and not (region.kind and not blocks))
    rows = list(_iter_rows(folded, inside, flows, opened=wrapper)) if shown else []
    yield from rows if 0 < len(rows) <= _ROWS else [_format_block(folded, run, region, flows)]


def _format_block(folded: FoldedGraph, run: PartRun, region: Region, flows: Mapping[OperandRef, Flow]) -> Row:
    """A run of blocks as one row, with the name of the block."""
    around = folded.graph.regions[region.parent or 0]
    name = _describe_block(folded, region) or shorten_name(relative_name(region, around))
    if name.isdecimal() or (
        not region.kind and not around.path and name == region.path[-1]
    ):  # a place in a list, or the stage itself
        name = _describe_join(_list_layers(folded, region)) or name
    regions = [facts.part for facts in run.parts if isinstance(facts.part, Region)]
    nodes = [node.id for part in regions for node in _list_layers(folded, part)]
    return Row(name, len(nodes), run.times, find_skip_kind(folded, region, flows), nodes)


def _describe_block(folded: FoldedGraph, region: Region) -> str:
    """The name of a region's block, or of the only block inside it with the few layers beside it; else empty."""
    if region.kind:
        return region.kind
    parts = [facts.part for facts in folded.members[region.id]]
    inside = [part for part in parts if isinstance(part, Region) or computes(part)]
    if len(inside) > _FEW or sum(isinstance(part, Region) for part in inside) != 1:
        return ""
    names = [
        _describe_block(folded, part) if isinstance(part, Region) else labels.format_op(part.op) for part in inside
    ]
    return ", ".join(names) if all(names) else ""


def _describe_join(layers: Sequence[Node]) -> str:
    """The join of some layers and the layers after it: `concat of 2 branches, relu`; empty if it is not the only one of branches of one value."""
    inside = {node.id for node in layers}
    entries = Counter(value for node in layers for value in node.inputs if value.node not in inside)
    joins = [place for place, node in enumerate(layers) if len(node.inputs) > 1]
    if len(joins) != 1 or max(entries.values(), default=0) < 2:
        return ""
    join, *rest = layers[joins[0] :]
    words = [f"{join.op.word} of {len(join.inputs)} branches", *(labels.format_op(node.op) for node in rest)]
    return shorten_text(", ".join(words), _LONGEST)


def find_skip_kind(folded: FoldedGraph, region: Region, flows: Mapping[OperandRef, Flow]) -> Flow | None:
    """The kind of skip connection in a block; of several, the first in the order of precedence."""
    inside = folded.node_range(region)
    flows_inside = {flow for (node, _), flow in flows.items() if node in inside}
    return choose_flow(flows_inside) if flows_inside else None
