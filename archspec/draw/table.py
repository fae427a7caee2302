"""Draws the table beside figures."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.draw.picture import SMALL
from archspec.draw.scene import Group, PathShape, Scene, SceneShape, Text
from archspec.draw.text import measure_width, wrap_text
from archspec.draw.theme import Theme

Rows = Sequence[Sequence[str]]

_COLUMN = 14.0
_WIDEST = 96.0  # the most room between columns
_NARROWEST = 60.0  # the least width of a column that is wrapped


def fold_table(rows: tuple[tuple[str, ...], ...], room: float) -> tuple[tuple[str, ...], ...]:
    r"""A table of stages in `room` points: the second column below the first, and the longest texts, of the third, in several lines.

    >>> fold_table((("stage", "output", "layers", "params"), ("conv1", "8×4×4", "conv 3×3, 8, batchnorm, relu", "72")), 200)
    (('stage', 'layers', 'params'), ('conv1\n8×4×4', 'conv 3×3, 8,\nbatchnorm, relu', '72'))
    """
    if measure_table(rows)[0] <= room:
        return rows
    narrow = [
        (first if not number else f"{first}\n{second}".rstrip(), *others)
        for number, (first, second, *others) in enumerate(rows)
    ]
    wide, *widths = _measure_columns(narrow)
    spare = max(room - wide - sum(widths[1:]) - _COLUMN * len(widths) - 1, _NARROWEST)
    return tuple((name, _wrap_cell(layers, spare), *costs) for name, layers, *costs in narrow)


def _wrap_cell(cell: str, width: float) -> str:
    return "\n".join(line for row in cell.split("\n") for line in wrap_text(row, width, SMALL))


def measure_table(rows: Rows) -> tuple[float, float]:
    """The width and the height of a table."""
    widths = _measure_columns(rows)
    return sum(widths) + _COLUMN * (len(widths) - 1) + 1, sum(map(_measure_row, rows)) + 1 if rows else 0.0


def draw_table(rows: Rows, theme: Theme, width: float = 0.0) -> Scene:
    """A table with rules around its head and below its last row, at least of some width; a cell may have several lines."""
    scene = Scene("", "", 0, 0, theme.paper)
    if not rows:
        return scene
    widths = _measure_columns(rows)
    columns = range(len(widths))
    gap = min(max(_COLUMN, (width - sum(widths)) / (len(widths) - 1)), _WIDEST)
    starts = [round(sum(widths[:c]) + gap * c, 2) for c in columns]
    scene.width = round(starts[-1] + widths[-1], 2)
    shapes: list[SceneShape] = []
    y = 0.0
    for index, row in enumerate(rows):
        if index < 2:
            shapes.append(_draw_rule(y, scene.width, theme))
        for c in columns:
            for number, line in enumerate(row[c].split("\n")):
                shapes.append(
                    _draw_cell(
                        line, starts[c], widths[c], y + 12 + 13 * number, theme, head=not index, number=c > len(row) - 3
                    )
                )
        y += _measure_row(row)
    shapes.append(_draw_rule(y, scene.width, theme))
    scene.height = y + 1
    scene.groups.append(Group("table", tuple(shapes)))
    return scene


def _measure_columns(rows: Rows) -> list[float]:
    return [
        max(measure_width(line, SMALL, bold=not index) for index, row in enumerate(rows) for line in row[c].split("\n"))
        for c in range(len(rows[0]) if rows else 0)
    ]


def _measure_row(row: Sequence[str]) -> float:
    return 13 * max(len(cell.split("\n")) for cell in row) + 6


def _draw_rule(y: float, wide: float, theme: Theme) -> PathShape:
    return PathShape(((0, y), (wide, y)), theme.rule, 1, straight=True)


def _draw_cell(text: str, x: float, wide: float, y: float, theme: Theme, *, head: bool, number: bool) -> Text:
    """A cell, aligned to the right if it holds a number."""
    return Text(x + wide * number, y, text, SMALL, theme.ink, head, "end" if number else "start")
