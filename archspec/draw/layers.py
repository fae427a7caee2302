"""Draws a box for every layer and a frame for every region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archspec.draw.picture import (
    COLOUR_NOTE,
    NO_PLACE,
    Box,
    Cluster,
    DrawError,
    Edge,
    Line,
    Picture,
    Place,
    clean_lines,
)
from archspec.draw.text import clean_text
from archspec.ir.graph import Graph, Input, Node, Region, Value, computes
from archspec.view import labels
from archspec.view.dominance import find_dominant_category
from archspec.view.hierarchy import relative_name
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.representatives import Representatives

LIMIT = 3000
"""The default for the most boxes of one picture; the layout takes well under a minute."""
LEAST = 116.0  # points: the least width of a box, so that most have the same


@dataclass
class View(Representatives[str]):
    """The boxes and frames of a picture; a node is represented by the id of its box."""

    depth: int | None = None
    limit: int = LIMIT
    boxes: list[Box] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    varying_nodes: set[int] = field(default_factory=set)
    """Nodes that represent others with different arguments."""

    def add_parts(self, region: int, cluster: str | None = None, level: int = 0) -> None:
        """Adds the parts of a region. Raises `DrawError` if there are more than `limit`."""
        for run in self.folded.runs(region):
            part = run.first.part
            self.varying_nodes.update(self._find_varying_nodes(run))
            if isinstance(part, Region):
                self._add_region(run, part, cluster, level)
            else:
                self._add_node(part, cluster, run.times)
            self.fold_run(run)

    def _find_varying_nodes(self, run: PartRun) -> Iterator[int]:
        """The nodes of a run's first part whose arguments differ from those in the last."""
        if run.times > 1:
            pairs = zip(self.folded.node_range(run.first.part), self.folded.node_range(run.last.part), strict=True)
            for first, last in pairs:
                first_node, last_node = self.graph.nodes[first], self.graph.nodes[last]
                if isinstance(first_node, Node) and isinstance(last_node, Node) and first_node.op != last_node.op:
                    yield first

    def _add_region(self, run: PartRun, region: Region, cluster: str | None, level: int) -> None:
        if self.depth is not None and level + 1 >= self.depth:
            box = make_region_box(self.folded, run, region, cluster)
            self._add_box(box)
            self.representative.update(dict.fromkeys(self.folded.node_range(region), box.id))
            return
        id = f"c{region.id}"
        heading = clean_text(labels.format_region(self.folded.run_name(run), region.kind))
        place = Place(region.name, region.span)
        self.clusters.append(Cluster(id, heading, run.times, place, cluster, level))
        self.add_parts(region.id, id, level + 1)

    def _add_node(self, node: Node | Input, cluster: str | None, times: int) -> None:
        if isinstance(node, Input):
            self._add_box(
                make_end_box(f"n{node.id}", node.name, node.outputs[0], Place(node.name, node.span), tip=True)
            )
        elif computes(node):
            self._add_box(
                make_layer_box(
                    node, self.graph.regions[node.region], cluster, times, varied=node.id in self.varying_nodes
                )
            )
        else:
            return
        self.representative[node.id] = self.boxes[-1].id

    def _add_box(self, box: Box) -> None:
        self.boxes.append(box)
        if len(self.boxes) > self.limit:
            raise DrawError(
                f"the picture would have more than {self.limit:,} boxes",
                "leave --fold on, look at less with --depth N or --detail stages, or raise the limit with --max-boxes",
            )


def draw_layers(graph: Graph, *, fold: bool = True, depth: int | None = None, limit: int = LIMIT) -> Picture:
    """The picture of all layers with their arguments and output shapes; a region deeper than `depth` is one box. Raises `DrawError`."""
    view = View(FoldedGraph(graph, fold), depth=depth, limit=limit)
    view.add_parts(0)
    ends, last = draw_outputs(view)
    return Picture(
        clean_text(graph.name, 80),
        describe_network(graph),
        (*view.boxes, *ends),
        (*collect_edges(view), *last),
        tuple(view.clusters),
        gap=16,
        notes=() if depth is None else (COLOUR_NOTE,),
    )


