"""A summary as text, in columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from archspec.analysis.outline import Scalar
from archspec.analysis.receptive import Field, ReceptiveField
from archspec.columns import Column, lay_out, wide
from archspec.diagnostics import shorten
from archspec.printable import escape_unprintable

if TYPE_CHECKING:
    from archspec.report.summary import Row, Summary

WIDTH = 100
_COLUMNS = (
    Column("Layer"),
    Column("Operation"),
    Column("Output"),
    Column("Params", right=True),
    Column("MACs", right=True),
    Column("Activations", right=True),
    Column("Field", right=True),
)
# What operations (column 1), names (0) and outputs (2) are cut down to where not all fit, in this order.
_CUTS = ((1, 20), (0, 24), (1, 10), (0, 12), (2, 10))
_DROPS = (5, 6, 1, 4, 2)  # and what is left out where that is not enough
_LONGEST_OUTPUT = 22
_LONGEST_ARGUMENT = 40
_NOTHING = "–"


def render(summary: Summary, width: int | None = WIDTH, text: Callable[[str], str] = escape_unprintable) -> str:
    """The summary as a table at most `width` characters wide, and its totals below; None cuts nothing.

    `text` makes a text printable, for the screen that it goes to.
    """
    rows = [_cells(row, whole=width is None) for row in summary.rows]
    table = list(lay_out(_COLUMNS, rows, width, cuts=_CUTS, drops=_DROPS, text=text))
    heads, *lines = ("".join(cell for cell, _ in line) for line in table)
    rule = text("─") * max(map(wide, (heads, *lines)))
    footer = [line for total in _totals(summary) for line in _wrap(text(total), width)]
    return "\n".join([text(summary.name), rule, heads, rule, *lines, rule, *footer]) + "\n"


def _cells(row: Row, *, whole: bool) -> tuple[str, ...]:
    outputs = _outputs(row.output)
    times = f"×{row.times}" if row.times > 1 else ""
    return (
        "  " * row.level + " ".join(filter(None, (row.label, times))),
        " ".join([row.kind, *_shown(row, whole=whole)]).strip(),
        outputs if whole else shorten(outputs, _LONGEST_OUTPUT),
        "shared" if row.recursive else f"{row.params:,}" if row.params else _NOTHING,
        rounded(row.macs) if row.macs else _NOTHING,
        rounded(row.activations) if row.activations else _NOTHING,
        _extent(row.receptive_field),
    )


def _outputs(outputs: Sequence[tuple[int, ...]]) -> str:
    """The sizes of outputs, equal neighbours as one."""
    runs = (("×".join(map(str, sizes)), len(list(run))) for sizes, run in groupby(outputs))
    return ", ".join(text if times == 1 else f"{text} ×{times}" for text, times in runs)


def _shown(row: Row, *, whole: bool) -> Iterable[str]:
    for name, value in row.arguments.items():
        given = ",".join(map(_word, value)) if isinstance(value, list) else _word(value)
        text = given if whole else shorten(given, _LONGEST_ARGUMENT)
        yield text if name == row.first else f"{name}={text}"


def _word(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _extent(field: ReceptiveField) -> str:
    if not isinstance(field, Field):
        return "all" if field else _NOTHING
    sizes = field.size if len(set(field.size)) > 1 else field.size[:1]
    return "×".join(map(str, sizes)) or _NOTHING


def rounded(number: int) -> str:
    """A count in at most three digits and a unit of a thousand, as in 118 M."""
    power = 0
    while power < len(_UNITS) - 1 and number >= 1000 ** (power + 1):
        power += 1
    if not power:
        return str(number)
    scaled = number / 1000**power
    if scaled >= 999.5 and power < len(_UNITS) - 1:
        power, scaled = power + 1, scaled / 1000
    return f"{scaled:.{max(0, 2 - (scaled >= 9.995) - (scaled >= 99.95))}f} {_UNITS[power]}"


_UNITS = ("", "K", "M", "G", "T", "P", "E")


def _totals(summary: Summary) -> Iterable[str]:
    held = summary.memory
    yield f"params   {summary.params:,} trainable scalars (weights, biases, affine pairs; shared ones once)"
    if summary.buffers:
        yield f"buffers  {summary.buffers:,} scalars of running statistics, not trained"
    yield (
        f"MACs     {summary.macs:,} multiply-accumulates of convolutions, linear layers and matrix products for one "
        f"sample; FLOPs = 2 × MACs = {summary.flops:,}"
    )
    yield f"depth    {summary.depth:,} weighted layers on the longest path"
    if expected := summary.expected_depth:
        yield (
            f"expected {float(expected.kept):g} of {expected.total:,} residual branches kept in training on average "
            f"(variance {float(expected.variance):.4f})"
        )
    yield (
        f"memory   {_bytes(held.params)} of parameters; activations of one sample {_bytes(held.inference)} in inference "
        f"(at the peak), {_bytes(held.training)} in training (all kept)"
    )
    if any(row.times > 1 for row in summary.rows):
        yield "×N       N equal parts in a row; the figures are those of one"
    if any(row.recursive for row in summary.rows):
        yield "shared   weights of an earlier part, counted there"


def _bytes(count: int) -> str:
    return f"{rounded(count)}{'' if count >= 1000 else ' '}B"


def _wrap(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=" " * 9, break_long_words=False)
