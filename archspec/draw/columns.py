"""Lays out chains, branches and bypassing arrows in columns or rows, where the picture is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archspec.draw.branches import find_mains
from archspec.draw.frames import Frames, enclose_box, enclose_text
from archspec.draw.geometry import Layout, Point, anchor_label, begin_at_origin
from archspec.draw.picture import SMALL, Box, Caption, Edge, Picture
from archspec.draw.placed import Cell, Links
from archspec.draw.placing import Placer
from archspec.draw.routing import Router
from archspec.draw.series_parallel import NotSeriesParallelError, Pair, Parallel, Series, decompose_dag
from archspec.draw.text import measure_width
from archspec.draw.u_grid import place_grid
from archspec.draw.u_placing import find_nested, place_u
from archspec.draw.wrapping import label_turn, place_wrapped

_LABEL = 12.0  # points: the height of a label


def lay_out_columns(picture: Picture, *, rises: bool = False) -> Layout | None:
    """The layout of a picture of chains and branches, from bottom to top if it `rises`; None if it has another shape (`archspec.draw.layered`)."""
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
        self.frames = Frames(picture, ())

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
        self.frames = Frames(self.picture, sorted(chain))
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
            enclose_text(middle, measure_width(self.edges[pair].label, SMALL), _LABEL)
            for pair, middle in middles.items()
        ]
        frames, headings = self.frames.enclose(self.boxes, centres, corners, written)
        self.frames.check_members(frames, centres)
        bounds = [
            *(enclose_box(centres[id], box) for id, box in self.boxes.items()),
            *((x, y, x, y) for route in corners.values() for x, y in route),
            *written,
            *frames.values(),
        ]
        return begin_at_origin(
            self.picture,
            bounds,
            ((self.boxes[box.id], centres[box.id]) for box in self.picture.boxes),
            ((frame, frames[frame.id]) for frame in self.picture.clusters if frame.id in frames),
            (
                (
                    edge,
                    corners[edge.tail, edge.head],
                    *anchor_label(edge, middles.get((edge.tail, edge.head)), lies=self._lies),
                )
                for edge in self.picture.edges
            ),
            headings,
        )


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
