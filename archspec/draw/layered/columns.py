"""Wraps the rows of a scope that are too many for one column into several, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from archspec.draw.geometry import Point
from archspec.draw.layered.scope import Item, Piece, Scope

_DROP = 20.0  # the room along for lines to the next column, below and above the columns
_STEP = 13.0  # between such lines
_MOST = 4  # such lines
_SHORTER = 0.75  # how high the highest column is at most, as a share of one for all


def find_cuts(scope: Scope, pieces: Mapping[int, Sequence[Piece]], count: int) -> list[int]:
    """The first rows of all columns but the first, so that of `count` columns, or fewer, the highest is as low as possible; none if it is not much lower than one for all."""
    allowed = {
        rank for rank in range(1, len(scope.rows)) if _can_cut(scope.rows[rank - 1 : rank + 1], pieces[rank - 1])
    }
    tops = [min(item.y - item.up for item in row) for row in scope.rows]
    bottoms = [max(item.y + item.down for item in row) for row in scope.rows]
    low, high = 0.0, bottoms[-1] - tops[0]
    best: list[int] = []
    for _ in range(20):
        middle = (low + high) / 2
        cuts = _cut_greedily(tops, bottoms, allowed, middle)
        if cuts is not None and len(cuts) < count:
            best, high = cuts, middle
        else:
            low = middle
    return best if high < _SHORTER * (bottoms[-1] - tops[0]) else []


def _can_cut(rows: Sequence[Sequence[Item]], pieces: Sequence[Piece]) -> bool:
    """Whether the lower of two rows can begin a column: few lines lead there, and each to one place."""
    uppers = {(net, upper) for upper, _, net in pieces}
    return 0 < len(pieces) == len(uppers) <= _MOST and not any(all(item.light for item in row) for row in rows)


def _cut_greedily(
    tops: Sequence[float], bottoms: Sequence[float], allowed: set[int], height: float
) -> list[int] | None:
    """The cuts for columns of at most this height; None if there are none."""
    cuts: list[int] = []
    start = last = 0
    for rank, bottom in enumerate(bottoms):
        if rank in allowed:
            last = rank
        if bottom - tops[start] > height:
            if last == start:
                return None
            cuts.append(last)
            start = last
            if bottom - tops[start] > height:
                return None
    return cuts


def wrap_rows(
    scope: Scope, pieces: Mapping[int, Sequence[Piece]], cuts: Sequence[int]
) -> tuple[float, dict[Piece, list[Point]]]:
    """Moves the rows of all columns; returns the height of all, and where the lines between columns turn."""
    bounds = [0, *cuts, len(scope.rows)]
    lanes = max(len(pieces[cut - 1]) for cut in cuts)
    drop = _DROP + (lanes - 1) * _STEP
    turns: dict[Piece, list[Point]] = {}
    right, height = 0.0, 0.0
    channels: dict[int, float] = {}
    for start, stop in pairwise(bounds):
        items = [item for row in scope.rows[start:stop] for item in row]
        left, top = min(item.x - item.left for item in items), min(item.y - item.up for item in items)
        if start:
            channels[start] = right
            right += _STEP * (lanes + 1) + _STEP
        for item in items:
            item.x += right - left
            item.y += drop - top
        right = max(item.x + item.right for item in items)
        height = max(height, *(item.y + item.down for item in items))
    for cut, channel in channels.items():
        turns |= dict(_turn_lines(scope, pieces[cut - 1], cut, channel))
    return height + drop, turns


def _turn_lines(scope: Scope, pieces: Sequence[Piece], cut: int, channel: float) -> Iterator[tuple[Piece, list[Point]]]:
    """The lines keep their order: the one at the right turns first, and is the uppermost above the next column."""
    ordered = sorted(pieces, key=lambda piece: piece[0].x + piece[0].outlets.get(piece[2], 0.0), reverse=True)
    bottom = max(item.y + item.down for item in scope.rows[cut - 1])
    top = min(item.y - item.up for item in scope.rows[cut])
    heads = sorted(ordered, key=lambda piece: piece[1].x + piece[1].inlets.get(piece[2], 0.0), reverse=True)
    for number, piece in enumerate(ordered):
        across = channel + _STEP * (number + 1)
        high = top - _DROP - _STEP * (len(heads) - 1 - heads.index(piece))
        yield piece, [(across, bottom + _DROP + _STEP * number), (across, high)]
