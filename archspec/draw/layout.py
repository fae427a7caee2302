"""Where everything in a picture is: what Graphviz answers, in points from the top left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from archspec.draw.dot import dot
from archspec.draw.graphviz import json_layout
from archspec.draw.picture import Box, Cluster, DrawError, Edge, Picture

Point = tuple[float, float]

_APART = 14.0  # points between what stands on shelves


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
    if not picture.boxes:
        return Layout(picture, 0, 0, (), (), ())
    if picture.shelf:
        return shelved(picture, [_whole(part) for part in apart(picture)])
    return _whole(picture)


def _whole(picture: Picture) -> Layout:
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


def apart(picture: Picture) -> Iterator[Picture]:
    """A picture for each frame of the outermost level, with what is inside it."""
    parents = {cluster.id: cluster.parent for cluster in picture.clusters}

    def outermost(cluster: str | None) -> str | None:
        while cluster is not None and parents[cluster] is not None:
            cluster = parents[cluster]
        return cluster

    for frame in picture.clusters:
        if frame.parent is not None:
            continue
        boxes = tuple(box for box in picture.boxes if outermost(box.cluster) == frame.id)
        held = {box.id for box in boxes}
        clusters = tuple(cluster for cluster in picture.clusters if outermost(cluster.id) == frame.id)
        edges = tuple(edge for edge in picture.edges if edge.tail in held)
        yield replace(picture, boxes=boxes, edges=edges, clusters=clusters)


def shelved(picture: Picture, parts: Sequence[Layout]) -> Layout:
    """Layouts side by side, in as many rows as the width asks for."""
    x = y = high = wide = 0.0
    placed: list[Layout] = []
    for part in parts:
        if x and x + part.width > picture.shelf:
            x, y, high = 0.0, y + high + _APART, 0.0
        placed.append(_moved(part, x, y))
        x, high = x + part.width + _APART, max(high, part.height)
        wide = max(wide, x - _APART)
    return Layout(
        picture,
        wide,
        y + high,
        tuple(box for part in placed for box in part.boxes),
        tuple(frame for part in placed for frame in part.frames),
        tuple(curve for part in placed for curve in part.curves),
    )


def _moved(part: Layout, x: float, y: float) -> Layout:
    def at(point: Point) -> Point:
        return round(point[0] + x, 2), round(point[1] + y, 2)

    curves = tuple(
        Curve(
            one.edge, tuple(map(at, one.points)), at(one.tip) if one.tip else None, at(one.label) if one.label else None
        )
        for one in part.curves
    )
    boxes = tuple((box, at(centre)) for box, centre in part.boxes)
    frames = tuple((frame, (*at((x0, y0)), *at((x1, y1)))) for frame, (x0, y0, x1, y1) in part.frames)
    return Layout(part.picture, part.width, part.height, boxes, frames, curves)


def _curves(
    picture: Picture, answer: dict[str, list[dict[str, str]]], place: Callable[[str], Point]
) -> tuple[Curve, ...]:
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
