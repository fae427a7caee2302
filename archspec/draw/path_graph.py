"""Draws a network with the number of paths through each edge, as its label and as its width."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from archspec.analysis.path_flow import count_paths_through_edges
from archspec.analysis.paths import PathCounts
from archspec.draw.layers import View, describe_network, draw_outputs, make_end_box
from archspec.draw.picture import COLOUR_NOTE, Box, Edge, Line, Picture, Place, clean_lines
from archspec.draw.text import clean_text
from archspec.ir.graph import Input, Node, OperandRef, Region, Value, computes
from archspec.ir.uses import ComputedUses
from archspec.numerals import format_approximate, format_grouped, format_number, format_power_of_two
from archspec.view import labels
from archspec.view.dominance import find_dominant_category
from archspec.view.hierarchy import relative_name
from archspec.view.repetition import FoldedGraph, PartRun
from archspec.view.skip_connections import Flow, choose_flow, find_skip_connections

_MOST = 90  # boxes; with more, regions inside regions are one box
_ROWS = 3  # the most rows of a chain that are written out
_THIN, _THICK = 1.0, 5.0  # points: the widths of arrows with one path and with all
_NOTE = "labels: paths through an arrow, and its width their logarithm"


def draw_path_graph(counts: PathCounts, *, fold: bool = True) -> Picture:
    """The forks and joins of a network and the chains between them, with the number of paths through each arrow.

    Regions inside regions are opened as deep as fits a page.
    """
    graph, total = counts.graph, counts.total
    folded = FoldedGraph(graph, fold)
    through = count_paths_through_edges(counts)
    view = _draw_to_fit(folded, through)
    arrows = [_make_edge(*ends, *told, total) for ends, told in view.collect().items()]
    ends, last = draw_outputs(view)
    to_outputs = (counts.with_targets(value).total for value in graph.outputs.values())
    arrows += [
        _make_edge(edge.tail, edge.head, "flow", {count}, total) for edge, count in zip(last, to_outputs, strict=True)
    ]
    return Picture(
        clean_text(graph.name, 80),
        clean_text(
            f"{describe_network(graph)} The number of paths through each arrow; {format_number(total)} in all.", 400
        ),
        (*view.boxes, *ends),
        tuple(arrows),
        tuple(view.clusters),
        notes=(_NOTE, COLOUR_NOTE),
        widths=tuple(
            (f"{format_path_count(count)}", measure_thickness(count, total)) for count in dict.fromkeys((1, total))
        ),
    )


def format_path_count(count: int) -> str:
    """A number of paths for a label: in full if it is short, as a small multiple of a power of two, or rounded.

    >>> [format_path_count(count) for count in (5, 4161, 2**82, 3 * 2**80, 3**60)]
    ['5', '4,161', '2^82', '3·2^80', '≈ 4.239e28']
    """
    if count < 10_000:
        return format_power_of_two(count) if count > 4 and format_power_of_two(count) else format_grouped(count)
    twos = (count & -count).bit_length() - 1
    odd = count >> twos
    if odd == 1:
        return format_power_of_two(count)
    if odd < 1000 and twos > 3:
        return f"{format_grouped(odd)}·2^{twos}"
    return format_grouped(count) if count < 10**7 else format_approximate(count)


def measure_thickness(count: int, total: int) -> float:
    """The width in points of an arrow for some of all paths; its logarithm decides.

    >>> measure_thickness(1, 2**82), measure_thickness(2**41, 2**82), measure_thickness(2**82, 2**82)
    (1.0, 3.0, 5.0)
    """
    whole = max(total.bit_length() - 1, 1)
    return round(_THIN + (_THICK - _THIN) * min(max(count.bit_length() - 1, 0) / whole, 1.0), 2)


def _make_edge(tail: str, head: str, flow: Flow, counts: Iterable[int], total: int) -> Edge:
    low, high = min(counts), max(counts)
    label = " … ".join(dict.fromkeys(map(format_path_count, (low, high))))
    return Edge(tail, head, flow, label, 8 if flow == "flow" else 1, thick=measure_thickness(high, total))


def _draw_to_fit(folded: FoldedGraph, through: dict[OperandRef, int]) -> _PathView:
    """The deepest view with few enough boxes; the outermost if none has."""
    deepest = max(len(region.path) for region in folded.graph.regions)
    for depth in range(deepest + 1, 0, -1):
        view = _PathView(folded, depth=depth, through=through)
        view.add_parts(0)
        if len(view.boxes) <= _MOST:
            break
    return view


@dataclass
class _PathView(View):
    """A view of what is on paths; a chain without forks and joins is one box."""

    through: dict[OperandRef, int] = field(default_factory=dict)
    operands: dict[int, list[Value]] = field(init=False)
    """The computed values by which paths enter each node."""
    consumers: dict[Value, set[int]] = field(init=False)
    """The nodes that paths enter by each computed value; and the number of nodes for an output of the network."""

    def __post_init__(self) -> None:
        uses = self.graph.derive(ComputedUses)
        self.operands, self.consumers = {}, defaultdict(set)
        for node in self.graph.ops:
            entered = [value for operand, value in enumerate(uses.operands(node)) if (node.id, operand) in self.through]
            self.operands[node.id] = entered
            for value in entered:
                self.consumers[value].add(node.id)
        for value in self.graph.outputs.values():
            self.consumers[uses.alias_of[value]].add(len(self.graph.nodes))

    def add_parts(self, region: int, cluster: str | None = None, level: int = 0) -> None:
        """Adds the parts of a region that are on paths."""
        chain: list[PartRun] = []
        for run in self.folded.runs(region):
            if isinstance(run.first.part, Input) or self._list_nodes(run):
                if chain and not self._continues(chain[-1], run):
                    self._add_chain(chain, cluster)
                    chain = []
                if self._is_plain(run):
                    chain.append(run)
                else:
                    self._add_part(run, cluster, level)
        if chain:
            self._add_chain(chain, cluster)

    def _add_part(self, run: PartRun, cluster: str | None, level: int) -> None:
        part = run.first.part
        if isinstance(part, Region):
            self._add_region(run, part, cluster, level)
        elif isinstance(part, Input):
            self._add_box(make_end_box(f"n{part.id}", part.name, part.outputs[0], Place(part.name, part.span)))
            self.representative[part.id] = self.boxes[-1].id
        else:
            self._add_chain([run], cluster)
            return
        self.fold_run(run)

    def _list_nodes(self, run: PartRun) -> list[Node]:
        """The computed nodes of a run's parts that are on paths."""
        nodes = (self.graph.nodes[id] for facts in run.parts for id in self.folded.node_range(facts.part))
        return [node for node in nodes if isinstance(node, Node) and computes(node) and self.operands.get(node.id)]

    def _is_plain(self, run: PartRun) -> bool:
        """Whether paths neither fork nor join in a run of parts, except behind its last node."""
        nodes = self._list_nodes(run)
        inside = {node.id for node in nodes}
        single = all(len(self.operands[node.id]) == 1 and len(node.outputs) == 1 for node in nodes)
        linked = (
            all(self.consumers[node.outputs[0]] == {after.id} for node, after in itertools.pairwise(nodes))
            if single
            else False
        )
        return bool(inside) and linked

    def _continues(self, before: PartRun, run: PartRun) -> bool:
        if not self._is_plain(run):
            return False
        last, first = self._list_nodes(before)[-1], self._list_nodes(run)[0]
        return self.consumers[last.outputs[0]] == {first.id} and before.times == run.times == 1

    def _add_chain(self, runs: list[PartRun], cluster: str | None) -> None:
        nodes = [node for run in runs for node in self._list_nodes(run)]
        self._add_box(self._make_chain_box(runs, nodes, cluster))
        self.representative.update((node.id, self.boxes[-1].id) for node in nodes)
        for run in runs:
            self.fold_run(run)

    def _make_chain_box(self, runs: list[PartRun], nodes: list[Node], cluster: str | None) -> Box:
        first, last = runs[0].first.part, runs[-1].last.part
        id, times = f"n{nodes[0].id}", runs[0].times
        tip = clean_text(
            f"{nodes[0].name} — {nodes[-1].name}" if len(nodes) > 1 else labels.format_tooltip(nodes[0]), 300
        )
        place = Place(nodes[0].name, nodes[0].span)
        if len(nodes) == 1 and (sign := labels.format_sign(nodes[0].op)):
            return Box(id, nodes[0].op.category, (Line(sign, "strong"),), place, tip, cluster, sign=True)
        around = self.graph.regions[(first.parent or 0) if isinstance(first, Region) else first.region]
        names = [relative_name(part, around) for part in (first, last) if not isinstance(part, Input) and part.path]
        named = labels.format_name_range(names[0], names[-1]) if names and not names[0].isdecimal() else ""
        weighted = [node for node in nodes if node.op.weighted] or nodes
        once = weighted[: len(weighted) // times]
        rows = [labels.format_op(node.op) for node in once]
        rows = rows if len(rows) <= _ROWS else [f"{len(weighted):,} layers"]
        kind = find_dominant_category(self.graph, (node.id for node in nodes))
        heading, *others = [named, *rows] if named else rows
        text = clean_lines(Line(heading, "strong", times=times), *map(Line, others))
        return Box(id, kind, text, place, tip, cluster, least=96)

    def collect(self) -> dict[tuple[str, str], tuple[Flow, set[int]]]:
        """The arrows between boxes, with their kinds and, for each turn of the folds around them, the number of paths."""
        flows, uses = find_skip_connections(self.graph), self.graph.derive(ComputedUses)
        kinds: defaultdict[tuple[str, str], set[Flow]] = defaultdict(set)
        sums: defaultdict[tuple[str, str], defaultdict[object, int]] = defaultdict(lambda: defaultdict(int))
        for (id, operand), count in sorted(self.through.items()):
            node = self.graph.nodes[id]
            if id not in self.representative or not isinstance(node, Node) or not computes(node):
                continue
            value = uses.operands(node)[operand]
            ends = self.representative[value.node], self.representative[id]
            if ends[0] != ends[1] and not self.in_different_turns(value.node, id):
                kinds[ends].add(flows.get((id, operand), "flow"))
                sums[ends][self.fold_turns.get(id, ())] += count
        return {ends: (choose_flow(kinds[ends]), set(turns.values())) for ends, turns in sums.items()}
