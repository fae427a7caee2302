"""Divides a picture into its frames, and places each by itself, the innermost first, as one item of the frame around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from math import inf
from statistics import median_high as median

from archspec.draw.frames import CLEAR, PAD, find_slot
from archspec.draw.geometry import Point
from archspec.draw.layered.rows import Rows
from archspec.draw.layered.scope import Item, Link, Net, Scope
from archspec.draw.picture import SMALL, Box, Cluster, Edge, Picture
from archspec.draw.text import measure_width

_WIDER = 1.3  # how much wider than the median a box is that others of its frame follow
LABEL = 12.0
"""The height of a label in points."""
BESIDE = 5.0
"""Points between a line and its label."""
LOOP = 13.0
"""How far a loop reaches from its box."""


@dataclass(slots=True)
class Frame:
    """A frame or, if it has no cluster, the whole picture."""

    cluster: Cluster | None
    scope: Scope = field(default_factory=Scope)
    item: Item = field(default_factory=lambda: Item(kind="frame"))
    inlets: dict[Net, Item] = field(default_factory=dict)
    outlets: dict[Net, Item] = field(default_factory=dict)
    rows: Rows | None = None
    origin: Point = (0.0, 0.0)
    """The place of the frame's middle in what it holds."""
    heading: float | None = None
    """Where the heading starts from the left of the frame, if not there."""


