"""Windows of an image as sequences, their way back, and the shift of places in a circle."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from archspec.ir.shape import AxisName, Shape
from archspec.ops.axes import axis_of, by_name, named_sizes
from archspec.ops.axis_order import chain_functions
from archspec.ops.base import FIRST, MAX_SIZE, Batch, Call, Category, Everything, Op, PerAxis, ShapeError, per_axis
from archspec.ops.base import Window as Dependence
from archspec.ops.rules import check_bounds

_IMAGE = ("height", "width", "channels")


class Windows(Op):
    """Base of the ops between an image and its windows; both directions move elements only."""

    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "size"

    size: PerAxis = Field(description="places of a window: one number, or height and width")

    def window(self, *inputs: Shape) -> Dependence | Everything | None:
        return "everything"

    def grid(self, image: Shape) -> tuple[int, int, int, int]:
        """Rows of windows, rows of one, columns of windows, columns of one. Raises `ShapeError`."""
        if set(image.names) != set(_IMAGE):
            raise ShapeError(
                f"{self.word} needs an image: height, width and channels; got {image.described}",
                field="size",
            )
        height, width = (image.sizes[image.names.index(name)] for name in ("height", "width"))
        rows, columns = per_axis(self.size, 2, "size")
        if height % rows or width % columns:
            raise ShapeError(f"{height}×{width} places do not divide into windows of {rows}×{columns}", field="size")
        return height // rows, rows, width // columns, columns


class SplitWindows(Windows):
    """Cuts an image into windows, row by row: height, width and channels in any order become windows, tokens and features."""

    word: ClassVar[str] = "window"

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        down, rows, across, columns = self.grid(inputs[0])
        sizes = (down * across, rows * columns, inputs[0].channels)
        return (Shape(sizes, ("windows", "tokens", "features"), inputs[0].batched),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape = inputs[0]
        batch = (Batch(),) * shape.batched
        first = tuple(range(shape.batched))
        order = tuple(shape.names.index(name) for name in _IMAGE)
        moved = [("torch.permute", ((*first, *map(shape.dim, order)),))] * (order != (0, 1, 2))
        places = tuple(axis + shape.batched for axis in (0, 2, 1, 3, 4))
        (made,) = self.infer(shape)
        return tuple(
            chain_functions(
                [
                    *moved,
                    ("torch.reshape", ((*batch, *self.grid(shape), shape.channels),)),
                    ("torch.permute", ((*first, *places),)),
                    ("torch.reshape", ((*batch, *made.sizes),)),
                ]
            )
        )


class MergeWindows(Windows):
    """Puts windows back into an image that has the places of the second operand, in its order of axes."""

    word: ClassVar[str] = "unwindow"
    operands: ClassVar[tuple[int, int | None]] = (2, 2)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        windows, image = inputs
        down, rows, across, columns = self.grid(image)
        wanted = {"windows": down * across, "tokens": rows * columns}
        if windows.names != ("windows", "tokens", "features") or windows.sizes[:2] != tuple(wanted.values()):
            raise ShapeError(
                f"unwindow needs {down * across} windows × {rows * columns} tokens × features; got {windows.described}",
                field="size",
            )
        axis = image.channel_axis
        assert axis is not None, "an image has channels"
        made = image.replace(axis, windows.channels)
        return check_bounds(self, (Shape(made.sizes, made.names, windows.batched),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        windows, image = inputs
        down, rows, across, columns = self.grid(image)
        batch, first = (Batch(),) * windows.batched, tuple(range(windows.batched))
        places = tuple(axis + windows.batched for axis in (0, 2, 1, 3, 4))
        order = tuple(_IMAGE.index(str(name)) for name in image.names)
        moved = [("torch.permute", ((*first, *(axis + windows.batched for axis in order)),))] * (order != (0, 1, 2))
        return tuple(
            chain_functions(
                [
                    ("torch.reshape", ((*batch, down, across, rows, columns, windows.channels),)),
                    ("torch.permute", ((*first, *places),)),
                    ("torch.reshape", ((*batch, down * rows, across * columns, windows.channels),)),
                    *moved,
                ]
            )
        )

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand == 0

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached if operand == 0 else None


class Roll(Op):
    """Shifts the places along axes in a circle: what leaves at one end enters at the other."""

    word: ClassVar[str] = "roll"
    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "shifts"
    sizes_by_name: ClassVar[bool] = True

    shifts: named_sizes(-MAX_SIZE) = Field(  # type: ignore[valid-type]
        description="how far, in elements, by the name of the axis: {height: -3, width: -3}; back to the start if negative"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        self._axes(inputs[0])
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shifts, dims = tuple(self._shifts.values()), tuple(map(inputs[0].dim, self._axes(inputs[0])))
        return (Call("torch.roll", args=(*FIRST, shifts, dims)),)

    def window(self, *inputs: Shape) -> Dependence | Everything | None:
        return "everything" if set(self._axes(inputs[0])) - {inputs[0].channel_axis} else None

    def along_channels(self, *inputs: Shape) -> bool:
        return inputs[0].channel_axis in self._axes(inputs[0])

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        if not self.along_channels(*inputs):
            return reached
        size, axis = inputs[0].channels, inputs[0].channel_axis
        steps = zip(self._axes(inputs[0]), self._shifts.values(), strict=True)
        shift = sum(step for own, step in steps if own == axis)
        start = (reached.start + shift) % size
        return range(start, start + len(reached)) if start + len(reached) <= size else range(size)

    @property
    def _shifts(self) -> dict[AxisName, int]:
        return by_name(self.shifts) or {}

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        return tuple(axis_of(self, name, shape, "shifts") for name in self._shifts)
