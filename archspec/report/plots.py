"""Draws the plots of a report: bars for the costs of stages as HTML, and the distribution of path lengths as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archspec.analysis.counts import Cost
from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph
from archspec.numerals import format_rounded
from archspec.printable import escape_markup, shorten_text
from archspec.view.repetition import FoldedGraph
from archspec.view.stages import name_stages

_COSTS = (("params", "parameters"), ("macs", "MACs"), ("memory", "memory"))
_BINS = 60
_FLOOR = 140  # pixels: where the columns stand


def write_stage_bars(graphs: Sequence[Graph]) -> str:
    """A table with a row for each stage, and in it a bar for each network; the bars of a column are relative to its largest."""
    stages = [_sum_stages(graph) for graph in graphs]
    names = list(dict.fromkeys(name for costs in stages for name in costs))
    most = {
        key: max((getattr(cost, key) for costs in stages for cost in costs.values()), default=0) or 1
        for key, _ in _COSTS
    }
    heads = "".join(f'<th scope="col">{title}</th>' for _, title in _COSTS)
    rows = "".join(
        f'<tr><th scope="row">{escape_markup(shorten_text(name, 40))}</th>'
        f"{''.join(_write_cell(stages, name, key, most[key], column) for column, (key, _) in enumerate(_COSTS))}</tr>"
        for name in names
    )
    return f'<div class="wide"><table class="stages"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _sum_stages(graph: Graph) -> dict[str, Cost]:
    return {name: stage.cost for name, stage in name_stages(FoldedGraph(graph)).items()}


def _write_cell(stages: Sequence[Mapping[str, Cost]], name: str, key: str, most: int, column: int) -> str:
    return f"<td>{''.join(_write_bar(costs.get(name), key, most, _style(stages, index, column)) for index, costs in enumerate(stages))}</td>"


def _style(stages: Sequence[object], index: int, column: int) -> str:
    """The class of a bar: by cost of a single network, by network of several."""
    return f"net{index}" if len(stages) > 1 else f"cost{column}"


def _write_bar(cost: Cost | None, key: str, most: int, style: str) -> str:
    if cost is None:
        return '<div class="bar">–</div>'
    value = getattr(cost, key)
    return (
        f'<div class="bar" title="{value:,}"><span class="{style}" style="--share:{value / most:.4f}"></span>'
        f"{format_rounded(value)}</div>"
    )


def draw_length_plot(graphs: Sequence[Graph]) -> str:
    """The share of paths of each length in modules, as columns; empty if there is one length.

    If there are many lengths, a column stands for several. Places across are percentages, so that the plot has the width of the screen.
    """
    shares_by_graph = [_compute_shares(graph) for graph in graphs]
    lengths = sorted({length for shares in shares_by_graph for length in shares})
    if len(lengths) < 2:
        return ""
    low, high = lengths[0], lengths[-1]
    step = -(-(high - low + 1) // _BINS)
    bins = [
        [sum(shares.get(length, 0.0) for length in range(first, first + step)) for first in range(low, high + 1, step)]
        for shares in shares_by_graph
    ]
    most = max(max(columns) for columns in bins) or 1.0
    slot = 100 / len(bins[0])
    bars = []
    for network, columns in enumerate(bins):
        wide = slot * 0.8 / len(bins)
        for index, share in enumerate(columns):
            first = low + index * step
            tip = f"{graphs[network].name}: length {_format_span(first, step, high)}, {share:.3%} of all paths"
            tall = (_FLOOR - 12) * share / most
            x = index * slot + network * wide
            bars.append(
                f'<rect class="net{network}" x="{x:.2f}%" y="{_FLOOR - tall:.1f}" width="{wide:.2f}%" height="{tall:.1f}"><title>{escape_markup(tip)}</title></rect>'
            )
    every = max(1, len(bins[0]) // 10)
    bars += [
        _draw_text(f"{(index + 0.4) * slot:.2f}%", _FLOOR + 14, str(low + index * step), "value", "middle")
        for index in range(0, len(bins[0]), every)
    ]
    return (
        f'<svg class="plot" role="img" aria-label="path lengths" height="{_FLOOR + 34}">'
        f'<line class="axis" x1="-4" y1="10" x2="-4" y2="{_FLOOR}"/><line class="axis" x1="-4" y1="{_FLOOR}" x2="100%" y2="{_FLOOR}"/>'
        f"{_draw_text(-8, 16, f'{most:.1%}', 'value', 'end')}{_draw_text(-8, _FLOOR, '0', 'value', 'end')}"
        f"{''.join(bars)}{_draw_text('50%', _FLOOR + 28, 'length of a path in modules', 'head', 'middle')}</svg>"
    )


def _compute_shares(graph: Graph) -> Mapping[int, float]:
    counts = graph.derive(count_paths)
    return {length: float(counts.share_within(length, length)) for length in counts.lengths} if counts.total else {}


def _format_span(first: int, step: int, high: int) -> str:
    last = min(first + step - 1, high)
    return str(first) if first == last else f"{first} to {last}"


def _draw_text(x: float | str, y: float, text: str, style: str, anchor: str) -> str:
    return f'<text class="{style}" x="{x}" y="{y}" text-anchor="{anchor}">{escape_markup(text)}</text>'
