"""Defines a picture that has been laid out; coordinates are in points from the top left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Literal

from archspec.draw.picture import SMALL, Box, Cluster, Edge, Picture
from archspec.draw.text import measure_width

Point = tuple[float, float]
Corners = tuple[float, float, float, float]
"""Left, top, right, bottom."""

RADIUS = 8.0
"""The radius of a bend of an orthogonal arrow."""
HEAD = 6.5
"""The length of an arrow head."""
_ROUND = 0.5523  # control point distance of a cubic Bézier curve for a quarter circle of radius 1


@dataclass(frozen=True, slots=True)
class Curve:
    """An arrow: connected cubic Bézier curves (4, 7, 10, … points), its tip, and the place of its label."""

    edge: Edge
    points: tuple[Point, ...]
    tip: Point | None
    label: Point | None
    """The middle of the label, or the middle of its left end if `anchor` is "start"."""
    anchor: Literal["start", "middle"] = "middle"


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture with the centres of its boxes, the corners (left, top, right, bottom) of its frames, and its arrows."""

    picture: Picture
    width: float
    height: float
    boxes: tuple[tuple[Box, Point], ...]
    frames: tuple[tuple[Cluster, tuple[float, float, float, float]], ...]
    curves: tuple[Curve, ...]
    headings: Mapping[str, float] = field(default_factory=dict)
    """Where the heading of a frame starts across, by its id, if it is not at the left."""
    table: tuple[Point, float] | None = None
    """The top left corner of the table and its width, if there is one."""


def bend_corners(corners: Sequence[Point]) -> tuple[tuple[Point, ...], Point]:
    """The cubic Bézier curves along a polyline with rounded corners, up to the arrow head at its end, and the tip of that.

    >>> bend_corners([(0, 0), (0, 30)])
    (((0, 0), (0.0, 7.83), (0.0, 15.67), (0.0, 23.5)), (0, 30))
    """
    tip = corners[-1]
    way = [*corners[:-1], _move_towards(tip, corners[-2], HEAD)]
    points: list[Point] = [way[0]]
    for before, corner, after in zip(way, way[1:], way[2:], strict=False):
        radius = min(RADIUS, _measure(before, corner) / 2, _measure(corner, after) / 2)
        start, end = _move_towards(corner, before, radius), _move_towards(corner, after, radius)
        points += _straighten(points[-1], start)
        held = radius * (1 - _ROUND)
        points += [_move_towards(corner, before, held), _move_towards(corner, after, held), end]
    points += _straighten(points[-1], way[-1])
    return tuple((round(x, 2), round(y, 2)) for x, y in points), tip


def _straighten(start: Point, end: Point) -> list[Point]:
    """The rest of a curve that is a straight line."""
    third = (end[0] - start[0]) / 3, (end[1] - start[1]) / 3
    return [(start[0] + third[0], start[1] + third[1]), (end[0] - third[0], end[1] - third[1]), end]


def _move_towards(start: Point, end: Point, length: float) -> Point:
    whole = max(_measure(start, end), 0.01)
    return start[0] + (end[0] - start[0]) * length / whole, start[1] + (end[1] - start[1]) * length / whole


def _measure(start: Point, end: Point) -> float:
    return hypot(end[0] - start[0], end[1] - start[1])


Arrow = tuple[Edge, Sequence[Point], Point | None, Literal["start", "middle"]]
"""An arrow along its corners, with the place of its label and its anchor."""


def anchor_label(edge: Edge, middle: Point | None, *, lies: bool) -> tuple[Point | None, Literal["start", "middle"]]:
    """The place of a label: its left end if it is at the right of its arrow, so that all are equally near; its middle if the picture `lies`."""
    if middle is None or lies:
        return middle, "middle"
    return (middle[0] - measure_width(edge.label, SMALL) / 2, middle[1]), "start"


def begin_at_origin(
    picture: Picture,
    bounds: Sequence[Corners],
    boxes: Iterable[tuple[Box, Point]],
    frames: Iterable[tuple[Cluster, Corners]],
    arrows: Iterable[Arrow],
    headings: Mapping[str, float],
) -> Layout:
    """The layout of placed boxes, frames and arrows, moved so that all of `bounds` begins at 0."""
    left, top = (min(bound[axis] for bound in bounds) for axis in (0, 1))
    right, bottom = (max(bound[axis] for bound in bounds) for axis in (2, 3))

    def move(point: Point) -> Point:
        return round(point[0] - left, 2), round(point[1] - top, 2)

    return Layout(
        picture,
        round(right - left, 2),
        round(bottom - top, 2),
        tuple((box, move(centre)) for box, centre in boxes),
        tuple((frame, (*move(corners[:2]), *move(corners[2:]))) for frame, corners in frames),
        tuple(
            Curve(edge, *bend_corners(list(map(move, corners))), label and move(label), anchor)
            for edge, corners, label, anchor in arrows
        ),
        {frame: round(start - left, 2) for frame, start in headings.items()},
    )


def move_layout(part: Layout, x: float, y: float) -> Layout:
    """A layout, moved."""

    def move(point: Point) -> Point:
        return round(point[0] + x, 2), round(point[1] + y, 2)

    curves = tuple(
        replace(
            curve,
            points=tuple(map(move, curve.points)),
            tip=move(curve.tip) if curve.tip else None,
            label=move(curve.label) if curve.label else None,
        )
        for curve in part.curves
    )
    boxes = tuple((box, move(centre)) for box, centre in part.boxes)
    frames = tuple((frame, (*move((x0, y0)), *move((x1, y1)))) for frame, (x0, y0, x1, y1) in part.frames)
    headings = {frame: round(start + x, 2) for frame, start in part.headings.items()}
    return Layout(part.picture, part.width, part.height, boxes, frames, curves, headings)
