"""Draws the unravelled view of a small network: each path as a row of its own (Veit et al. 2016, arXiv:1605.06431, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archspec.analysis.path_enumeration import iter_paths
from archspec.analysis.paths import PathCounts, count_paths
from archspec.draw.layers import describe_network, make_end_box
from archspec.draw.path_graph import draw_path_graph
from archspec.draw.picture import Box, Edge, Line, Picture, Place, clean_lines
from archspec.draw.text import clean_text
from archspec.ir.graph import Graph, Node
from archspec.ir.signal_flow import find_residual_operands, is_join

LIMIT = 64
"""The default for the most paths that are drawn one by one, which fit a page."""
_LEAST = 56.0
_MARKS = {"–": "–: past the module", "·": "·: not on the path"}
_OPERAND = "number in a column: the operand by which a path enters"
_LENGTH = "at the end: length in modules"


@dataclass(frozen=True, slots=True)
class _Row:
    """One path: its input, the joins on it with the position of the operand by which it enters each, and its output."""

    source: int
    joins: dict[int, int]
    target: str
    length: int

    @property
    def order(self) -> tuple[int, list[tuple[int, int]]]:
        return self.length, [(node, -operand) for node, operand in self.joins.items()]


def draw_paths(graph: Graph, *, fold: bool = True, limit: int = LIMIT) -> Picture:
    """Each path as a row of its modules, shortest first; with more than `limit` paths, the network with their number at each arrow."""
    counts = count_paths(graph)
    return _draw_tree(counts) if counts.total <= limit else draw_path_graph(counts, fold=fold)


def _draw_tree(counts: PathCounts) -> Picture:
    graph, total = counts.graph, counts.total
    longer = find_residual_operands(graph)
    rows = sorted(_iter_rows(counts), key=lambda row: row.order)
    columns = sorted({node for row in rows for node in row.joins})
    boxes = [make_end_box(f"n{value.node}", name, value, Place(name)) for name, value in graph.inputs.items()]
    boxes += [make_end_box(f"out{index}", *end) for index, end in enumerate(graph.outputs.items())]
    arrows: list[Edge] = []
    for number, row in enumerate(rows):
        chain, between = _make_row(graph, number, row, longer, columns)
        boxes += chain
        arrows += between
    text = clean_text(f"{describe_network(graph)} Unravelled into its {total:,} paths.", 400)
    return Picture(
        clean_text(graph.name, 80),
        text,
        tuple(boxes),
        tuple(arrows),
        direction="LR",
        gap=14,
        notes=_explain_marks(boxes),
    )


def _explain_marks(boxes: Sequence[Box]) -> tuple[str, ...]:
    """The sentences of the legend about the texts of small boxes, of those that there are."""
    marks = {box.lines[0].text for box in boxes if box.kind == "past"}
    numbered = any(box.kind == "join" for box in boxes)
    notes = [note for mark, note in _MARKS.items() if mark in marks]
    return (*notes, *([_OPERAND] if numbered else []), _LENGTH)


def _iter_rows(counts: PathCounts) -> Iterator[_Row]:
    for output, target in counts.graph.outputs.items():
        for path in iter_paths(counts.with_targets(target)):
            joins = {
                step.node.id: step.operand
                for step in path.steps
                if step.operand is not None
                and isinstance(step.node, Node)
                and is_join(step.node)
                and len(step.node.inputs) > 1
            }
            yield _Row(path.nodes[0].id, joins, output, path.length)


def _make_row(
    graph: Graph, number: int, row: _Row, longer: dict[int, tuple[bool, ...]], columns: Sequence[int]
) -> tuple[list[Box], list[Edge]]:
    """The boxes of one path: a named one for each module on it, a small one for each that it bypasses."""
    boxes = [_make_cell(graph, number, node, row.joins.get(node), longer[node]) for node in columns]
    tip = f"a path of length {row.length}"
    last = Box(f"p{number}l", "length", clean_lines(Line(str(row.length))), tip=tip, least=26)
    end = f"out{list(graph.outputs).index(row.target)}"
    chain = [f"n{row.source}", *(box.id for box in boxes), last.id, end]
    return [*boxes, last], [Edge(tail, head) for tail, head in pairwise(chain)]


def _make_cell(graph: Graph, number: int, node: int, operand: int | None, longer: tuple[bool, ...]) -> Box:
    join = graph.nodes[node]
    assert isinstance(join, Node)
    id, place = f"p{number}j{node}", Place("", join.span)
    name = graph.regions[join.region].name or join.op.word
    if operand is None or not any(longer):
        text = "·" if operand is None else f"{operand + 1}"
        return Box(
            id,
            "past" if operand is None else "join",
            (Line(text),),
            place,
            clean_text(name, 300),
            least=_LEAST,
        )
    if not longer[operand]:
        return Box(id, "past", (Line("–"),), place, clean_text(f"past {name}", 300), least=_LEAST)
    way = f"  {operand + 1}" if sum(longer) > 1 else ""
    return Box(id, "block", clean_lines(Line(name + way)), place, clean_text(f"through {name}{way}", 300), least=_LEAST)
