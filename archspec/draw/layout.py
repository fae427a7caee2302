"""Lays out a picture in columns or, if it has another shape, with Graphviz; coordinates are in points from the top left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from archspec.draw.columns import lay_out_columns
from archspec.draw.dot import write_dot
from archspec.draw.geometry import Curve, Layout, Point
from archspec.draw.graphviz import run_json_layout
from archspec.draw.picture import DrawError, Edge, Picture

_APART = 14.0  # points between frames that are arranged in rows


def compute_layout(picture: Picture) -> Layout:
    """The layout of a picture, the same on every machine. Raises `DrawError`."""
    if not picture.boxes:
        return Layout(picture, 0, 0, (), (), ())
    if picture.shelf:
        return arrange_on_shelves(picture, [_lay_out_whole(part) for part in split_by_frame(picture)])
    return _lay_out_whole(picture)


def _lay_out_whole(picture: Picture) -> Layout:
    laid = lay_out_columns(picture) if picture.columns else None
    if not laid and any(box.slab for box in picture.boxes):
        raise DrawError(
            f"{picture.title} has arrows for which there is no room beside the captions of a scale", "leave --scale out"
        )
    return laid or _lay_out_with_graphviz(picture)


def _lay_out_with_graphviz(picture: Picture) -> Layout:
    answer = json.loads(run_json_layout(write_dot(replace(picture, fit=None))))
    left, bottom, right, top = map(float, answer["bb"].split(","))

    def place(text: str) -> Point:
        across, up = text.split(",")[:2]
        return round(float(across) - left, 2), round(top - float(up), 2)

    objects = {drawn["name"]: drawn for drawn in answer.get("objects", ())}
    frames = []
    for cluster in picture.clusters:
        frame = objects.get(f"cluster_{cluster.id}", {})
        if "bb" in frame:
            low_left, high_right = frame["bb"].split(",")[:2], frame["bb"].split(",")[2:]
            (x0, y1), (x1, y0) = place(",".join(low_left)), place(",".join(high_right))
            frames.append((cluster, (x0, y0, x1, y1)))
    boxes = tuple((box, place(objects[box.id]["pos"])) for box in picture.boxes)
    return Layout(picture, right - left, top - bottom, boxes, tuple(frames), _read_curves(picture, answer, place))


def split_by_frame(picture: Picture) -> Iterator[Picture]:
    """A picture for each outermost frame, with its contents."""
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


def arrange_on_shelves(picture: Picture, parts: Sequence[Layout]) -> Layout:
    """The layouts side by side, in rows of the picture's `shelf` width."""
    x = y = high = wide = 0.0
    placed: list[Layout] = []
    for part in parts:
        if x and x + part.width > picture.shelf:
            x, y, high = 0.0, y + high + _APART, 0.0
        placed.append(_move_layout(part, x, y))
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


def _move_layout(part: Layout, x: float, y: float) -> Layout:
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
    return Layout(part.picture, part.width, part.height, boxes, frames, curves)


def _read_curves(
    picture: Picture, answer: dict[str, list[dict[str, str]]], place: Callable[[str], Point]
) -> tuple[Curve, ...]:
    """The arrows in the order of the picture; Graphviz keeps that order among those of the same tail and head."""
    names = {str(drawn["_gvid"]): drawn["name"] for drawn in answer.get("objects", ())}
    by_ends: dict[tuple[str, str], list[dict[str, str]]] = {}
    for drawn in answer.get("edges", ()):
        by_ends.setdefault((names[str(drawn["tail"])], names[str(drawn["head"])]), []).append(drawn)
    curves = []
    for edge in picture.edges:
        drawn = by_ends[(edge.head, edge.tail) if edge.rising else (edge.tail, edge.head)].pop(0)
        if "pos" not in drawn:
            raise DrawError("an arrow found no way", "try another --direction or --detail")
        curves.append(_read_curve(edge, drawn, place))
    return tuple(curves)


def _read_curve(edge: Edge, drawn: dict[str, str], place: Callable[[str], Point]) -> Curve:
    tip, points = None, []
    for part in drawn["pos"].split(";")[0].split():
        if part[:2] in {"e,", "s,"}:
            tip = place(part[2:])
        else:
            points.append(place(part))
    if edge.rising:
        points.reverse()
    return Curve(edge, tuple(points), tip, place(drawn["lp"]) if "lp" in drawn else None)
