"""Activations: functions of each element, and softmax. Whether one runs in place is decided by the back end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.ops.axes import WHICH, Axis, axis_of, channel_axis
from archspec.ops.axis_order import arrange_axes, move_first
from archspec.ops.base import Call, Category, Everything, Op, Operand, Result, Weight, Window
from archspec.ops.initial import Initial, Real
from archspec.ops.norm import channel_pair_sizes, make_channel_pair
from archspec.ops.rules import keep_non_defaults


class Activation(Op):
    """A function of each element by itself."""

    category: ClassVar[Category] = "activation"
    elementwise: ClassVar[bool] = True
    module: ClassVar[str]
    """The name of its class in torch.nn."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call(f"torch.nn.{self.module}", self.options(inputs[0])),)

    def options(self, shape: Shape) -> dict[str, Any]:
        """The keyword arguments of torch's module."""
        return {}


class ReLU(Activation):
    """Rectified linear unit: max(0, x)."""

    word: ClassVar[str] = "relu"
    module: ClassVar[str] = "ReLU"


class ReLU6(Activation):
    """Rectified linear unit with a ceiling: min(max(0, x), 6)."""

    word: ClassVar[str] = "relu6"
    module: ClassVar[str] = "ReLU6"


class ClampChannels(Op):
    """Keeps each channel between two bounds of its own.

    Its one weight is the parameter itself, [2, channels, 1, …]: the lower bounds, then the upper ones.
    """

    word: ClassVar[str] = "clampchannels"
    internal: ClassVar[bool] = True
    category: ClassVar[Category] = "activation"
    elementwise: ClassVar[bool] = True

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", channel_pair_sizes(inputs[0])),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (*make_channel_pair(inputs[0]), Call("torch.clamp", args=(Operand(0), Result(1), Result(2))))


class LeakyReLU(Activation):
    """Rectified linear unit with a fixed slope below zero."""

    word: ClassVar[str] = "leakyrelu"
    first: ClassVar[str | None] = "slope"
    module: ClassVar[str] = "LeakyReLU"

    slope: Real = Field(0.01, description="slope below zero")

    def options(self, shape: Shape) -> dict[str, Any]:
        return keep_non_defaults(negative_slope=(self.slope, 0.01))


class PReLU(Activation):
    """Rectified linear unit with a learned slope below zero (He et al. 2015, arXiv:1502.01852)."""

    word: ClassVar[str] = "prelu"
    module: ClassVar[str] = "PReLU"

    shared: bool = Field(True, description="whether all channels have one slope; otherwise each has its own")
    init: Initial = Field(0.25, description="initialisation of the slopes")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if not self.shared:
            channel_axis(self, inputs[0])
        return (inputs[0],)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", (1 if self.shared else inputs[0].channels,)),)

    def options(self, shape: Shape) -> dict[str, Any]:
        return {} if self.shared else {"num_parameters": shape.channels}

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        (call,) = super().lower(*inputs)
        if self.shared:
            return (call,)
        # torch applies the slopes along dimension 1, after the batch.
        return arrange_axes(call, inputs[0], move_first(inputs[0], channel_axis(self, inputs[0])), batch=True)

    def initial(self) -> Mapping[str, Initial]:
        return {"weight": self.init}


class ELU(Activation):
    """Exponential linear unit: x above zero, alpha * (exp(x) - 1) below."""

    word: ClassVar[str] = "elu"
    first: ClassVar[str | None] = "alpha"
    module: ClassVar[str] = "ELU"

    alpha: Real = Field(1.0, description="depth that it tends to below zero")

    def options(self, shape: Shape) -> dict[str, Any]:
        return keep_non_defaults(alpha=(self.alpha, 1.0))


class SELU(Activation):
    """Scaled exponential linear unit (Klambauer et al. 2017)."""

    word: ClassVar[str] = "selu"
    module: ClassVar[str] = "SELU"


class GELU(Activation):
    """Gaussian error linear unit (Hendrycks and Gimpel 2016)."""

    word: ClassVar[str] = "gelu"
    first: ClassVar[str | None] = "approximate"
    module: ClassVar[str] = "GELU"

    approximate: Literal["none", "tanh"] = Field("none", description="exact, or approximated by a hyperbolic tangent")

    def options(self, shape: Shape) -> dict[str, Any]:
        return keep_non_defaults(approximate=(self.approximate, "none"))


class SiLU(Activation):
    """Sigmoid linear unit, also called swish: x * sigmoid(x)."""

    word: ClassVar[str] = "silu"
    module: ClassVar[str] = "SiLU"


class Hardswish(Activation):
    """Piecewise swish: x * relu6(x + 3) / 6."""

    word: ClassVar[str] = "hardswish"
    module: ClassVar[str] = "Hardswish"


class Hardsigmoid(Activation):
    """Piecewise linear sigmoid: relu6(x + 3) / 6."""

    word: ClassVar[str] = "hardsigmoid"
    module: ClassVar[str] = "Hardsigmoid"


class Sigmoid(Activation):
    """Logistic function: 1 / (1 + exp(-x))."""

    word: ClassVar[str] = "sigmoid"
    module: ClassVar[str] = "Sigmoid"


class Tanh(Activation):
    """Hyperbolic tangent."""

    word: ClassVar[str] = "tanh"
    module: ClassVar[str] = "Tanh"


class Softmax(Op):
    """Exponentials divided by their sum along an axis."""

    word: ClassVar[str] = "softmax"
    category: ClassVar[Category] = "activation"
    first: ClassVar[str | None] = "axis"

    axis: Axis | None = Field(None, description=WHICH)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        axis_of(self, self.axis, inputs[0])
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape = inputs[0]
        return (Call("torch.nn.Softmax", {"dim": shape.dim(axis_of(self, self.axis, shape))}),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return None if self.along_channels(*inputs) else "everything"

    def along_channels(self, *inputs: Shape) -> bool:
        return axis_of(self, self.axis, inputs[0]) == inputs[0].channel_axis

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(inputs[0].channels) if self.along_channels(*inputs) else reached
