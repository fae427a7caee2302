"""Composes the shapes of a picture from its layout: boxes with their text, frames, arrows, legend and table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from archspec.draw.geometry import Curve, Layout
from archspec.draw.legend import draw_legend
from archspec.draw.media import LEAST_TYPE
from archspec.draw.picture import SMALL, Box, Caption, Cluster, Line
from archspec.draw.scene import Anchor, Group, PathShape, Point, Rect, Scene, SceneShape, Text, move_shape
from archspec.draw.table import draw_table
from archspec.draw.text import SIZE, measure_width, wrap_text
from archspec.draw.theme import DASHES, Theme

MARGIN = 16.0
_TITLE = SIZE + 3
_HEAD = 26.0  # height of the title
_LINE = 1.2  # the distance of its lines, in sizes of its type
_LEGEND = 300.0  # the least room for a row of the legend
_ANCHORS: Mapping[Caption, Anchor] = {"below": "middle", "left": "end", "right": "start"}
_MARK = 26.0  # the width of the mark of a skip connection, with room around it


def compose_scene(layout: Layout, theme: Theme, room: float | None = None) -> Scene:
    """The scene of a picture: title, table, figure, legend. If the picture is to fit into a width, the title and the legend take no more than `room`."""
    picture = layout.picture
    least = _LEGEND if room is None else min(room, _LEGEND) - 2 * MARGIN
    widest = inf if room is None else room * SMALL / LEAST_TYPE - 2 * MARGIN
    below = draw_legend(picture, theme, max(layout.width, least), widest)
    inner = max(layout.width, below.width)
    title = _fit_title(picture.title, theme, 900 if room is None else max(inner, room - 2 * MARGIN))
    inner = max(inner, *(measure_width(line.text, line.size, bold=True) for line in title))
    head = _HEAD + title[-1].y - title[0].y
    across = max(0.0, (inner - layout.width) / 2)
    scene = Scene(picture.title, picture.description, inner + 2 * MARGIN, 0, theme.paper)
    scene.groups.append(Group("title", title))
    if layout.table:
        (x, y), width = layout.table
        _place_groups(scene, draw_table(picture.table, theme, width).groups, MARGIN + across + x, MARGIN + head + y)
    _place_groups(scene, list(draw_figure(layout, theme)), MARGIN + across, MARGIN + head)
    under = MARGIN + head + layout.height + (14 if below.groups else 0)
    _place_groups(scene, below.groups, MARGIN, under)
    scene.height = under + below.height + MARGIN
    return scene


def _fit_title(title: str, theme: Theme, room: float) -> tuple[Text, ...]:
    """The title in its size, or smaller if it is wider than `room`, but not smaller than other texts: then it has several lines."""
    wide = max(measure_width(title, _TITLE, bold=True), 1.0)
    size = max(SMALL, min(_TITLE, round(_TITLE * room / wide, 1)))
    lines = wrap_text(title, max(room, 1.0), size, bold=True)
    return tuple(
        Text(MARGIN, MARGIN + SIZE + round(_LINE * size, 1) * number, line, size, theme.ink, True, "start")
        for number, line in enumerate(lines)
    )


def draw_figure(layout: Layout, theme: Theme) -> Iterator[Group]:
    """The groups of the figure: frames, then arrows, then the frames' headings, then boxes."""
    for cluster, (x0, y0, x1, y1) in layout.frames:
        sheet = Rect(x0, y0, x1 - x0, y1 - y0, theme.frame(cluster.level), theme.rule, 7)
        yield Group("frame", (sheet,), cluster.place, "frame", cluster.heading)
    for curve in layout.curves:
        yield _draw_arrow(curve, theme)
    for cluster, corners in layout.frames:
        start = layout.headings.get(cluster.id, corners[0] + 8)
        yield Group("heading", tuple(_draw_heading(cluster, start, corners, theme)))
    for box, centre in layout.boxes:
        yield Group("node", tuple(_draw_box(box, centre, theme)), box.place, box.kind, box.tip)


def _place_groups(scene: Scene, groups: list[Group], x: float, y: float) -> None:
    for group in groups:
        shapes = tuple(move_shape(shape, x, y) for shape in group.shapes)
        scene.groups.append(Group(group.role, shapes, group.place, group.kind, group.tip))


