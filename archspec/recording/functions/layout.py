"""Functions that change the layout of a tensor."""

from __future__ import annotations

from typing import Any

from archspec.ops.initial import MAX_REAL
from archspec.recording.functions.axes import cut, name_axis
from archspec.recording.functions.registry import function
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.raising import Raising
from archspec.recording.shaping import LAST
from archspec.recording.trace import BatchSize

_MOST_COPIES = 4  # places that a padding copies on one side
_LEAST = -MAX_REAL
"""Stands for minus infinity: no maximum of a window that holds an element is either."""


@function("view", "reshape", "unflatten", "view_as", "reshape_as")
def raise_reshape(on: Raising, input: Any, *args: Any, **keywords: Any) -> Operand:
    return on.reshape(on.operand(input), on.call.sizes[0])


@function("flatten")
def raise_flatten(on: Raising, input: Any, start_dim: int = 0, end_dim: int = -1) -> Operand:
    return on.reshape(on.operand(input), on.call.sizes[0])


@function("squeeze")
def raise_squeeze(on: Raising, input: Any, dim: Any = None) -> Operand:
    operand = on.operand(input)
    dims = dim if isinstance(dim, tuple) else (dim,)
    places = range(operand.rank) if dim is None else [operand.number(place) for place in dims]
    gone = {place for place in places if operand.sizes[place] == 1}
    if not any(operand.dims[place] for place in gone):
        return Operand(operand.value, tuple(own for place, own in enumerate(operand.dims) if place not in gone))
    return on.reshape(operand, on.call.sizes[0])


@function("unsqueeze")
def raise_unsqueeze(on: Raising, input: Any, dim: int) -> Operand:
    operand = on.operand(input)
    return operand.with_one(dim % (operand.rank + 1))


@function("expand", "expand_as", "broadcast_to")
def raise_expand(on: Raising, input: Any, *args: Any, **keywords: Any) -> Operand:
    """Repetition along dimensions of size 1, which a later join does by itself."""
    operand = on.operand(input, len(on.call.sizes[0]))
    sizes = on.call.sizes[0]
    padded = Operand(operand.value, ((),) * (len(sizes) - operand.rank) + operand.dims)
    alike = all(
        own in (size, 1) or (own == BatchSize() and size == 1) for own, size in zip(padded.sizes, sizes, strict=True)
    )
    if not alike:
        raise UnsupportedCallError("expand of an axis")
    return padded


@function("permute")
def raise_permute(on: Raising, input: Any, *dims: Any) -> Operand:
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], tuple) else dims
    return on.permute(on.operand(input), order)


@function("transpose", "swapaxes", "swapdims")
def raise_transpose(on: Raising, input: Any, dim0: int, dim1: int) -> Operand:
    operand = on.operand(input)
    order = list(range(operand.rank))
    first, second = operand.number(dim0), operand.number(dim1)
    order[first], order[second] = second, first
    return on.permute(operand, order)


@function("mT", "t", "T")
def raise_matrix_transpose(on: Raising, input: Any) -> Operand:
    return raise_transpose(on, input, -2, -1)


@function("movedim", "moveaxis")
def raise_movedim(on: Raising, input: Any, source: int, destination: int) -> Operand:
    operand = on.operand(input)
    order = [place for place in range(operand.rank) if place != operand.number(source)]
    order.insert(operand.number(destination), operand.number(source))
    return on.permute(operand, order)


@function("roll")
def raise_roll(on: Raising, input: Any, shifts: Any, dims: Any = None) -> Operand:
    operand = on.operand(input)
    steps, places = (own if isinstance(own, tuple) else (own,) for own in (shifts, dims))
    if None in places:
        raise UnsupportedCallError("roll of everything, the batch included")
    axes = [operand.axis(place, "roll") for place in places]
    if not any(steps):
        return operand
    if None in operand.value.shape.names and operand.value.shape.rank == len(LAST):
        names = LAST if set(axes) <= {0, 1} else ("channels", "height", "width")
        operand = operand.with_value(on.name_axes(operand.value, names))
    names = operand.value.shape.names
    moved = {str(names[axis]): step for axis, step in zip(axes, steps, strict=True) if step}
    return operand.with_value(on.add_one("roll", {"shifts": moved}, operand.value))


