"""The ops of kernels, in graphs that only this back end uses."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from archspec.codegen.fx.kernels.activations import Activation
from archspec.ir.shape import Shape
from archspec.ops.activation import ClampChannels
from archspec.ops.base import Call, Op, Operand, Result, Weight
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.ops.linear import Linear
from archspec.ops.norm import LayerNorm, ScaleShift, channel_pair_sizes
from archspec.ops.pool import AvgPool, MaxPool

_KERNELS = "archspec.codegen.fx.kernels"


class FusedConv(Conv):
    """A convolution over 2 spatial axes, plus its second operand if there is one, followed by an activation."""

    word: ClassVar[str] = "fusedconv"
    operands: ClassVar[tuple[int, int | None]] = (1, 2)

    activation: Activation | None = None
    overwrites: bool = False
    """Whether the result may be written over the second operand."""
    deepens: bool = False
    """Whether it is computed on the image rearranged from space to depth."""
    merged: int = 1
    """The number of groups that are computed as one."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (plain,) = super().lower(inputs[0])
        own = {"activation": self.activation, "overwrites": self.overwrites, "deepens": self.deepens}
        options = {**plain.options, **{name: value for name, value in own.items() if value}}
        options |= {"merged": self.merged} if self.merged > 1 else {}
        operands = tuple(map(Operand, range(len(inputs))))
        return _retarget((replace(plain, options=options, args=operands),), "fused_conv.FusedConv2d")


class PreparedConv(FusedConv):
    """A 1×1 convolution that computes with its second operand, two numbers for each channel, on its first."""

    word: ClassVar[str] = "preparedconv"
    operands: ClassVar[tuple[int, int | None]] = (2, 3)

    before: Literal["clamp", "scale", "scale_relu"]

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (fused,) = super().lower(*inputs)
        return _retarget(
            (replace(fused, options={**fused.options, "before": self.before}),), "prepared_conv.PreparedConv2d"
        )


class ChannelPair(Op):
    """The learned two numbers for each channel of its operand, [2, channels, 1, …], for the kernel that computes with them."""

    word: ClassVar[str] = "channelpair"
    internal: ClassVar[bool] = True

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (Shape.of(*channel_pair_sizes(inputs[0]), batched=False),)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", channel_pair_sizes(inputs[0])),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.nn.Parameter", {"shape": channel_pair_sizes(inputs[0])}, args=()),)


class ChannelClamp(ClampChannels):
    """A clamp as one kernel."""

    word: ClassVar[str] = "channelclamp"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return _lower_channelwise("clamp_channels", inputs[0])


class ChannelScaleShift(ScaleShift):
    """A factor, a shift and a ReLU as one kernel."""

    word: ClassVar[str] = "channelscaleshift"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return _lower_channelwise("scale_channels", inputs[0], relu=self.relu)


def _lower_channelwise(function: str, shape: Shape, **keywords: bool) -> tuple[Call, ...]:
    stored = Call("torch.nn.Parameter", {"shape": channel_pair_sizes(shape)}, args=())
    return stored, Call(f"{_KERNELS}.channelwise.{function}", args=(Operand(0), Result(0)), keywords=keywords)


class RowMaxPool(MaxPool):
    """A maximum of windows as one kernel."""

    word: ClassVar[str] = "rowmaxpool"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return _retarget(super().lower(*inputs), "pooling.RowMaxPool2d")


class RowAvgPool(AvgPool):
    """A mean of windows as one kernel."""

    word: ClassVar[str] = "rowavgpool"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return _retarget(super().lower(*inputs), "pooling.RowAvgPool2d")


class AddNorm(LayerNorm):
    """The sum of two operands, and its layer normalisation over the last axis, as one kernel."""

    word: ClassVar[str] = "addnorm"
    operands: ClassVar[tuple[int, int | None]] = (2, 2)
    one_output: ClassVar[bool] = False

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return inputs[0], *super().infer(inputs[0])

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (norm,) = _retarget(super().lower(inputs[0]), "layer_norm.AddLayerNorm")
        return (replace(norm, args=(Operand(0), Operand(1))),)


class LinearGELU(Linear):
    """A linear layer and the GELU after it, as one kernel."""

    word: ClassVar[str] = "lineargelu"

    approximate: Literal["none", "tanh"] = "none"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (linear,) = _retarget(super().lower(*inputs), "linear.LinearGELU")
        return (replace(linear, options={**linear.options, "approximate": self.approximate}),)


def _retarget(calls: tuple[Call, ...], target: str) -> tuple[Call, ...]:
    """A lowering to one module, with another class of module."""
    (call,) = calls
    return (replace(call, target=f"{_KERNELS}.{target}"),)


class Grow(Concat):
    """A concatenation along the channels in the buffer of its first operand or in a new one.

    The operands are the base, a value for each of `starts` that is added to the base from that channel on, and the other parts.
    """

    word: ClassVar[str] = "grow"

    room: int | None
    """The channels of a new buffer; None to use that of the first operand."""
    starts: tuple[int, ...]

    def passes_through(self, count: int) -> bool:  # noqa: ARG002 - the signature is that of all ops
        return False  # also a single operand may get new memory, with room for more

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return super().infer(inputs[0], *inputs[1 + len(self.starts) :])

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        _, *operands = map(Operand, range(len(inputs)))
        added, parts = operands[: len(self.starts)], operands[len(self.starts) :]
        args = (Operand(0), self.room, list(self.starts), added, parts)
        return (Call(f"{_KERNELS}.buffers.append_to_buffer", args=args),)
