"""Ops of sequences: attention, products of matrices, embeddings, learned constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archspec.ops.base import (
    Batch,
    Call,
    Count,
    Everything,
    Initial,
    Op,
    Operand,
    Probability,
    Result,
    ShapeError,
    Weight,
    Window,
)
from archspec.ops.rules import bounded, differing
from archspec.shape import Shape


class MatMul(Op):
    """Product of two matrices, the last two axes of its operands; the other axes are equal."""

    word: ClassVar[str] = "matmul"
    operands: ClassVar[tuple[int, int | None]] = (2, 2)
    mixes: ClassVar[bool] = True

    transpose: bool = Field(False, description="whether the second matrix is transposed")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        left, right = inputs
        if left.rank < 2 or left.rank != right.rank or left.sizes[:-2] != right.sizes[:-2]:
            raise ShapeError(f"matmul needs two matrices, got {left} and {right}")
        inner, columns = self._right(right)
        if left.sizes[-1] != inner:
            how = "transposed " if self.transpose else ""
            raise ShapeError(f"matmul needs {left.sizes[-1]} rows in its {how}second operand, got {inner}")
        return bounded(self, (left.replace(left.rank - 1, columns),))

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return outputs[0].count * inputs[0].sizes[-1]

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        if not self.transpose:
            return (Call("torch.matmul", args=(Operand(0), Operand(1))),)
        turned = Call("torch.transpose", args=(Operand(1), -2, -1))
        return (turned, Call("torch.matmul", args=(Operand(0), Result(0))))

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        last = outputs[0].rank - 1
        place = inputs[operand].axis
        if operand == 1 and self.transpose and place >= last - 1:
            place = 2 * last - 1 - place
        kept = place == outputs[0].axis and place != (last if operand == 0 else last - 1)
        return reached if kept else range(outputs[0].channels)

    def _right(self, shape: Shape) -> tuple[int, int]:
        """Rows and columns of the second matrix, as it is multiplied."""
        rows, columns = shape.sizes[-2:]
        return (columns, rows) if self.transpose else (rows, columns)


class Attention(Op):
    """Multi-head attention (Vaswani et al. 2017) of one sequence, or of queries, keys and values; its inputs are [tokens, features]."""

    word: ClassVar[str] = "attention"
    first: ClassVar[str | None] = "heads"
    operands: ClassVar[tuple[int, int | None]] = (1, 3)
    weighted: ClassVar[int] = 2
    mixes: ClassVar[bool] = True

    heads: Count = Field(description="heads, each with its share of the features")
    bias: bool = Field(True, description="whether the projections add a learned number to each feature")
    dropout: Probability = Field(0.0, description="probability of dropping an attention weight, in training, in [0, 1]")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        query, features = inputs[0], inputs[0].sizes[-1]
        for shape in inputs:
            if shape.rank != 2:
                raise ShapeError(f"attention needs [tokens, features], got {shape}")
            if shape.sizes[1] != features:
                raise ShapeError(f"attention needs {features} features in keys and values, got {shape.sizes[1]}")
        if len(inputs) == 3 and inputs[1].sizes[0] != inputs[2].sizes[0]:
            raise ShapeError(
                f"attention needs as many values as keys, got {inputs[2].sizes[0]} and {inputs[1].sizes[0]}"
            )
        if features % self.heads:
            raise ShapeError(f"{features} features do not divide into {self.heads} heads", field="heads")
        return bounded(self, (Shape.of(*query.sizes),), self.weights(query))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        width = inputs[0].sizes[-1]
        matrices = (Weight("in_proj_weight", (3 * width, width)), Weight("out_proj.weight", (width, width)))
        if not self.bias:
            return matrices
        return (matrices[0], Weight("in_proj_bias", (3 * width,)), matrices[1], Weight("out_proj.bias", (width,)))

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        queries, width = inputs[0].sizes
        keys = inputs[-1].sizes[0]
        projections = 2 * (queries + keys) * width * width
        return projections + 2 * queries * keys * width

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"embed_dim": inputs[0].sizes[1], "num_heads": self.heads, "batch_first": True}
        options |= differing(dropout=(self.dropout, 0.0), bias=(self.bias, True))
        args = tuple(Operand(min(place, len(inputs) - 1)) for place in range(3))
        attended = Call("torch.nn.MultiheadAttention", options, args=args, keywords={"need_weights": False})
        return (attended, Call("operator.getitem", args=(Result(0), 0)))

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand >= count - 1

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"


class Embedding(Op):
    """A learned vector for each whole number: [tokens] becomes [tokens, width]."""

    word: ClassVar[str] = "embedding"
    first: ClassVar[str | None] = "vocabulary"
    indices: ClassVar[tuple[int, ...]] = (0,)
    mixes: ClassVar[bool] = True

    vocabulary: Count = Field(description="how many different tokens there are; they are counted from 0")
    width: Count = Field(description="features of one token")
    init: Initial | None = Field(None, description="initialisation of the vectors; torch's own if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if inputs[0].rank != 1:
            raise ShapeError(f"embedding needs [tokens], got {inputs[0]}")
        return bounded(self, (Shape.of(inputs[0].sizes[0], self.width),), self.weights(*inputs))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", (self.vocabulary, self.width)),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.nn.Embedding", {"num_embeddings": self.vocabulary, "embedding_dim": self.width}),)

    def initial(self) -> Mapping[str, Initial]:
        return {} if self.init is None else {"weight": self.init}


class Parameter(Op):
    """A learned constant, whatever its input holds: a class token, positions, a layer scale."""

    word: ClassVar[str] = "parameter"
    reads_batch: ClassVar[bool] = True
    first: ClassVar[str | None] = "shape"
    mixes: ClassVar[bool] = True

    shape: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)] = Field(
        description="sizes of the value, in elements, without the batch"
    )
    batched: bool = Field(
        True,
        description="whether the value is repeated for each sample; without it, it only fits operands of add and multiply",
    )
    init: Initial = Field(0.0, description="initialisation")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return bounded(self, (Shape.of(*self.shape),))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", self._stored),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        stored = Call("torch.nn.Parameter", {"shape": self._stored}, args=())
        if not self.batched:
            return (stored,)
        return (stored, Call(".expand", args=(Result(0), Batch(), *self.shape)))

    def initial(self) -> Mapping[str, Initial]:
        return {"": self.init}

    def carries(self, operand: int, count: int = 1) -> bool:
        return False

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return None  # not even as a gate: the constant depends on no input

    @property
    def _stored(self) -> tuple[int, ...]:
        return (1, *self.shape) if self.batched else self.shape
