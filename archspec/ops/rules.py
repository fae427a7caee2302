"""Shape rules that several ops share: bounds and sliding windows."""

from __future__ import annotations

from typing import Any

from archspec.ir.shape import Shape
from archspec.numerals import format_by_axis, format_sizes
from archspec.ops.base import MAX_SIZE, Op, ShapeError, Weight


def check_bounds(op: Op, outputs: tuple[Shape, ...], weights: tuple[Weight, ...] = ()) -> tuple[Shape, ...]:
    """The outputs, unchanged. Raises `ShapeError` if one of them or a weight has more than `MAX_SIZE` elements."""
    for shape in outputs:
        if shape.numel > MAX_SIZE:
            raise ShapeError(f"{op.word} makes a value of {shape}, {shape.numel} elements; at most {MAX_SIZE} fit")
    for weight in weights:
        if weight.numel > MAX_SIZE:
            raise ShapeError(f"{op.word} has a {weight.name} of {weight.numel} elements; at most {MAX_SIZE} fit")
    return outputs


def keep_non_defaults(**options: tuple[Any, Any]) -> dict[str, Any]:
    """The options whose value differs from torch's default; each is given as (value, default).

    >>> keep_non_defaults(stride=(2, 1), padding=(0, 0))
    {'stride': 2}
    """
    return {name: value for name, (value, default) in options.items() if value != default}


def compute_extents(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """The extent of a kernel on each axis, dilation included."""
    return tuple(gap * (size - 1) + 1 for size, gap in zip(kernel, dilation, strict=True))


def slide_window(
    sizes: tuple[int, ...],
    extent: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    *,
    ceil: bool = False,
) -> tuple[int, ...]:
    """The number of places of a window on each axis.

    With `ceil` a last window may extend beyond the end, but not start beyond the input and its leading padding.

    Raises:
        ShapeError: the window has no place on an axis.

    >>> slide_window((224, 224), (7, 7), (2, 2), (3, 3))
    (112, 112)
    """
    places = tuple(map(_count_places, sizes, extent, stride, padding, (ceil,) * len(sizes)))
    if min(places) < 1:
        raise ShapeError(
            f"a kernel of {format_by_axis(extent)} does not fit into {format_sizes(sizes)} with padding {format_by_axis(padding)}",
            field="kernel",
        )
    return places


def _count_places(size: int, extent: int, stride: int, padding: int, ceil: bool) -> int:
    room = size + 2 * padding - extent
    if not ceil:
        return room // stride + 1
    places = -(-room // stride) + 1
    return places - 1 if (places - 1) * stride >= size + padding else places
