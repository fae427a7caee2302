"""Ops that move the elements of a value, or repeat them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archspec.ops.base import (
    FIRST,
    MAX_SIZE,
    Batch,
    Call,
    Count,
    Everything,
    Natural,
    Op,
    PerAxis,
    ShapeError,
    Window,
    per_axis,
    spatial_rank,
)
from archspec.ops.rules import bounded, differing
from archspec.shape import Shape


class Flatten(Op):
    """Puts all axes into one, or those from `start` on; each element keeps its value, so its window is itself."""

    word: ClassVar[str] = "flatten"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "start"

    start: Natural = Field(0, description="first of the axes that become one, counted from 0 without the batch")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        if self.start >= shape.rank:
            raise ShapeError(f"start {self.start} is past the {shape.rank} axes of {shape}", field="start")
        sizes = (*shape.sizes[: self.start], math.prod(shape.sizes[self.start :]))
        return (Shape(sizes, min(shape.axis, self.start)),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.flatten", keywords={"start_dim": self.start + 1}),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        shape = inputs[0]
        if shape.axis < self.start:
            return reached
        inner = math.prod(shape.sizes[shape.axis + 1 :])
        last = math.prod(shape.sizes[self.start : shape.axis]) - 1
        return range(reached.start * inner, (last * shape.channels + reached.stop) * inner)


class Reshape(Op):
    """Other sizes for the same elements in the same order. The channels stay where a result of rank 2 still has their axis."""

    word: ClassVar[str] = "reshape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "sizes"

    sizes: Annotated[tuple[Annotated[int, Field(ge=-1, le=MAX_SIZE)], ...], Field(min_length=1, max_length=5)] = Field(
        description="sizes of the result without the batch; one of them may be -1: what is left"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        sizes = self._sizes(inputs[0])
        kept = _kept(inputs[0], sizes) if len(sizes) <= 2 else None
        return (Shape.of(*sizes) if kept is None else Shape(sizes, kept),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.reshape", args=(*FIRST, (Batch(), *self._sizes(inputs[0])))),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        kept = _kept(inputs[0], outputs[0].sizes) == outputs[0].axis
        return reached if kept else range(outputs[0].channels)

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        """The sizes with the -1 replaced. Raises `ShapeError`."""
        known = math.prod(size for size in self.sizes if size != -1)
        rest = shape.count // known if known and shape.count % known == 0 else 0
        sizes = tuple(rest if size == -1 else size for size in self.sizes)
        if self.sizes.count(-1) > 1 or math.prod(sizes) != shape.count:
            wanted = "×".join(map(str, self.sizes))
            raise ShapeError(f"{shape} has {shape.count} elements, which {wanted} cannot hold", field="sizes")
        return sizes


def _kept(shape: Shape, sizes: tuple[int, ...]) -> int | None:
    """The axis of new sizes that is the old channels: as long, and with as many elements before it."""
    before = math.prod(shape.sizes[: shape.axis])
    for axis, size in enumerate(sizes):
        if size == shape.channels and math.prod(sizes[:axis]) == before:
            return axis
    return None


class Permute(Op):
    """Another order of the axes; the channels are where their axis goes."""

    word: ClassVar[str] = "permute"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "axes"

    axes: Annotated[tuple[Natural, ...], Field(min_length=1, max_length=5)] = Field(
        description="for each axis of the result, the axis of the input, counted from 0 without the batch"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        if sorted(self.axes) != list(range(shape.rank)):
            given = ", ".join(map(str, self.axes))
            raise ShapeError(
                f"permute needs each axis of {shape} once, 0 to {shape.rank - 1}, got {given}", field="axes"
            )
        return (Shape(tuple(shape.sizes[axis] for axis in self.axes), self.axes.index(shape.axis)),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.permute", args=(*FIRST, (0, *(axis + 1 for axis in self.axes)))),)


class Upsample(Op):
    """More places on the spatial axes, interpolated; the first axis of its input is the channels."""

    word: ClassVar[str] = "upsample"
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
        if (self.scale is None) == (self.size is None):
            raise ShapeError("upsample needs either scale or size", field="scale")
        if self.mode != "nearest" and _RANK[self.mode] != rank:
            axes = "1 spatial axis" if _RANK[self.mode] == 1 else f"{_RANK[self.mode]} spatial axes"
            raise ShapeError(f"mode {self.mode} needs {axes}, got {shape}", field="mode")
        if self.mode == "nearest" and self.align_corners:
            raise ShapeError("align_corners does not go with nearest", field="align_corners")
        return bounded(self, (Shape.image(shape.sizes[0], *self._places(shape)),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = differing(
            size=(self.size, None),
            scale_factor=(self.scale, None),
            mode=(self.mode, "nearest"),
            align_corners=(self.align_corners, False),
        )
        return (Call("torch.nn.Upsample", options),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        reach = {"nearest": 1, "bicubic": 4}.get(self.mode, 2)
        pairs = zip(inputs[0].spatial, self._places(inputs[0]), strict=True)
        return Window((reach,) * (inputs[0].rank - 1), tuple(Fraction(*pair) for pair in pairs))

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached if inputs[0].axis == 0 else range(outputs[0].channels)

    def _places(self, shape: Shape) -> tuple[int, ...]:
        rank = shape.rank - 1
        if self.size is not None:
            return per_axis(self.size, rank, "size")
        scale = per_axis(self.scale or 1, rank, "scale")
        return tuple(size * times for size, times in zip(shape.spatial, scale, strict=True))


_RANK = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


class ChannelShuffle(Op):
    """Deals the channels, the first axis, out over groups: ShuffleNet's exchange between them (Zhang et al. 2018)."""

    word: ClassVar[str] = "channelshuffle"
    first: ClassVar[str | None] = "groups"

    groups: Count = Field(
        description="groups that the channels come from; each n-th channel of the result is of one of them"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        spatial_rank(self, inputs[0])
        channels = inputs[0].sizes[0]
        if channels % self.groups:
            raise ShapeError(f"{channels} channels do not divide into {self.groups} groups", field="groups")
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.nn.ChannelShuffle", {"groups": self.groups}),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        """The narrowest range with all places that the channels are dealt to."""
        if inputs[0].axis != 0:
            return reached
        size = inputs[0].channels // self.groups
        first, start = divmod(reached.start, size)
        last, end = divmod(reached.stop - 1, size)
        if first == last:
            return range(start * self.groups + first, end * self.groups + last + 1)
        lowest = first if start == 0 else first + 1
        highest = last if end == size - 1 else last - 1
        return range(lowest, (size - 1) * self.groups + highest + 1)
