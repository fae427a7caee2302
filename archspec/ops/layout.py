"""Ops that rearrange or repeat the elements of a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import AxisName, Shape, normalize_names
from archspec.numerals import format_sizes
from archspec.ops.axes import Axis, axis_of, by_name, format_permute, named_sizes, spatial_rank
from archspec.ops.axis_order import arrange_axes
from archspec.ops.base import (
    FIRST,
    MAX_SIZE,
    Batch,
    Call,
    Category,
    Count,
    Everything,
    Op,
    PerAxis,
    ShapeError,
    Window,
    per_axis,
)
from archspec.ops.regroup import kept_names, merged_axis
from archspec.ops.rules import check_bounds, keep_non_defaults


class Flatten(Op):
    """Puts all axes into one, the features, or those from `start` on: all places are tokens. Each element keeps its value."""

    word: ClassVar[str] = "flatten"
    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "start"

    start: Axis = Field(
        0, description="first of the axes that become one: its name, or its number counted from 0 without the batch"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape, start = inputs[0], axis_of(self, self.start, inputs[0], "start")
        sizes = (*shape.sizes[:start], math.prod(shape.sizes[start:]))
        outside = shape.names[:start]
        return (Shape(sizes, normalize_names((*outside, merged_axis(shape.names[start:], outside))), shape.batched),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        start = axis_of(self, self.start, inputs[0], "start")
        return (Call("torch.flatten", keywords={"start_dim": inputs[0].dim(start)}),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        shape, axis = inputs[0], inputs[0].channel_axis
        start = axis_of(self, self.start, shape, "start")
        if axis is None:
            return range(outputs[0].channels)
        if axis < start:
            return reached
        inner = math.prod(shape.sizes[axis + 1 :])
        last = math.prod(shape.sizes[start:axis]) - 1
        return range(reached.start * inner, (last * shape.channels + reached.stop) * inner)


class Reshape(Op):
    """Other sizes for the same elements in the same order; an axis keeps its name where it stays what it was, or is given one."""

    word: ClassVar[str] = "reshape"
    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "sizes"
    sizes_by_name: ClassVar[bool] = True

    sizes: (
        Annotated[tuple[Annotated[int, Field(ge=-1, le=MAX_SIZE)], ...], Field(min_length=1, max_length=8)]
        | named_sizes(-1)  # type: ignore[valid-type]
    ) = Field(
        description="sizes of the result without the batch, in order, with names or without: {tokens: 49, features: -1}; "
        "one of them may be -1: what is left"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape, named = inputs[0], by_name(self.sizes)
        sizes = self._sizes(shape)
        if named is None:
            return (Shape(sizes, kept_names(shape, sizes), shape.batched),)
        names = normalize_names(tuple(named))
        _check_order(shape, dict(zip(names, sizes, strict=True)))
        return (Shape(sizes, names, shape.batched),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        sizes = self._sizes(inputs[0])
        return (Call("torch.reshape", args=(*FIRST, (Batch(), *sizes) if inputs[0].batched else sizes)),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        before, after = (tuple(shape.sizes[axis] for axis in shape.places) for shape in (*inputs, *self.infer(*inputs)))
        return "everything" if len(before) == len(after) and before != after else None

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        source, target = inputs[0], outputs[0]
        if source.channels != target.channels or source.channel_axis is None or target.channel_axis is None:
            return range(target.channels)
        before = math.prod(source.sizes[: source.channel_axis]) == math.prod(target.sizes[: target.channel_axis])
        return reached if before else range(target.channels)

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        """The sizes with the -1 replaced. Raises `ShapeError`."""
        named = by_name(self.sizes)
        given: tuple[int, ...] = self.sizes if named is None else tuple(named.values())
        known = math.prod(size for size in given if size != -1)
        rest = shape.numel // known if known and shape.numel % known == 0 else 0
        sizes = tuple(rest if size == -1 else size for size in given)
        if given.count(-1) > 1 or math.prod(sizes) != shape.numel:
            message = f"{shape} has {shape.numel} elements, which {format_sizes(given)} cannot hold"
            raise ShapeError(message, field="sizes")
        return sizes


def _check_order(shape: Shape, sizes: Mapping[AxisName | None, int]) -> None:
    """Raises `ShapeError` if the sizes are those of the value's own axes in another order, which only a permute gives."""
    own = dict(zip(shape.names, shape.sizes, strict=True))
    if own == sizes and [name for name in sizes if sizes[name] > 1] != [name for name in own if own[name] > 1]:
        raise ShapeError(
            f"reshape moves no elements: {shape.described} cannot become {', '.join(map(str, sizes))}",
            field="sizes",
            help=f"{format_permute(shape, tuple(map(shape.names.index, sizes)))} moves the axes",
        )


