"""Ops that slice, split, pad or scale a value, and the identity."""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated, ClassVar

from pydantic import Field

from archspec.ir.shape import IMAGES, Shape
from archspec.ops.axes import WHICH, Axis, as_sequence, axis_of, channel_axis, write_reshape
from archspec.ops.axis_order import chain_functions
from archspec.ops.base import FIRST, Call, Category, Count, Everything, Natural, Op, Result, ShapeError, Window
from archspec.ops.initial import Positive, Real
from archspec.ops.rules import check_bounds, keep_non_defaults

Sides = tuple[Natural, Natural]


class Identity(Op):
    """The value itself."""

    word: ClassVar[str] = "identity"
    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    numbered: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True
    transparent: ClassVar[bool] = True
    one_output: ClassVar[bool] = False

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return ()


class Split(Op):
    """Cuts a value into several, along the channels or another axis."""

    word: ClassVar[str] = "split"
    telling: ClassVar[tuple[str, ...]] = ("axis",)
    category: ClassVar[Category] = "shape"
    sized_by_context: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "sizes"
    numbered: ClassVar[bool] = False
    one_output: ClassVar[bool] = False

    sizes: Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        description="sizes of the parts, in elements; their sum is that of the axis"
    )
    axis: Axis | None = Field(None, description=WHICH)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        axis = axis_of(self, self.axis, inputs[0])
        if sum(self.sizes) != inputs[0].sizes[axis]:
            parts = " + ".join(map(str, self.sizes[:20])) + (" + …" if len(self.sizes) > 20 else "")
            raise ShapeError(f"split needs sizes with the sum {inputs[0].sizes[axis]}, got {parts}", field="sizes")
        return tuple(inputs[0].replace(axis, size) for size in self.sizes)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        dim = inputs[0].dim(axis_of(self, self.axis, inputs[0]))
        parts = Call("torch.split", args=(*FIRST, self.sizes), keywords={"dim": dim})
        return (parts,) if len(self.sizes) > 1 else (parts, Call("operator.getitem", args=(Result(0), 0)))

    def along_channels(self, *inputs: Shape) -> bool:
        return axis_of(self, self.axis, inputs[0]) == inputs[0].channel_axis

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        if not self.along_channels(*inputs):
            return reached
        start = (0, *accumulate(self.sizes))[output]
        return intersect_range(reached, start, start + self.sizes[output])


