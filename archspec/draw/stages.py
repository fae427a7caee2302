"""Draws a box for each stage of a network, with the shapes between them."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.draw.layers import describe_network, make_end_box
from archspec.draw.picture import COLOUR_NOTE, Box, Edge, Line, Picture, Place, clean_lines
from archspec.draw.slabs import SCALE_NOTE, scale_boxes
from archspec.draw.text import clean_text
from archspec.draw.u_shape import bend_edges
from archspec.ir.graph import Graph, Node, OperandRef, Region, Value
from archspec.view import labels
from archspec.view.dominance import find_dominant_category
from archspec.view.recurrence import count_turns
from archspec.view.repetition import FoldedGraph
from archspec.view.skip_connections import Flow, choose_flow, find_skip_connections
from archspec.view.stage_rows import list_stage_rows
from archspec.view.stages import Stage, iter_stage_nodes, name_stages

_WIDTH = 190.0


def draw_stages(graph: Graph, *, fold: bool = True, scale: bool = False) -> Picture:
    """The picture of a network's stages with their costs, which fits a page for any depth; to `scale`, boxes show the sizes of their outputs."""
    folded = FoldedGraph(graph, fold)
    shown = name_stages(folded)
    flows = find_skip_connections(graph)
    boxes = [
        make_end_box(f"n{value.node}", name, value, Place(name, graph.nodes[value.node].span))
        for name, value in graph.inputs.items()
    ]
    loops: list[Edge] = []
    stands = {value.node: f"n{value.node}" for value in graph.inputs.values()}
    for number, (name, stage) in enumerate(shown.items()):
        stands.update(dict.fromkeys(iter_stage_nodes(folded, stage), f"g{number}"))
        boxes.append(_make_stage_box(folded, name, stage, f"g{number}", flows))
        if (turns := count_turns(graph, iter_stage_nodes(folded, stage))) > 1:
            loops.append(Edge(f"g{number}", f"g{number}", label=labels.format_times(turns)))
    outputs = [make_end_box(f"out{n}", *end) for n, end in enumerate(graph.outputs.items())]
    edges, ranks = bend_edges(
        _collect_edges(graph, stands, flows), [box.id for box in boxes], [box.id for box in outputs]
    )
    if scale:
        shapes = {f"n{value.node}": value.shape for value in graph.inputs.values()}
        shapes |= {f"out{n}": value.shape for n, value in enumerate(graph.outputs.values())}
        shapes |= {f"g{number}": stage.runs[-1].last.output[0].shape for number, stage in enumerate(shown.values())}
        boxes, outputs = (scale_boxes(some, shapes) for some in (boxes, outputs))
    last = [Edge(stands[value.node], f"out{n}", weight=8) for n, value in enumerate(graph.outputs.values())]
    return Picture(
        clean_text(graph.name, 80),
        describe_network(graph),
        (*boxes, *outputs),
        (*edges, *loops, *last),
        ranks=ranks,
        direction="LR" if scale and not ranks else "TB",
        gap=26,
        notes=(COLOUR_NOTE, SCALE_NOTE) if scale else (COLOUR_NOTE,),
    )


def _make_stage_box(folded: FoldedGraph, name: str, stage: Stage, id: str, flows: dict[OperandRef, Flow]) -> Box:
    first = stage.runs[0].first.part
    rows = [Line(row.text, times=row.times, skip=row.skip) for row in list_stage_rows(folded, stage, flows)]
    cost = labels.format_costs(stage.cost.params, stage.cost.macs)
    kind = find_dominant_category(folded.graph, iter_stage_nodes(folded, stage))
    text = clean_lines(Line(name, "strong"), *rows, Line(cost, "faint"))
    place = Place(first.name, first.span) if isinstance(first, (Region, Node)) else Place()
    return Box(id, kind, text, place, clean_text(" — ".join(map(str, text)), 300), least=_WIDTH, work=stage.cost.macs)


def _collect_edges(graph: Graph, stands: dict[int, str], flows: dict[OperandRef, Flow]) -> list[Edge]:
    """The distinct arrows between stages with the shapes of their values."""
    flows_by_ends: dict[tuple[str, str], set[Flow]] = {}
    values_by_ends: dict[tuple[str, str], dict[Value, None]] = {}
    for node in graph.ops:
        for operand, given in enumerate(() if node.op.reads_batch else node.inputs):
            tail, head = ends = stands[given.node], stands[node.id]
            if tail != head:
                flows_by_ends.setdefault(ends, set()).add(flows.get((node.id, operand), "flow"))
                values_by_ends.setdefault(ends, {})[given] = None
    return [_make_edge(*ends, choose_flow(found), values_by_ends[ends]) for ends, found in flows_by_ends.items()]


def _make_edge(tail: str, head: str, flow: Flow, values: Iterable[Value]) -> Edge:
    label = "" if tail.startswith("n") else labels.format_shapes(value.shape for value in values)
    return Edge(tail, head, flow, label, 8 if flow == "flow" else 1)
