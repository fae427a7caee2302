"""The ops of kernels, in graphs that only this back end uses."""

from __future__ import annotations

from typing import ClassVar

from archspec.codegen.fx.kernels.activations import Activation
from archspec.ir.shape import Shape
from archspec.ops.activation import ClampChannels
from archspec.ops.base import Call, Operand, Result
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.ops.norm import ScaleShift, channel_pair_sizes

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

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (plain,) = super().lower(inputs[0])
        own = {"activation": self.activation, "overwrites": self.overwrites, "deepens": self.deepens}
        options = {**plain.options, **{name: value for name, value in own.items() if value}}
        return (Call(f"{_KERNELS}.fused_conv.FusedConv2d", options, tuple(map(Operand, range(len(inputs))))),)


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
