"""Finds the axes that ops need, and raises errors for values that lack them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from archspec.ir.shape import AXES, CHANNELS, IMAGES, AxisName, Names, Shape, normalize_names
from archspec.ops.axis_order import move_first
from archspec.ops.base import MAX_SIZE, Op, ShapeError

Axis = int | AxisName
"""An axis by its name, or by its number: counted from 0 without the batch, or from the end if negative."""

WHICH = "axis: its name, or its number counted from 0 without the batch; the channels if absent"


def _to_pairs(given: Any) -> Any:
    """A mapping of names of axes to sizes as pairs, in order. Raises `ValueError` for other names."""
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    if not pairs or (isinstance(given, Mapping) and (not set(given) <= set(AXES) or set(given) >= CHANNELS)):
        raise ValueError("names of axes, each of another one")
    return pairs


def named_sizes(least: int) -> Any:
    """The type of a field that is a mapping of names of axes to sizes of at least `least`; its value is pairs, in order."""
    sizes = {"type": "integer", "minimum": least, "maximum": MAX_SIZE}
    names: dict[str, Any] = {"properties": dict.fromkeys(AXES, sizes), "additionalProperties": False}
    return Annotated[
        tuple[tuple[str, Annotated[int, Field(ge=least, le=MAX_SIZE)]], ...],
        BeforeValidator(_to_pairs),
        WithJsonSchema({"type": "object", **names, "minProperties": 1}),
    ]


def by_name(sizes: Any) -> dict[AxisName, int] | None:
    """The sizes of a field by name; None for a plain list of sizes."""
    return dict(sizes) if sizes and isinstance(sizes[0], tuple) else None


# -- which axis ---------------------------------------------------------------------------------------------------


def axis_of(op: Op, axis: Axis | None, shape: Shape, name: str = "axis") -> int:
    """The position of the axis that a field names; the channels if None.

    Raises:
        ShapeError: the value has no such axis.
    """
    if axis is None:
        return channel_axis(op, shape, help=f"say which: {name}: 0, for example")
    if isinstance(axis, str):
        position = shape.axis(axis)
        if position is None:
            raise ShapeError(f"there is no axis {axis} in {shape.described}", field=name, help=_list_axes(shape))
        return position
    if not -shape.rank <= axis < shape.rank:
        raise ShapeError(f"{name} {axis} is past the {shape.rank} axes of {shape}", field=name, help=_list_axes(shape))
    return axis % shape.rank


def _list_axes(shape: Shape) -> str | None:
    if not shape.rank:
        return None
    names = [name for name in shape.names if name is not None]
    numbers = "0" if shape.rank == 1 else f"0 to {shape.rank - 1}"
    return f"an axis is {numbers}" + (f", or {', '.join(names)}" if names else "")


def channel_axis(op: Op, shape: Shape, *, help: str | None = None) -> int:
    """The position of the channels or features. Raises `ShapeError` if there are none."""
    if shape.channel_axis is not None:
        return shape.channel_axis
    advice = help if help and shape.rank else _with_channels(shape)
    raise ShapeError(f"{op.word} needs channels or features; got {shape.described}", help=advice)


def channels_first(op: Op, shape: Shape) -> None:
    """Raises `ShapeError` unless the channels, or features, are the first axis."""
    axis = channel_axis(op, shape)
    if axis:
        raise ShapeError(
            f"{op.word} needs {shape.names[axis]} first; got {shape.described}",
            help=f"put {format_permute(shape, move_first(shape, axis))} before it",
        )


def spatial_rank(op: Op, shape: Shape) -> int:
    """The number of spatial axes of a signal, an image or a volume with the channels first. Raises `ShapeError` for other values."""
    rank = IMAGES.get(shape.names)
    if rank is not None:
        return rank
    for names in IMAGES:
        if set(names) == set(shape.names):
            order = tuple(shape.names.index(name) for name in names)
            raise ShapeError(
                f"{op.word} needs channels first, then {' and '.join(map(str, names[1:]))}; got {shape.described}",
                help=f"put {format_permute(shape, order)} before it",
            )
    raise ShapeError(
        f"{op.word} needs channels and length, height and width, or depth, height and width; got {shape.described}",
        help=_as_image(shape),
    )


def _as_image(shape: Shape) -> str:
    """Advice on how to give a value spatial axes."""
    if shape.rank == 1:
        return f"put reshape: {{channels: 1, length: {shape.sizes[0]}}} before it, or declare the input so"
    if shape.rank > 1 + len(IMAGES):
        return "it has at most 3 spatial axes: put a reshape to channels and those before it"
    order = move_first(shape, shape.channel_axis or 0)
    made = _reshape(tuple(IMAGES)[shape.rank - 2], shape.permuted(order).sizes)
    steps = f"[{format_permute(shape, order)}, {made}]" if shape.channel_axis else made
    declared = "a signal is declared as {channels: …, length: …}; " if shape.names == ("tokens", "features") else ""
    return f"{declared}{steps} makes {('a signal', 'an image', 'a volume')[shape.rank - 2]} of this"


def find_sequence_axes(op: Op, shape: Shape) -> tuple[int, int]:
    """The positions of the tokens and the features of a value with only these axes. Raises `ShapeError`."""
    tokens, features = shape.axis("tokens"), shape.channel_axis
    if shape.rank == 2 and tokens is not None and features is not None:
        return tokens, features
    raise ShapeError(f"{op.word} needs tokens and features; got {shape.described}", help=as_sequence(shape))


def as_sequence(shape: Shape) -> str:
    """Advice on how to turn a value into tokens and features."""
    if shape.names in IMAGES:
        return "its places are tokens behind [flatten: 1, permute: [tokens, features]]"
    if shape.rank == 1:
        return f"put reshape: {{tokens: 1, features: {shape.sizes[0]}}} before it"
    names = _complete_names(shape.names)
    if shape.rank == 2:
        return write_reshape(shape, names if set(names) == {"tokens", "features"} else ("tokens", "features"))
    if shape.channel_axis == shape.rank - 1:
        tokens = shape.numel // shape.channels
        return f"reshape: {{tokens: {tokens}, features: {shape.channels}}} makes tokens of all places"
    return "put a reshape to tokens and features before it"


def write_reshape(shape: Shape, names: Names = ()) -> str:
    """Advice: the reshape that names the axes of a value, by `names` or by completing its own."""
    return f"{_reshape(names or _complete_names(shape.names), shape.sizes)} names its axes"


def _reshape(names: Names, sizes: tuple[int, ...]) -> str:
    pairs = (f"{name or '…'}: {size}" for name, size in zip(names, sizes, strict=True))
    return f"reshape: {{{', '.join(pairs)}}}"


def _with_channels(shape: Shape) -> str:
    """Advice: the reshape that gives a value channels, by naming an axis or by adding one."""
    if None in shape.names:
        return write_reshape(shape)
    return f"{_reshape(normalize_names((*shape.names, 'features')), (*shape.sizes, 1))} gives it some"


def _complete_names(names: Names) -> Names:
    """The names, completed: the last axis without a name is the features if there are none, the others are places."""
    missing = [axis for axis, name in enumerate(names) if name is None]
    last = [] if CHANNELS & set(names) else missing[-1:]
    free = [axis for axis in missing if axis not in last]
    fill = dict(zip(free, _FILL.get(len(free), ()), strict=False)) | dict.fromkeys(last, "features")
    made = normalize_names(tuple(fill.get(axis, name) for axis, name in enumerate(names)))
    return made if None not in made else names


_FILL: Mapping[int, Names] = {1: ("tokens",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def format_permute(shape: Shape, order: tuple[int, ...]) -> str:
    """The permute that puts the axes of a value in an order, as a spec writes it."""
    return f"permute: [{', '.join(str(axis if None in shape.names else shape.names[axis]) for axis in order)}]"


# -- axes of several values ---------------------------------------------------------------------------------------


def shared_names(word: str, shapes: tuple[Shape, ...]) -> Names:
    """The names of the axes of operands of one rank, merged: an axis has the name that any of the operands gives it.

    Raises:
        ShapeError: an axis has two names, or a name two axes.
    """
    names = shapes[0].names
    for shape in shapes:
        if shape.names is names or shape.names == names:
            continue
        if any(
            first and other and not is_same_axis(first, other) for first, other in zip(names, shape.names, strict=True)
        ):
            raise _other_axes(word, shapes[0], shape)
        merged = tuple(first or other for first, other in zip(names, shape.names, strict=True))
        names = normalize_names(merged)
        if names.count(None) > merged.count(None):
            raise _other_axes(word, shapes[0], shape)
    return names


def is_same_axis(first: str | None, second: str | None) -> bool:
    """Whether two names are equal, or are channels and features."""
    return first == second or {first, second} == CHANNELS


def _other_axes(word: str, first: Shape, other: Shape) -> ShapeError:
    advice = write_permute(first, other) or f"{write_reshape(other, first.names)} as those are, if they are the same"
    return ShapeError(f"{word} needs the same axes in all; got {first.described} and {other.described}", help=advice)


def reorder_axes(first: Shape, other: Shape) -> Shape | None:
    """The shape `other` with its axes in the order of `first`; None if its axes differ or are in that order already."""
    if first.names == other.names or None in first.names or set(first.names) != set(other.names):
        return None
    return other.permuted(tuple(other.names.index(name) for name in first.names))


def write_permute(first: Shape, other: Shape) -> str | None:
    """Advice: the permute that gives `other` the order of axes of `first`."""
    order = reorder_axes(first, other)
    return f"permute: [{', '.join(map(str, order.names))}] turns {other.described}" if order else None


def is_batched(shapes: Iterable[Shape]) -> bool:
    """Whether the result of an op on several values has a batch axis: whether any of them has."""
    return any(shape.batched for shape in shapes)
