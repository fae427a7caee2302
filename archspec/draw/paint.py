"""A layout becomes shapes: boxes with their text, frames, arrows, the legend, the table."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.draw.dot import headed
from archspec.draw.furniture import legend, table
from archspec.draw.layout import Curve, Layout
from archspec.draw.picture import SMALL, Box, Cluster, Line
from archspec.draw.scene import Group, Path, Point, Rect, Scene, Shape, Text, moved
from archspec.draw.text import SIZE, width
from archspec.draw.theme import DASHES, Theme

MARGIN = 16.0
_HEAD = 26.0  # the line of the title
_GAP = 28.0  # between a table and the figures beside it


def paint(layout: Layout, theme: Theme) -> Scene:
    """The scene of a picture: title, table, figure, legend."""
    picture = layout.picture
    beside = table(picture.table, theme)
    left = beside.width + _GAP if beside.groups else 0.0
    below = legend(picture, theme, max(layout.width + left, 300.0))
    titled = width(picture.title, SIZE + 3, bold=True)
    inner = max(left + layout.width, below.width, min(titled, 900))
    across = left + max(0.0, (inner - left - layout.width) / 2)
    body = max(layout.height, beside.height)
    scene = Scene(picture.title, picture.description, inner + 2 * MARGIN, 0, theme.paper)
    scene.groups.append(
        Group("title", (Text(MARGIN, MARGIN + SIZE, picture.title, SIZE + 3, theme.ink, True, "start"),))
    )
    _place(scene, beside.groups, MARGIN, MARGIN + _HEAD)
    _place(scene, list(figure(layout, theme)), MARGIN + across, MARGIN + _HEAD)
    under = MARGIN + _HEAD + body + (14 if below.groups else 0)
    _place(scene, below.groups, MARGIN, under)
    scene.height = under + below.height + MARGIN
    return scene


def figure(layout: Layout, theme: Theme) -> Iterator[Group]:
    """The groups of the figure itself: frames, then arrows, then boxes."""
    for cluster, (x0, y0, x1, y1) in layout.frames:
        sheet = Rect(x0, y0, x1 - x0, y1 - y0, theme.frame(cluster.level), theme.rule, 7)
        yield Group("frame", (sheet,), cluster.place, "frame", headed(cluster))
    for curve in layout.curves:
        yield _arrow(curve, theme)
    for cluster, corners in layout.frames:
        yield Group("heading", tuple(_heading(cluster, corners, theme)))
    for box, centre in layout.boxes:
        yield Group("node", tuple(_box(box, centre, theme)), box.place, box.kind, box.tip)


def _place(scene: Scene, groups: list[Group], x: float, y: float) -> None:
    for group in groups:
        shapes = tuple(moved(shape, x, y) for shape in group.shapes)
        scene.groups.append(Group(group.role, shapes, group.place, group.kind, group.tip))


def _heading(cluster: Cluster, corners: tuple[float, float, float, float], theme: Theme) -> Iterator[Shape]:
    """The label of a frame, on a ground of its own: an arrow that comes in below it does not strike it through."""
    x, y = corners[0] + 8, corners[1] + 15
    label = headed(cluster)
    wide = min(width(label, SIZE, bold=True), corners[2] - x - 3)
    colour = theme.frame(cluster.level)
    yield Rect(x - 2, y - 10, wide + 4, 13, colour, colour, 2, 0)
    yield Text(x, y, label, SIZE, theme.ink, True, "start")


def _arrow(curve: Curve, theme: Theme) -> Group:
    edge, colour = curve.edge, theme.flows[curve.edge.flow]
    thick = 1.2 if edge.flow == "flow" else 1.7
    shapes: list[Shape] = [Path(curve.points, colour, thick, DASHES.get(edge.flow, ()))]
    if curve.tip:
        shapes.append(head(curve.points[-1], curve.tip, colour))
    if edge.label and curve.label:
        x, y = curve.label
        wide = width(edge.label, SMALL)
        shapes.append(Rect(x - wide / 2 - 2, y - 7, wide + 4, 14, theme.paper, theme.paper, 2, 0))
        shapes.append(Text(x, y + 3.5, edge.label, SMALL, theme.faint))
    return Group("edge", tuple(shapes), kind=edge.flow, tip="" if edge.flow == "flow" else edge.flow)


def head(base: Point, tip: Point, colour: str) -> Path:
    """The head of an arrow."""
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = max((dx * dx + dy * dy) ** 0.5, 0.01)
    dx, dy = dx / length, dy / length
    back = tip[0] - 6.5 * dx, tip[1] - 6.5 * dy
    wings = ((back[0] - 2.8 * dy, back[1] + 2.8 * dx), tip, (back[0] + 2.8 * dy, back[1] - 2.8 * dx))
    return Path(tuple((round(x, 2), round(y, 2)) for x, y in wings), colour, 0.5, (), colour, straight=True)


def _box(box: Box, centre: Point, theme: Theme) -> Iterator[Shape]:
    x, y = centre
    line, fill = theme.lines[box.kind], theme.fills[box.kind]
    wide, high = box.width, box.height
    yield Rect(x - wide / 2, y - high / 2, wide, high, fill, line, high / 2 if box.sign else 5, 1.2)
    if box.sign:
        yield Text(x, y + 5, box.lines[0].text, SIZE + 4, theme.ink, True)
        return
    top = y - high / 2 + 4.5
    for one in box.lines:
        colour = theme.faint if one.style == "faint" else theme.ink
        base = top + one.height - 4
        yield Text(x, round(base, 2), one.text, one.size, colour, one.style == "strong")
        yield from _skip(one, x + wide / 2, top, theme)
        top += one.height


def _skip(line: Line, right: float, top: float, theme: Theme) -> Iterator[Shape]:
    """The shortcut around what a line names, at the right edge of its box."""
    if not line.skip:
        return
    colour = theme.flows[line.skip]
    high, low = top + 1.5, top + line.height - 1.5
    inner, outer = right - 19, right - 5
    points = ((inner, high), (outer, high), (outer, low), (inner + 5, low))
    yield Path(points, colour, 1.7, DASHES.get(line.skip, ()))
    yield head((inner + 5, low), (inner - 1, low), colour)