class Slice(Op):
    """The part of a value between two places, or every n-th place there, along the channels or another axis."""

    word: ClassVar[str] = "slice"
    telling: ClassVar[tuple[str, ...]] = ("step", "axis")
    category: ClassVar[Category] = "shape"
    sized_by_context: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "stop"

    start: Natural = Field(0, description="first place that is taken, counted from 0")
    stop: Count | None = Field(None, description="first place that is not taken; the end of the axis if absent")
    step: Count = Field(1, description="distance between places that are taken: 2 takes every other one")
    axis: Axis | None = Field(None, description=WHICH)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        axis, stop = self._part(inputs[0])
        size = inputs[0].sizes[axis]
        if not self.start < stop <= size:
            raise ShapeError(
                f"slice needs a part of 0 to {size}, got {self.start} to {stop}",
                field="stop" if stop > size else "start",
            )
        return (inputs[0].replace(axis, self._count(inputs[0])),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        axis, stop = self._part(inputs[0])
        dim = inputs[0].dim(axis)
        part = ("torch.narrow", (dim, self.start, stop - self.start))
        if self.step == 1:
            return tuple(chain_functions([part]))
        whole = (self.start, stop) == (0, inputs[0].sizes[axis])
        strided = [(".unfold", (dim, 1, self.step)), ("torch.squeeze", (-1,))]
        return tuple(chain_functions(strided if whole else [part, *strided]))

    def window(self, *inputs: Shape) -> Window | Everything | None:
        axis = self._part(inputs[0])[0]
        if self.step == 1 or inputs[0].names not in IMAGES or axis == 0:
            return None
        spatial = range(1, inputs[0].rank)
        return Window((1,) * len(spatial), tuple(self.step if own == axis else 1 for own in spatial))

    def along_channels(self, *inputs: Shape) -> bool:
        return self._part(inputs[0])[0] == inputs[0].channel_axis

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        if not self.along_channels(*inputs):
            return reached
        first = -(-max(reached.start - self.start, 0) // self.step)
        last = min((reached.stop - 1 - self.start) // self.step, self._count(inputs[0]) - 1)
        return range(first, last + 1) or None

    def _count(self, shape: Shape) -> int:
        """The places that are taken."""
        return -(-(self._part(shape)[1] - self.start) // self.step)

    def _part(self, shape: Shape) -> tuple[int, int]:
        """The axis, and the end of the slice."""
        axis = axis_of(self, self.axis, shape)
        return axis, shape.sizes[axis] if self.stop is None else self.stop


class Pad(Op):
    """Adds places with one value around the others, and channels before and after (option A of He et al. 2015)."""

    word: ClassVar[str] = "pad"
    telling: ClassVar[tuple[str, ...]] = ("channels", "value")
    category: ClassVar[Category] = "shape"
    sized_by_context: ClassVar[bool] = True
    first: ClassVar[str | None] = "size"

    size: Natural | Annotated[tuple[Natural | Sides, ...], Field(min_length=1, max_length=3)] = Field(
        0,
        description="places added to the spatial axes in the order depth, height, width, or to the tokens: on both sides, "
        "one number or one per axis, or [before, after] per axis",
    )
    channels: Sides = Field((0, 0), description="channels added: [before, after]")
    value: Real = Field(0.0, description="what the added places hold")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        sizes = tuple(size + sum(added) for size, added in zip(shape.sizes, self._sides(shape), strict=True))
        return check_bounds(self, (shape.resized(sizes),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        sides = self._sides(inputs[0])
        while len(sides) > 1 and sides[0] == (0, 0):
            sides = sides[1:]
        added = tuple(number for pair in reversed(sides) for number in pair)
        keywords = keep_non_defaults(value=(self.value, 0.0))
        return (Call("torch.nn.functional.pad", args=(*FIRST, added), keywords=keywords),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return range(reached.start + self.channels[0], reached.stop + self.channels[0])

    def _sides(self, shape: Shape) -> tuple[tuple[int, int], ...]:
        """The padding before and after, for each axis of the value. Raises `ShapeError`."""
        channels, places = channel_axis(self, shape), shape.places
        if None in shape.names and len(places) > 1 and not isinstance(self.size, int):
            raise ShapeError(
                f"pad needs names for the axes that it pads; got {shape.described}", help=write_reshape(shape)
            )
        given = (self.size,) * len(places) if isinstance(self.size, int) else self.size
        if len(given) != len(places):
            raise ShapeError(
                f"size needs one number or {len(places)}, got {len(given)}: the input has {len(places)} spatial axes",
                field="size",
            )
        sides = dict(zip(places, ((added, added) if isinstance(added, int) else added for added in given), strict=True))
        return tuple(self.channels if axis == channels else sides[axis] for axis in range(shape.rank))


class Token(Op):
    """One token of a sequence, wherever its axis stands: [tokens, features] becomes [features]."""

    word: ClassVar[str] = "token"
    category: ClassVar[Category] = "shape"
    sized_by_context: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "index"

    index: int = Field(description="place of the token, counted from 1 as turns are, or from the end if negative")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape, axis = inputs[0], self._axis(inputs[0])
        tokens = shape.sizes[axis]
        if not 1 <= abs(self.index) <= tokens:
            message = f"there is no token {self.index} among {tokens}"
            raise ShapeError(message, field="index", help="token: 1 is the first, token: -1 the last")
        return (shape.without(axis),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        place = self.index - 1 if self.index > 0 else self.index
        return (Call("torch.select", args=(*FIRST, inputs[0].dim(self._axis(inputs[0])), place)),)

    def _axis(self, shape: Shape) -> int:
        axis = shape.axis("tokens")
        if axis is None or shape.rank < 2:
            raise ShapeError(f"token needs tokens beside other axes; got {shape.described}", help=as_sequence(shape))
        return axis


class Scale(Op):
    """A divisor, a factor and a shift: x / over * by + plus."""

    word: ClassVar[str] = "scale"
    telling: ClassVar[tuple[str, ...]] = ("over", "plus")
    category: ClassVar[Category] = "shape"
    first: ClassVar[str | None] = "by"
    elementwise: ClassVar[bool] = True

    by: Real = Field(1.0, description="factor")
    plus: Real = Field(0.0, description="shift")
    over: Positive = Field(1.0, description="divisor: x / 3 has other last bits than a third of x")

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        steps = (("torch.div", self.over, 1.0), ("torch.mul", self.by, 1.0), ("torch.add", self.plus, 0.0))
        applied = [(target, (number,)) for target, number, neutral in steps if number != neutral]
        return tuple(chain_functions(applied or [("torch.mul", (self.by,))]))


def intersect_range(reached: range, start: int, stop: int) -> range | None:
    """The part of a range between `start` and `stop`, counted from `start`; None if it is empty."""
    left = range(max(reached.start, start) - start, min(reached.stop, stop) - start)
    return left or None
