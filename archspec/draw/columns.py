"""Lays out chains, branches and bypassing arrows in columns or rows, without Graphviz."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from archspec.draw.branches import find_mains
from archspec.draw.geometry import Curve, Layout, Point, bend_corners
from archspec.draw.picture import SMALL, Box, Caption, Cluster, Edge, Picture
from archspec.draw.placed import Cell, Links
from archspec.draw.placing import Placer
from archspec.draw.routing import Router
from archspec.draw.series_parallel import NotSeriesParallelError, Pair, Parallel, Series, decompose_dag
from archspec.draw.text import measure_width
from archspec.draw.u_grid import place_grid
from archspec.draw.u_placing import find_nested, place_u
from archspec.draw.wrapping import label_turn, place_wrapped

_LABEL = 12.0  # points: the height of a label
_PAD = 9.0  # inside a frame
_CLEAR = 8.0  # between a heading and an arrow, and at the left of a heading
Corners = tuple[float, float, float, float]


def lay_out_columns(picture: Picture, *, rises: bool = False) -> Layout | None:
    """The layout of a picture of chains and branches, from bottom to top if it `rises`; None if it has another shape, which Graphviz lays out."""
    pairs = Counter((edge.tail, edge.head) for edge in picture.edges)
    if max(pairs.values(), default=1) > 1:
        return None
    layout = _ColumnLayout(picture, rises=rises)
    for compute in (layout.compute, layout.compute_grid, layout.compute_main_path):
        try:
            return compute()
        except NotSeriesParallelError:
            continue
    return None


class _ColumnLayout:
    def __init__(self, picture: Picture, *, rises: bool = False) -> None:
        self.picture, self.rises = picture, rises
        self.edges: dict[Pair, Edge] = {(edge.tail, edge.head): edge for edge in picture.edges}
        self.boxes: dict[str, Box] = {}
        self.cells: dict[str, Cell] = {}
        self.frames = _Frames(picture, ())

    def compute(self) -> Layout:
        """Chains and branches. Raises `NotSeriesParallelError` if it has another shape, or an arrow cannot be led through it."""
        return self._place_chains(list(self._straight))

    def compute_main_path(self) -> Layout:
        """The chains and branches of the main path, which other arrows bypass or cross. Raises `NotSeriesParallelError` as `compute` does."""
        return self._place_chains([pair for pair in self._straight if self.edges[pair].flow == "flow"])

    @property
    def _straight(self) -> Iterator[Pair]:
        """The ends of all arrows but loops."""
        return (pair for pair in self.edges if pair[0] != pair[1])

    def _place_chains(self, pairs: Sequence[Pair]) -> Layout:
        found = decompose_dag([box.id for box in self.picture.boxes], pairs)
        tree, bypasses = found.tree, sorted(found.bypasses | (self.edges.keys() - set(pairs)))
        chain = frozenset(self.edges.keys() - set(bypasses))
        self.frames = _Frames(self.picture, sorted(chain))
        main = frozenset(pair for pair, edge in self.edges.items() if edge.flow == "flow")
        links = Links({pair: self._label_size(pair, chain) for pair in self.edges}, main, chain)
        mains = find_mains(tree, links)
        self.boxes = _equalize_widths({box.id: box for box in self.picture.boxes}, tree, mains)
        side = -1 if self._lies else 1
        nested = find_nested(tree, bypasses)
        if nested and self._lies and any(box.slab for box in self.picture.boxes):
            raise NotSeriesParallelError("captions in the legs of a U")
        self.boxes = {box.id: box for box in self._place_captions(list(tree.iter_nodes()), nested)}
        self.cells = {box.id: self._make_cell(box) for box in self.boxes.values()}
        if nested:
            bent = place_u(list(tree.iter_nodes()), nested, self.cells, links.labels, self.picture.gap, side)
            return self._assemble(bent.centres, bent.routes, bent.labels)
        placer = Placer(self.cells, links, bypasses, self.picture.gap, mains, self._lies)
        placed, turns = place_wrapped(placer, tree, self.picture.wrap)
        router = Router(placed, self.cells, replace(links, chain=chain - turns.keys()))
        routes = router.route() | turns
        labels = {pair: router.place_label(pair, corners, side) for pair, corners in routes.items()}
        labels |= {pair: label_turn(route, links.labels[pair], side) for pair, route in turns.items()}
        return self._assemble(placed.centres, routes, labels)

    def compute_grid(self) -> Layout:
        """Nested Us. Raises `NotSeriesParallelError` if it is none."""
        if self._lies or self.picture.clusters or any(box.slab for box in self.picture.boxes):
            raise NotSeriesParallelError("no grid")
        width = max(box.width for box in self.picture.boxes)
        boxes = self.picture.boxes
        self.boxes = {box.id: replace(box, least=width) if _fills_column(box) else box for box in boxes}
        self.cells = {box.id: self._make_cell(box) for box in self.boxes.values()}
        sizes = {pair: self._label_size(pair, frozenset(self.edges)) for pair in self.edges}
        grid = place_grid(list(self.boxes), list(self.edges), self.cells, sizes, self.picture.gap)
        return self._assemble(grid.centres, grid.routes, grid.labels)

    def _place_captions(self, chain: Sequence[str], nested: Sequence[Pair]) -> Iterator[Box]:
        """The boxes, with captions where no arrow is: below a row, at the right of a column, outside the legs of a U."""
        for box in self.boxes.values():
            caption: Caption = "below" if self._lies else "right"
            if nested:
                place, last = chain.index(box.id), chain.index(nested[-1][1])
                caption = "left" if place < last - 1 else "below" if place < last else "right"
            yield replace(box, caption=caption)

    @property
    def _lies(self) -> bool:
        return self.picture.direction == "LR"

    def _turn(self, point: Point) -> Point:
        """A point of the picture from one across and along, or the other way around."""
        return (point[1], point[0]) if self._lies else point

    def _map(self, point: Point) -> Point:
        """A point of the picture from one of the placing."""
        return (-point[0], -point[1]) if self.rises else self._turn(point)

    def _make_cell(self, box: Box) -> Cell:
        across, along = self._turn((box.width / 2, box.height / 2))
        left, top, right, bottom = box.corners
        (side, above), (other_side, below) = self._turn((left, top)), self._turn((right, bottom))
        frame_left, frame_right, frame_above, frame_below = self.frames.find_room(
            box, lies=self._lies, rises=self.rises
        )
        return Cell(
            across,
            along,
            frame_left + side - across,
            frame_right + other_side - across,
            frame_above + above - along,
            frame_below + below - along,
            box.sign,
            box.slab is not None,
        )

    def _label_size(self, pair: Pair, chain: frozenset[Pair]) -> Point:
        """The size of a label across and along; none for a bypass with the label of the chain beside it."""
        label = self.edges[pair].label
        repeated = pair not in chain and not self.edges[pair].thick and any(
            self.edges[other].label == label for other in chain if other[0] == pair[0]
        )  # fmt: skip
        if not label or repeated:
            return 0.0, 0.0
        return self._turn((round(measure_width(label, SMALL), 1) + 4, _LABEL))

    def _anchor_label(
        self, edge: Edge, middle: Point | Literal[False]
    ) -> tuple[Point | None, Literal["start", "middle"]]:
        """The place of a label: its left end if it is at the right of its arrow, so that all are equally near."""
        if not middle:
            return None, "middle"
        if self._lies:
            return middle, "middle"
        return (round(middle[0] - measure_width(edge.label, SMALL) / 2, 2), middle[1]), "start"

    def _assemble(
        self,
        places: Mapping[str, Point],
        routes: Mapping[Pair, Sequence[Point]],
        labels: Mapping[Pair, Point | None],
    ) -> Layout:
        centres = {node: self._map(centre) for node, centre in places.items()}
        corners = {pair: [self._map(point) for point in route] for pair, route in routes.items()}
        middles = {pair: self._map(label) for pair, label in labels.items() if label}
        written = [
            _corners_of(middle, measure_width(self.edges[pair].label, SMALL), _LABEL)
            for pair, middle in middles.items()
        ]
        frames, headings = self.frames.enclose(self.boxes, centres, corners, written)
        self.frames.check_members(frames, centres)
        bounds = [
            *(_enclose_box(centres[id], box) for id, box in self.boxes.items()),
            *((x, y, x, y) for route in corners.values() for x, y in route),
            *written,
            *frames.values(),
        ]
        left, top = (min(bound[axis] for bound in bounds) for axis in (0, 1))
        right, bottom = (max(bound[axis] for bound in bounds) for axis in (2, 3))

        def move(point: Point) -> Point:
            return round(point[0] - left, 2), round(point[1] - top, 2)

        curves = []
        for edge in self.picture.edges:
            pair = edge.tail, edge.head
            points, tip = bend_corners(list(map(move, corners[pair])))
            curves.append(Curve(edge, points, tip, *self._anchor_label(edge, pair in middles and move(middles[pair]))))
        return Layout(
            self.picture,
            round(right - left, 2),
            round(bottom - top, 2),
            tuple((self.boxes[box.id], move(centres[box.id])) for box in self.picture.boxes),
            tuple(
                (frame, (*move(frames[frame.id][:2]), *move(frames[frame.id][2:])))
                for frame in self.picture.clusters
                if frame.id in frames
            ),
            tuple(curves),
            {frame: round(start - left, 2) for frame, start in headings.items()},
        )


class _Frames:
    """The frames of a picture: the room that they need around boxes, and where they are."""

    def __init__(self, picture: Picture, chain: Sequence[Pair]) -> None:
        self.frames = {frame.id: frame for frame in picture.clusters}
        self.members: defaultdict[str, set[str]] = defaultdict(set)
        for box in picture.boxes:
            for frame in self._around(box.cluster):
                self.members[frame].add(box.id)
        self.entered = {
            (frame, end)
            for pair in chain
            for frame, members in self.members.items()
            if members >= set(pair)
            for end in ((pair[1], "above"), (pair[0], "below"))
        }
        heads = {pair[1] for pair in chain}
        self.starts = {
            frame: sum((box, "above") not in ends and box in heads for box in members)
            for frame, members in self.members.items()
            for ends in [{end for entered, end in self.entered if entered == frame}]
        }
        """The number of boxes at which arrows enter each frame."""

    def _around(self, frame: str | None) -> list[str]:
        """The frames around the contents of a frame, innermost first."""
        around = []
        while frame is not None:
            around.append(frame)
            frame = self.frames[frame].parent
        return around

    def find_room(self, box: Box, *, lies: bool, rises: bool = False) -> tuple[float, float, float, float]:
        """The room for frames at the left and the right of, above and below a box: of those that begin or end there."""
        around = self._around(box.cluster)
        above = [frame for frame in around if (frame, (box.id, "above")) not in self.entered]
        below = [frame for frame in around if (frame, (box.id, "below")) not in self.entered]
        above, below = (below, above) if rises else (above, below)
        heads = sum(self.frames[frame].head for frame in (around if lies else above))
        if rises:
            return _PAD * len(around), self._find_side(box, around, above), _PAD * len(below), heads
        if lies:
            return heads, heads, _PAD * len(above), _PAD * len(below)
        return self._find_side(box, around, above), _PAD * len(around), heads, _PAD * len(below)

    def _find_side(self, box: Box, around: Sequence[str], above: Sequence[str]) -> float:
        """The room at the left of a box, so that the heading of a frame that is entered there alone is beside the arrow."""
        side = 0.0
        for frame in around:
            side += _PAD
            if frame in above and self.starts[frame] == 1:
                side = max(side, self.frames[frame].head_width + 2 * _CLEAR - box.width / 2)
        return side

    def check_members(self, frames: Mapping[str, Corners], centres: Mapping[str, Point]) -> None:
        """Raises `NotSeriesParallelError` if a box is in a frame to which it does not belong."""
        for frame, (left, top, right, bottom) in frames.items():
            for box, (x, y) in centres.items():
                if left < x < right and top < y < bottom and box not in self.members[frame]:
                    raise NotSeriesParallelError(f"{box} in {frame}")

    def enclose(
        self,
        boxes: Mapping[str, Box],
        centres: Mapping[str, Point],
        corners: Mapping[Pair, Sequence[Point]],
        labels: Sequence[Corners],
    ) -> tuple[dict[str, Corners], dict[str, float]]:
        """The corners of each frame around its boxes, frames and inner arrows, and where headings start that are not at the left."""
        enclosed: dict[str, Corners] = {}
        for frame in reversed(self.frames.values()):
            held = self.members[frame.id]
            inner = self._align_frames(frame.id, enclosed)
            inner += [_enclose_box(centres[id], boxes[id]) for id in sorted(held)]
            inner += [(x, y, x, y) for pair, route in corners.items() if held.issuperset(pair) for x, y in route]
            if inner:
                enclosed[frame.id] = self._enclose(frame, inner, corners)
        self._align_frames(None, enclosed)
        headings = {}
        for id, (left, top, right, _) in enclosed.items():
            frame = self.frames[id]
            crossings = _find_crossings(corners.values(), left, right, top, top + frame.head)
            beside = [label for label in labels if label[1] < top + frame.head and label[3] > top]
            crossings += [x for label in beside for x in (label[0], label[2]) if left < x < right]
            crossings.sort()
            slot = _find_slot(crossings, left, right, frame.head_width)
            if slot is not None and slot > left + _CLEAR:
                headings[id] = slot
        return enclosed, headings

    def _enclose(self, frame: Cluster, inner: Sequence[Corners], corners: Mapping[Pair, Sequence[Point]]) -> Corners:
        """The corners of one frame, wide enough for its heading beside the arrows that enter it."""
        left, top = (min(bound[axis] for bound in inner) for axis in (0, 1))
        right, bottom = (max(bound[axis] for bound in inner) for axis in (2, 3))
        spare = max(0.0, frame.head_width + 2 - (right - left))
        left, right = left - _PAD - spare / 2, right + _PAD + spare / 2
        crossings = _find_crossings(corners.values(), left, right, top - frame.head, top)
        if _find_slot(crossings, left, right, frame.head_width) is None:
            left = min(left, crossings[0] - frame.head_width - 2 * _CLEAR)
        return left, top - frame.head, right, bottom + _PAD

    def _align_frames(self, parent: str | None, enclosed: dict[str, Corners]) -> list[Corners]:
        """Gives the frames inside a frame that are one below another the same left side; returns their corners."""
        inner = [frame.id for frame in self.frames.values() if frame.parent == parent and frame.id in enclosed]
        for upper, lower in pairwise(sorted(inner, key=lambda id: enclosed[id][1])):
            if enclosed[upper][3] <= enclosed[lower][1] and _share_axis(enclosed[upper], enclosed[lower]):
                left = min(enclosed[upper][0], enclosed[lower][0])
                enclosed |= {id: (left, *enclosed[id][1:]) for id in (upper, lower)}
        return [enclosed[id] for id in inner]


def _share_axis(first: Corners, second: Corners) -> bool:
    """Whether two frames have about the same left side."""
    return abs(first[0] - second[0]) < min(first[2] - first[0], second[2] - second[0]) / 2


def _find_crossings(
    routes: Iterable[Sequence[Point]], left: float, right: float, top: float, bottom: float
) -> list[float]:
    """Where arrows pass a strip along its height, from left to right."""
    pieces = (piece for route in routes for piece in pairwise(route))
    return sorted(
        x0
        for (x0, y0), (x1, y1) in pieces
        if x0 == x1 and left < x0 < right and min(y0, y1) < bottom and max(y0, y1) > top
    )


def _find_slot(crossings: Sequence[float], left: float, right: float, width: float) -> float | None:
    """The leftmost place for a heading between crossing arrows; None if there is none."""
    for start, stop in pairwise([left, *crossings, right]):
        if start + width + 2 * _CLEAR <= stop or not crossings:
            return start + _CLEAR
    return None


def _enclose_box(centre: Point, box: Box) -> Corners:
    (x, y), (left, top, right, bottom) = centre, box.corners
    return x - left, y - top, x + right, y + bottom


def _corners_of(centre: Point, width: float, height: float) -> Corners:
    x, y = centre
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _equalize_widths(boxes: Mapping[str, Box], tree: Series, mains: Mapping[Parallel, int | None]) -> dict[str, Box]:
    """The boxes, with those of one axis as wide as the widest of them; inputs, outputs and signs keep their width.

    The axis of a chain is that of the main branches in it.
    """
    widened = dict(boxes)
    pending = [tree]
    while pending:
        axis, column = [pending.pop()], list[str]()
        for series in axis:
            for item in series.items:
                if isinstance(item, str):
                    column += [item] if _fills_column(boxes[item]) else []
                    continue
                for number, branch in enumerate(item.branches):
                    (axis if number == mains.get(item) else pending).append(branch)
        width = max((boxes[node].width for node in column), default=0.0)
        widened.update({node: replace(boxes[node], least=width) for node in column})
    return widened


def _fills_column(box: Box) -> bool:
    return not box.sign and not box.slab and box.kind != "ends"
