"""Places the frames around boxes that are laid out in columns: the room that they need, their corners and their headings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from archspec.draw.geometry import Corners, Point
from archspec.draw.picture import Box, Cluster, Picture
from archspec.draw.series_parallel import NotSeriesParallelError, Pair

PAD = 9.0
"""Points inside a frame."""
CLEAR = 8.0
"""Points between a heading and an arrow, and at the left of a heading."""


class Frames:
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
            return PAD * len(around), self._find_side(box, around, above), PAD * len(below), heads
        if lies:
            return heads, heads, PAD * len(above), PAD * len(below)
        return self._find_side(box, around, above), PAD * len(around), heads, PAD * len(below)

    def _find_side(self, box: Box, around: Sequence[str], above: Sequence[str]) -> float:
        """The room at the left of a box, so that the heading of a frame that is entered there alone is beside the arrow."""
        side = 0.0
        for frame in around:
            side += PAD
            if frame in above and self.starts[frame] == 1:
                side = max(side, self.frames[frame].head_width + 2 * CLEAR - box.width / 2)
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
            inner += [enclose_box(centres[id], boxes[id]) for id in sorted(held)]
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
            slot = find_slot(crossings, left, right, frame.head_width)
            if slot is not None and slot > left + CLEAR:
                headings[id] = slot
        return enclosed, headings

    def _enclose(self, frame: Cluster, inner: Sequence[Corners], corners: Mapping[Pair, Sequence[Point]]) -> Corners:
        """The corners of one frame, wide enough for its heading beside the arrows that enter it."""
        left, top = (min(bound[axis] for bound in inner) for axis in (0, 1))
        right, bottom = (max(bound[axis] for bound in inner) for axis in (2, 3))
        spare = max(0.0, frame.head_width + 2 - (right - left))
        left, right = left - PAD - spare / 2, right + PAD + spare / 2
        crossings = _find_crossings(corners.values(), left, right, top - frame.head, top)
        if find_slot(crossings, left, right, frame.head_width) is None:
            left = min(left, crossings[0] - frame.head_width - 2 * CLEAR)
        return left, top - frame.head, right, bottom + PAD

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


def find_slot(crossings: Sequence[float], left: float, right: float, width: float) -> float | None:
    """The leftmost place for a heading between crossing arrows; None if there is none."""
    for start, stop in pairwise([left, *crossings, right]):
        if start + width + 2 * CLEAR <= stop or not crossings:
            return start + CLEAR
    return None


def enclose_box(centre: Point, box: Box) -> Corners:
    """The corners of a box with its caption."""
    (x, y), (left, top, right, bottom) = centre, box.corners
    return x - left, y - top, x + right, y + bottom


def enclose_text(centre: Point, width: float, height: float) -> Corners:
    """The corners of a text around its middle."""
    x, y = centre
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
