"""Defines a picture before its layout: boxes, frames around them, and arrows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from archspec.draw.text import SIZE, clean_text, measure_width
from archspec.errors import ArchspecError
from archspec.spans import Span
from archspec.view.labels import format_repeated
from archspec.view.skip_connections import Flow

Direction = Literal["TB", "LR"]
Detail = Literal["stages", "blocks", "layers", "paths"]
Fit = Literal["column", "page", "slide"]
Caption = Literal["below", "left", "right"]
Style = Literal["strong", "plain", "faint"]
SMALL = SIZE - 1.5
MARGIN = 9.0  # between a box and its text, left and right
COLOUR_NOTE = "colour: the layers with most MACs in the box"
"""What the colour of a box for several layers means (`archspec.view.dominance`)."""
_LIMIT = 64  # characters of one line


class DrawError(ArchspecError, ValueError):
    """Raised for a picture that cannot be drawn; `help` says what to do instead.

    >>> import archspec
    >>> archspec.load("resnet18").draw(detail="layers", max_boxes=3)
    Traceback (most recent call last):
        ...
    archspec.draw.picture.DrawError: the picture would have more than 3 boxes; leave --fold on, look at less with --depth N or --detail stages, or raise the limit with --max-boxes
    """

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message, self.help = message, help

    def __str__(self) -> str:
        return f"{self.message}; {self.help}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text in a box.

    >>> str(Line("conv 3×3, 256, relu", times=3))
    'conv 3×3, 256, relu ×3'
    """

    text: str
    style: Style = "plain"
    skip: Flow | None = None
    """The kind of skip connection around the named part, drawn beside the line."""
    times: int = 1
    """How often what it names is there in a row."""

    def __str__(self) -> str:
        return format_repeated(self.text, self.times)

    @property
    def described(self) -> str:
        """The text for formats without marks beside a line."""
        return f"{self}  + {self.skip}" if self.skip else str(self)

    @property
    def size(self) -> float:
        return SMALL if self.style == "faint" else SIZE

    @property
    def width(self) -> float:
        return measure_width(str(self), self.size, bold=self.style == "strong")

    @property
    def height(self) -> float:
        return self.size + 4


@dataclass(frozen=True, slots=True)
class Place:
    """The name of a part of a network and its span in the spec."""

    name: str = ""
    span: Span | None = None


NO_PLACE = Place()


