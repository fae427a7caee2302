"""Transposed convolutions, over 1 to 3 spatial axes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import ClassVar

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.numerals import format_by_axis, format_sizes
from archspec.ops.axes import spatial_rank
from archspec.ops.axis_order import arrange_axes
from archspec.ops.base import Call, Everything, NaturalPerAxis, Op, ShapeError, Weight, Window, per_axis
from archspec.ops.conv import Convolving
from archspec.ops.parametrization import Iterations, Parametrization, Parametrized
from archspec.ops.rules import check_bounds, compute_extents, keep_non_defaults


class TransposedConv(Convolving):
    """The base class of transposed convolutions with a learned and with a computed kernel."""

    padding: NaturalPerAxis = Field(
        0, description="elements cut from both sides of the output: one number or one per axis"
    )
    output_padding: NaturalPerAxis = Field(
        0,
        description="elements added to the end of the output: one number or one per axis, below the stride or dilation",
    )
    parametrization: Parametrization = None
    iterations: Iterations = 1

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        extent, stride, padding, added = self._numbers(spatial_rank(self, shape))
        self.grouped(shape)
        places = tuple(
            (size - 1) * step - 2 * less + reach + more
            for size, step, less, reach, more in zip(shape.spatial, stride, padding, extent, added, strict=True)
        )
        if min(places) < 1:
            raise ShapeError(
                f"a padding of {format_by_axis(padding)} leaves nothing of {format_sizes(shape.spatial)} "
                f"with a kernel of {format_by_axis(extent)}",
                field="padding",
            )
        return check_bounds(self, (shape.resized((self.out, *places)),), self.weights(shape))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        kernel = per_axis(self.kernel, inputs[0].rank - 1, "kernel")
        weight = Weight("weight", (inputs[0].channels, self.out // self.groups, *kernel))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        kernel = per_axis(self.kernel, inputs[0].rank - 1, "kernel")
        return inputs[0].numel * math.prod(kernel) * self.out // self.groups

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"in_channels": inputs[0].channels, "out_channels": self.out, "kernel_size": self.kernel}
        options |= keep_non_defaults(
            stride=(self.stride, 1),
            padding=(self.padding, 0),
            output_padding=(self.output_padding, 0),
            dilation=(self.dilation, 1),
            groups=(self.groups, 1),
            bias=(self.bias, True),
        )
        return arrange_axes(Call(f"torch.nn.ConvTranspose{inputs[0].rank - 1}d", options), inputs[0], batch=True)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        extent, stride, _, _ = self._numbers(inputs[0].rank - 1)
        seen = tuple(-(-reach // step) for reach, step in zip(extent, stride, strict=True))
        return Window(seen, tuple(Fraction(1, step) for step in stride))

    def _numbers(self, rank: int) -> tuple[tuple[int, ...], ...]:
        """Extent, stride, padding and output padding, one number for each axis."""
        dilation, stride = per_axis(self.dilation, rank, "dilation"), per_axis(self.stride, rank, "stride")
        added = per_axis(self.output_padding, rank, "output_padding")
        for more, step, gap in zip(added, stride, dilation, strict=True):
            if more >= max(step, gap):
                raise ShapeError(
                    f"an output padding of {more} needs a stride or a dilation above it, got {step} and {gap}",
                    field="output_padding",
                )
        extent = compute_extents(per_axis(self.kernel, rank, "kernel"), dilation)
        return extent, stride, per_axis(self.padding, rank, "padding"), added


class _ConvTransposeWord:
    word: ClassVar[str] = "convtranspose"


class ConvTranspose(TransposedConv):
    """Transposed convolution over 1, 2 or 3 spatial axes behind the channels: the gradient of a convolution with respect to its input."""

    word: ClassVar[str] = "convtranspose"

    def specialised(self) -> Op:
        return ParametrizedConvTranspose(**dict(self)) if self.parametrization else self


class ParametrizedConvTranspose(Parametrized, _ConvTransposeWord, TransposedConv):
    """A `convtranspose` whose kernel is computed."""

    plain_class: ClassVar[type[Op]] = ConvTranspose
    spectral_axis: ClassVar[int] = 1
