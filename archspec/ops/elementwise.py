"""Functions of each element without a module of torch: absolute value, exponential, logarithm, sine, cosine, power, clamp."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.ops.base import FIRST, Call, Category, Op, ShapeError
from archspec.ops.initial import Real


class ElementwiseFunction(Op):
    """A function of torch of each element by itself."""

    category: ClassVar[Category] = "activation"
    elementwise: ClassVar[bool] = True
    function: ClassVar[str]
    """Its name in torch."""

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call(f"torch.{self.function}", args=(*FIRST, *self.parameters())),)

    def parameters(self) -> tuple[Any, ...]:
        """The arguments behind the value."""
        return ()


class Abs(ElementwiseFunction):
    """Absolute value."""

    word: ClassVar[str] = "abs"
    function: ClassVar[str] = "abs"


class Exp(ElementwiseFunction):
    """Exponential function."""

    word: ClassVar[str] = "exp"
    function: ClassVar[str] = "exp"


class Log(ElementwiseFunction):
    """Natural logarithm."""

    word: ClassVar[str] = "log"
    function: ClassVar[str] = "log"


class Sin(ElementwiseFunction):
    """Sine."""

    word: ClassVar[str] = "sin"
    function: ClassVar[str] = "sin"


class Cos(ElementwiseFunction):
    """Cosine."""

    word: ClassVar[str] = "cos"
    function: ClassVar[str] = "cos"


class Power(ElementwiseFunction):
    """A power of each element: 2 squares it, 0.5 is its square root, -1 its reciprocal."""

    word: ClassVar[str] = "power"
    first: ClassVar[str | None] = "exponent"
    function: ClassVar[str] = "pow"

    exponent: Real = Field(description="exponent")

    def parameters(self) -> tuple[Any, ...]:
        return (self.exponent,)


class Clamp(ElementwiseFunction):
    """Keeps each element between two bounds, or above or below one."""

    word: ClassVar[str] = "clamp"
    telling: ClassVar[tuple[str, ...]] = ("high",)
    first: ClassVar[str | None] = "low"
    function: ClassVar[str] = "clamp"

    low: Real | None = Field(None, description="lower bound; none if absent")
    high: Real | None = Field(None, description="upper bound; none if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if self.low is None and self.high is None:
            raise ShapeError("clamp needs a bound, low or high", help="clamp: 0 keeps what is above 0")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ShapeError(f"clamp needs low below high, got {self.low:g} and {self.high:g}", field="high")
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.clamp", args=(*FIRST, self.low, self.high)),)
