"""Lays out a picture in columns or, if it has another shape, with Graphviz; coordinates are in points from the top left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from archspec.draw.columns import lay_out_columns
from archspec.draw.dot import write_dot
from archspec.draw.geometry import Curve, Layout, Point, move_layout
from archspec.draw.graphviz import run_json_layout
from archspec.draw.legend import measure_table
from archspec.draw.packing import choose_width, pack_rectangles
from archspec.draw.picture import DrawError, Edge, Picture
from archspec.draw.u_legs import lay_out_legs

_GAP = 34.0  # points between ranks of Graphviz, so that arrows pass above the heads of others


def compute_layout(picture: Picture) -> Layout:
    """The layout of a picture, the same on every machine. Raises `DrawError`."""
    if not picture.boxes:
        return Layout(picture, 0, 0, (), (), ())
    if picture.shelf:
        return _arrange_on_page(picture, [_lay_out_whole(part) for part in split_by_frame(picture)])
    return _lay_out_whole(picture)


def _lay_out_whole(picture: Picture) -> Layout:
    laid = (lay_out_legs(picture) or lay_out_columns(picture)) if picture.columns else None
    if not laid and any(box.slab for box in picture.boxes):
        raise DrawError(
            f"{picture.title} has arrows for which there is no room beside the captions of a scale", "leave --scale out"
        )
    return laid or _lay_out_with_graphviz(picture)


def _lay_out_with_graphviz(picture: Picture) -> Layout:
    answer = json.loads(run_json_layout(write_dot(replace(picture, fit=None, gap=max(picture.gap, _GAP)))))
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


def _arrange_on_page(picture: Picture, parts: Sequence[Layout]) -> Layout:
    """The table and the layouts of the frames, packed on a page that is as wide as the picture's `shelf`, or of the best width up to it."""
    table = measure_table(picture.table)
    sizes = [*([table] if picture.table else []), *((part.width, part.height) for part in parts)]
    least = max(width for width, _ in sizes)
    width = picture.shelf if picture.fit else choose_width(sizes, least, max(picture.shelf, least))
    corners = pack_rectangles(sizes, width)
    placed = [move_layout(part, *corner) for part, corner in zip(parts, corners[bool(picture.table) :], strict=True)]
    right, bottom = (
        max(corner[axis] + size[axis] for corner, size in zip(corners, sizes, strict=True)) for axis in (0, 1)
    )
    return Layout(
        picture,
        right,
        bottom,
        tuple(box for part in placed for box in part.boxes),
        tuple(frame for part in placed for frame in part.frames),
        tuple(curve for part in placed for curve in part.curves),
        {frame: start for part in placed for frame, start in part.headings.items()},
        (corners[0], right if all(y >= table[1] for _, y in corners[1:]) else table[0]) if picture.table else None,
    )


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
