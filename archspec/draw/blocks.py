"""Draws each distinct block of a network once, beside a table of its stages."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.draw.layers import LEAST, View, collect_edges, describe_network, make_layer_box
from archspec.draw.picture import Box, Cluster, Edge, Line, Picture, Place, clean_lines
from archspec.draw.text import clean_text
from archspec.ir.graph import Graph, Node, Region, Value, computes
from archspec.ir.uses import ComputedUses
from archspec.numerals import format_rounded
from archspec.view import labels
from archspec.view.block_kinds import BlockKind, find_distinct_blocks
from archspec.view.chains import split_chain
from archspec.view.hierarchy import relative_name
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.skip_connections import find_skip_connections
from archspec.view.stage_rows import Row, find_plain_chain, format_chain, list_stage_rows
from archspec.view.stages import Stage, name_stages

_SHELF = 1100.0  # points: the most width of the page of figures
_FIRST = "sizes and strides: of the first of each block"
_MOST = 12  # the most figures of one picture


def draw_blocks(graph: Graph, *, fold: bool = True, compact: bool = True) -> Picture:
    """The distinct blocks of a network and the table of its stages; if `compact`, a weighted layer is one box with those around it."""
    folded = FoldedGraph(graph, fold)
    shown = find_distinct_blocks(folded)
    view = _BlockView(folded, compact)
    for kind in shown[:_MOST]:
        view.draw(kind)
    left_out = len(shown) - _MOST
    note = f" {left_out} more kinds of block are not shown." if left_out > 0 else ""
    arrows = [*collect_edges(view), *view.ends]
    return Picture(
        clean_text(graph.name, 80),
        clean_text(describe_network(graph) + note, 400),
        tuple(view.boxes),
        tuple(dict.fromkeys(arrows)),
        tuple(view.clusters),
        table=tuple(_stage_table(folded)),
        gap=16,
        shelf=_SHELF,
        notes=(_FIRST,) if any(kind.times > 1 for kind in shown) else (),
    )


class _BlockView(View):
    """A view of single blocks, with boxes for their inputs and outputs."""

    def __init__(self, folded: FoldedGraph, compact: bool) -> None:
        super().__init__(folded)
        self.compact = compact
        self.ends: list[Edge] = []
        self.figures: dict[int, int] = {}
        """The id of the block's region, for each drawn node."""
        self.given: dict[tuple[int, Value], str] = {}
        """The box of each value that a block reads from outside, by the id of the block's region."""

    def draw(self, kind: BlockKind) -> None:
        region = kind.region
        id = f"c{region.id}"
        place = Place(region.name, region.span)
        heading = clean_text(kind.title)
        self.clusters.append(Cluster(id, heading, kind.times, place, note=clean_text(kind.names)))
        inside = self.folded.node_range(region)
        self.figures.update(dict.fromkeys(inside, region.id))
        self._add_inputs(region)
        self._add_layers(region.id, id, 1)
        self._connect_inputs(inside)
        self._connect_outputs(region, inside)

    def in_different_turns(self, tail: int, head: int) -> bool:
        return self.figures.get(tail, -1) != self.figures.get(head, -2) or super().in_different_turns(tail, head)

    def _add_inputs(self, region: Region) -> None:
        """Adds a box for each value that comes from outside the block."""
        inside = self.folded.node_range(region)
        for value in dict.fromkeys(map(self.visible_source, self.graph.region_tree.inputs[region.id])):
            users = [node for node in self.graph.users(value) if node.id in inside]
            if users and all(node.op.reads_batch for node in users):
                continue
            id = f"i{region.id}v{value.node}x{value.index}"
            self._add_end(id, "input", value, f"c{region.id}")
            self.given[region.id, value] = id

    def _add_layers(self, region: int, cluster: str, level: int) -> None:
        """Adds the layers of a region and of the regions inside it; if compact, chains of layers in boxes of their own."""
        chain: list[Node] = []
        for run in self.folded.runs(region):
            part = run.first.part
            self.varying_nodes.update(self._find_varying_nodes(run))
            if isinstance(part, Node) and run.times == 1 and self.compact:
                if computes(part):
                    chain = self._extend_chain(chain, part, cluster)
                continue
            self._add_chain(chain, cluster)
            chain = []
            if isinstance(part, Region):
                self._add_part(run, part, cluster, level)
            elif computes(part):
                self._add_layer(part, cluster, run.times)
            self.fold_run(run)
        self._add_chain(chain, cluster)

    def _extend_chain(self, chain: list[Node], node: Node, cluster: str) -> list[Node]:
        """The chain with one more layer, if it is the only consumer of the last one; else a new chain."""
        uses = self.graph.derive(ComputedUses)
        if chain and uses.operands(node) == chain[-1].outputs and uses.users[chain[-1].outputs[0]] == [node.id]:
            return [*chain, node]
        self._add_chain(chain, cluster)
        return [node]

    def _add_chain(self, chain: list[Node], cluster: str) -> None:
        for group in split_chain(chain):
            if len(group) == 1:
                self._add_layer(group[0], cluster, 1)
                continue
            around = self.graph.regions[group[0].region]
            weighted = next((node for node in group if node.op.weighted), group[0])
            name = relative_name(weighted, around) if weighted.path else ""
            self.boxes.append(_chain_box(f"n{group[0].id}", name, Place(weighted.name, weighted.span), group, cluster))
            self.representative.update((node.id, self.boxes[-1].id) for node in group)

    def _add_layer(self, node: Node, cluster: str, times: int) -> None:
        self.boxes.append(make_layer_box(node, self.graph.regions[node.region], cluster, times, brief=True))
        self.representative[node.id] = self.boxes[-1].id

    def _add_part(self, run: PartRun, region: Region, cluster: str, level: int) -> None:
        chain = find_plain_chain(self.folded, region) if self.compact else []
        if not chain or (not region.kind and len(chain) > 3):
            self._add_layers(region.id, self._frame_run(run, region, cluster, level), level + (run.times > 1))
            return
        place, name = Place(region.name, region.span), self.folded.run_name(run)
        self.boxes.append(_chain_box(f"s{region.id}", name, place, chain, cluster, run.times))
        self.representative.update(dict.fromkeys(self.folded.node_range(region), self.boxes[-1].id))

    def _frame_run(self, run: PartRun, region: Region, cluster: str, level: int) -> str:
        """The frame for the layers of some equal regions, which says how many these are; a single region needs none."""
        if run.times == 1:
            return cluster
        id, heading = f"c{region.id}", labels.format_region(self.folded.run_name(run), region.kind)
        place = Place(region.name, region.span)
        self.clusters.append(Cluster(id, clean_text(heading), run.times, place, cluster, level))
        return id

    def _connect_inputs(self, inside: range) -> None:
        flows, uses = find_skip_connections(self.graph), self.graph.derive(ComputedUses)
        for id in inside:
            if self.fold_turns.get(id, ((0, 0),))[0][1]:
                continue
            node = self.graph.nodes[id]
            for operand, value in enumerate(uses.operands(node) if computes(node) and not node.op.reads_batch else ()):
                if value.node not in inside:
                    flow = flows.get((id, operand), "flow")
                    tail = self.given[self.figures[id], value]
                    self.ends.append(Edge(tail, self.representative[id], flow, weight=8 if flow == "flow" else 1))

    def _connect_outputs(self, region: Region, inside: range) -> None:
        """Adds a box for each output of the block."""
        exits = next(f.output for f in self.folded.members[region.parent or 0] if f.part is region)
        for number, value in enumerate(dict.fromkeys(map(self.visible_source, exits))):
            tail = self.representative[value.node] if value.node in inside else self.given[region.id, value]
            self._add_end(f"o{region.id}v{number}", "output", value, f"c{region.id}")
            self.ends.append(Edge(tail, f"o{region.id}v{number}", weight=8))

    def _add_end(self, id: str, word: str, value: Value, cluster: str) -> None:
        self.boxes.append(Box(id, "ends", clean_lines(Line(f"{word}  {value.shape}", "faint")), cluster=cluster))


