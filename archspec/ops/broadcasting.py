"""Places the axes of one operand among those of another by name, as broadcasting needs them."""

from __future__ import annotations

from itertools import combinations

from archspec.ir.shape import Shape
from archspec.ops.axes import is_same_axis, reorder_axes, write_permute, write_reshape
from archspec.ops.axis_order import Given
from archspec.ops.base import Call, Result


def match_axes(operand: Shape, whole: Shape) -> tuple[int, ...] | None:
    """For each axis of an operand, the axis of `whole` that it belongs to by name and size; None unless there is exactly one way.

    An operand may lack axes, or have size 1 on them.

    >>> match_axes(Shape.of(8), Shape.of(8, 4, 4)), match_axes(Shape.of(8), Shape.of(9, 4, 4))
    ((0,), None)
    """
    fitting = [axes for axes in _placements(operand, whole) if _has_names(operand, whole, axes)]
    return fitting[0] if len(fitting) == 1 else None


def advise_match(operand: Shape, whole: Shape) -> str | None:
    """Advice for an operand that `match_axes` has no place for: a permute, or a reshape that names its axes."""
    placed = _placements(operand, whole)
    turn = reorder_axes(whole, operand)
    if turn and _has_sizes(turn, whole, tuple(range(whole.rank))):
        return write_permute(whole, operand)
    if any(_has_names(operand, whole, axes) for axes in placed):
        return "it could stand in several places: a reshape that names its axes says in which"
    if not placed:
        return None
    reshape = write_reshape(operand, tuple(whole.names[axis] for axis in placed[0]))
    if operand.channel_axis is not None and whole.channels not in (1, operand.channels) and operand.rank == 1:
        return f"its {operand.described} are matched with the {whole.channels} channels; {reshape}, if they are those"
    return f"{reshape}, if they are those"


def add_missing_axes(calls: list[Call], operand: Given, axes: tuple[int, ...], rank: int) -> Given:
    """The operand with an axis of size 1 for each of `rank` axes that is not among its `axes`; adds the calls for that.

    Dimensions are counted from the end, which is also right without a batch axis. A single number needs none.
    """
    if not axes:
        return operand
    for axis in range(rank):
        if axis not in axes:
            calls.append(Call("torch.unsqueeze", args=(operand, -1 - sum(own > axis for own in axes))))
            operand = Result(len(calls) - 1)
    return operand


def keeps_channels(operand: Shape, axes: tuple[int, ...], whole: Shape) -> bool:
    """Whether each channel of an operand at these axes of `whole` meets only the channel of its number."""
    own = operand.channel_axis
    if operand.channels != whole.channels:
        return False
    return own is None or axes[own] == whole.channel_axis


def _placements(operand: Shape, whole: Shape) -> list[tuple[int, ...]]:
    ways = combinations(range(whole.rank), operand.rank)
    return [axes for axes in ways if _has_sizes(operand, whole, axes)]


def _has_sizes(operand: Shape, whole: Shape, axes: tuple[int, ...]) -> bool:
    return all(size in (1, whole.sizes[axis]) for size, axis in zip(operand.sizes, axes, strict=True))


def _has_names(operand: Shape, whole: Shape, axes: tuple[int, ...]) -> bool:
    names = ((name, whole.names[axis]) for name, axis in zip(operand.names, axes, strict=True))
    return all(not own or not other or is_same_axis(own, other) for own, other in names)