def _draw_heading(
    cluster: Cluster, x: float, corners: tuple[float, float, float, float], theme: Theme
) -> Iterator[SceneShape]:
    """The label of a frame on a filled rectangle, which hides arrows behind it, and its note below."""
    y = corners[1] + 15
    wide = min(measure_width(cluster.heading, SIZE, bold=True), corners[2] - x - 3)
    colour = theme.frame(cluster.level)
    yield Rect(x - 2, y - 10, wide + 4, 13, colour, colour, 2, 0)
    yield Text(x, y, cluster.heading, SIZE, theme.ink, True, "start")
    if cluster.note:
        yield Text(x, y + 13, cluster.note, SMALL, theme.faint, anchor="start")


def _draw_arrow(curve: Curve, theme: Theme) -> Group:
    edge, colour = curve.edge, theme.flows[curve.edge.flow]
    thick = edge.thick or (1.2 if edge.flow == "flow" else 1.7)
    shapes: list[SceneShape] = [PathShape(curve.points, colour, thick, DASHES.get(edge.flow, ()))]
    if curve.tip:
        shapes.append(draw_arrow_head(curve.points[-1], curve.tip, colour, max(2.8, thick)))
    if edge.label and curve.label:
        x, y = curve.label
        wide = measure_width(edge.label, SMALL)
        left = x - wide / 2 if curve.anchor == "middle" else x
        if curve.anchor == "middle":
            shapes.append(Rect(left - 2, y - 7, wide + 4, 14, theme.paper, theme.paper, 2, 0))
        shapes.append(Text(x, y + 3.5, edge.label, SMALL, theme.faint, anchor=curve.anchor))
    return Group("edge", tuple(shapes), kind=edge.flow, tip="" if edge.flow == "flow" else edge.flow)


def draw_arrow_head(base: Point, tip: Point, colour: str, half: float = 2.8) -> PathShape:
    """The head of an arrow, `half` its width."""
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = max((dx * dx + dy * dy) ** 0.5, 0.01)
    dx, dy = dx / length, dy / length
    back = tip[0] - 6.5 * dx, tip[1] - 6.5 * dy
    wings = ((back[0] - half * dy, back[1] + half * dx), tip, (back[0] + half * dy, back[1] - half * dx))
    return PathShape(tuple((round(x, 2), round(y, 2)) for x, y in wings), colour, 0.5, (), colour, straight=True)


def _draw_box(box: Box, centre: Point, theme: Theme) -> Iterator[SceneShape]:
    x, y = centre
    line, fill = theme.lines[box.kind], theme.fills[box.kind]
    wide, high = box.width, box.height
    yield Rect(
        x - wide / 2, y - high / 2, wide, high, fill, line, high / 2 if box.sign else 1.5 if box.slab else 5, 1.2
    )
    if box.sign:
        yield Text(x, y + 5, box.lines[0].text, SIZE + 4, theme.ink, True)
        return
    anchor = _ANCHORS[box.caption] if box.slab else "middle"
    start, top = x + box.text_place[0], y + box.text_place[1] - sum(row.height for row in box.lines) / 2
    for row in box.lines:
        colour = theme.faint if row.style == "faint" else theme.ink
        base = top + row.height - 4
        yield Text(start, round(base, 2), str(row), row.size, colour, row.style == "strong", anchor)
        yield from _draw_skip(row, _find_mark_end(box, row, start), top, theme)
        top += row.height


def _find_mark_end(box: Box, line: Line, start: float) -> float:
    """The right end of the mark of a line: at the right edge of its box, or beside its text in a caption."""
    if not box.slab:
        return start + box.text_width / 2
    return start + {"below": line.width / 2 + _MARK, "left": -line.width, "right": line.width + _MARK}[box.caption]


def _draw_skip(line: Line, right: float, top: float, theme: Theme) -> Iterator[SceneShape]:
    """The mark for the skip connection of a line, at the right edge of its box."""
    if not line.skip:
        return
    colour = theme.flows[line.skip]
    high, low = top + 3, top + line.height - 3
    inner, outer = right - 19, right - 5
    points = ((inner, high), (outer, high), (outer, low), (inner + 5, low))
    yield PathShape(points, colour, 1.7, DASHES.get(line.skip, ()))
    yield draw_arrow_head((inner + 5, low), (inner - 1, low), colour)
