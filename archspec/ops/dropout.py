"""Ops that drop elements, channels or whole values at random in training."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import Field

from archspec.ir.shape import Shape
from archspec.ops.axes import spatial_rank
from archspec.ops.axis_order import arrange_axes
from archspec.ops.base import Call, Category, Op, Probability, ShapeError
from archspec.ops.rules import keep_non_defaults


class Dropout(Op):
    """Drops each element with a probability, in training; those that stay are divided by the rest of it."""

    word: ClassVar[str] = "dropout"
    category: ClassVar[Category] = "dropout"
    first: ClassVar[str | None] = "p"
    elementwise: ClassVar[bool] = True

    p: Probability = Field(0.5, description="probability of dropping, in [0, 1]")

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.nn.Dropout", keep_non_defaults(p=(self.p, 0.5))),)


class SpatialDropout(Op):
    """Drops each channel with a probability, in training (Tompson et al. 2015)."""

    word: ClassVar[str] = "spatialdropout"
    category: ClassVar[Category] = "dropout"
    first: ClassVar[str | None] = "p"
    elementwise: ClassVar[bool] = True

    p: Probability = Field(0.5, description="probability of dropping, in [0, 1]")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        spatial_rank(self, inputs[0])
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        call = Call(f"torch.nn.Dropout{inputs[0].rank - 1}d", keep_non_defaults(p=(self.p, 0.5)))
        return arrange_axes(call, inputs[0], batch=True)


class DropPath(Op):
    """Drops the whole value with a probability, in training: stochastic depth (Huang et al. 2016, arXiv:1603.09382)."""

    word: ClassVar[str] = "droppath"
    category: ClassVar[Category] = "dropout"
    sized_by_context: ClassVar[bool] = True
    first: ClassVar[str | None] = "p"
    elementwise: ClassVar[bool] = True

    p: Probability = Field(0.0, description="probability of dropping, in [0, 1]")
    mode: Literal["row", "batch"] = Field("row", description="one draw for each sample, or one for the whole minibatch")
    rescale: Literal["train", "test"] = Field(
        "train",
        description="where the mean is kept: what stays is divided by 1 - p in training, or all is multiplied by it at test time",
    )

    @property
    def probability(self) -> Fraction:
        """`p` as an exact fraction."""
        return recover_fraction(self.p)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if not inputs[0].batched:
            advice = "dropout drops elements of a value that is the same for each sample"
            raise ShapeError(f"droppath needs a batch; got {inputs[0].described}", help=advice)
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"p": self.p, "mode": self.mode, "rescale": self.rescale}
        return (Call("archspec.codegen.fx.modules.DropPath", options),)


def recover_fraction(number: float) -> Fraction:
    """The fraction with a denominator up to a million that rounds to a float; the float's exact value if there is none."""
    simple = Fraction(number).limit_denominator(1_000_000)
    return simple if float(simple) == number else Fraction(number)