@function("pad")
def raise_pad(on: Raising, input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Operand:
    operand = on.operand(input)
    if not any(pad):
        return operand
    own = on.arrange(operand)
    if mode != "constant":
        return _pad_by_copies(on, own, pad, mode)
    pairs = dict(zip(range(operand.rank - 1, -1, -1), zip(pad[::2], pad[1::2], strict=True), strict=False))
    for dim, (before, after) in pairs.items():
        if min(before, after) < 0:
            own = cut(on, own, dim, max(0, -before), int(own.sizes[dim]) - max(0, -after))  # type: ignore[arg-type]
    pairs = {dim: (max(0, before), max(0, after)) for dim, (before, after) in pairs.items()}
    added = {own.axis(dim, "pad"): pair for dim, pair in pairs.items() if any(pair)}
    if not added:
        return own
    shape = own.value.shape
    sides = [added.pop(axis, (0, 0)) for axis in shape.places]
    fields: dict[str, Any] = {"value": max(float(value), _LEAST)} if value else {}
    if added:
        fields["channels"] = added[shape.channel_axis or 0]
    sizes = [side[0] if side[0] == side[1] else list(side) for side in sides]
    alike = all(size == sizes[0] and isinstance(size, int) for size in sizes)
    fields["size"] = sizes[0] if alike else sizes
    return own.with_value(on.add_one("pad", fields, own.value))


def _pad_by_copies(on: Raising, operand: Operand, pad: Any, mode: str) -> Operand:
    """A tensor between copies of places of its own: mirrored ones, the outermost, or those of the other end."""
    for number, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        dim = operand.rank - 1 - number
        if (before, after) == (0, 0):
            continue
        size = operand.sizes[dim]
        if not isinstance(size, int) or min(before, after) < 0 or max(before, after) > _MOST_COPIES:
            raise UnsupportedCallError(f"pad with mode {mode} by {before} and {after}")
        places = {
            "reflect": (range(before, 0, -1), range(size - 2, size - 2 - after, -1)),
            "replicate": ((0,) * before, (size - 1,) * after),
            "circular": (range(size - before, size), range(after)),
        }[mode]
        front, back = ([cut(on, operand, dim, place, place + 1).value for place in side] for side in places)
        axis = operand.axis(dim, "pad")
        values = (*front, operand.value, *back)
        operand = operand.with_value(on.add_one("concat", name_axis(axis, operand.value.shape), *values))
    return operand


@function("repeat", "tile", "repeat_interleave")
def raise_repeat(on: Raising, input: Any, *repeats: Any) -> Operand:
    given = repeats[0] if repeats and isinstance(repeats[0], tuple) else repeats
    if on.call.target == "repeat" and isinstance(given[0], BatchSize) and all(own == 1 for own in given[1:]):
        return raise_expand(on, input)
    raise UnsupportedCallError(f"{on.call.target} of elements")


@function("pixel_unshuffle", "pixel_shuffle")
def raise_pixel_shuffle(on: Raising, input: Any, factor: int) -> Operand:
    """Places from channels, or channels from places, as reshapes and a permutation."""
    value = on.as_image(on.operand(input))
    channels, height, width = value.shape.sizes
    if on.call.target == "pixel_shuffle":
        split, order = (channels // factor**2, factor, factor, height, width), [0, 3, 1, 4, 2]
        whole = (channels // factor**2, height * factor, width * factor)
    else:
        split, order = (channels, height // factor, factor, width // factor, factor), [0, 2, 4, 1, 3]
        whole = (channels * factor**2, height // factor, width // factor)
    moved = on.add_one("permute", {"axes": order}, on.regroup(value, split))
    sizes = dict(zip(("channels", "height", "width"), whole, strict=True))
    return Operand.of(on.add_one("reshape", {"sizes": sizes}, moved))


@function("channel_shuffle")
def raise_channel_shuffle(on: Raising, input: Any, groups: int) -> Operand:
    value = on.as_image(on.operand(input))
    return Operand.of(on.add_one("channelshuffle", {"groups": groups}, value))
