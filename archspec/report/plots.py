"""The plots of a report as SVG: where the costs go by stage, and how the lengths of paths are distributed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.analysis.folding import Folding
from archspec.analysis.kinds import count
from archspec.analysis.paths import paths
from archspec.analysis.stages import grouped, name_of
from archspec.diagnostics import shorten
from archspec.graph import Graph
from archspec.printable import escape_markup

_ROW, _NAMES, _BAR = 20, 170, 120  # units: the height of a row, the width of its name and of its longest bar
_COSTS = (("params", "parameters"), ("macs", "MACs"), ("activations", "activations"))
_BINS = 60
_HIGH, _WIDE = 170, 560


def stage_plot(graph: Graph) -> str:
    """A row a stage, with a bar each for parameters, multiply-accumulates and activations; the longest of each is full."""
    folding = Folding(graph)
    rows = [(name_of(folding, stage), stage.cost) for stage in grouped(folding)]
    most = {name: max((getattr(cost, name) for _, cost in rows), default=0) or 1 for name, _ in _COSTS}
    parts = [_text(_NAMES + at * 190, 14, title, "head") for at, (_, title) in enumerate(_COSTS)]
    for row, (stage, cost) in enumerate(rows):
        y = 22 + row * _ROW
        parts.append(_text(_NAMES - 8, y + 13, shorten(stage, 26), "name", "end"))
        for at, (name, title) in enumerate(_COSTS):
            value = getattr(cost, name)
            parts += _bar(_NAMES + at * 190, y, value, most[name], f"{stage}: {value:,} {title}", f"cost{at}")
    return _svg("costs by stage", _NAMES + 3 * 190, 30 + len(rows) * _ROW, parts)


def _bar(x: float, y: float, value: int, most: int, tip: str, style: str) -> Iterator[str]:
    wide = _BAR * value / most
    yield f'<rect class="{style}" x="{x}" y="{y + 3}" width="{max(wide, 0.5):.1f}" height="13"><title>{escape_markup(tip)}</title></rect>'
    yield _text(x + wide + 5, y + 13, count(value), "value")


def length_plot(graphs: Sequence[Graph]) -> str:
    """The share of paths that each length has, in modules; a column for each length, or for a few where there are many."""
    found = [_shares(graph) for graph in graphs]
    lengths = sorted({length for shares in found for length in shares})
    if not lengths:
        return ""
    low, high = lengths[0], lengths[-1]
    step = -(-(high - low + 1) // _BINS)
    bins = [
        [sum(shares.get(at, 0.0) for at in range(first, first + step)) for first in range(low, high + 1, step)]
        for shares in found
    ]
    most = max(max(columns) for columns in bins) or 1.0
    slot = (_WIDE - 60) / len(bins[0])
    parts = [
        f'<path class="axis" d="M50 10V{_HIGH - 30}H{_WIDE}"/>',
        _text(46, 16, f"{most:.1%}", "value", "end"),
        _text(46, _HIGH - 30, "0", "value", "end"),
    ]
    for network, columns in enumerate(bins):
        wide = slot * 0.8 / len(bins)
        for at, share in enumerate(columns):
            first = low + at * step
            tip = f"{graphs[network].name}: length {_span(first, step, high)}, {share:.3%} of all paths"
            tall = (_HIGH - 42) * share / most
            x = 54 + at * slot + network * wide
            parts.append(
                f'<rect class="net{network}" x="{x:.1f}" y="{_HIGH - 30 - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"><title>{escape_markup(tip)}</title></rect>'
            )
    every = max(1, len(bins[0]) // 10)
    parts += [
        _text(54 + (at + 0.4) * slot, _HIGH - 16, str(low + at * step), "value", "middle")
        for at in range(0, len(bins[0]), every)
    ]
    parts.append(_text(_WIDE / 2, _HIGH - 2, "length of a path in modules", "head", "middle"))
    return _svg("path lengths", _WIDE + 10, _HIGH + 4, parts)


def _shares(graph: Graph) -> Mapping[int, float]:
    found = paths(graph)
    return {length: float(found.share(length, length)) for length in found.lengths} if found.total else {}


def _span(first: int, step: int, high: int) -> str:
    last = min(first + step - 1, high)
    return str(first) if first == last else f"{first} to {last}"


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape_markup(text)}</text>'


def _svg(title: str, wide: float, high: float, parts: Sequence[str]) -> str:
    return f'<svg class="plot" role="img" aria-label="{title}" viewBox="0 0 {wide:g} {high:g}">{"".join(parts)}</svg>'
