"""Lays out a picture of many layers as a U, if the parts of its chain have nested skip connections: one leg goes down, the other one up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archspec.draw.columns import lay_out_columns
from archspec.draw.geometry import Corners, Curve, Layout, Point, bend_corners, move_layout
from archspec.draw.picture import Cluster, Edge, Picture
from archspec.draw.series_parallel import NotSeriesParallelError, Pair, decompose_dag
from archspec.draw.u_placing import find_nested

_APART = 60.0  # points between the legs
_BELOW = 26.0  # the room below the legs for the arrow from one to the other
_AXIS = 0.5  # how far boxes of one axis may differ


def lay_out_legs(picture: Picture) -> Layout | None:
    """The U of a picture from top to bottom; None if it has another shape.

    Parts are the outermost frames and the boxes outside them. Both ends of a skip connection are at one height.
    """
    if picture.direction != "TB" or not picture.clusters:
        return None
    part_of = _find_parts(picture)
    chain, pairs = _find_nested_parts(picture, part_of)
    if not pairs:
        return None
    widest = max(box.width for box in picture.boxes if not box.sign)
    boxes = (box if box.sign or box.kind == "ends" else replace(box, least=widest) for box in picture.boxes)
    picture = replace(picture, boxes=tuple(boxes))
    turn = chain.index(pairs[-1][1])
    laid = {part: _lay_out_part(picture, part_of, part, rises=number >= turn) for number, part in enumerate(chain)}
    parts = {part: layout for part, layout in laid.items() if layout}
    return _Legs(picture, part_of, chain, turn, parts).join(pairs) if len(parts) == len(chain) else None


def _find_parts(picture: Picture) -> dict[str, str]:
    """The outermost frame around each box; the box itself if there is none."""
    parents = {frame.id: frame.parent for frame in picture.clusters}
    part_of = {}
    for box in picture.boxes:
        part, around = box.id, box.cluster
        while around is not None:
            part, around = around, parents[around]
        part_of[box.id] = part
    return part_of


def _find_nested_parts(picture: Picture, part_of: Mapping[str, str]) -> tuple[list[str], list[Pair]]:
    """The parts in order, and the pairs with nested skip connections; none if the parts are no chain."""
    parts = list(dict.fromkeys(part_of[box.id] for box in picture.boxes))
    pairs = {(part_of[edge.tail], part_of[edge.head]) for edge in picture.edges}
    try:
        found = decompose_dag(parts, [pair for pair in sorted(pairs) if pair[0] != pair[1]])
    except NotSeriesParallelError:
        return parts, []
    return list(found.tree.iter_nodes()), find_nested(found.tree, sorted(found.bypasses))


def _lay_out_part(picture: Picture, part_of: Mapping[str, str], part: str, *, rises: bool) -> Layout | None:
    inside = {box for box, around in part_of.items() if around == part}
    frames = {part}
    for frame in picture.clusters:
        frames |= {frame.id} if frame.parent in frames else set()
    return lay_out_columns(
        replace(
            picture,
            boxes=tuple(box for box in picture.boxes if box.id in inside),
            edges=tuple(edge for edge in picture.edges if inside.issuperset((edge.tail, edge.head))),
            clusters=tuple(frame for frame in picture.clusters if frame.id in frames),
        ),
        rises=rises,
    )


class _Legs:
    """Parts that are stacked to two legs of a U; heights are measured from the bottom of both."""

    def __init__(
        self, picture: Picture, part_of: Mapping[str, str], chain: Sequence[str], turn: int, parts: Mapping[str, Layout]
    ) -> None:
        self.picture, self.part_of, self.chain = picture, part_of, chain
        self.lifts = dict.fromkeys(chain, 0.0)
        """How far each part is lifted."""
        self.headings: dict[str, float] = {}
        self.centres: dict[str, Point] = {}
        self.frames: list[tuple[Cluster, Corners]] = []
        self.curves: dict[Pair, Curve] = {}
        self.boxes = {box.id: box for layout in parts.values() for box, _ in layout.boxes}
        self.links = {(part_of[edge.tail], part_of[edge.head]): edge for edge in picture.edges}
        down, up = list(reversed(chain[:turn])), list(chain[turn:])
        self.lefts = {box.id for part in down for box, _ in parts[part].boxes}
        _, right = self._stack(down, parts)
        left, _ = self._measure(up, parts)
        _, self.right = self._stack(up, parts, right + _APART - left)

    def _measure(self, leg: Sequence[str], parts: Mapping[str, Layout]) -> tuple[float, float]:
        """How far a leg reaches to the left and the right of its axis."""
        axes = [(self._find_axis(part, parts[part]), parts[part].width) for part in leg]
        return min(-axis for axis, _ in axes), max(width - axis for axis, width in axes)

    def _find_axis(self, part: str, layout: Layout) -> float:
        """Where the arrow from the part before, or else to the part after, is."""
        number = self.chain.index(part)
        before = self.links.get((self.chain[number - 1], part)) if number else None
        box = before.head if before else self.links[part, self.chain[number + 1]].tail
        return next(centre[0] for other, centre in layout.boxes if other.id == box)

    def _stack(self, leg: Sequence[str], parts: Mapping[str, Layout], axis: float = 0.0) -> tuple[float, float]:
        """Places parts on an axis from the bottom up; returns their extents."""
        bottom = 0.0
        for part in leg:
            layout = parts[part]
            moved = move_layout(layout, axis - self._find_axis(part, layout), bottom - layout.height)
            self.centres |= {box.id: centre for box, centre in moved.boxes}
            self.frames += moved.frames
            self.headings |= moved.headings
            self.curves |= {(curve.edge.tail, curve.edge.head): curve for curve in moved.curves}
            bottom -= layout.height + self.picture.gap
        left, right = self._measure(leg, parts)
        return axis + left, axis + right

    def join(self, pairs: Sequence[Pair]) -> Layout | None:
        """The U; None if an arrow between two parts is not straight."""
        for tail, head in reversed(pairs):
            self._level(tail, head)
        curves = [self._lead(edge) for edge in self.picture.edges]
        frames = [(frame, self._lift_corners(corners)) for frame, corners in self._iter_frames()]
        if not all(curves):
            return None
        boxes = tuple((self.boxes[box.id], self._place(box.id)) for box in self.picture.boxes)
        top = min([*(y - box.height / 2 for box, (_, y) in boxes), *(corners[1] for _, corners in frames)])
        left = min([*(x - box.width / 2 for box, (x, _) in boxes), *(corners[0] for _, corners in frames)])
        whole = Layout(
            self.picture,
            round(self.right - left, 2),
            round(_BELOW - top, 2),
            boxes,
            tuple(frames),
            tuple(filter(None, curves)),
            self.headings,
        )
        return move_layout(whole, -left, -top)

    def _level(self, tail: str, head: str) -> None:
        """Lifts the lower end of a skip connection with all that is above it in its leg."""
        edge = self.links[tail, head]
        lift = self._place(edge.tail)[1] - self._place(edge.head)[1]
        lifted = self.chain[: self.chain.index(tail) + 1] if lift > 0 else self.chain[self.chain.index(head) :]
        for part in lifted:
            self.lifts[part] += abs(lift)

    def _place(self, box: str) -> Point:
        x, y = self.centres[box]
        return x, round(y - self.lifts[self.part_of[box]], 2)

    def _iter_frames(self) -> Iterator[tuple[Cluster, tuple[float, Corners]]]:
        parents = {frame.id: frame.parent for frame, _ in self.frames}
        for frame, corners in self.frames:
            part: str = frame.id
            while outer := parents[part]:
                part = outer
            yield frame, (self.lifts[part], corners)

    def _lift_corners(self, lifted: tuple[float, Corners]) -> Corners:
        lift, (left, top, right, bottom) = lifted
        return left, round(top - lift, 2), right, round(bottom - lift, 2)

    def _lead(self, edge: Edge) -> Curve | None:
        tail, head = self.part_of[edge.tail], self.part_of[edge.head]
        if tail == head:
            return self._lift_curve(self.curves[edge.tail, edge.head], self.lifts[tail])
        (x0, y0), (x1, y1) = self._place(edge.tail), self._place(edge.head)
        high, low = self.boxes[edge.tail].height / 2, self.boxes[edge.head].height / 2
        if (edge.tail in self.lefts) == (edge.head in self.lefts):
            down = 1 if y1 > y0 else -1
            corners = [(x0, y0 + down * high), (x1, y1 - down * low)]
            if abs(x0 - x1) > _AXIS:
                return None
        elif self.chain.index(head) == self.chain.index(tail) + 1:
            corners = [(x0, y0 + high), (x0, _BELOW), (x1, _BELOW), (x1, y1 + low)]
        else:
            corners = [(x0 + self.boxes[edge.tail].width / 2, y0), (x1 - self.boxes[edge.head].width / 2, y1)]
            if abs(y0 - y1) > _AXIS:
                return None
        points, tip = bend_corners([(round(x, 2), round(y, 2)) for x, y in corners])
        return Curve(edge, points, tip, None)

    def _lift_curve(self, curve: Curve, lift: float) -> Curve:
        tip = (curve.tip[0], round(curve.tip[1] - lift, 2)) if curve.tip else None
        return replace(curve, points=tuple((x, round(y - lift, 2)) for x, y in curve.points), tip=tip)
