"""Ops that rearrange a value and compute nothing."""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated, ClassVar

from pydantic import Field

from archspec.ops.base import FIRST, Call, Count, Op, ShapeError
from archspec.ops.rules import axis_of
from archspec.shape import Shape


class Identity(Op):
    """The value itself."""

    word: ClassVar[str] = "identity"
    numbered: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return ()


class Split(Op):
    """Cuts a value into several, along the channels or another axis."""

    word: ClassVar[str] = "split"
    first: ClassVar[str | None] = "sizes"
    numbered: ClassVar[bool] = False

    sizes: Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        description="sizes of the parts, in elements; their sum is that of the axis"
    )
    axis: int | None = Field(None, description="axis, counted from 0 without the batch; the channels if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        axis = axis_of(self.axis, inputs[0])
        if sum(self.sizes) != inputs[0].sizes[axis]:
            parts = " + ".join(map(str, self.sizes))
            raise ShapeError(f"split needs sizes with the sum {inputs[0].sizes[axis]}, got {parts}", field="sizes")
        return tuple(inputs[0].replace(axis, size) for size in self.sizes)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        axis = axis_of(self.axis, inputs[0])
        return (Call("torch.split", args=(*FIRST, self.sizes), keywords={"dim": axis + 1}),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        if axis_of(self.axis, inputs[0]) != inputs[0].axis:
            return reached
        start = (0, *accumulate(self.sizes))[output]
        return cut(reached, start, start + self.sizes[output])


def cut(reached: range, start: int, stop: int) -> range | None:
    """What is left of a range between two places, counted from the first of them; None where nothing is."""
    left = range(max(reached.start, start) - start, min(reached.stop, stop) - start)
    return left if left else None