class Nesting:
    """The frames of a picture, with what each holds and the lines in it."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.lies = picture.direction == "LR"
        boxes = _equalize_widths(picture)
        self.boxes = {box.id: replace(box, caption="below" if self.lies else "right") for box in boxes}
        self.frames: dict[str | None, Frame] = {None: Frame(None)}
        self.frames |= {cluster.id: Frame(cluster) for cluster in picture.clusters}
        self.items = {box.id: self._make_item(box) for box in self.boxes.values()}
        self.labels: dict[Net, Item] = {}
        self.rising = self._find_rising()
        self.main = self._find_main()
        self.pieces: dict[Edge, list[tuple[str | None, Link]]] = {}
        """The lines of each arrow in the frames that it passes, the uppermost first."""
        self._fill_frames()
        self._connect_items()

    def turn(self, point: Point) -> Point:
        """A point of the picture from one across and along, or the other way around."""
        return (point[1], point[0]) if self.lies else point

    def _make_item(self, box: Box) -> Item:
        left, top, right, bottom = box.corners
        (left, up), (right, down) = self.turn((left, top)), self.turn((right, bottom))
        loops = [edge for edge in self.picture.edges if edge.tail == edge.head == box.id]
        half = self.turn((box.width / 2, box.height / 2))
        if loops:
            right = max(right, half[0] + LOOP + max(self._measure_label(edge)[0] for edge in loops))
        return Item(left, right, up, down, half, "circle" if box.sign else "box", box.id, box.slab is not None)

    def _measure_label(self, edge: Edge) -> Point:
        """The size of a label, across and along, with room around it."""
        if not edge.label:
            return 0.0, 0.0
        return self.turn((measure_width(edge.label, SMALL) + 2 * BESIDE, LABEL))

    def _around(self, box: str) -> list[str | None]:
        """The frames around a box, the innermost first; None is the picture."""
        around: list[str | None] = [self.boxes[box].cluster]
        while (frame := self.frames[around[-1]].cluster) is not None:
            around.append(frame.parent)
        return around

    def _fill_frames(self) -> None:
        for parent, members in self.picture.by_frame.items():
            scope = self.frames[parent].scope
            scope.items += [
                self.items[member.id] if isinstance(member, Box) else self.frames[member.id].item for member in members
            ]

    def _connect_items(self) -> None:
        written = {(edge.tail, edge.label) for edge in self.picture.edges if edge.flow == "flow"}
        for edge in self.picture.edges:
            if edge.tail == edge.head:
                continue
            if edge in self.rising:
                self.pieces[edge] = list(self._connect(edge, edge.head, edge.tail, (edge,), skip=True))
                continue
            net = _find_net(edge)
            shown = edge.label and (edge.flow == "flow" or edge.thick or (edge.tail, edge.label) not in written)
            self.pieces[edge] = list(
                self._connect(edge, edge.tail, edge.head, net, skip=edge.flow != "flow", labelled=bool(shown))
            )

    def _find_main(self) -> set[Edge]:
        """The arrows on the longest paths from inputs, if there are any."""
        falling = [edge for edge in self.picture.edges if edge not in self.rising]
        return find_longest_paths(falling, {box.id for box in self.picture.boxes if box.kind == "ends"})

    def _find_rising(self) -> set[Edge]:
        """The arrows that lead up: those that close a cycle."""
        heads: defaultdict[Item, dict[Item, None]] = defaultdict(dict)
        ends = {edge: self._find_ends(edge) for edge in self.picture.edges if edge.tail != edge.head}
        for tail, head in ends.values():
            heads[tail][head] = None
        closing = _find_closing(heads)
        return {edge for edge, pair in ends.items() if pair in closing}

    def _find_ends(self, edge: Edge) -> tuple[Item, Item]:
        """The items of an arrow in the innermost frame around both ends."""
        tails, heads = self._around(edge.tail), self._around(edge.head)
        shared = next(frame for frame in tails if frame in heads)
        return self._find_item(edge.tail, tails, shared), self._find_item(edge.head, heads, shared)

    def _find_item(self, box: str, around: Sequence[str | None], frame: str | None) -> Item:
        """What a frame directly holds of the things around a box."""
        place = around.index(frame)
        return self.frames[around[place - 1]].item if place else self.items[box]

    def _connect(
        self, edge: Edge, upper: str, lower: str, net: Net, *, skip: bool, labelled: bool = False
    ) -> Iterator[tuple[str | None, Link]]:
        """The lines of an arrow from the upper to the lower box: out of frames, inside the one around both, and into others."""
        tails, heads = self._around(upper), self._around(lower)
        shared = next(frame for frame in tails if frame in heads)
        main = edge in self.main
        for frame in tails[: tails.index(shared) + 1]:
            scope = self.frames[frame].scope
            source = self._find_item(upper, tails, frame)
            if labelled and frame == tails[0]:
                label = self._add_label(scope, net, edge)
                yield frame, scope.connect(source, label, net, skip=skip, main=main)
                source = label
            if frame == shared:
                yield frame, scope.connect(source, self._find_item(lower, heads, frame), net, skip=skip, main=main)
            else:
                outlets = self.frames[frame].outlets
                yield frame, scope.connect(source, _add_terminal(scope, outlets, net), net, skip=skip, main=main)
        for frame in reversed(heads[: heads.index(shared)]):
            scope = self.frames[frame].scope
            inlet = _add_terminal(scope, self.frames[frame].inlets, net)
            yield frame, scope.connect(inlet, self._find_item(lower, heads, frame), net, skip=skip, main=main)

    def find_label(self, edge: Edge) -> Item | None:
        """The label of an arrow's line; None if it has none."""
        return None if edge in self.rising else self.labels.get(_find_net(edge))

    def _add_label(self, scope: Scope, net: Net, edge: Edge) -> Item:
        if net not in self.labels:
            across, along = self._measure_label(edge)
            left, right = (across + BESIDE, 0.0) if self.lies else (0.0, across)
            self.labels[net] = Item(left, right, along / 2, along / 2, kind="label")
            scope.items.append(self.labels[net])
        return self.labels[net]

    def place(self, limit: float = inf) -> None:
        """Places what is in each frame, the innermost first; rows higher than `limit` are wrapped into columns."""
        for frame in reversed(self.frames.values()):
            frame.rows = Rows(frame.scope, self.picture.gap, limit, self.picture.breadth)
            if frame.scope.items:
                frame.rows.place()
            if frame.cluster:
                self._enclose(frame, frame.cluster)

    def _enclose(self, frame: Frame, cluster: Cluster) -> None:
        """Gives the item of a frame its size and the places where lines enter and leave it."""
        rows = frame.rows
        assert rows
        left, right = _find_extents(rows)
        up, down = 0.0, rows.height
        if self.lies:
            left, right, up, down = left - cluster.head, right + PAD, up - PAD, down + PAD
            down = max(down, up + cluster.head_width + 2 * CLEAR)
        else:
            spare = max(0.0, cluster.head_width + 2 - (right - left)) / 2
            left, right, up, down = left - PAD - spare, right + PAD + spare, up - cluster.head, down + PAD
            crossings = sorted(inlet.x for inlet in frame.inlets.values())
            if find_slot(crossings, left, right, cluster.head_width) is None:
                left = crossings[0] - cluster.head_width - 2 * CLEAR
            frame.heading = (find_slot(crossings, left, right, cluster.head_width) or left + CLEAR) - left
        left, right = round(left, 1), round(right, 1)
        x, y = round((left + right) / 2, 1), (up + down) / 2
        item = frame.item
        item.left = item.right = max(x - left, right - x)
        item.up = item.down = y - up
        item.half, frame.origin = (item.right, item.down), (x, y)
        item.inlets = {net: inlet.x - x for net, inlet in frame.inlets.items()}
        item.outlets = {net: outlet.x - x for net, outlet in frame.outlets.items()}


