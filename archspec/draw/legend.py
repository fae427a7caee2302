"""Draws the legend below a figure and the table beside it."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.draw.picture import SMALL, Picture
from archspec.draw.scene import Group, PathShape, Rect, Scene, SceneShape, Text, move_shape
from archspec.draw.text import measure_width
from archspec.draw.theme import DASHES, Theme
from archspec.view import labels

_ROW = 16.0
_COLUMN = 14.0
_WIDEST = 96.0  # the most room between columns of the table


def draw_legend(picture: Picture, theme: Theme, room: float) -> Scene:
    """The legend of colours and lines, in rows no wider than `room`; empty if the picture has none."""
    scene = Scene("", "", 0, 0, theme.paper)
    if not picture.legend:
        return scene
    shown = [kind for kind in labels.CATEGORY_NAMES if kind in picture.kinds and kind != "ends"]
    entries = [(labels.CATEGORY_NAMES[kind], kind) for kind in shown]
    entries += [(labels.FLOW_NAMES[flow], flow) for flow in picture.flows] + [(note, "") for note in picture.notes]
    samples = [(name, _draw_sample(kind, theme)) for name, kind in entries]
    samples += [
        (text, (PathShape(((0, 6), (15, 6)), theme.flows["flow"], wide, straight=True),))
        for text, wide in picture.widths
    ]
    x, y = 0.0, 0.0
    for name, sample in samples:
        start = 20.0 if sample else 0.0
        wide = start + measure_width(name, SMALL) + _COLUMN
        if x and x + wide - _COLUMN > room:
            x, y = 0.0, y + _ROW
        text = Text(x + start, y + 10, name, SMALL, theme.faint, anchor="start")
        scene.groups.append(Group("legend", (*(move_shape(shape, x, y) for shape in sample), text)))
        x += wide
        scene.width = max(scene.width, x - _COLUMN)
    scene.height = y + _ROW if scene.groups else 0
    return scene


def _draw_sample(kind: str, theme: Theme) -> tuple[SceneShape, ...]:
    if not kind:
        return ()
    if kind in theme.fills:
        return (Rect(0, 1, 14, 10, theme.fills[kind], theme.lines[kind], 3, 1.2),)
    return (PathShape(((0, 6), (15, 6)), theme.flows[kind], 1.7, DASHES.get(kind, ()), straight=True),)


def measure_table(rows: Sequence[Sequence[str]]) -> tuple[float, float]:
    """The width and the height of a table."""
    widths = _measure_columns(rows)
    return sum(widths) + _COLUMN * (len(widths) - 1) + 1, sum(map(_measure_row, rows)) + 1 if rows else 0.0


def draw_table(rows: Sequence[Sequence[str]], theme: Theme, width: float = 0.0) -> Scene:
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


def _measure_columns(rows: Sequence[Sequence[str]]) -> list[float]:
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
