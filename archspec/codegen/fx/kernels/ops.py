"""The ops that stand for kernels: a graph of them is what one device runs, and never leaves this back end."""

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
    """Whether nothing else needs the second operand any more."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (plain,) = super().lower(inputs[0])
        options = {**plain.options, "relu": self.relu, "overwrites": self.overwrites}
        return (Call(f"{_MODULES}.FusedConv2d", options, tuple(map(Operand, range(len(inputs))))),)


class Grow(Concat):
    """A concatenation along the channels of its first operand and others, in the memory of the first or in new memory.

    The first operand is followed by a value for each of `starts`, which is added to it from that channel on, and then by the rest.
    """

    word: ClassVar[str] = "grow"

    room: int | None
    """The channels that new memory has room for; None to continue in the first operand's."""
    starts: tuple[int, ...]

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return super().infer(inputs[0], *inputs[1 + len(self.starts) :])

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        _, *operands = map(Operand, range(len(inputs)))
        added, parts = operands[: len(self.starts)], operands[len(self.starts) :]
        return (Call(f"{_MODULES}.append_to_buffer", args=(Operand(0), self.room, list(self.starts), added, parts)),)
