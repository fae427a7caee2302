"""The ops of drop-path, the regularisation of FractalNet (Larsson et al. 2016, arXiv:1605.07648, section 3)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.ops.base import FIRST, Call, Category, Count, Natural, Op, Operand, Probability, ShapeError
from archspec.ops.join import Folding
from archspec.ops.rules import check_bounds

Columns = Annotated[tuple[Natural, ...], Field(min_length=1)]


class ColumnDraw(Op):
    """Draws, for each minibatch in training, whether one column of the network is kept alone, and which."""

    word: ClassVar[str] = "columndraw"
    category: ClassVar[Category] = "join"
    reads_batch: ClassVar[bool] = True
    first: ClassVar[str | None] = "columns"
    mixes: ClassVar[bool] = True

    columns: Count = Field(description="how many columns there are to draw from")
    share: Probability = Field(0.5, description="part of the minibatches for which a column is drawn, in [0, 1]")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if not inputs[0].batched:
            raise ShapeError(
                f"columndraw needs a batch; got {inputs[0].described}", help="apply it to an input of the network"
            )
        return check_bounds(self, (Shape.of(self.columns),))

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"columns": self.columns, "share": self.share}
        return (Call("archspec.codegen.fx.fractal_modules.ColumnDraw", options, FIRST),)

    def carries(self, operand: int, count: int = 1) -> bool:
        return False

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return None  # it depends only on the batch size


class DropMean(Folding):
    """Mean of the branches that drop-path leaves; the last operand is a columndraw."""

    word: ClassVar[str] = "dropmean"
    telling: ClassVar[tuple[str, ...]] = ("columns",)
    folds: ClassVar[bool] = False  # the last operand is the draw
    broadcasts: ClassVar[bool] = False
    operands: ClassVar[tuple[int, int | None]] = (2, None)

    p: Probability = Field(
        0.15, description="probability of dropping a branch where no column is drawn, in [0, 1]; one always stays"
    )
    columns: Columns | None = Field(
        None, description="the column of each branch, counted from 0; its place among them if absent"
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        *branches, drawn = inputs
        columns = self._columns(len(branches))
        if len(columns) != len(branches):
            raise ShapeError(
                f"dropmean needs as many columns as branches, got {len(columns)} for {len(branches)}", field="columns"
            )
        if drawn.rank != 1 or not drawn.batched or drawn.sizes[0] <= max(columns):
            raise ShapeError(
                f"dropmean needs a columndraw of {max(columns) + 1} columns as its last operand, got {drawn}",
                help=f"columndraw: {max(columns) + 1}, of the input, makes one",
            )
        return super().infer(*branches)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"columns": self._columns(len(inputs) - 1), "p": self.p}
        *branches, drawn = map(Operand, range(len(inputs)))
        return (Call("archspec.codegen.fx.fractal_modules.DropMean", options, (tuple(branches), drawn)),)

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand < count - 1

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        if self.carries(operand, len(inputs)):
            return super().routes(operand, reached, inputs, outputs, output)
        return range(outputs[0].channels)

    def _columns(self, count: int) -> tuple[int, ...]:
        return tuple(range(count)) if self.columns is None else self.columns