class Permute(Op):
    """Another order of the axes, which keep their names; no element changes."""

    word: ClassVar[str] = "permute"
    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "axes"

    axes: Annotated[tuple[Axis, ...], Field(min_length=1, max_length=8)] = Field(
        description="the axes in the order that they are to have: names, or numbers counted from 0 without the batch"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0].permuted(self._order(inputs[0])),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape = inputs[0]
        dims = (*range(shape.batched), *map(shape.dim, self._order(shape)))
        return (Call("torch.permute", args=(*FIRST, dims)),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything" if None in inputs[0].names and len(inputs[0].places) > 1 else None

    def _order(self, shape: Shape) -> tuple[int, ...]:
        """The axes of the input, by number, in the order of the result. Raises `ShapeError`."""
        known = (axis for axis in self.axes if isinstance(axis, str) or -shape.rank <= axis < shape.rank)
        order = tuple(axis_of(self, axis, shape, "axes") for axis in known)
        if len(order) < len(self.axes) or sorted(order) != list(range(shape.rank)):
            given = ", ".join(map(str, self.axes))
            raise ShapeError(
                f"permute needs each axis of {shape.described} once, 0 to {shape.rank - 1}, got {given}",
                field="axes",
                help=f"for example {format_permute(shape, tuple(reversed(range(shape.rank))))}",
            )
        return order


class Upsample(Op):
    """More places on the spatial axes, interpolated; as many as a second operand has, if there is one."""

    word: ClassVar[str] = "upsample"
    telling: ClassVar[tuple[str, ...]] = ("size", "mode")
    category: ClassVar[Category] = "shape"
    operands: ClassVar[tuple[int, int | None]] = (1, 2)
    first: ClassVar[str | None] = "scale"

    scale: PerAxis | None = Field(None, description="how many times the places: one number or one per spatial axis")
    size: PerAxis | None = Field(
        None, description="places of the output, in place of scale: one number or one per axis"
    )
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear"] = Field(
        "nearest",
        description="interpolation: nearest for any input, linear for 1, bilinear and bicubic for 2, trilinear for 3 axes",
    )
    align_corners: bool = Field(False, description="whether the outermost places keep theirs; not for nearest")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        rank = spatial_rank(self, shape)
        if (self.scale is not None) + (self.size is not None) + (len(inputs) > 1) != 1:
            raise ShapeError("upsample needs either scale or size", field="scale")
        if len(inputs) > 1:
            spatial_rank(self, inputs[1])
            per_axis(inputs[1].spatial, rank, "the second operand")
        if self.mode != "nearest" and _RANK[self.mode] != rank:
            axes = "1 spatial axis" if _RANK[self.mode] == 1 else f"{_RANK[self.mode]} spatial axes"
            raise ShapeError(f"mode {self.mode} needs {axes}, got {shape}", field="mode")
        if self.mode == "nearest" and self.align_corners:
            raise ShapeError("align_corners does not go with nearest", field="align_corners")
        return check_bounds(self, (shape.resized((shape.channels, *self._places(*inputs))),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = keep_non_defaults(
            size=(self._places(*inputs) if len(inputs) > 1 else self.size, None),
            scale_factor=(self.scale, None),
            mode=(self.mode, "nearest"),
            align_corners=(self.align_corners, False),
        )
        return arrange_axes(Call("torch.nn.Upsample", options), inputs[0], batch=True)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        reach = {"nearest": 1, "bicubic": 4}.get(self.mode, 2)
        pairs = zip(inputs[0].spatial, self._places(*inputs), strict=True)
        return Window((reach,) * (inputs[0].rank - 1), tuple(Fraction(*pair) for pair in pairs))

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand == 0

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return None if operand else reached

    def _places(self, shape: Shape, like: Shape | None = None) -> tuple[int, ...]:
        rank = shape.rank - 1
        if like is not None:
            return like.spatial
        if self.size is not None:
            return per_axis(self.size, rank, "size")
        scale = per_axis(self.scale or 1, rank, "scale")
        return tuple(size * times for size, times in zip(shape.spatial, scale, strict=True))


_RANK = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


class ChannelShuffle(Op):
    """Deals the channels out over groups: ShuffleNet's exchange between them (Zhang et al. 2018)."""

    word: ClassVar[str] = "channelshuffle"
    category: ClassVar[Category] = "shape"
    first: ClassVar[str | None] = "groups"

    groups: Count = Field(
        description="groups that the channels come from; each n-th channel of the result is of one of them"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        spatial_rank(self, inputs[0])
        channels = inputs[0].channels
        if channels % self.groups:
            raise ShapeError(f"{channels} channels do not divide into {self.groups} groups", field="groups")
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return arrange_axes(Call("torch.nn.ChannelShuffle", {"groups": self.groups}), inputs[0], batch=True)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        """The narrowest range with all positions that the channels move to."""
        size = inputs[0].channels // self.groups
        first, start = divmod(reached.start, size)
        last, end = divmod(reached.stop - 1, size)
        if first == last:
            return range(start * self.groups + first, end * self.groups + last + 1)
        lowest = first if start == 0 else first + 1
        highest = last if end == size - 1 else last - 1
        return range(lowest, (size - 1) * self.groups + highest + 1)
