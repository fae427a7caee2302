"""Writes a table of texts for LaTeX, Markdown and HTML; nothing is cut or wrapped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archspec.columns import Column
from archspec.markup import escape_latex, escape_markdown
from archspec.printable import escape_markup

_INDENT = re.compile("(?:  )*")


@dataclass(frozen=True, slots=True)
class Table:
    r"""The rows of a table and the rows of totals below them, as texts; two spaces before a text indent it by a level.

    >>> table = Table((Column("Layer"), Column("Params", right=True)), (("  conv_1", "9,408"),), (("total", "9,408"),))
    >>> print(format_markdown(table))
    | Layer | Params |
    |:---|---:|
    | &emsp;conv\_1 | 9,408 |
    | total | 9,408 |
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    totals: Sequence[Sequence[str]] = ()


def format_latex(table: Table) -> str:
    r"""The table as a `tabular` with the rules of booktabs (Fear, 2020), for a document's own `table` environment.

    >>> print(format_latex(Table((Column("Layer"), Column("Params", right=True)), (("  conv_1", "9,408"),))))
    \begin{tabular}{lr}
    \toprule
    Layer & Params \\
    \midrule
    \quad conv\_1 & 9,408 \\
    \bottomrule
    \end{tabular}
    """
    return "\n".join(_iter_latex(table))


def _iter_latex(table: Table) -> Iterator[str]:
    yield f"\\begin{{tabular}}{{{''.join('lr'[column.right] for column in table.columns)}}}\n\\toprule"
    yield _latex_row([column.head for column in table.columns])
    for rows in filter(None, (table.rows, table.totals)):
        yield "\\midrule"
        yield from map(_latex_row, rows)
    yield "\\bottomrule\n\\end{tabular}"


def _latex_row(row: Sequence[str]) -> str:
    return " & ".join(_indent_cell(cell, r"\quad ", escape_latex) for cell in row) + r" \\"


def format_markdown(table: Table) -> str:
    """The table in GitHub's Markdown."""
    heads = [column.head for column in table.columns]
    rule = f"|{'|'.join(('---:' if column.right else ':---') for column in table.columns)}|"
    return "\n".join((_markdown_row(heads), rule, *map(_markdown_row, (*table.rows, *table.totals))))


def _markdown_row(row: Sequence[str]) -> str:
    return f"| {' | '.join(_indent_cell(cell, '&emsp;', escape_markdown) for cell in row)} |"


def format_html(table: Table) -> str:
    """The table as an element of HTML; cells of columns to the right have the class `n`."""
    heads = "".join(f"<th{_html_class(column)}>{escape_markup(column.head)}</th>" for column in table.columns)
    bodies = ("".join(_html_row(row, table.columns) for row in rows) for rows in (table.rows, table.totals) if rows)
    body = "".join(f"<tbody>{rows}</tbody>" for rows in bodies)
    return f"<table><thead><tr>{heads}</tr></thead>{body}</table>"


def _html_row(row: Sequence[str], columns: Sequence[Column]) -> str:
    cells = (
        f"<td{_html_class(column)}>{_indent_cell(cell, '&emsp;', escape_markup)}</td>"
        for cell, column in zip(row, columns, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _html_class(column: Column) -> str:
    return ' class="n"' if column.right else ""


def _indent_cell(cell: str, indent: str, escape: Callable[[str], str]) -> str:
    """A cell with its indent in the language of the table."""
    match = _INDENT.match(cell)
    levels = len(match[0]) // 2 if match else 0
    return indent * levels + escape(cell[2 * levels :])
