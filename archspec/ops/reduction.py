"""Ops along axes: reductions, and division by the norm."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import AxisName, Shape, normalize_names
from archspec.ops.axes import WHICH, Axis, axis_of
from archspec.ops.base import FIRST, Call, Category, Everything, Op, ShapeError, Window
from archspec.ops.initial import Positive
from archspec.ops.rules import keep_non_defaults

_FUNCTIONS = {"mean": "torch.mean", "sum": "torch.sum", "max": "torch.amax", "norm": "torch.linalg.vector_norm"}


class Reduce(Op):
    """Mean, sum, maximum or norm along axes, which the result does not have."""

    word: ClassVar[str] = "reduce"
    telling: ClassVar[tuple[str, ...]] = ("kind",)
    category: ClassVar[Category] = "pool"
    first: ClassVar[str | None] = "axes"

    axes: AxisName | Annotated[tuple[Axis, ...], Field(min_length=1)] = Field(
        description="the axes: a name, or a list of names or numbers"
    )
    kind: Literal["mean", "sum", "max", "norm"] = Field(
        "mean", description="mean, sum, maximum, or the square root of the sum of squares"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        gone = self._axes(shape)
        kept = [axis for axis in range(shape.rank) if axis not in gone]
        if not kept:
            raise ShapeError(
                f"reduce needs an axis that stays; got {shape.described}", field="axes", help="leave one of them out"
            )
        names = normalize_names(tuple(shape.names[axis] for axis in kept))
        return (Shape(tuple(shape.sizes[axis] for axis in kept), names, shape.batched),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        dims = tuple(sorted(map(inputs[0].dim, self._axes(inputs[0]))))
        return (Call(_FUNCTIONS[self.kind], keywords={"dim": dims[0] if len(dims) == 1 else dims}),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything" if set(self._axes(inputs[0])) - {inputs[0].channel_axis} else None

    def along_channels(self, *inputs: Shape) -> bool:
        return inputs[0].channel_axis in self._axes(inputs[0])

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(outputs[output].channels) if self.along_channels(*inputs) else reached

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes by number. Raises `ShapeError`."""
        given: tuple[Any, ...] = (self.axes,) if isinstance(self.axes, str) else self.axes
        return tuple(dict.fromkeys(axis_of(self, axis, shape, "axes") for axis in given))


class Normalize(Op):
    """Division by the Euclidean norm along an axis, so that this becomes 1."""

    word: ClassVar[str] = "normalize"
    category: ClassVar[Category] = "norm"
    first: ClassVar[str | None] = "axis"

    axis: Axis | None = Field(None, description=WHICH)
    eps: Positive = Field(1e-12, description="least norm that is divided by")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        axis_of(self, self.axis, inputs[0])
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        dim = inputs[0].dim(axis_of(self, self.axis, inputs[0]))
        keywords = {"dim": dim, **keep_non_defaults(eps=(self.eps, 1e-12))}
        return (Call("torch.nn.functional.normalize", args=FIRST, keywords=keywords),)

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return None if self.along_channels(*inputs) else "everything"

    def along_channels(self, *inputs: Shape) -> bool:
        return axis_of(self, self.axis, inputs[0]) == inputs[0].channel_axis

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(inputs[0].channels) if self.along_channels(*inputs) else reached
