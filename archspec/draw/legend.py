"""Draws the legend below a figure."""

from __future__ import annotations

from math import inf

from archspec.draw.picture import SMALL, Picture
from archspec.draw.scene import Group, PathShape, Rect, Scene, SceneShape, Text, move_shape
from archspec.draw.text import measure_width, wrap_text
from archspec.draw.theme import DASHES, Theme
from archspec.view import labels

_ROW = 16.0
_COLUMN = 14.0
_LINE = 12.0  # between the lines of a wrapped entry


def draw_legend(picture: Picture, theme: Theme, room: float, widest: float = inf) -> Scene:
    """The legend of colours and lines, in rows no wider than `room`, an entry by itself than `widest`; empty if the picture has none."""
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
        lines = wrap_text(name, max(room, widest) - start, SMALL)
        wide = start + max(measure_width(line, SMALL) for line in lines) + _COLUMN
        if x and x + wide - _COLUMN > room:
            x, y = 0.0, y + _ROW
        texts = (
            Text(x + start, y + 10 + _LINE * number, line, SMALL, theme.faint, anchor="start")
            for number, line in enumerate(lines)
        )
        scene.groups.append(Group("legend", (*(move_shape(shape, x, y) for shape in sample), *texts)))
        x, y = x + wide, y + _LINE * (len(lines) - 1)
        scene.width = max(scene.width, x - _COLUMN)
    scene.height = y + _ROW if scene.groups else 0
    return scene


def _draw_sample(kind: str, theme: Theme) -> tuple[SceneShape, ...]:
    if not kind:
        return ()
    if kind in theme.fills:
        return (Rect(0, 1, 14, 10, theme.fills[kind], theme.lines[kind], 3, 1.2),)
    return (PathShape(((0, 6), (15, 6)), theme.flows[kind], 1.7, DASHES.get(kind, ()), straight=True),)