def collect_edges(view: View) -> list[Edge]:
    """The distinct arrows between the boxes of a view."""
    return [Edge(tail, head, flow, weight=8 if flow == "flow" else 1) for tail, head, flow in view.edges()]


def draw_outputs(view: View) -> tuple[list[Box], list[Edge]]:
    """The boxes of the network's outputs, and the arrows to them."""
    boxes, arrows = [], []
    for number, (name, value) in enumerate(view.graph.outputs.items()):
        boxes.append(make_end_box(f"out{number}", name, value, tip=True))
        arrows.append(Edge(view.representative[view.visible_source(value).node], f"out{number}", weight=8))
    return boxes, arrows


def make_layer_box(
    node: Node, around: Region, cluster: str | None, times: int = 1, *, varied: bool = False, brief: bool = False
) -> Box:
    """The box of a layer; if `brief`, without arguments that do not change what it computes and without a number as its name."""
    place = Place(node.name, node.span)
    if times == 1 and (sign := labels.format_sign(node.op)):
        tip = labels.format_tooltip(node)
        return Box(f"n{node.id}", node.op.category, (Line(sign, "strong"),), place, tip, cluster, sign=True)
    others = "" if varied or brief else labels.format_details(node.op)
    head = node.op.word if varied else labels.format_op(node.op)
    own = relative_name(node, around)
    own = "" if brief and own.rpartition(".")[2].isdecimal() else own
    shape = labels.format_shapes(node.output_shapes)
    text = clean_lines(
        Line(head, "strong", times=times),
        Line(others, "faint"),
        Line("  ·  ".join(filter(None, (own if node.path else "", shape))), "faint"),
    )
    return Box(
        f"n{node.id}",
        node.op.category,
        text,
        place,
        clean_text(labels.format_tooltip(node), 300),
        cluster,
        least=LEAST,
    )


def make_region_box(folded: FoldedGraph, run: PartRun, region: Region, cluster: str | None) -> Box:
    """The box of a run of regions whose inside is not shown."""
    shape = labels.format_shapes(value.shape for value in run.last.output)
    cost = labels.format_costs(sum(f.cost.params for f in run.parts), sum(f.cost.macs for f in run.parts))
    text = clean_lines(
        Line(labels.format_region(folded.run_name(run), region.kind), "strong", times=run.times),
        Line(shape, "faint"),
        Line(cost, "faint"),
    )
    tip = " — ".join(filter(None, (region.name, region.kind, shape, cost)))
    kind = find_dominant_category(folded.graph, folded.node_range(region))
    return Box(f"s{region.id}", kind, text, Place(region.name, region.span), clean_text(tip, 300), cluster, least=LEAST)


def describe_network(graph: Graph) -> str:
    """The description of a network for screen readers: inputs, outputs and counts."""
    given = ", ".join(f"{name} {value.shape}" for name, value in graph.inputs.items())
    made = ", ".join(f"{name} {value.shape}" for name, value in graph.outputs.items())
    layers = sum(map(computes, graph.nodes))
    source = f" ({graph.source})" if graph.source else ""
    return clean_text(f"{graph.name}{source}: {layers:,} layers, from {given} to {made}.", 400)


def make_end_box(id: str, name: str, value: Value, place: Place = NO_PLACE, *, tip: bool = False) -> Box:
    """The box of an input or an output of the network; with a tip, it has the least width of a layer's box."""
    shape = labels.format_shapes((value.shape,))
    text = clean_lines(Line(name, "strong"), Line(shape, "faint"))
    return Box(
        id, "ends", text, place, clean_text(f"{name} — {shape}", 300) if tip else "", least=LEAST if tip else 0.0
    )
