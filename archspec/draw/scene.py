"""Defines the shapes of a picture, which SVG, PDF and TikZ write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from archspec.draw.picture import NO_PLACE, Place
from archspec.draw.text import measure_width

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle with rounded corners; `(x, y)` is the top left."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    line: str
    radius: float = 5.0
    thick: float = 1.0


@dataclass(frozen=True, slots=True)
class PathShape:
    """Cubic Bézier curves (4, 7, 10, … points) or, if `straight`, a polyline; closed and filled if it has a `fill`."""

    points: tuple[Point, ...]
    line: str
    thick: float = 1.2
    dash: tuple[int, ...] = ()
    fill: str = ""
    straight: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `(x, y)` is on its baseline, at the start, middle or end that `anchor` names."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool = False
    anchor: Anchor = "middle"

    @property
    def left(self) -> float:
        """Its left end in the widest of the fonts."""
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        return self.x - share * measure_width(self.text, self.size, bold=self.bold)


SceneShape = Rect | PathShape | Text


@dataclass(frozen=True, slots=True)
class Group:
    """The shapes of one box, frame, arrow or legend entry, with the part of the network that it shows."""

    role: str
    """`node`, `frame`, `edge`, or `legend`."""
    shapes: tuple[SceneShape, ...]
    place: Place = NO_PLACE
    kind: str = ""
    tip: str = ""


@dataclass
class Scene:
    """All shapes of a picture, the last on top, and its size; in points from the top left."""

    title: str
    description: str
    width: float
    height: float
    paper: str
    groups: list[Group] = field(default_factory=list)
    scale: float | None = None
    """Points in print for a point of the scene; None if the picture has no size in print."""

    @property
    def printed(self) -> tuple[float, float]:
        """Its width and height in print."""
        scale = self.scale or 1.0
        return self.width * scale, self.height * scale

    @property
    def shapes(self) -> Iterator[SceneShape]:
        return (shape for group in self.groups for shape in group.shapes)


def move_shape(shape: SceneShape, x: float, y: float) -> SceneShape:
    """The shape moved by `(x, y)`."""
    if isinstance(shape, PathShape):
        return replace(shape, points=tuple((across + x, down + y) for across, down in shape.points))
    return replace(shape, x=shape.x + x, y=shape.y + y)
