"""Draws the plots of a report as SVG: costs by stage, and the distribution of path lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph
from archspec.numerals import format_rounded
from archspec.printable import escape_markup, shorten_text
from archspec.view.repetition import FoldedGraph
from archspec.view.stages import group_stages, name_stage

_ROW, _NAMES, _BAR = 20, 170, 120  # the height of a row, the width of names and of the longest bar, in SVG units
_COSTS = (("params", "parameters"), ("macs", "MACs"), ("memory", "bytes"))
_BINS = 60
_HIGH, _WIDE = 170, 560


def draw_stage_plot(graph: Graph) -> str:
    """A row for each stage with bars for parameters, MACs and memory, relative to the largest of each."""
    folded = FoldedGraph(graph)
    rows = [(name_stage(folded, stage), stage.cost) for stage in group_stages(folded)]
    most = {name: max((getattr(cost, name) for _, cost in rows), default=0) or 1 for name, _ in _COSTS}
    parts = [_draw_text(_NAMES + index * 190, 14, title, "head") for index, (_, title) in enumerate(_COSTS)]
    for row, (stage, cost) in enumerate(rows):
        y = 22 + row * _ROW
        parts.append(_draw_text(_NAMES - 8, y + 13, shorten_text(stage, 26), "name", "end"))
        for index, (name, title) in enumerate(_COSTS):
            value = getattr(cost, name)
            parts += _draw_bar(
                _NAMES + index * 190, y, value, most[name], f"{stage}: {value:,} {title}", f"cost{index}"
            )
    return _wrap_svg("costs by stage", _NAMES + 3 * 190, 30 + len(rows) * _ROW, parts)


def _draw_bar(x: float, y: float, value: int, most: int, tip: str, style: str) -> Iterator[str]:
    wide = _BAR * value / most
    yield f'<rect class="{style}" x="{x}" y="{y + 3}" width="{max(wide, 0.5):.1f}" height="13"><title>{escape_markup(tip)}</title></rect>'
    yield _draw_text(x + wide + 5, y + 13, format_rounded(value), "value")


def draw_length_plot(graphs: Sequence[Graph]) -> str:
    """The share of paths of each length in modules, as columns; if there are many lengths, a column stands for several."""
    shares_by_graph = [_compute_shares(graph) for graph in graphs]
    lengths = sorted({length for shares in shares_by_graph for length in shares})
    if not lengths:
        return ""
    low, high = lengths[0], lengths[-1]
    step = -(-(high - low + 1) // _BINS)
    bins = [
        [sum(shares.get(length, 0.0) for length in range(first, first + step)) for first in range(low, high + 1, step)]
        for shares in shares_by_graph
    ]
    most = max(max(columns) for columns in bins) or 1.0
    slot = (_WIDE - 60) / len(bins[0])
    parts = [
        f'<path class="axis" d="M50 10V{_HIGH - 30}H{_WIDE}"/>',
        _draw_text(46, 16, f"{most:.1%}", "value", "end"),
        _draw_text(46, _HIGH - 30, "0", "value", "end"),
    ]
    for network, columns in enumerate(bins):
        wide = slot * 0.8 / len(bins)
        for index, share in enumerate(columns):
            first = low + index * step
            tip = f"{graphs[network].name}: length {_format_span(first, step, high)}, {share:.3%} of all paths"
            tall = (_HIGH - 42) * share / most
            x = 54 + index * slot + network * wide
            parts.append(
                f'<rect class="net{network}" x="{x:.1f}" y="{_HIGH - 30 - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"><title>{escape_markup(tip)}</title></rect>'
            )
    every = max(1, len(bins[0]) // 10)
    parts += [
        _draw_text(54 + (index + 0.4) * slot, _HIGH - 16, str(low + index * step), "value", "middle")
        for index in range(0, len(bins[0]), every)
    ]
    parts.append(_draw_text(_WIDE / 2, _HIGH - 2, "length of a path in modules", "head", "middle"))
    return _wrap_svg("path lengths", _WIDE + 10, _HIGH + 4, parts)


def _compute_shares(graph: Graph) -> Mapping[int, float]:
    counts = count_paths(graph)
    return {length: float(counts.share_within(length, length)) for length in counts.lengths} if counts.total else {}


def _format_span(first: int, step: int, high: int) -> str:
    last = min(first + step - 1, high)
    return str(first) if first == last else f"{first} to {last}"


def _draw_text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape_markup(text)}</text>'


def _wrap_svg(title: str, wide: float, high: float, parts: Sequence[str]) -> str:
    return f'<svg class="plot" role="img" aria-label="{title}" viewBox="0 0 {wide:g} {high:g}">{"".join(parts)}</svg>'