def _chain_box(id: str, name: str, place: Place, chain: list[Node], cluster: str, times: int = 1) -> Box:
    """A chain of layers as one box; a number is no name."""
    weighted = [node for node in chain if node.op.weighted]
    kind = (weighted or chain)[0].op.category
    shape = labels.format_shapes(chain[-1].output_shapes)
    made = shape if name.rpartition(".")[2][:1].isdecimal() or not name else f"{name} · {shape}"
    text = clean_lines(*_format_chain(chain, weighted), Line(made, "faint", times=times))
    return Box(id, kind, text, place, clean_text(str(text[-1]), 300), cluster, least=LEAST)


def _format_chain(chain: list[Node], weighted: list[Node]) -> list[Line]:
    """The lines of a chain: its weighted layer with the layers before and after it; the layers in order if not exactly one is weighted."""
    if len(weighted) != 1:
        first, *others = format_chain(chain)
        return [Line(first.text, "strong"), *(Line(row.text) for row in others)]
    position = chain.index(weighted[0])
    before, after = (
        ", ".join(labels.format_op(node.op) for node in some) for some in (chain[:position], chain[position + 1 :])
    )
    return [Line(labels.format_op(weighted[0].op), "strong"), Line(f"after {before}" if before else ""), Line(after)]


def _stage_table(folded: FoldedGraph) -> Iterator[tuple[str, ...]]:
    yield ("stage", "output", "layers", "params", "MACs")
    flows = find_skip_connections(folded.graph)
    total = Stage()
    for name, stage in name_stages(folded).items():
        total.runs += stage.runs
        rows = "\n".join(map(_format_row, list_stage_rows(folded, stage, flows))) or "–"
        output = labels.format_shapes(value.shape for value in stage.runs[-1].last.output)
        yield (clean_text(name), output, rows, *_format_stage_costs(stage))
    yield ("in all", "", "", *_format_stage_costs(total))


def _format_row(row: Row) -> str:
    """A row with its kind of shortcut, as the headings of blocks have it: `bottleneck, identity ×2`."""
    kind = f", {row.skip}" if row.skip in ("identity", "projection") else ""
    return labels.format_repeated(f"{row.text}{kind}", row.times)


def _format_stage_costs(stage: Stage) -> tuple[str, str]:
    params, macs = stage.cost.params, stage.cost.macs
    return format_rounded(params) if params else "–", format_rounded(macs) if macs else "–"
