"""Where everything in a picture is: what Graphviz answers, in points from the top left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from archspec.draw.dot import dot
from archspec.draw.graphviz import json_layout
from archspec.draw.picture import Box, Cluster, DrawError, Edge, Picture

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """An arrow: Bézier curves end to end (4, 7, 10, … points), its tip, and the middle of its label."""

    edge: Edge
    points: tuple[Point, ...]
    tip: Point | None
    label: Point | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture with places: centres of boxes, corners (left, top, right, bottom) of frames, arrows."""

    picture: Picture
    width: float
    height: float
    boxes: tuple[tuple[Box, Point], ...]
    frames: tuple[tuple[Cluster, tuple[float, float, float, float]], ...]
    curves: tuple[Curve, ...]


def lay_out(picture: Picture) -> Layout:
    """The layout of a picture, the same on every machine. Raises `DrawError`."""
    answer = json.loads(json_layout(dot(picture)))
    left, bottom, right, top = map(float, answer["bb"].split(","))

    def place(text: str) -> Point:
        across, up = text.split(",")[:2]
        return round(float(across) - left, 2), round(top - float(up), 2)

    objects = {one["name"]: one for one in answer.get("objects", ())}
    frames = []
    for cluster in picture.clusters:
        found = objects.get(f"cluster_{cluster.id}", {})
        if "bb" in found:
            low_left, high_right = found["bb"].split(",")[:2], found["bb"].split(",")[2:]
            (x0, y1), (x1, y0) = place(",".join(low_left)), place(",".join(high_right))
            frames.append((cluster, (x0, y0, x1, y1)))
    boxes = tuple((box, place(objects[box.id]["pos"])) for box in picture.boxes)
    return Layout(picture, right - left, top - bottom, boxes, tuple(frames), _curves(picture, answer, place))


def _curves(picture: Picture, answer: dict[str, list[dict[str, str]]], place: Callable[[str], Point]) -> tuple[Curve, ...]:
    """The arrows in the order of the picture: Graphviz keeps that order among those of one tail and head."""
    names = {str(one["_gvid"]): one["name"] for one in answer.get("objects", ())}
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for one in answer.get("edges", ()):
        found.setdefault((names[str(one["tail"])], names[str(one["head"])]), []).append(one)
    curves = []
    for edge in picture.edges:
        one = found[(edge.head, edge.tail) if edge.rising else (edge.tail, edge.head)].pop(0)
        if "pos" not in one:
            raise DrawError("an arrow found no way", "try another --direction or --detail")
        curves.append(_curve(edge, one, place))
    return tuple(curves)


def _curve(edge: Edge, found: dict[str, str], place: Callable[[str], Point]) -> Curve:
    tip, points = None, []
    for part in found["pos"].split(";")[0].split():
        if part[:2] in {"e,", "s,"}:
            tip = place(part[2:])
        else:
            points.append(place(part))
    if edge.rising:
        points.reverse()
    return Curve(edge, tuple(points), tip, place(found["lp"]) if "lp" in found else None)
