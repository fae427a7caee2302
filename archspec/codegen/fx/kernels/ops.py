"""The ops of kernels, in graphs that only this back end uses."""

from __future__ import annotations

from typing import ClassVar

from archspec.ir.shape import Shape
from archspec.ops.base import Call, Operand
from archspec.ops.conv import Conv
from archspec.ops.join import Concat

_MODULES = "archspec.codegen.fx.kernels.modules"


class FusedConv(Conv):
    """A convolution over 2 spatial axes, plus its second operand if there is one, rectified if `relu`."""

    word: ClassVar[str] = "fusedconv"
    operands: ClassVar[tuple[int, int | None]] = (1, 2)

    relu: bool = False
    overwrites: bool = False
    """Whether the result may be written over the second operand."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (plain,) = super().lower(inputs[0])
        options = {**plain.options, "relu": self.relu, "overwrites": self.overwrites}
        return (Call(f"{_MODULES}.FusedConv2d", options, tuple(map(Operand, range(len(inputs))))),)


class Grow(Concat):
    """A concatenation along the channels in the buffer of its first operand or in a new one.

    The operands are the base, a value for each of `starts` that is added to the base from that channel on, and the other parts.
    """

    word: ClassVar[str] = "grow"

    room: int | None
    """The channels of a new buffer; None to use that of the first operand."""
    starts: tuple[int, ...]

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return super().infer(inputs[0], *inputs[1 + len(self.starts) :])

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        added = tuple((start, Operand(index)) for index, start in enumerate(self.starts, 1))
        parts = tuple(map(Operand, range(1 + len(added), len(inputs))))
        return (Call(f"{_MODULES}.append_to_buffer", args=(Operand(0), self.room, added, parts)),)
