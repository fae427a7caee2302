"""Draws a box for each stage of a network, with the shapes between them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from archspec.draw.layers import describe_network, make_end_box
from archspec.draw.picture import Box, Edge, Line, Picture, Place, clean_lines
from archspec.draw.text import clean_text
from archspec.draw.u_shape import bend_edges
from archspec.ir.graph import Graph, Node, OperandRef, Region, Value, computes
from archspec.view import labels
from archspec.view.hierarchy import relative_name
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.skip_connections import Flow, find_skip_connections
from archspec.view.stages import Stage, group_stages, iter_stage_nodes, name_stage, shorten_name

_ROWS = 5  # the most lines in a box
_CHAIN = 7  # the most layers of a block that are written out
_WIDTH = 190.0


def draw_stages(graph: Graph, *, fold: bool = True) -> Picture:
    """The picture of a network's stages with their costs, which fits a page for any depth."""
    folded = FoldedGraph(graph, fold)
    shown = group_stages(folded)
    flows = find_skip_connections(graph)
    boxes = [
        make_end_box(f"n{value.node}", name, value, Place(name, graph.nodes[value.node].span))
        for name, value in graph.inputs.items()
    ]
    stands = {value.node: f"n{value.node}" for value in graph.inputs.values()}
    for number, stage in enumerate(shown):
        stands.update(dict.fromkeys(iter_stage_nodes(folded, stage), f"g{number}"))
        boxes.append(_make_stage_box(folded, stage, f"g{number}", flows))
    outputs = [make_end_box(f"out{n}", *end) for n, end in enumerate(graph.outputs.items())]
    edges, ranks = bend_edges(
        _collect_edges(graph, stands, flows), [box.id for box in boxes], [box.id for box in outputs]
    )
    last = [Edge(stands[value.node], f"out{n}", weight=8) for n, value in enumerate(graph.outputs.values())]
    return Picture(
        clean_text(graph.name, 80), describe_network(graph), (*boxes, *outputs), (*edges, *last), ranks=ranks, gap=26
    )


def _make_stage_box(folded: FoldedGraph, stage: Stage, id: str, flows: dict[OperandRef, Flow]) -> Box:
    first = stage.runs[0].first.part
    rows = stage_rows(folded, stage, flows)
    cost = labels.format_costs(stage.cost.params, stage.cost.macs)
    name = name_stage(folded, stage)
    loose = all(isinstance(run.first.part, Node) for run in stage.runs)
    heaviest = max((run.first for run in stage.runs), key=lambda facts: facts.cost.params)
    kind = heaviest.part.op.category if loose and isinstance(heaviest.part, Node) else "block"
    text = clean_lines(Line(name, "strong"), *rows, Line(cost, "faint"))
    place = Place(first.name, first.span) if isinstance(first, (Region, Node)) else Place()
    return Box(id, kind, text, place, clean_text(" — ".join(line.text for line in text), 300), least=_WIDTH)


def stage_rows(folded: FoldedGraph, stage: Stage, flows: dict[OperandRef, Flow]) -> list[Line]:
    """The parts of a stage, a line each; the lines beyond a limit are only counted."""
    rows = list(_merge_rows(list(_iter_rows(folded, stage, flows))))
    return rows if len(rows) <= _ROWS else [*rows[: _ROWS - 1], Line(f"… {len(rows) - _ROWS + 1} more rows", "faint")]


def _iter_rows(folded: FoldedGraph, stage: Stage, flows: dict[OperandRef, Flow]) -> Iterator[Line]:
    loose: list[Node] = []
    for run in stage.runs:
        part = run.first.part
        if isinstance(part, Node):
            loose.extend(facts.part for facts in run.parts if computes(facts.part))
            continue
        yield from format_chain(loose)
        loose = []
        if isinstance(part, Region):
            yield from _iter_block_rows(folded, run, part, flows, single=len(stage.runs) == 1)
    yield from format_chain(loose)


def _iter_block_rows(
    folded: FoldedGraph, run: PartRun, region: Region, flows: dict[OperandRef, Flow], *, single: bool
) -> Iterator[Line]:
    """The lines of a run of blocks: its layers if they are a short chain, its parts if it is the only block, else one line."""
    plain = find_plain_chain(folded, region)
    if plain and run.times == 1:
        yield from format_chain(plain)
        return
    opened = list(_iter_opened_rows(folded, region, flows)) if single and run.times == 1 else []
    yield from opened if 0 < len(opened) <= _ROWS else _format_run(folded, run, flows)