@dataclass(frozen=True, slots=True)
class Box:
    """One box: a layer, or several of them drawn as one. Sizes are in points."""

    id: str
    kind: str
    """The category that decides the colour: `conv`, `norm`, … (`archspec.view.labels`)."""
    lines: tuple[Line, ...]
    place: Place = NO_PLACE
    tip: str = ""
    """The text of the tooltip, also for screen readers."""
    cluster: str | None = None
    sign: bool = False
    """Whether it is a join drawn as a circle with a sign."""
    least: float = 0.0
    """Its least width."""
    slab: tuple[float, float] | None = None
    """The width and height of a box that is drawn to scale, with its lines as a caption beside it."""
    caption: Caption = "below"
    work: int | None = None
    """The multiply-accumulates of a stage, which can be merged with its neighbours; None of other boxes."""
    caption_start: float = 0.0
    """Where a caption at the left or the right begins, from the axis."""

    @property
    def width(self) -> float:
        if self.sign:
            return 24.0
        return self.slab[0] if self.slab else self.text_width

    @property
    def height(self) -> float:
        if self.sign:
            return 24.0
        return self.slab[1] if self.slab else self._text_height

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Its extents from its centre to the left, the top, the right and the bottom, with the caption."""
        x, y = self.width / 2, self.height / 2
        if not self.slab:
            return x, y, x, y
        wide, high = self.text_width, self._text_height
        if self.caption == "below":
            return max(x, wide / 2), y, max(x, wide / 2), y + high
        far = self.caption_start + wide
        left, right = (far, x) if self.caption == "left" else (x, far)
        return left, max(y, high / 2), right, max(y, high / 2)

    @property
    def text_place(self) -> tuple[float, float]:
        """The place of its lines from its centre: the middle or, of a caption at a side, the end nearest to it."""
        if not self.slab:
            return 0.0, 0.0
        if self.caption == "below":
            return 0.0, (self.height + self._text_height) / 2
        return (self.caption_start + MARGIN) * (-1 if self.caption == "left" else 1), 0.0

    @property
    def text_width(self) -> float:
        """The width of its lines, with room around them."""
        skip = 16.0 if any(line.skip for line in self.lines) else 0.0
        return round(max(self.least, 40.0, max(line.width for line in self.lines) + 2 * (MARGIN + skip)), 1)

    @property
    def _text_height(self) -> float:
        return round(sum(line.height for line in self.lines) + 9, 1)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A frame around boxes and other frames."""

    id: str
    label: str
    times: int = 1
    """How often it is there in a row."""
    place: Place = NO_PLACE
    parent: str | None = None
    level: int = 0
    note: str = ""
    """A second, smaller line at its top."""

    @property
    def head(self) -> float:
        """The height in points of the room for its heading."""
        return 36.0 if self.note else 24.0

    @property
    def head_width(self) -> float:
        """The width in points of its heading."""
        return max(measure_width(self.heading, SIZE, bold=True), measure_width(self.note, SMALL))

    @property
    def heading(self) -> str:
        """The text at its top: the label and the number of repetitions."""
        return format_repeated(self.label, self.times)


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two boxes. Graphviz keeps one with a large `weight` short and straight; a `rising` one points upwards."""

    tail: str
    head: str
    flow: Flow = "flow"
    label: str = ""
    weight: int = 1
    rising: bool = False
    thick: float = 0.0
    """Its width in points; 0 for that of its kind."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture before its layout. The ids of boxes are plain words.

    >>> import archspec
    >>> picture = archspec.load("resnet18").draw(detail="stages")
    >>> picture.title, len(picture.boxes), picture.flows
    ('resnet18', 8, ('identity', 'projection'))
    """

    title: str
    description: str
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...] = ()
    ranks: tuple[tuple[str, ...], ...] = ()
    """Groups of boxes of one rank: a row, or a column if the direction is "LR"."""
    direction: Direction = "TB"
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of the table beside the picture, the head first."""
    gap: float = 22.0
    """Points between ranks."""
    legend: bool = True
    notes: tuple[str, ...] = ()
    """Sentences of the legend about the picture as a whole."""
    widths: tuple[tuple[str, float], ...] = ()
    """Texts of the legend for arrows of these widths."""
    wrap: int = 1
    """The most columns into which a chain is wrapped."""
    breadth: int = 0
    """The most boxes side by side, as far as the picture is laid out in ranks; 0 if there may be any number."""
    detail: str = ""
    """What of the network is drawn: stages, blocks, layers or paths; "" if it is another picture."""
    fit: Fit | None = None
    """Where the picture is to fit (`archspec.draw.fit`)."""
    shelf: float = 0.0
    """The width in points of rows of frames that have no arrows between them; 0 if it is one figure."""

    @property
    def by_frame(self) -> Mapping[str | None, Sequence[Box | Cluster]]:
        """The boxes and frames directly inside each frame, by its id; under None those outside all frames."""
        held: defaultdict[str | None, list[Box | Cluster]] = defaultdict(list)
        for box in self.boxes:
            held[box.cluster].append(box)
        for frame in self.clusters:
            held[frame.parent].append(frame)
        return held

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its boxes, in the order of their first appearance."""
        return tuple(dict.fromkeys(box.kind for box in self.boxes))

    @property
    def flows(self) -> tuple[Flow, ...]:
        """The kinds of its skip connections and gates, those beside lines included."""
        flows: list[Flow] = [edge.flow for edge in self.edges]
        flows += [line.skip for box in self.boxes for line in box.lines if line.skip]
        return tuple(flow for flow in ("identity", "projection", "concat", "gate") if flow in flows)


def clean_lines(*given: Line) -> tuple[Line, ...]:
    """Lines that are safe to show: printable, cut to a length, without empty ones."""
    return tuple(replace(line, text=clean_text(line.text, _LIMIT)) for line in given if line.text.strip())


def refuse_scale(picture: Picture, what: str) -> None:
    """Raises `DrawError` for a picture with boxes to scale, which a format cannot draw."""
    if any(box.slab for box in picture.boxes):
        raise DrawError(f"{what} has no scale", "leave --scale out, or write .svg or .pdf")
