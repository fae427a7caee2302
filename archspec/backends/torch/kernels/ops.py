"""The ops that stand for kernels: a graph of them is what one device runs, and never leaves this back end."""

from __future__ import annotations

from typing import ClassVar

from archspec.ops.base import Call, Operand
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.shape import Shape

_MODULES = "archspec.backends.torch.kernels.modules"


class FusedConv(Conv):
    """A convolution over 2 spatial axes, plus its second operand if there is one, rectified if `relu`."""

    word: ClassVar[str] = "fusedconv"
    operands: ClassVar[tuple[int, int | None]] = (1, 2)

    relu: bool = False
    overwrites: bool = False
    """Whether nothing else needs the second operand any more."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (plain,) = super().lower(inputs[0])
        options = {**plain.options, "relu": self.relu, "overwrites": self.overwrites}
        return (Call(f"{_MODULES}.FusedConv2d", options, tuple(map(Operand, range(len(inputs))))),)


class Begin(Concat):
    """A concatenation along the channels that others will continue, up to `room` channels."""

    word: ClassVar[str] = "begin"

    room: int

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call(f"{_MODULES}.begin", args=(self.room, *map(Operand, range(len(inputs))))),)


class Extend(Concat):
    """A concatenation that continues the one which is its first operand, in the same memory."""

    word: ClassVar[str] = "extend"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call(f"{_MODULES}.extend", args=tuple(map(Operand, range(len(inputs))))),)
