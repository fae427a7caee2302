"""The figures of a network that a report begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archspec.analysis.counts import compute_counts, sum_costs
from archspec.analysis.memory import estimate_memory
from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph
from archspec.numerals import format_approximate, format_bytes, format_number, format_power_of_two, format_rounded
from archspec.printable import escape_markup
from archspec.report.comparison import format_delta

_PLAIN = 100_000  # a number below is not rounded


@dataclass(frozen=True, slots=True)
class Figure:
    """A count of a network.

    >>> Figure("MACs", 4_089_184_256, "4.09 G", "multiply-accumulates of one sample").exact
    '4,089,184,256'
    """

    name: str
    value: int
    short: str
    note: str
    unit: str = ""

    @property
    def exact(self) -> str:
        """All digits, with the unit."""
        return f"{format_number(self.value)} {self.unit}".rstrip()


def list_figures(graph: Graph) -> Iterator[Figure]:
    """The figures of a network, for one sample; memory is in bytes of float32.

    >>> import archspec
    >>> [f"{figure.short} {figure.name}" for figure in list_figures(archspec.load("resnet50").graph)][:4]
    ['25.6 M parameters', '4.09 G MACs', '50 layers deep', '2^16 paths']
    """
    counts, paths, memory = compute_counts(graph), graph.derive(count_paths).total, estimate_memory(graph)
    for name, value, note in (
        ("parameters", counts.params, "trainable, shared ones once"),
        ("MACs", counts.macs, "multiply-accumulates of one sample"),
        ("layers deep", counts.depth, "weighted layers on the longest path"),
        ("paths", paths, "from the inputs to the outputs"),
        ("acts", sum_costs(graph).acts, "outputs of convolutions, linear layers and pools"),
    ):
        yield Figure(name, value, _shorten_paths(value) if name == "paths" else _shorten(value), note)
    for name, value, note in (
        ("memory, inference", memory.inference, "activations of one sample at the peak"),
        ("memory, training", memory.training, "activations of one sample that are kept for the gradient"),
    ):
        yield Figure(name, value, format_bytes(value), note, "B")


def _shorten(value: int) -> str:
    return f"{value:,}" if value < _PLAIN else format_rounded(value)


def _shorten_paths(value: int) -> str:
    """The number of paths as a power of two, or of ten where it is large.

    >>> _shorten_paths(2**82), _shorten_paths(5), _shorten_paths(650_717_652_052_224)
    ('2^82', '5', '≈ 6.507e14')
    """
    return format_power_of_two(value) or (_shorten(value) if value < 10**9 else format_approximate(value))


def write_headline(graphs: Sequence[Graph]) -> str:
    """The figures as HTML: one network's side by side, those of several as a table with a column for each."""
    figures = [list(list_figures(graph)) for graph in graphs]
    if len(graphs) == 1:
        return f'<dl class="headline">{"".join(map(_write_figure, figures[0]))}</dl>\n'
    heads = "".join(
        f'<th scope="col" colspan="{2 + (index > 0)}" class="net{index}">{_name(graph)}</th>'
        for index, graph in enumerate(graphs)
    )
    rows = "".join(_write_row(row) for row in zip(*figures, strict=True))
    return (
        f'<div class="wide"><table class="figures"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n"
    )


def _name(graph: Graph) -> str:
    return escape_markup(graph.name[:120])


def _write_figure(figure: Figure) -> str:
    """The rounded figure with its exact value, unless this is the same."""
    return (
        f'<div title="{figure.note}"><dt>{figure.name}</dt><dd><b>{figure.short}</b>{_spell_exact(figure)}</dd></div>'
    )


def _write_row(row: Sequence[Figure]) -> str:
    first = row[0].value
    cells = "".join(
        f'<td><b>{figure.short}</b></td><td class="exact">{_spell_exact(figure)}</td>'
        f"{f'<td>{_spell_change(first, figure.value)}</td>' if index else ''}"
        for index, figure in enumerate(row)
    )
    return f'<tr><th scope="row" title="{row[0].note}">{row[0].name}</th>{cells}</tr>'


def _spell_exact(figure: Figure) -> str:
    return "" if figure.exact == figure.short else f"<small>{figure.exact}</small>"


def _spell_change(before: int, after: int) -> str:
    """The share by which a figure differs from the first network's, or the multiple where a share says little.

    >>> _spell_change(100, 90), _spell_change(2, 2**20), _spell_change(3, 3)
    ('-10.0%', '×524 k', '=')
    """
    if not before or abs(after) < 100 * before:
        delta = format_delta(before, after)
        return delta.partition("(")[2].rstrip(")") or delta
    return f"×{format_rounded(after // before)}"