def _find_net(edge: Edge) -> Net:
    return edge.tail, edge.flow, edge.label, edge.thick


def _add_terminal(scope: Scope, terminals: dict[Net, Item], net: Net) -> Item:
    if net not in terminals:
        terminals[net] = Item(kind="terminal")
        scope.items.append(terminals[net])
    return terminals[net]


def _find_extents(rows: Rows) -> tuple[float, float]:
    """The left and the right end of what is in a scope."""
    items = rows.scope.items
    xs = [x for route in rows.routes.values() for x, _ in route]
    return min([*(item.x - item.left for item in items), *xs]), max([*(item.x + item.right for item in items), *xs])


def find_longest_paths(edges: Sequence[Edge], starts: AbstractSet[str] = frozenset()) -> set[Edge]:
    """The arrows on a longest path from these boxes, or else from any; the arrows have no cycle but loops.

    >>> a, b, c, d = Edge("x", "y"), Edge("y", "z"), Edge("x", "z"), Edge("p", "z")
    >>> find_longest_paths([a, b, c, d]) == {a, b}
    True
    >>> find_longest_paths([a, b, c, d], {"p"}) == {d}
    True
    """
    links = [edge for edge in edges if edge.tail != edge.head]
    graph = TopologicalSorter[str]()
    into: defaultdict[str, list[str]] = defaultdict(list)
    out: defaultdict[str, list[str]] = defaultdict(list)
    for edge in links:
        graph.add(edge.head, edge.tail)
        into[edge.head].append(edge.tail)
        out[edge.tail].append(edge.head)
    order = list(graph.static_order())
    before, after = dict.fromkeys(order, 0), dict.fromkeys(order, 0)
    for box in order:
        first = 0 if box in starts or not starts & set(order) else -len(order)
        before[box] = max((before[tail] + 1 for tail in into[box]), default=first)
    for box in reversed(order):
        after[box] = max((after[head] + 1 for head in out[box]), default=0)
    longest = max(before.values(), default=0)
    return {edge for edge in links if before[edge.tail] + 1 + after[edge.head] == longest}


def _find_closing(heads: dict[Item, dict[Item, None]]) -> set[tuple[Item, Item]]:
    """The pairs that close a cycle, found in depth-first order."""
    closing: set[tuple[Item, Item]] = set()
    state: dict[Item, bool] = {}  # whether all after an item has been seen
    for root in list(heads):
        stack = [] if root in state else [(root, iter(heads[root]))]
        state.setdefault(root, False)
        while stack:
            item, following = stack[-1]
            head = next(following, None)
            if head is None:
                state[item] = True
                stack.pop()
            elif head not in state:
                state[head] = False
                stack.append((head, iter(heads.get(head, ()))))
            elif not state[head]:
                closing.add((item, head))
    return closing


def _equalize_widths(picture: Picture) -> list[Box]:
    """The boxes, with those of one frame as wide as the widest but for a few very wide ones; inputs, outputs, circles and boxes to scale keep their width."""
    widths: defaultdict[str | None, list[float]] = defaultdict(list)
    for box in picture.boxes:
        if _fills_column(box):
            widths[box.cluster].append(box.width)
    least = {frame: max(wide for wide in some if wide <= _WIDER * median(some)) for frame, some in widths.items()}
    return [replace(box, least=least[box.cluster]) if _fills_column(box) else box for box in picture.boxes]


def _fills_column(box: Box) -> bool:
    return not box.sign and not box.slab and box.kind != "ends"
