"""Pooling over sliding windows, over a given number of windows, and over all places."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import IMAGES, Shape
from archspec.numerals import format_by_axis, format_sizes
from archspec.ops.axes import channel_axis, spatial_rank
from archspec.ops.axis_order import arrange_axes
from archspec.ops.base import (
    Call,
    Category,
    Everything,
    NaturalPerAxis,
    Op,
    PerAxis,
    Result,
    ShapeError,
    Window,
    per_axis,
)
from archspec.ops.rules import check_bounds, compute_extents, keep_non_defaults, slide_window


class Pooling(Op):
    """The base class of pooling with a sliding window over the spatial axes after the channels."""

    category: ClassVar[Category] = "pool"
    first: ClassVar[str | None] = "kernel"
    coarsens: ClassVar[bool] = True

    kernel: PerAxis = Field(description="size of the window, in elements: one number or one per spatial axis")
    stride: PerAxis | None = Field(None, description="step of the window, in elements; the kernel if absent")
    padding: NaturalPerAxis = Field(0, description="elements added on both sides: one number or one per axis")
    ceil: bool = Field(False, description="whether a last window may hang over the end")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        rank = spatial_rank(self, shape)
        stride, padding, extent = self._numbers(rank)
        kernel = per_axis(self.kernel, rank, "kernel")  # torch compares the padding with the kernel without dilation
        if any(2 * added > size for added, size in zip(padding, kernel, strict=True)):
            raise ShapeError(
                f"a padding of {format_by_axis(padding)} is more than half the kernel of {format_by_axis(kernel)}",
                field="padding",
            )
        return (shape.resized((shape.channels, *slide_window(shape.spatial, extent, stride, padding, ceil=self.ceil))),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        stride, _, extent = self._numbers(inputs[0].rank - 1)
        return Window(extent, stride)

    def gaps(self, rank: int) -> tuple[int, ...]:
        """The dilation, one number for each axis."""
        return (1,) * rank

    def _numbers(self, rank: int) -> tuple[tuple[int, ...], ...]:
        """Stride, padding and extent, one number for each axis."""
        kernel = per_axis(self.kernel, rank, "kernel")
        stride = kernel if self.stride is None else per_axis(self.stride, rank, "stride")
        return stride, per_axis(self.padding, rank, "padding"), compute_extents(kernel, self.gaps(rank))


class MaxPool(Pooling):
    """Maximum of a sliding window."""

    word: ClassVar[str] = "maxpool"

    dilation: PerAxis = Field(1, description="distance of the window's elements: one number or one per axis")

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = keep_non_defaults(
            stride=(self.stride, None),
            padding=(self.padding, 0),
            dilation=(self.dilation, 1),
            ceil_mode=(self.ceil, False),
        )
        call = Call(f"torch.nn.MaxPool{inputs[0].rank - 1}d", {"kernel_size": self.kernel, **options})
        return arrange_axes(call, inputs[0], batch=True)

    def gaps(self, rank: int) -> tuple[int, ...]:
        return per_axis(self.dilation, rank, "dilation")


class AvgPool(Pooling):
    """Mean of a sliding window."""

    word: ClassVar[str] = "avgpool"

    count_include_pad: bool = Field(True, description="whether the padding's zeros count in the mean")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        outputs = super().infer(*inputs)
        spatial = inputs[0].spatial
        kernel = per_axis(self.kernel, len(spatial), "kernel")
        # For 3 axes torch requires the kernel to fit the input even if padding or ceil would make room for it.
        if len(spatial) == 3 and any(map(int.__gt__, kernel, spatial)):
            message = (
                f"a kernel of {format_by_axis(kernel)} does not fit into {format_sizes(spatial)}, which has 3 axes"
            )
            raise ShapeError(message, field="kernel")
        return outputs

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = keep_non_defaults(
            stride=(self.stride, None),
            padding=(self.padding, 0),
            ceil_mode=(self.ceil, False),
            count_include_pad=(self.count_include_pad, True),
        )
        call = Call(f"torch.nn.AvgPool{inputs[0].rank - 1}d", {"kernel_size": self.kernel, **options})
        return arrange_axes(call, inputs[0], batch=True)


class AdaptivePool(Op):
    """Mean or maximum of as many windows as asked for, of nearly equal size."""

    word: ClassVar[str] = "adaptivepool"
    telling: ClassVar[tuple[str, ...]] = ("kind",)
    category: ClassVar[Category] = "pool"
    first: ClassVar[str | None] = "size"

    size: PerAxis = Field(description="sizes of the output, in elements: one number or one per spatial axis")
    kind: Literal["avg", "max"] = Field("avg", description="mean or maximum")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        size = per_axis(self.size, spatial_rank(self, inputs[0]), "size")
        return check_bounds(self, (inputs[0].resized((inputs[0].channels, *size)),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        kind = self.kind.capitalize()
        call = Call(f"torch.nn.Adaptive{kind}Pool{inputs[0].rank - 1}d", {"output_size": self.size})
        return arrange_axes(call, inputs[0], batch=True)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        """The widest of its windows; their step is not constant if the sizes do not divide."""
        sizes = per_axis(self.size, inputs[0].rank - 1, "size")
        if set(sizes) == {1}:
            return "everything"
        pairs = tuple(zip(inputs[0].spatial, sizes, strict=True))
        return Window(
            tuple(_widest_window(size, parts) for size, parts in pairs), tuple(max(1, a // b) for a, b in pairs)
        )


def _widest_window(size: int, parts: int) -> int:
    """The longest of the windows [⌊i·size/parts⌋, ⌈(i+1)·size/parts⌉)."""
    return 1 + (size - math.gcd(size, parts) + parts - 1) // parts


class GlobalPool(Op):
    """Mean or maximum of all places, wherever they stand: a vector of the channels, or of a sequence's features."""

    word: ClassVar[str] = "globalpool"
    category: ClassVar[Category] = "pool"
    first: ClassVar[str | None] = "kind"

    kind: Literal["avg", "max"] = Field("avg", description="mean or maximum")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        channel_axis(self, shape)
        if shape.rank == 1:
            raise ShapeError(
                f"globalpool needs places beside the channels; got {shape.described}",
                help="it is a vector already: leave globalpool out",
            )
        return (Shape((shape.channels,), ("features",), shape.batched),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape = inputs[0]
        if shape.names in IMAGES and shape.batched:
            pool = f"torch.nn.Adaptive{self.kind.capitalize()}Pool{shape.rank - 1}d"
            flat = Call("torch.flatten", args=(Result(0),), keywords={"start_dim": 1})
            return (Call(pool, {"output_size": 1}), flat)
        dims = tuple(sorted(map(shape.dim, shape.places)))
        dim = dims[0] if len(dims) == 1 else dims
        return (Call("torch.mean" if self.kind == "avg" else "torch.amax", keywords={"dim": dim}),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"