def _iter_opened_rows(folded: FoldedGraph, region: Region, flows: dict[OperandRef, Flow]) -> Iterator[Line]:
    within = list(folded.runs(region.id))
    if not any(isinstance(run.first.part, Region) for run in within):
        return
    loose: list[Node] = []
    for run in within:
        part = run.first.part
        if isinstance(part, Node):
            loose.append(part)
            continue
        yield from format_chain(loose)
        loose = []
        yield from _format_run(folded, run, flows)
    yield from format_chain(loose)


def find_plain_chain(folded: FoldedGraph, region: Region) -> list[Node]:
    """The layers of a region if they are a short chain; else an empty list."""
    inside = [folded.graph.nodes[id] for id in folded.node_range(region)]
    nodes = list(filter(computes, inside))
    plain = len(nodes) <= _CHAIN and not any(len(node.inputs) > 1 or len(node.outputs) > 1 for node in nodes)
    return nodes if plain else []


def _format_run(folded: FoldedGraph, run: PartRun, flows: dict[OperandRef, Flow]) -> Iterator[Line]:
    part = run.first.part
    assert isinstance(part, Region)
    around = folded.graph.regions[part.parent or 0]
    name = _find_block_kind(folded, part) or shorten_name(relative_name(part, around))
    plain = find_plain_chain(folded, part)
    if plain and run.times == 1:
        yield from format_chain(plain)
    else:
        yield Line(labels.format_repeated(name, run.times), "plain", _find_skip_kind(folded, part, flows))


def _find_block_kind(folded: FoldedGraph, region: Region) -> str:
    """The name of a region's block, or of the only block inside it."""
    if region.kind:
        return region.kind
    inside = [facts.part for facts in folded.members[region.id] if isinstance(facts.part, Region)]
    return _find_block_kind(folded, inside[0]) if len(inside) == 1 else ""


def _merge_rows(rows: list[Line]) -> Iterator[Line]:
    """The lines, with consecutive equal ones as one: `inception  ×2`."""
    for (text, style, skip), group in groupby(rows, key=lambda row: (row.text, row.style, row.skip)):
        times = len(list(group))
        yield Line(text if "×" in text else labels.format_repeated(text, times), style, skip)


def _find_skip_kind(folded: FoldedGraph, region: Region, flows: dict[OperandRef, Flow]) -> Flow | None:
    """The kind of skip connection in a block; of several, the first in the order of precedence."""
    inside = folded.node_range(region)
    flows_inside = {flow for (node, _), flow in flows.items() if node in inside}
    return next((flow for flow in ("projection", "identity", "concat", "gate") if flow in flows_inside), None)


def format_chain(nodes: list[Node]) -> Iterator[Line]:
    """The lines of a chain of layers; a weighted layer begins a line: `conv 7×7, 64, /2, batchnorm, relu`."""
    row: list[str] = []
    for node in nodes:
        if not computes(node):
            continue
        if row and (node.op.weighted or len(row) > 2 or node.op.category == "pool"):
            yield Line(", ".join(row))
            row = []
        row.append(labels.format_op(node.op))
    if row:
        yield Line(", ".join(row))


def _collect_edges(graph: Graph, stands: dict[int, str], flows: dict[OperandRef, Flow]) -> list[Edge]:
    """The distinct arrows between stages with the shapes of their values; one past another stage is a skip connection."""
    order = {id: number for number, id in enumerate(dict.fromkeys(stands.values()))}
    flow_by_ends: dict[tuple[str, str], Flow] = {}
    values_by_ends: dict[tuple[str, str], dict[Value, None]] = {}
    for node in graph.ops:
        for operand, given in enumerate(node.inputs):
            tail, head = ends = stands[given.node], stands[node.id]
            if tail == head:
                continue
            flow = flows.get((node.id, operand), "flow")
            past = order[head] - order[tail] > 1 and not tail.startswith("n")
            flow_by_ends.setdefault(ends, _skip_flow(node, flow) if past else flow if flow == "gate" else "flow")
            values_by_ends.setdefault(ends, {})[given] = None
    return [
        Edge(
            *ends,
            flow,
            "" if ends[0].startswith("n") else labels.format_shapes(v.shape for v in values_by_ends[ends]),
            8 if flow == "flow" else 1,
        )
        for ends, flow in flow_by_ends.items()
    ]


def _skip_flow(node: Node, flow: Flow) -> Flow:
    return node.op.skip_kinds[0] if flow == "flow" else flow
