"""Values that depend on no input and are not learned, and the lookup of a table's rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import Shape, normalize_names
from archspec.ops.axes import by_name, named_sizes
from archspec.ops.base import (
    Batch,
    Call,
    Category,
    Count,
    Everything,
    Natural,
    Op,
    Operand,
    Result,
    ShapeError,
    Weight,
    Window,
)
from archspec.ops.initial import Positive, Real
from archspec.ops.rules import check_bounds

_FUNCTIONS = {
    "arange": "count_up",
    "values": "list_values",
    "causal": "causal_mask",
    "sinusoids": "sinusoids",
    "relative_position": "relative_positions",
    "absolute_distance": "absolute_distances",
    "log_distance": "log_distances",
    "shifted_windows": "shifted_windows",
}
"""By rule, the function of `archspec.codegen.fx.constants`."""

Sizes = Annotated[tuple[Count, ...], Field(min_length=1, max_length=3)]
Pair = tuple[Natural, Natural]


class Constant(Op):
    """A value that is computed once by a rule and not learned, whatever its input holds; unless it is `batched`, it has no batch axis."""

    word: ClassVar[str] = "constant"
    telling: ClassVar[tuple[str, ...]] = ("kind",)
    category: ClassVar[Category] = "attention"
    reads_batch: ClassVar[bool] = True
    first: ClassVar[str | None] = "shape"
    sizes_by_name: ClassVar[bool] = True

    shape: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)] | named_sizes(1) = Field(  # type: ignore[valid-type]
        description="sizes of the value, named by their number as those of an input are, or by name: {tokens: 49, features: 49}"
    )
    kind: Literal[
        "arange",
        "values",
        "causal",
        "sinusoids",
        "relative_position",
        "absolute_distance",
        "log_distance",
        "shifted_windows",
    ] = Field(
        "arange",
        description="the rule: arange numbers the elements from 0; values are given; causal is minus infinity where the last axis is "
        "behind the one before it, else 0; sinusoids encode positions (Vaswani et al. 2017); relative_position numbers the distances "
        "of a window's places, absolute_distance those without sign (LeViT), log_distance lists these on a logarithmic scale, "
        "shifted_windows is the mask of windows after a roll (Swin)",
    )
    values: Annotated[tuple[Real, ...], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="for values: the elements, in order, or one number for all"
    )
    sizes: Sizes | None = Field(
        None, description="places on each axis: of the window, for shifted_windows of the image"
    )
    kernel: Sizes | None = Field(None, description="for shifted_windows: places of the window on each axis")
    token: bool = Field(
        False,
        description="for relative_position: whether a class token stands before the places, with three more numbers",
    )
    stride: Count = Field(1, description="for absolute_distance: of the queries, every how many places there is one")
    shift: Pair | None = Field(None, description="for shifted_windows: how far the image was rolled on each axis")
    base: Positive = Field(10000.0, description="for sinusoids: the greatest wavelength, over 2π")
    whole: bool = Field(
        False,
        description="whether the elements are whole numbers that lookup or embedding reads, as relative_position's are",
    )
    persistent: bool = Field(True, description="whether it is part of the state_dict")
    batched: bool = Field(False, description="whether the value is repeated for each sample, as a first state is")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if self.batched and inputs and not inputs[0].batched:
            raise ShapeError(
                f"constant needs a batch to be repeated for; got {inputs[0].described}",
                help="apply it to a value that has one, or leave out batched",
            )
        needed = _CHECKS.get(self.kind)
        wanted = needed(self) if needed is not None else None
        if wanted is not None and wanted != self.value_shape.numel:
            raise ShapeError(
                f"constant of the kind {self.kind} has {wanted} elements here, got a shape of {self.value_shape.numel}",
                field="shape",
            )
        return check_bounds(self, (self.value_shape,))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", self.value_shape.sizes, trainable=False),) if self.persistent else ()

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options: dict[str, Any] = {"shape": self.value_shape.sizes}
        given = {name: getattr(self, name) for name in _FIELDS[self.kind]}
        options |= {name: value for name, value in given.items() if (name, value) not in _PLAIN}
        data = Call(f"archspec.codegen.fx.constants.{_FUNCTIONS[self.kind]}", options, args=())
        stored = Call("torch.nn.Buffer", {"data": data, "persistent": self.persistent}, args=())
        if not self.batched:
            return (stored,)
        return (stored, Call(".expand", args=(Result(0), Batch(), *self.value_shape.sizes)))

    def carries(self, operand: int, count: int = 1) -> bool:
        return False

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return None  # the constant depends on no input, not even as a gate

    @property
    def makes_indices(self) -> bool:
        return self.whole or self.kind in {"relative_position", "absolute_distance"}

    @property
    def value_shape(self) -> Shape:
        """The shape of the value."""
        named = by_name(self.shape)
        if named is None:
            return Shape.of(*self.shape, batched=self.batched)
        return Shape.named(named, batched=self.batched)


def _count_values(op: Constant) -> int:
    if op.values is None:
        raise ShapeError("constant of the kind values needs values, a list of numbers", field="kind")
    if op.whole and any(value != int(value) for value in op.values):
        raise ShapeError("constant needs whole values", field="values")
    return len(op.values) if len(op.values) > 1 else op.value_shape.numel


def _count_causal(op: Constant) -> int:
    sizes = op.value_shape.sizes
    if len(sizes) < 2:
        raise ShapeError("causal needs queries and keys, two axes", field="shape")
    return math.prod(sizes)


def _count_sinusoids(op: Constant) -> int:
    sizes = op.value_shape.sizes
    if len(sizes) < 2 or sizes[-1] % 2:
        raise ShapeError("sinusoids needs positions and an even number of features, its last two axes", field="shape")
    return sizes[-2] * sizes[-1]


def _count_distances(op: Constant) -> int:
    window = _need(op, "sizes", "the places of the window on each axis")
    places = [2 * size - 1 for size in window]
    if op.kind == "absolute_distance":
        return math.prod(-(-size // op.stride) for size in window) * math.prod(window)
    return (math.prod(window) + op.token) ** 2 if op.kind == "relative_position" else math.prod(places) * len(window)


def _count_shifted(op: Constant) -> int:
    image = _need(op, "sizes", "height and width of the image")
    window, shift = _need(op, "kernel", "height and width of the window"), _need(op, "shift", "how far it was rolled")
    if len(image) != 2 or len(window) != 2 or any(size % width for size, width in zip(image, window, strict=True)):
        raise ShapeError("shifted_windows needs height and width that its window divides", field="kernel")
    if any(step >= width for step, width in zip(shift, window, strict=True)):
        raise ShapeError("shifted_windows needs a shift below the window", field="shift")
    return math.prod(image) * math.prod(window)


def _need(op: Constant, field: str, what: str) -> tuple[int, ...]:
    value = getattr(op, field)
    if value is None:
        raise ShapeError(f"constant of the kind {op.kind} needs {field}: {what}", field="kind")
    return tuple(value)


_CHECKS: Mapping[str, Callable[[Constant], int]] = {
    "values": _count_values,
    "causal": _count_causal,
    "sinusoids": _count_sinusoids,
    "relative_position": _count_distances,
    "absolute_distance": _count_distances,
    "log_distance": _count_distances,
    "shifted_windows": _count_shifted,
}
"""By rule, the number of elements; raises `ShapeError` if fields are missing or do not fit."""

_PLAIN = (("whole", False), ("token", False), ("stride", 1))
"""Fields that change nothing."""

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "arange": ("whole",),
    "values": ("values", "whole"),
    "causal": (),
    "sinusoids": ("base",),
    "relative_position": ("sizes", "token"),
    "absolute_distance": ("sizes", "stride"),
    "log_distance": ("sizes",),
    "shifted_windows": ("sizes", "kernel", "shift"),
}
"""By rule, the fields that it reads."""


class Lookup(Op):
    """Rows of a table, its first operand, at the whole numbers of the second: a learned bias by relative position, tied embeddings."""

    word: ClassVar[str] = "lookup"
    category: ClassVar[Category] = "attention"
    operands: ClassVar[tuple[int, int | None]] = (2, 2)
    indices: ClassVar[tuple[int, ...]] = (1,)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        table, index = inputs
        if table.rank != 2 or table.batched:
            raise ShapeError(
                f"lookup needs a table of rows without a batch; got {table.described}",
                help="parameter: {shape: [10, 8], batched: false} is one of 10 rows",
            )
        names = normalize_names((*index.names, None if table.names[1] in index.names else table.names[1]))
        return check_bounds(self, (Shape((*index.sizes, table.sizes[1]), names, index.batched),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.nn.functional.embedding", args=(Operand(1), Operand(0))),)

    def carries(self, operand: int, count: int = 1) -> bool:
        return True

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        channels = inputs[operand].channel_axis
        if operand == 0 and channels is not None:
            channels = inputs[1].rank if channels else None  # the row that is chosen may be any
        kept = channels is not None and channels == outputs[0].channel_axis
        return reached if kept else range(outputs[0].channels)
