"""Lays out a picture in columns or, if it is not made of chains and branches, in ranks; coordinates are in points from the top left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archspec.draw.columns import lay_out_columns
from archspec.draw.geometry import Layout, move_layout
from archspec.draw.packing import choose_width, pack_rectangles
from archspec.draw.picture import Picture
from archspec.draw.table import measure_table
from archspec.draw.u_legs import lay_out_legs

_LONG = 2400.0  # points


def compute_layout(picture: Picture) -> Layout:
    """The layout of a picture, the same on every machine."""
    if not picture.boxes and not picture.table:
        return Layout(picture, 0, 0, (), (), ())
    if picture.shelf:
        return _arrange_on_page(picture, [_lay_out_whole(part) for part in split_by_frame(picture)])
    return _lay_out_whole(picture)


def _lay_out_whole(picture: Picture) -> Layout:
    wraps = bool(picture.clusters) and (picture.wrap > 1 or (not picture.fit and _is_long(picture)))
    laid = None if picture.breadth else lay_out_legs(picture) or (None if wraps else lay_out_columns(picture))
    if laid:
        return laid
    from archspec.draw.layered.assembly import lay_out_layered

    return lay_out_layered(picture)


def _is_long(picture: Picture) -> bool:
    """Whether a chain of all boxes would be so long that it is wrapped into columns, if it can be."""
    return sum((box.height if picture.direction == "TB" else box.width) + picture.gap for box in picture.boxes) > _LONG


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
