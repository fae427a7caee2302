"""Convolutions, over 1 to 3 spatial axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.numerals import format_by_axis
from archspec.ops.axes import spatial_rank
from archspec.ops.axis_order import arrange_axes
from archspec.ops.base import (
    Call,
    Category,
    Count,
    Everything,
    NaturalPerAxis,
    Op,
    PerAxis,
    ShapeError,
    Weight,
    Window,
    per_axis,
)
from archspec.ops.initial import Initial, Positive, name_initial
from archspec.ops.parametrization import Iterations, Parametrization, Parametrized
from archspec.ops.rules import (
    check_bounds,
    compute_extents,
    keep_non_defaults,
    slide_window,
)


class Convolving(Op):
    """The base class of convolution and transposed convolution."""

    category: ClassVar[Category] = "conv"
    first: ClassVar[str | None] = "out"
    weighted: ClassVar[int] = 1
    mixes: ClassVar[bool] = True

    out: Count = Field(description="channels of the output")
    kernel: PerAxis = Field(1, description="size of the kernel, in elements: one number or one per spatial axis")
    stride: PerAxis = Field(1, description="step of the kernel, in elements: one number or one per spatial axis")
    dilation: PerAxis = Field(1, description="distance of the kernel's taps, in elements: one number or one per axis")
    groups: Count = Field(1, description="groups of channels that are convolved each by itself")
    bias: bool = Field(True, description="whether a learned number is added to each output channel")
    init: Initial | None = Field(None, description="initialisation of the kernel; torch's own if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the bias; torch's own if absent")

    def grouped(self, shape: Shape) -> None:
        """Raises `ShapeError` unless the groups divide the channels of the input and of the output."""
        if shape.channels % self.groups:
            raise ShapeError(f"{shape.channels} input channels do not divide into {self.groups} groups", field="groups")
        if self.out % self.groups:
            raise ShapeError(f"{self.out} output channels do not divide into {self.groups} groups", field="groups")

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init, self.bias_init if self.bias else None)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        fed, made = inputs[0].channels // self.groups, self.out // self.groups
        return range(reached.start // fed * made, ((reached.stop - 1) // fed + 1) * made)


class DirectConv(Convolving):
    """The base class of convolutions with a learned and with a computed kernel."""

    padding: NaturalPerAxis | Literal["same"] = Field(
        0,
        description="elements added on both sides: one number, one per axis, or same: dilation * (kernel - 1) // 2, "
        "where that makes size / stride places, rounded up",
    )
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = Field(
        "zeros", description="what the added elements hold"
    )
    standardise: bool = Field(
        False,
        description="whether the kernel of each output channel is shifted and scaled to mean 0 and variance 1, over images "
        "(Qiao et al. 2019, arXiv:1903.10520)",
    )
    eps: Positive = Field(1e-6, description="with standardise: added to the variance of a kernel")
    gain: Positive | None = Field(
        None,
        description="with standardise: factor of a learned gain for each output channel, over the root of a kernel's elements "
        "(Brock et al. 2021, arXiv:2101.08692); no gain if absent",
    )
    parametrization: Parametrization = None
    iterations: Iterations = 1

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        kernel, stride, padding, dilation = self._numbers(spatial_rank(self, shape))
        self.grouped(shape)
        self._check_standardised(shape)
        spatial, extent = shape.spatial, compute_extents(kernel, dilation)
        self._wraps(spatial, padding)
        places = slide_window(spatial, extent, stride, padding)
        if self.padding == "same" and not all(reach % 2 for reach in extent):
            _check_same(spatial, kernel, extent, stride, places)
        return check_bounds(self, (shape.resized((self.out, *places)),), self.weights(shape))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        kernel = per_axis(self.kernel, inputs[0].rank - 1, "kernel")
        weight = Weight("weight", (self.out, inputs[0].channels // self.groups, *kernel))
        gain = (Weight("gain", (self.out, 1, 1, 1)),) * (self.standardise and self.gain is not None)
        return (weight, *((Weight("bias", (self.out,)),) * self.bias), *gain)

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        kernel = per_axis(self.kernel, inputs[0].rank - 1, "kernel")
        return outputs[0].numel * math.prod(kernel) * inputs[0].channels // self.groups

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        rank = inputs[0].rank - 1
        options = {"in_channels": inputs[0].channels, "out_channels": self.out, "kernel_size": self.kernel}
        padding = self._numbers(rank)[2] if self.padding == "same" else self.padding
        if isinstance(padding, tuple) and len(set(padding)) == 1:
            padding = padding[0]
        options |= keep_non_defaults(
            stride=(self.stride, 1),
            padding=(padding, 0),
            dilation=(self.dilation, 1),
            groups=(self.groups, 1),
            bias=(self.bias, True),
            padding_mode=(self.padding_mode, "zeros"),
        )
        target = f"torch.nn.Conv{rank}d"
        if self.standardise:
            target = "archspec.codegen.fx.modules.StandardisedConv2d"
            options |= keep_non_defaults(eps=(self.eps, 1e-6), gamma=(self.gain, None))
        return arrange_axes(Call(target, options), inputs[0], batch=True)

    def _check_standardised(self, shape: Shape) -> None:
        """Raises `ShapeError` for a kernel that cannot be standardised."""
        if not self.standardise:
            return
        if self.parametrization:
            raise ShapeError(f"a kernel has either standardise or {self.parametrization}", field="parametrization")
        if shape.rank != 3:
            raise ShapeError(f"standardise needs height and width; got {shape.described}", field="standardise")
        if shape.channels // self.groups * math.prod(per_axis(self.kernel, 2, "kernel")) == 1:
            raise ShapeError("standardise needs a kernel of more than one element", field="standardise")

    def window(self, *inputs: Shape) -> Window | Everything | None:
        kernel, stride, _, dilation = self._numbers(inputs[0].rank - 1)
        return Window(compute_extents(kernel, dilation), stride)

    def _numbers(self, rank: int) -> tuple[tuple[int, ...], ...]:
        """Kernel, stride, padding and dilation, one number for each axis."""
        kernel, dilation = per_axis(self.kernel, rank, "kernel"), per_axis(self.dilation, rank, "dilation")
        padding = (
            tuple(gap * (size - 1) // 2 for size, gap in zip(kernel, dilation, strict=True))
            if self.padding == "same"
            else per_axis(self.padding, rank, "padding")
        )
        return kernel, per_axis(self.stride, rank, "stride"), padding, dilation

    def _wraps(self, spatial: tuple[int, ...], padding: tuple[int, ...]) -> None:
        spare = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if spare is None:
            return
        for size, added in zip(spatial, padding, strict=True):
            if added > size - spare:
                raise ShapeError(
                    f"{self.padding_mode} padding of {added} is more than {size} elements give", field="padding"
                )


class Conv(DirectConv):
    """Convolution over 1, 2 or 3 spatial axes behind the channels."""

    word: ClassVar[str] = "conv"

    def specialised(self) -> Op:
        """A convolution with a computed kernel is another op, so that no pass takes its weight for the kernel."""
        if self.parametrization and not self.standardise:
            return ParametrizedConv(**dict(self))
        return StandardisedConv(**dict(self)) if self.standardise else self


class _ConvWord:
    word: ClassVar[str] = "conv"


class StandardisedConv(_ConvWord, DirectConv):
    """Convolution of an image with a kernel of mean 0 and variance 1: a `conv` with `standardise`, which specs write."""

    def plain(self) -> Conv:
        """The same convolution with a kernel of its own."""
        return Conv(**dict(self) | {"standardise": False, "eps": 1e-6, "gain": None})


class ParametrizedConv(Parametrized, _ConvWord, DirectConv):
    """A `conv` whose kernel is computed."""

    plain_class: ClassVar[type[Op]] = Conv


def _check_same(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    extent: tuple[int, ...],
    stride: tuple[int, ...],
    places: tuple[int, ...],
) -> None:
    """Raises `ShapeError` if symmetric padding gives another output size than `same` requires."""
    wanted = tuple(-(-size // step) for size, step in zip(sizes, stride, strict=True))
    if places == wanted:
        return
    needed = (
        max((made - 1) * step + reach - size, 0)
        for made, step, reach, size in zip(wanted, stride, extent, sizes, strict=True)
    )
    sides = ", ".join(f"[{added // 2}, {added - added // 2}]" for added in needed)
    raise ShapeError(
        f"padding same needs an odd kernel to make {format_by_axis(wanted)} of {format_by_axis(sizes)}; "
        f"one of {format_by_axis(kernel)} makes {format_by_axis(places)}",
        field="kernel",
        help=f"pad before it, on one side more than on the other: pad: [{sides}], and then padding: 0",
    )
