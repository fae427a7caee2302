"""Lays out a picture of any shape in ranks: brings the placed frames together to one layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import log, sqrt

from archspec.draw.frames import enclose_box, enclose_text
from archspec.draw.geometry import Corners, Layout, Point, anchor_label, begin_at_origin
from archspec.draw.layered.nesting import BESIDE, LABEL, LOOP, Frame, Nesting
from archspec.draw.layered.rows import join_pieces
from archspec.draw.layered.scope import Item
from archspec.draw.picture import SMALL, Edge, Picture
from archspec.draw.text import measure_width

_TALL = 2400.0  # points: from this height on a picture is wrapped
_SHEET = 1.2  # height to width
_SPARE = 1.05  # how much higher a column is than its share


def lay_out_layered(picture: Picture) -> Layout:
    """The layout of a picture in ranks, in as many columns as its `wrap` or, without a medium, as give it about the shape of a sheet."""
    laid = _lay_out_unwrapped(replace(picture, wrap=1))
    across, along = _measure(laid)
    if picture.fit:
        return _wrap(picture, along, picture.wrap) if picture.wrap > 1 else laid
    if along < _TALL:
        return laid
    count = int(sqrt(along / across / _SHEET))
    wrapped = [_wrap(picture, along, number) for number in (count, count + 1) if number > 1]
    return min([laid, *wrapped], key=lambda layout: _rate_shape(*_measure(layout)))


@lru_cache(maxsize=1)
def _lay_out_unwrapped(picture: Picture) -> Layout:
    """The layout in one column, kept for those in several of the same picture."""
    nesting = Nesting(picture)
    nesting.place()
    return _Assembly(nesting).assemble()


def _measure(layout: Layout) -> Point:
    """The size of a layout across and along."""
    lies = layout.picture.direction == "LR"
    return (layout.height, layout.width) if lies else (layout.width, layout.height)


def _wrap(picture: Picture, along: float, count: int) -> Layout:
    """The layout in about this number of columns, if it has this length in one."""
    nesting = Nesting(picture)
    nesting.place(along / count * _SPARE)
    return _Assembly(nesting).assemble()


def _rate_shape(across: float, along: float) -> float:
    """How far a picture is from the shape of a sheet."""
    return abs(log(along / across / _SHEET))


class _Assembly:
    def __init__(self, nesting: Nesting) -> None:
        self.nesting, self.picture = nesting, nesting.picture
        self.offsets: dict[str | None, Point] = {None: (0.0, 0.0)}
        """Where what each frame holds is in the picture, across and along."""
        for id, frame in nesting.frames.items():
            if frame.cluster:
                x, y = self._place(frame.item, frame.cluster.parent)
                self.offsets[id] = (x - frame.origin[0], y - frame.origin[1])

    def _place(self, item: Item, frame: str | None) -> Point:
        x, y = self.offsets[frame]
        return x + item.x, y + item.y

    def assemble(self) -> Layout:
        """The layout of the picture."""
        nesting = self.nesting
        centres = {
            box.id: nesting.turn(self._place(nesting.items[box.id], box.cluster)) for box in nesting.boxes.values()
        }
        frames = {id: self._find_corners(frame) for id, frame in nesting.frames.items() if id}
        routes = {edge: [nesting.turn(point) for point in self._find_route(edge)] for edge in self.picture.edges}
        labels = dict(self._iter_labels())
        bounds = [
            *((x, y, x, y) for route in routes.values() for x, y in route),
            *(enclose_box(centres[box.id], box) for box in nesting.boxes.values()),
            *(enclose_text(middle, measure_width(edge.label, SMALL), LABEL) for edge, middle in labels.items()),
            *frames.values(),
        ]
        return begin_at_origin(
            self.picture,
            bounds,
            ((box, centres[box.id]) for box in nesting.boxes.values()),
            ((frame, frames[frame.id]) for frame in self.picture.clusters),
            ((edge, route, *anchor_label(edge, labels.get(edge), lies=nesting.lies)) for edge, route in routes.items()),
            {
                id: frames[id][0] + frame.heading
                for id, frame in nesting.frames.items()
                if id and frame.heading is not None
            },
        )

    def _find_corners(self, frame: Frame) -> Corners:
        assert frame.cluster
        x, y = self._place(frame.item, frame.cluster.parent)
        across, along = frame.item.half
        return (*self.nesting.turn((x - across, y - along)), *self.nesting.turn((x + across, y + along)))

    def _find_route(self, edge: Edge) -> list[Point]:
        """The corners of an arrow, across and along."""
        if edge.tail == edge.head:
            return self._find_loop(edge)
        points = []
        for id, link in self.nesting.pieces[edge]:
            dx, dy = self.offsets[id]
            rows = self.nesting.frames[id].rows
            assert rows
            points += [(x + dx, y + dy) for x, y in rows.routes[link]]
        route = join_pieces(points)
        return route[::-1] if edge in self.nesting.rising else route

    def _find_loop(self, edge: Edge) -> list[Point]:
        item = self.nesting.items[edge.tail]
        x, y = self._place(item, self.nesting.boxes[edge.tail].cluster)
        out, down = x + item.half[0], min(5.0, item.half[1] / 2)
        return [(out, y + down), (out + LOOP, y + down), (out + LOOP, y - down), (out, y - down)]

    def _iter_labels(self) -> Iterator[tuple[Edge, Point]]:
        """The middle of each label, in the picture; arrows of one line have one."""
        shown = set()
        for edge in self.picture.edges:
            across = measure_width(edge.label, SMALL) if not self.nesting.lies else LABEL
            if edge.tail == edge.head and edge.label:
                x, y = self._find_loop(edge)[1]
                yield (
                    edge,
                    self.nesting.turn(
                        (x + BESIDE + across / 2, y - min(5.0, self.nesting.items[edge.tail].half[1] / 2))
                    ),
                )
            elif (item := self.nesting.find_label(edge)) and item not in shown:
                shown.add(item)
                x, y = self._place(item, self.nesting.boxes[edge.tail].cluster)
                side = -1 if self.nesting.lies else 1
                yield edge, self.nesting.turn((x + side * (BESIDE + across / 2), y))
