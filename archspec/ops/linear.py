"""Linear layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from archspec.ir.shape import SPATIAL, Shape
from archspec.ops.axes import Axis, axis_of, channel_axis
from archspec.ops.axis_order import arrange_axes, move_last
from archspec.ops.base import Call, Category, Count, Everything, Op, ShapeError, Weight, Window
from archspec.ops.initial import Initial, name_initial
from archspec.ops.parametrization import Iterations, Parametrization, Parametrized
from archspec.ops.rules import check_bounds, keep_non_defaults


class LinearMap(Op):
    """The base class of linear maps with a learned and with a computed matrix."""

    telling: ClassVar[tuple[str, ...]] = ("axis",)
    category: ClassVar[Category] = "linear"
    first: ClassVar[str | None] = "out"
    weighted: ClassVar[int] = 1

    out: Count = Field(description="size of that axis in the output")
    axis: Axis | None = Field(
        None, description="the axis: its name, or its number counted from 0 without the batch; the features if absent"
    )
    bias: bool = Field(True, description="whether a learned number is added to each output feature")
    init: Initial | None = Field(None, description="initialisation of the matrix; torch's own if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the bias; torch's own if absent")
    parametrization: Parametrization = None
    iterations: Iterations = 1

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        return check_bounds(self, (shape.replace(self._axis(shape), self.out),), self.weights(shape))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out, inputs[0].sizes[self._axis(inputs[0])]))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return inputs[0].numel * self.out

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape, axis = inputs[0], self._axis(inputs[0])
        options = {
            "in_features": shape.sizes[axis],
            "out_features": self.out,
            **keep_non_defaults(bias=(self.bias, True)),
        }
        return arrange_axes(Call("torch.nn.Linear", options), shape, move_last(shape, axis))

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init, self.bias_init if self.bias else None)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return None if inputs[0].rank > 1 and self.along_channels(*inputs) else "everything"

    def along_channels(self, *inputs: Shape) -> bool:
        return self._axis(inputs[0]) == inputs[0].channel_axis

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(self.out) if self.along_channels(*inputs) else reached

    def _axis(self, shape: Shape) -> int:
        """The axis that is mapped. Raises `ShapeError`."""
        if self.axis is not None:
            return axis_of(self, self.axis, shape)
        axis = channel_axis(self, shape)
        if axis < shape.rank - 1 and any(name in SPATIAL for name in shape.names):
            advice = (
                f"put globalpool or flatten before it; of each place it is linear: {{out: {self.out}, axis: channels}}"
            )
            raise ShapeError(f"linear needs features, or channels as the last axis; got {shape.described}", help=advice)
        return axis


class _LinearWord:
    word: ClassVar[str] = "linear"


class Linear(LinearMap):
    """Linear map of one axis, the same at all places of the others: of the features, of channels that stand last, of `axis`."""

    word: ClassVar[str] = "linear"

    def specialised(self) -> Op:
        return ParametrizedLinear(**dict(self)) if self.parametrization else self


class ParametrizedLinear(Parametrized, _LinearWord, LinearMap):
    """A `linear` whose matrix is computed."""

    plain_class: ClassVar[type[Op]] = Linear
