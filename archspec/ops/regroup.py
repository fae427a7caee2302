"""Names the axes that result from merging axes and from reshaping."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from operator import mul

from archspec.ir.shape import CHANNELS, SPATIAL, AxisName, Names, Shape, normalize_names


def merged_axis(names: Names, outside: Names) -> AxisName | None:
    """The name of the axis that several merge into, beside those that stay `outside`: features, tokens for all places, or None.

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
    """The names of the axes after a reshape: an axis that stays keeps its name, merged ones are named by `merged_axis`.

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
    """The names of axes of these sizes that replace the axes `before` of a value."""
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
    """The finest groups of axes of both that have the same elements; an axis of size 1 belongs to the group before it."""
    left, right = _ends(before), _ends(after)
    start, other = 0, 0
    for product in sorted(left.keys() & right.keys()):
        yield range(start, left[product]), range(other, right[product])
        start, other = left[product], right[product]


def _ends(sizes: tuple[int, ...]) -> dict[int, int]:
    """The number of leading axes for each of their products."""
    return {product: count for count, product in enumerate(accumulate(sizes, mul), 1)}
