"""The names of axes that are merged, or that result when the elements of a value are given other axes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from operator import mul

from archspec.ir.shape import CHANNELS, SPATIAL, AxisName, Names, Shape, normalize_names


def merged_axis(names: Names, outside: Names) -> AxisName | None:
    """What axes that become one are called, beside those that stay `outside`: all places of a value are tokens.

    >>> merged_axis(("height", "width"), ("channels",)), merged_axis(("height", "width"), ("channels", "depth"))
    ('tokens', None)
    """
    inside = set(names)
    if inside & CHANNELS or not outside:
        return "features"
    whole = not _PLACES & set(outside)
    if whole and inside <= _PLACES:
        return "tokens"
    return names[0] if len(names) == 1 else None


_PLACES: frozenset[str | None] = frozenset((*SPATIAL, "tokens"))


def kept_names(shape: Shape, sizes: tuple[int, ...]) -> Names:
    """The names of the axes of a value with other sizes: of those that are as they were, and of those that several became.

    >>> kept_names(Shape.of(8, 7, 7), (8, 49))
    ('features', 'tokens')
    >>> kept_names(Shape.of(49, 8), (7, 7, 8))
    (None, None, 'features')
    """
    names: list[AxisName | None] = []
    for before, after in _groups(shape.sizes, sizes):
        names += _names_of(shape, before, tuple(sizes[axis] for axis in after))
    return normalize_names(tuple(names))


def _names_of(shape: Shape, before: range, sizes: tuple[int, ...]) -> Names:
    """The names of axes of these sizes that axes `before` of a value become."""
    if len(before) == len(sizes) and tuple(shape.sizes[axis] for axis in before) == sizes:
        return tuple(shape.names[axis] for axis in before)
    if sum(size > 1 for size in sizes) != 1 and len(sizes) != 1:
        return (None,) * len(sizes)
    parts = [axis for axis in before if shape.sizes[axis] > 1] or before
    outside = tuple(name for axis, name in enumerate(shape.names) if axis not in before)
    inside = tuple(shape.names[axis] for axis in parts)
    name = inside[0] if len(inside) == 1 else merged_axis(inside, outside)
    return tuple(name if size > 1 or len(sizes) == 1 else None for size in sizes)


def _groups(before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[tuple[range, range]]:
    """The axes of both that hold the same elements, as few together as can be; an axis of size 1 goes with the one before it."""
    left, right = _ends(before), _ends(after)
    start, other = 0, 0
    for product in sorted(left.keys() & right.keys()):
        yield range(start, left[product]), range(other, right[product])
        start, other = left[product], right[product]


def _ends(sizes: tuple[int, ...]) -> dict[int, int]:
    """How many axes, the first ones, have so many elements."""
    return {product: count for count, product in enumerate(accumulate(sizes, mul), 1)}
