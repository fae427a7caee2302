"""Formats tables in plain text to a width: columns are cut, folded or left out in a given order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from operator import itemgetter

from archspec.printable import escape_unprintable

Styled = tuple[str, str]
"""A text and its style: "bold", "dim", "red", "magenta", "cyan", several separated by spaces, or ""."""
Line = tuple[Styled, ...]

_GAP = 2
_TIMES = re.compile(r" [×x]\d+$")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; long cells are continued on further lines if it `folds`, else cut."""

    head: str = ""
    right: bool = False
    folds: bool = False
    style: str = ""


def format_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int | None = None,
    *,
    cuts: Sequence[tuple[int, int]] = (),
    drops: Sequence[int] = (),
    text: Callable[[str], str] = escape_unprintable,
) -> Iterator[Line]:
    """The lines of a table, the heads first if there are any; a line is a sequence of styled cells.

    Args:
        columns: its columns, from left to right.
        rows: its cells; a row may end early.
        width: the width of the screen; None for no limit.
        cuts: pairs of a column and the width to which it may be cut, in the order in which they are tried.
        drops: columns to leave out if cutting is not enough, in this order; a last line names them.
        text: makes a cell printable.

    >>> table = format_table([Column("name"), Column("params", right=True)], [("conv1", "9,408"), ("fc", "513,000")], 14, cuts=[(0, 3)])
    >>> ["".join(cell for cell, _ in line) for line in table]
    ['name    params', 'conv1    9,408', 'fc     513,000']
    """
    heads = [text(column.head) for column in columns]
    cells = [[*map(text, row), *[""] * (len(columns) - len(row))] for row in rows]
    natural = [max(map(display_width, column)) for column in zip(heads, *cells, strict=True)]
    widths = fit_columns(natural, width, [*_iter_folded(heads, cells), *cuts], drops)
    more = text("…")
    if any(heads):
        yield from _format_row(heads, [replace(column, folds=True, style="bold") for column in columns], widths, more)
    for row in cells:
        yield from _format_row(row, columns, widths, more)
    dropped = [head.strip() for head, room in zip(heads, widths, strict=True) if room is None]
    if dropped:
        yield from wrap_line(((f"no room for {', '.join(dropped)}", "dim"),), width)


def _iter_folded(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Yields each column and its width with a folded head."""
    for index, head in enumerate(heads):
        yield index, max([*map(display_width, head.split()), *(display_width(row[index]) for row in cells)], default=0)


def fit_columns(
    widths: Sequence[int], width: int | None, cuts: Sequence[tuple[int, int]], drops: Sequence[int]
) -> list[int | None]:
    """The widths of columns that together have `width`; None for one that is left out.

    >>> fit_columns([8, 40, 6], 40, [(1, 20)], []), fit_columns([8, 40, 6], 24, [(1, 20)], [1])
    ([8, 22, 6], [8, None, 6])
    """
    left_out: list[int] = []
    for dropped in (None, *drops):
        left_out += [dropped] if dropped is not None else []
        fitted = [None if index in left_out else given for index, given in enumerate(widths)]
        for column, least in cuts:
            given = fitted[column]
            if given is not None and width is not None:
                fitted[column] = max(min(least, given), given - max(0, _total_width(fitted) - width))
        if width is None or _total_width(fitted) <= width:
            break
    return fitted


def display_width(text: str) -> int:
    """The width of a text in columns of a terminal: two for wide East Asian characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def shorten_cell(cell: str, width: int, more: str = "…") -> str:
    """A cell cut to `width`, with `more` at the cut; a `×N` at its end is kept.

    >>> shorten_cell("features.denseblock1 ×6", 14)
    'features.d… ×6'
    """
    if display_width(cell) <= width:
        return cell
    times = _TIMES.search(cell)
    kept = times[0] if times and len(times[0]) + len(more) < width else ""
    room = width - len(more) - len(kept)
    start = cell[: max(0, room)]
    while display_width(start) > room:
        start = start[:-1]
    return start + more[:width] + kept


def wrap_line(line: Line, width: int | None, indent: int = 2) -> list[Line]:
    """A line wrapped to `width`, with an indent on the lines after the first; longer words are not broken.

    >>> lines = wrap_line((("conv1", "bold"), (": groups 1 → 32", "")), 16)
    >>> lines
    [(('conv1', 'bold'), (': groups 1', '')), (('  ', ''), ('→ 32', ''))]
    """
    text = "".join(part for part, _ in line)
    if width is None or display_width(text) <= width:
        return [line]
    styles = [style for part, style in line for _ in part]
    margin, start = " " * indent, 0
    lines: list[Line] = []
    for piece in _fill_lines(text, width, indent=indent, whole=True):
        piece = piece.removeprefix(margin) if lines else piece
        start = text.index(piece, start)
        parts = groupby(zip(piece, styles[start:], strict=False), key=itemgetter(1))
        cut_out = tuple(("".join(character for character, _ in run), style) for style, run in parts)
        lines.append(((margin, ""), *cut_out) if lines else cut_out)
        start += len(piece)
    return lines


def _total_width(widths: Sequence[int | None]) -> int:
    shown = [given for given in widths if given is not None]
    return sum(shown) + _GAP * (len(shown) - 1)


def _format_row(
    row: Sequence[str], columns: Sequence[Column], widths: Sequence[int | None], more: str
) -> Iterator[Line]:
    """The lines of a row; folded cells may need several."""
    shown = [(cell, column, room) for cell, column, room in zip(row, columns, widths, strict=True) if room is not None]
    parts = [
        list(_fill_lines(cell, room)) if column.folds else [shorten_cell(cell, room, more)]
        for cell, column, room in shown
    ]
    for line in zip_longest(*parts, fillvalue=""):
        cells = [_place_cell(cell, column, room) for cell, (_, column, room) in zip(line, shown, strict=True)]
        while len(cells) > 1 and not cells[-1].strip():
            cells.pop()
        cells[-1] = cells[-1].rstrip()
        yield tuple(
            (("" if not index else " " * _GAP) + cell, column.style)
            for index, (cell, (_, column, _)) in enumerate(zip(cells, shown, strict=False))
        )


def _fill_lines(text: str, width: int, *, indent: int = 0, whole: bool = False) -> Iterator[str]:
    """The lines of a text that is broken at spaces; words that are too long are broken too, unless `whole`."""
    line = ""
    for word in re.findall(r" *[^ ]+", text):
        if line.strip() and display_width(line + word) > width:
            yield line
            line, word = " " * indent, word.lstrip()
        while not whole and display_width(line + word) > width and len(word) > 1:
            start = _start(word, max(1, width - display_width(line)))
            yield line + start
            line, word = " " * indent, word[len(start) :]
        line += word
    yield line


def _start(word: str, width: int) -> str:
    """The part of a word that fits a line: at least one character, with its combining marks."""
    length = len(shorten_cell(word, width, "")) or 1
    while length < len(word) and unicodedata.combining(word[length]):
        length += 1
    return word[:length]


def _place_cell(cell: str, column: Column, room: int) -> str:
    blank = " " * (room - display_width(cell))
    return blank + cell if column.right else cell + blank
