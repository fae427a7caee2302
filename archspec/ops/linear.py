"""Linear layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from archspec.ops.base import Call, Count, Everything, Initial, Op, ShapeError, Weight, Window
from archspec.ops.rules import bounded, differing
from archspec.shape import Shape


class Linear(Op):
    """Linear map of the last axis: of a feature vector, or of each token of a sequence."""

    word: ClassVar[str] = "linear"
    first: ClassVar[str | None] = "out"
    weighted: ClassVar[int] = 1
    mixes: ClassVar[bool] = True

    out: Count = Field(description="features of the output")
    bias: bool = Field(True, description="whether a learned number is added to each output feature")
    init: Initial | None = Field(None, description="initialisation of the matrix; torch's own if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the bias; torch's own if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        if not 1 <= shape.rank <= 2:
            raise ShapeError(
                f"linear needs [features] or [tokens, features], got {shape}",
                help="put globalpool or flatten before it" if shape.rank > 2 else None,
            )
        return bounded(self, (shape.replace(shape.rank - 1, self.out),), self.weights(shape))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out, inputs[0].sizes[-1]))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return inputs[0].count * self.out

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"in_features": inputs[0].sizes[-1], "out_features": self.out}
        return (Call("torch.nn.Linear", options | differing(bias=(self.bias, True))),)

    def initial(self) -> Mapping[str, Initial]:
        given = {"weight": self.init, "bias": self.bias_init if self.bias else None}
        return {name: init for name, init in given.items() if init is not None}

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return None if inputs[0].rank == 2 and inputs[0].axis == 1 else "everything"

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        shape = inputs[0]
        return range(self.out) if shape.axis == shape.rank - 1 else reached
