"""A summary as text, in columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from archspec.analysis.outline import Scalar
from archspec.analysis.receptive import Field, ReceptiveField
from archspec.diagnostics import shorten

if TYPE_CHECKING:
    from archspec.report.summary import Row, Summary

WIDTH = 100
_HEADS = ("Layer", "Operation", "Output", "Params", "MACs", "Activations", "Field")
_NUMBERS = 3  # the columns from here on are flush right
_GAP = 2
# What operations (column 1), names (0) and outputs (2) are cut down to where not all fit, in this order.
_LEAST = ((1, 20), (0, 24), (1, 10), (0, 12), (2, 10))
_LONGEST_OUTPUT = 22
_NOTHING = "–"


def render(summary: Summary, width: int | None = None) -> str:
    """The summary as a table at most `width` characters wide (100 if absent, never under 70), and its totals below."""
    width = max(width or WIDTH, 70)
    cells = [_HEADS, *(_cells(row) for row in summary.rows)]
    widths = _fit([max(map(len, column)) for column in zip(*cells, strict=True)], width)
    lines = [_line(row, widths) for row in cells]
    rule = "─" * max(map(len, lines), default=width)
    footer = [line for text in _totals(summary) for line in _wrap(text, width)]
    return "\n".join([summary.name, rule, lines[0], rule, *lines[1:], rule, *footer]) + "\n"


def _fit(widths: list[int], width: int) -> list[int]:
    """The widths of the columns, the first three cut where not all fit."""
    fitted = list(widths)
    for column, least in _LEAST:
        excess = sum(fitted) + _GAP * (len(fitted) - 1) - width
        fitted[column] = max(min(least, fitted[column]), fitted[column] - max(0, excess))
    return fitted


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cut = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
    placed = [
        cell.rjust(n) if at >= _NUMBERS else cell.ljust(n) for at, (cell, n) in enumerate(zip(cut, widths, strict=True))
    ]
    return (" " * _GAP).join(placed).rstrip()


def _cut(cell: str, width: int) -> str:
    """A cell shortened to `width`; how many times it stands for is kept."""
    if len(cell) <= width:
        return cell
    _, mark, times = cell.rpartition(" ×")
    kept = f" ×{times}" if mark and times.isdecimal() and len(times) + 3 < width else ""
    return cell[: width - 1 - len(kept)] + "…" + kept


def _cells(row: Row) -> tuple[str, ...]:
    times = f"×{row.times}" if row.times > 1 else ""
    return (
        "  " * row.level + " ".join(filter(None, (row.label, times))),
        " ".join([row.kind, *_shown(row)]).strip(),
        shorten(_outputs(row.output), _LONGEST_OUTPUT),
        "shared" if row.recursive else f"{row.params:,}" if row.params else _NOTHING,
        rounded(row.macs) if row.macs else _NOTHING,
        rounded(row.activations) if row.activations else _NOTHING,
        _extent(row.receptive_field),
    )


def _outputs(outputs: Sequence[tuple[int, ...]]) -> str:
    """The sizes of outputs, equal neighbours as one."""
    runs = (("×".join(map(str, sizes)), len(list(run))) for sizes, run in groupby(outputs))
    return ", ".join(text if times == 1 else f"{text} ×{times}" for text, times in runs)


def _shown(row: Row) -> Iterable[str]:
    for name, value in row.arguments.items():
        text = shorten(",".join(map(_word, value)) if isinstance(value, list) else _word(value), 40)
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


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=" " * 9, break_long_words=False)
