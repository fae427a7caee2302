"""Draws the same picture with less text and in less width, for places where it would otherwise be too small to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from string import digits

from archspec.draw.picture import SMALL, Box, Cluster, Line, Picture
from archspec.draw.table import fold_table
from archspec.draw.text import SIZE, clean_text, measure_longest_word, measure_width, wrap_text
from archspec.view.labels import format_name_range

_MERGES = 2  # how often stages are merged in pairs
_BREADTHS = (1, 2, 3, 4, 8)
_COMMON = 140.0  # points: the width of a box and what is beside it
_BETWEEN = 44.0  # the room across of a box that is not text: its margins, the gap to the next, and a line that passes


def iter_densities(picture: Picture) -> Iterator[Picture]:
    """The picture with ever less text: without the costs of its boxes, then without what they contain, then without shapes, with its boxes closer together, then with fewer of them."""
    yield picture
    if picture.shelf:
        return
    boxes = tuple(_drop_faint(_shrink_slab(box)) for box in picture.boxes)
    yield replace(picture, boxes=boxes, gap=min(picture.gap, 20.0))
    named = tuple(_drop_contents(box) for box in boxes)
    yield replace(picture, boxes=named, gap=min(picture.gap, 20.0))
    unlabelled = tuple(replace(edge, label="" if not edge.thick else edge.label) for edge in picture.edges)
    yield replace(picture, boxes=tuple(map(_break_range, named)), edges=unlabelled, gap=14.0)
    merged = replace(picture, boxes=named, edges=unlabelled, gap=14.0)
    for _ in range(_MERGES):
        merged = merge_pairs(merged)
        yield merged


def order_breadths(room: float) -> list[int]:
    """How many boxes side by side are tried in `room` points: as many as leave each a common width, fewer, and at last more.

    >>> order_breadths(285), order_breadths(1270)
    ([2, 1, 3, 4, 8], [8, 4, 3, 2, 1])
    """
    common = [breadth for breadth in _BREADTHS if room / breadth >= _COMMON]
    return [*reversed(common), *(breadth for breadth in _BREADTHS if breadth not in common)]


def narrow_picture(picture: Picture, breadth: int, room: float) -> Picture:
    """The picture with at most `breadth` boxes side by side and its texts in lines so short that these have `room` points together.

    >>> import archspec
    >>> picture = archspec.load("vit_b_16").draw(detail="stages")
    >>> narrow_picture(picture, 1, 120).boxes[1].lines[1:3]
    (Line(text='conv 16×16,', style='plain', skip=None, times=1), Line(text='768, /16', style='plain', skip=None, times=1))
    """
    most, width = room - _BETWEEN, room / breadth - _BETWEEN
    return replace(
        picture,
        boxes=tuple(_wrap_box(box, width, most) for box in picture.boxes),
        clusters=tuple(_cut_heading(frame, room) for frame in picture.clusters),
        table=fold_table(picture.table, room),
        breadth=breadth,
    )


def merge_pairs(picture: Picture) -> Picture:
    """The picture with pairs of stages of a chain as one box, which has the range of their names and the colour of the one with more work.

    >>> import archspec
    >>> picture = merge_pairs(archspec.load("resnet18").draw(detail="stages"))
    >>> [str(box.lines[0]) for box in picture.boxes]
    ['input', 'conv1 … layer1', 'layer2 … 3', 'layer4 … fc', 'output']
    """
    links = [edge for edge in picture.edges if edge.tail != edge.head]
    looped = {edge.tail for edge in picture.edges if edge.tail == edge.head}
    out, into = Counter(edge.tail for edge in links), Counter(edge.head for edge in links)
    boxes = {box.id: box for box in picture.boxes}
    merged: dict[str, str] = {}
    for edge in sorted(links, key=lambda edge: list(boxes).index(edge.tail)):
        pair = boxes[edge.tail], boxes[edge.head]
        free = not {edge.tail, edge.head} & (looped | merged.keys() | set(merged.values()))
        if free and out[edge.tail] == into[edge.head] == 1 and all(box.work is not None for box in pair):
            merged[edge.head] = edge.tail
            boxes[edge.tail] = _merge_boxes(*pair)
    edges = (replace(edge, tail=merged.get(edge.tail, edge.tail)) for edge in picture.edges if edge.head not in merged)
    return replace(picture, boxes=tuple(box for id, box in boxes.items() if id not in merged), edges=tuple(edges))


def _merge_boxes(first: Box, second: Box) -> Box:
    """Two stages in order as one box."""
    start, (_, mark, end) = first.lines[0].text.partition(" … ")[0], second.lines[0].text.partition(" … ")
    whole = second.lines[0].text.partition(" … ")[0]
    last = f"{whole.rstrip(digits)}{end}" if end.isdecimal() else end if mark else whole
    kind = max((first, second), key=lambda box: box.work or 0).kind
    work = (first.work or 0) + (second.work or 0)
    lines = (Line(format_name_range(start, last), "strong"),)
    return replace(first, kind=kind, lines=lines, tip=clean_text(f"{first.tip} — {second.tip}", 300), work=work)


def _drop_faint(box: Box) -> Box:
    """A box without its costs, or without what else is faint, if it has other text."""
    lines = tuple(line for line in box.lines if line.style != "faint")
    return box if box.kind == "ends" or not lines else replace(box, lines=lines, least=0.0)


def _drop_contents(box: Box) -> Box:
    return box if box.kind == "ends" else replace(box, lines=box.lines[:1])


def _break_range(box: Box) -> Box:
    """A box with the two names of a long range below each other: `inception4b …` and `inception4d`."""
    first, mark, last = box.lines[0].text.partition(" … ")
    if not mark or len(box.lines) > 1 or len(box.lines[0].text) < 16:
        return box
    return replace(box, lines=(Line(f"{first} …", "strong"), replace(box.lines[0], text=last)))


def _shrink_slab(box: Box) -> Box:
    """A box to scale of two thirds of its size; all have the same scale then."""
    return replace(box, slab=(round(box.slab[0] / 1.5, 1), round(box.slab[1] / 1.5, 1))) if box.slab else box


def _wrap_box(box: Box, width: float, most: float) -> Box:
    """A box with lines of at most `width` points, or as many as its longest word has; words of more than `most` are broken."""
    words = (measure_longest_word(str(line), line.size, bold=line.style == "strong") for line in box.lines)
    width = min(max(width, *words), most)
    lines = tuple(part for line in box.lines for part in _wrap_line(line, width))
    return box if box.sign else replace(box, lines=lines, least=0.0)


def _wrap_line(line: Line, width: float) -> Iterator[Line]:
    """The line in several, of which the last has the number of repetitions and the mark of a skip connection."""
    *before, last = wrap_text(str(line), width, line.size, bold=line.style == "strong")
    if not before:
        yield line
        return
    yield from (Line(text, line.style) for text in before)
    yield Line(last, line.style, line.skip)


def _cut_heading(frame: Cluster, room: float) -> Cluster:
    """A frame whose heading has no more than `room` points."""
    spare = room - 2 * _BETWEEN
    return replace(
        frame,
        label=_cut_text(frame.label, spare, SIZE, bold=True),
        note=_cut_text(frame.note, spare, SMALL, bold=False),
    )


def _cut_text(text: str, width: float, size: float, *, bold: bool) -> str:
    """The beginning of a text, if it has more than `width` points, and an ellipsis."""
    if measure_width(text, size, bold=bold) <= width:
        return text
    return wrap_text(text, width, size, bold=bold)[0].rstrip(" ,._/|·-") + "…"
