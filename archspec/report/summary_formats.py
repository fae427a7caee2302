"""Writes a summary as LaTeX, CSV and Markdown, which `archspec.formats` lists."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from archspec.analysis.receptive_field import ReceptiveField, SpatialField
from archspec.markup import escape_markdown
from archspec.numerals import format_bytes, format_digits, format_rounded, format_sizes
from archspec.printable import escape_unprintable
from archspec.report.table import Row, Summary, format_cells, format_totals
from archspec.report.tabular import Table, format_latex, format_markdown
from archspec.view.labels import format_value

_FIELDS = (
    "name",
    "last",
    "level",
    "times",
    "kind",
    "arguments",
    "output",
    "params",
    "buffers",
    "macs",
    "acts",
    "memory",
    "receptive_field",
    "shared",
)


def tabulate_summary(summary: Summary, *, whole: bool = True) -> Table:
    """The summary as a table of the texts that a terminal shows, with a row of totals; `whole` texts are not cut.

    >>> import archspec
    >>> tabulate_summary(archspec.load("resnet18").summary(depth=1)).totals
    (('total', '', '', '11,689,512', '1.81 G', '2.69 M', '32.9 MB', ''),)
    """
    rows = tuple(format_cells(row, whole=whole) for row in summary.rows)
    memory = sum(row.times * row.memory for row in summary.rows if not row.level)
    costs = f"{summary.params:,}", format_rounded(summary.work), format_rounded(summary.acts), format_bytes(memory)
    return Table(summary.columns, rows, (("total", "", "", *costs, ""),))


def write_latex(summary: Summary) -> str:
    """The summary as a `tabular` for a paper, with the exact totals in comments; it needs the package booktabs."""
    facts = (f"% {escape_unprintable(line)}" for line in (summary.name, *_join_totals(summary)))
    return "\n".join((*facts, r"% needs \usepackage{booktabs}", format_latex(tabulate_summary(summary)))) + "\n"


def write_markdown(summary: Summary, *, whole: bool = True) -> str:
    """The summary as a table of Markdown, followed by the exact totals; `whole` texts are not cut."""
    totals = (f"- **{escape_markdown(name)}**: {escape_markdown(text)}" for name, text in format_totals(summary))
    title = f"**{escape_markdown(summary.name)}**"
    return "\n".join((title, "", format_markdown(tabulate_summary(summary, whole=whole)), "", *totals)) + "\n"


def write_csv(summary: Summary) -> str:
    r"""The parts of a summary as CSV (RFC 4180, but lines end in a line feed): exact integers, sizes as `64x56x56`.

    Rows are as in the table, without totals: the numbers are those of one of `times` equal parts, and those of level 0 add up to the network's.

    >>> import archspec
    >>> print(write_csv(archspec.load("resnet18").summary(depth=1)).splitlines()[-1])
    fc,fc,0,1,linear,out=1000,1000,513000,0,512000,1000,4000,all,no
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    others = [] if summary.convention.name == "macs" else [summary.convention.name]
    writer.writerow([*_FIELDS, *others])
    for row in summary.rows:
        work = [format_digits(row.work) for _ in others]
        writer.writerow([escape_unprintable(cell) for cell in (*_list_facts(row), *work)])
    return text.getvalue()


def _list_facts(row: Row) -> Iterator[str]:
    yield from (row.name, row.last, str(row.level), format_digits(row.times), row.kind)
    yield " ".join(f"{name}={format_value(value, ',')}" for name, value in row.arguments.items())
    yield ", ".join(map(_spell_sizes, row.output))
    yield from map(format_digits, (row.params, row.buffers, row.macs, row.acts, row.memory))
    yield _spell_field(row.receptive_field)
    yield "yes" if row.reuses_weights else "no"


def _spell_sizes(sizes: tuple[int, ...]) -> str:
    return format_sizes(sizes).replace("×", "x")


def _spell_field(field: ReceptiveField) -> str:
    if not isinstance(field, SpatialField):
        return "all" if field else ""
    return _spell_sizes(field.size) if field.size else ""


def _join_totals(summary: Summary) -> Iterator[str]:
    return (f"{name:<8} {text}" for name, text in format_totals(summary))
