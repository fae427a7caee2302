"""The unravelled view of a small network: every path by itself, from input to output (Veit et al. 2016, arXiv:1605.06431, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from archspec.analysis.paths import count_paths as counted
from archspec.draw.layers import describe_network
from archspec.draw.picture import Box, DrawError, Edge, Line, Picture, Place, clean_lines
from archspec.draw.text import clean_text
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.signal_flow import find_residual_operands, is_join
from archspec.numerals import order_of_magnitude

LIMIT = 64
"""The most paths of one picture: as many rows fit a page."""
_LEAST = 56.0


@dataclass(frozen=True, slots=True)
class JoinPath:
    """One path: the joins that it meets in order, each with the operand by which it enters, and where it begins and ends."""

    source: Value
    steps: tuple[tuple[int, int], ...]
    target: str

    def length(self, longer: dict[int, tuple[bool, ...]]) -> int:
        """How many joins it enters by a longer way than necessary: its length in modules."""
        return sum(longer[node][operand] for node, operand in self.steps)


def draw_paths(graph: Graph, *, limit: int = LIMIT) -> Picture:
    """Each path as a row of the modules that it passes, the shortest first. Raises `DrawError` where there are too many."""
    total = counted(graph).total
    if total > limit:
        raise DrawError(
            f"{graph.name} has {_format_total(total)} paths, more than the {limit:,} of one picture",
            "raise the limit with --max-paths, or see `archspec count-paths --lengths`",
        )
    longer = find_residual_operands(graph)
    routes = sorted(enumerate_paths(graph), key=lambda route: (route.length(longer), [(n, -o) for n, o in route.steps]))
    columns = {
        node: column for column, node in enumerate(sorted({node for route in routes for node, _ in route.steps}))
    }
    boxes, arrows = _make_end_boxes(graph)
    for number, route in enumerate(routes):
        row, between = _make_row(graph, number, route, longer, columns)
        boxes += row
        arrows += between
    text = clean_text(f"{describe_network(graph)} Unravelled into its {total:,} paths.", 400)
    return Picture(clean_text(graph.name, 80), text, tuple(boxes), tuple(arrows), direction="LR", gap=14, legend=False)


def enumerate_paths(graph: Graph) -> Iterator[JoinPath]:
    """The paths of a network one by one, by channel range, as `archspec.analysis.paths` counts them."""
    names = [(name, value) for name, value in graph.outputs.items()]
    waiting = [(value, range(value.shape.channels), value, ()) for value in reversed(tuple(graph.inputs.values()))]
    stack: list[tuple[Value, range, Value, tuple[tuple[int, int], ...]]] = list(waiting)
    while stack:
        value, channels, source, steps = stack.pop()
        for name, target in names:
            if target == value:
                yield JoinPath(source, steps, name)
        for node, operand in graph.uses(value):
            if node.op.carries(operand, len(node.inputs)):
                met = (*steps, (node.id, operand)) if is_join(node) and len(node.inputs) > 1 else steps
                stack += [(out, to, source, met) for out, to in _iter_reached(node, operand, channels)]


def _iter_reached(node: Node, operand: int, channels: range) -> Iterator[tuple[Value, range]]:
    for index, out in enumerate(node.outputs):
        to = node.op.routes(operand, channels, node.input_shapes, node.output_shapes, index)
        if to:
            yield out, to


def _make_end_boxes(graph: Graph) -> tuple[list[Box], list[Edge]]:
    given = [
        Box(f"n{value.node}", "ends", clean_lines(Line(name, "strong"), Line(str(value.shape), "faint")), Place(name))
        for name, value in graph.inputs.items()
    ]
    made = [
        Box(f"out{index}", "ends", clean_lines(Line(name, "strong"), Line(str(value.shape), "faint")))
        for index, (name, value) in enumerate(graph.outputs.items())
    ]
    return given + made, []


def _make_row(
    graph: Graph, number: int, route: JoinPath, longer: dict[int, tuple[bool, ...]], columns: dict[int, int]
) -> tuple[list[Box], list[Edge]]:
    """The boxes of one path: a named one for each longer way, a small one where it goes past."""
    met = dict(route.steps)
    boxes = [_make_cell(graph, number, node, met.get(node), longer[node]) for node in columns]
    length = route.length(longer)
    last = Box(f"p{number}l", "length", clean_lines(Line(str(length))), tip=f"a path of length {length}", least=26)
    chain = [
        f"n{route.source.node}",
        *(box.id for box in boxes),
        last.id,
        f"out{list(graph.outputs).index(route.target)}",
    ]
    return [*boxes, last], [Edge(tail, head) for tail, head in pairwise(chain)]


def _make_cell(graph: Graph, number: int, node: int, operand: int | None, longer: tuple[bool, ...]) -> Box:
    join = graph.nodes[node]
    assert isinstance(join, Node)
    id, place = f"p{number}j{node}", Place("", join.span)
    name = ".".join(graph.regions[join.region].path) or join.op.word
    if operand is None or not any(longer):
        text = "·" if operand is None else f"{operand + 1}"
        return Box(
            id,
            "past" if operand is None else "join",
            (Line(text, "faint"),),
            place,
            clean_text(name, 300),
            least=_LEAST,
        )
    if not longer[operand]:
        return Box(id, "past", (Line("–", "faint"),), place, clean_text(f"past {name}", 300), least=_LEAST)
    way = f"  {operand + 1}" if sum(longer) > 1 else ""
    return Box(id, "block", clean_lines(Line(name + way)), place, clean_text(f"through {name}{way}", 300), least=_LEAST)


def _format_total(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"about 10^{order_of_magnitude(number)}"
