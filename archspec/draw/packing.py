"""Packs rectangles on a page without much empty space, in about their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

Size = tuple[float, float]

GAP = 14.0
"""Points between rectangles."""
_WIDEST, _NARROWEST = 1.5, 0.68  # width to height of a page
_MOVED = 1.2  # the price of a rectangle that is above the one before it


def pack_rectangles(sizes: Sequence[Size], width: float) -> list[Size]:
    """The top left corner of each rectangle on a page of some width: as far up as possible, then as far left (a skyline).

    >>> pack_rectangles([(60, 40), (40, 100), (50, 50)], 114)
    [(0.0, 0.0), (74.0, 0.0), (0.0, 54.0)]
    """
    skyline: list[tuple[float, float, float]] = [(0.0, max(width, *(size[0] for size in sizes)) + GAP, 0.0)]
    corners = []
    for wide, high in sizes:
        y, x = min(_iter_places(skyline, wide + GAP))
        corners.append((x, y))
        skyline = _raise_skyline(skyline, x, x + wide + GAP, y + high + GAP)
    return corners


def choose_width(sizes: Sequence[Size], least: float, most: float) -> float:
    """The width of a page with the least area, if it has about the shape of a sheet."""
    widths = sorted({least, most, *(least + (most - least) * step / 40 for step in range(41))})
    return min(widths, key=lambda width: (_rate(sizes, width), width))


def _rate(sizes: Sequence[Size], width: float) -> float:
    corners = pack_rectangles(sizes, width)
    wide, high = (
        max(corner[axis] + size[axis] for corner, size in zip(corners, sizes, strict=True)) for axis in (0, 1)
    )
    moved = sum(after[1] < before[1] for before, after in pairwise(corners[1:]))
    shape = max(1.0, wide / high / _WIDEST, _NARROWEST * high / wide)
    return round(wide * high * shape**2 * _MOVED**moved)


def _iter_places(skyline: Sequence[tuple[float, float, float]], wide: float) -> Iterator[Size]:
    """The places (y, x) where a rectangle rests on the skyline with its left side at a step of it."""
    end = skyline[-1][1]
    for start, _, _ in skyline:
        if start + wide <= end + 0.01:
            yield max(y for left, right, y in skyline if left < start + wide - 0.01 and right > start), start


def _raise_skyline(
    skyline: Sequence[tuple[float, float, float]], start: float, stop: float, y: float
) -> list[tuple[float, float, float]]:
    raised = [(start, stop, y)]
    for left, right, old in skyline:
        raised += [(left, min(right, start), old)] if left < start else []
        raised += [(max(left, stop), right, old)] if right > stop else []
    return sorted(raised)
