"""Ops of sequences: attention, products of matrices, embeddings, learned constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archspec.ir.shape import AxisName, Names, Shape, normalize_names
from archspec.ops.axes import by_name, find_sequence_axes, is_batched, named_sizes, shared_names
from archspec.ops.axis_order import chain_functions, repeat_for_batch
from archspec.ops.base import (
    Batch,
    Call,
    Category,
    Count,
    Everything,
    Op,
    Operand,
    Probability,
    Result,
    ShapeError,
    Weight,
    Window,
)
from archspec.ops.initial import Initial, name_initial
from archspec.ops.rules import check_bounds, keep_non_defaults


class MatMul(Op):
    """Product of two matrices, the last two axes of its operands; the other axes are equal."""

    word: ClassVar[str] = "matmul"
    telling: ClassVar[tuple[str, ...]] = ("transpose",)
    category: ClassVar[Category] = "attention"
    operands: ClassVar[tuple[int, int | None]] = (2, 2)
    mixes: ClassVar[bool] = True

    transpose: bool = Field(False, description="whether the second matrix is transposed")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        left, right = inputs
        if left.rank < 2 or left.rank != right.rank or left.sizes[:-2] != right.sizes[:-2]:
            advice = "both have as many axes, at least 2: reshape: {tokens: …, features: …} gives them"
            raise ShapeError(f"matmul needs two matrices, got {left} and {right}", help=advice)
        columns, inner = self._right(right)
        if left.sizes[-1] != right.sizes[inner]:
            how = "transposed " if self.transpose else ""
            raise ShapeError(f"matmul needs {left.sizes[-1]} rows in its {how}second operand, got {right.sizes[inner]}")
        sizes = (*left.sizes[:-1], right.sizes[columns])
        return check_bounds(self, (Shape(sizes, self._names(left, right, right.names[columns]), is_batched(inputs)),))

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return outputs[0].numel * inputs[0].sizes[-1]

    def acts(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return outputs[0].numel

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
        axis, last = inputs[operand].channel_axis, outputs[0].rank - 1
        summed = last
        if operand == 1:
            columns, summed = (other % (last + 1) for other in self._right(inputs[1]))
            axis = last if axis == columns else axis
        kept = axis is not None and axis == outputs[0].channel_axis and inputs[operand].channel_axis != summed
        return reached if kept else range(outputs[0].channels)

    def _right(self, right: Shape) -> tuple[int, int]:
        """The axes of the second operand that are its columns and its rows in the product."""
        return (right.rank - 2, right.rank - 1) if self.transpose else (right.rank - 1, right.rank - 2)

    def _names(self, left: Shape, right: Shape, columns: AxisName | None) -> Names:
        """The names of the result: rows and columns keep theirs; columns without a name, or with that of the rows, are features."""
        heads = shared_names(self.word, tuple(Shape(shape.sizes[:-2], shape.names[:-2]) for shape in (left, right)))
        names = normalize_names((*heads, left.names[-2]))
        return normalize_names((*names, "features" if columns is None or columns in names else columns))


class Attention(Op):
    """Multi-head attention (Vaswani et al. 2017) of one sequence, or of queries, keys and values: each has tokens and features."""

    word: ClassVar[str] = "attention"
    category: ClassVar[Category] = "attention"
    first: ClassVar[str | None] = "heads"
    operands: ClassVar[tuple[int, int | None]] = (1, 3)
    weighted: ClassVar[int] = 2
    mixes: ClassVar[bool] = True

    heads: Count = Field(description="heads, each with its share of the features")
    bias: bool = Field(True, description="whether the projections add a learned number to each feature")
    dropout: Probability = Field(0.0, description="probability of dropping an attention weight, in training, in [0, 1]")
    causal: bool = Field(False, description="whether a token attends only to itself and those before it")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        query, features = inputs[0], inputs[0].channels
        tokens = [shape.sizes[find_sequence_axes(self, shape)[0]] for shape in inputs]
        for shape in inputs:
            if shape.channels != features:
                raise ShapeError(f"attention needs {features} features in keys and values, got {shape.channels}")
        if len(inputs) == 3 and tokens[1] != tokens[2]:
            raise ShapeError(f"attention needs as many values as keys, got {tokens[2]} and {tokens[1]}")
        if features % self.heads:
            raise ShapeError(f"{features} features do not divide into {self.heads} heads", field="heads")
        if self.causal and tokens[0] != tokens[-1]:
            raise ShapeError(f"causal needs as many keys as queries, got {tokens[-1]} and {tokens[0]}", field="causal")
        return check_bounds(self, (Shape(query.sizes, query.names, is_batched(inputs)),), self.weights(query))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        width = inputs[0].channels
        matrices = (Weight("in_proj_weight", (3 * width, width)), Weight("out_proj.weight", (width, width)))
        if not self.bias:
            return matrices
        return (matrices[0], Weight("in_proj_bias", (3 * width,)), matrices[1], Weight("out_proj.bias", (width,)))

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return self.projected(inputs) * inputs[0].channels + self.score_macs(inputs, outputs)

    def score_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return 2 * inputs[0].numel * (inputs[-1].numel // inputs[-1].channels)

    def projected(self, inputs: tuple[Shape, ...]) -> int:
        """The elements of its four projections: queries, keys, values, output."""
        return 2 * (inputs[0].numel + inputs[-1].numel)

    def bias_additions(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return self.projected(inputs) if self.bias else 0

    def acts(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Those of its projections, of the weights of each head, and of their products with the values."""
        width = inputs[0].channels
        queries, keys = inputs[0].numel // width, inputs[-1].numel // width
        return self.projected(inputs) + self.heads * queries * keys + queries * width

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"embed_dim": inputs[0].channels, "num_heads": self.heads, "batch_first": True}
        options |= keep_non_defaults(dropout=(self.dropout, 0.0), bias=(self.bias, True))
        calls, operands = repeat_for_batch(inputs)
        batch = is_batched(inputs)
        for index, shape in enumerate(inputs):
            if shape.channel_axis == 0:  # torch has the tokens first
                calls += chain_functions([("torch.transpose", (0 + batch, 1 + batch))], operands[index], len(calls))
                operands = (*operands[:index], Result(len(calls) - 1), *operands[index + 1 :])
        args = tuple(operands[min(place, len(inputs) - 1)] for place in range(3))
        keywords: dict[str, Any] = {"need_weights": False}
        if self.causal:
            tokens = inputs[0].sizes[find_sequence_axes(self, inputs[0])[0]]
            mask = [(".new_full", ((tokens, tokens), float("-inf"))), ("torch.triu", (1,))]
            calls += chain_functions(mask, args[0], len(calls))
            keywords |= {"attn_mask": Result(len(calls) - 1), "is_causal": True}
        calls.append(Call("torch.nn.MultiheadAttention", options, args=args, keywords=keywords))
        after = [("operator.getitem", (0,))] + [("torch.transpose", (0 + batch, 1 + batch))] * (
            inputs[0].channel_axis == 0
        )
        return (*calls, *chain_functions(after, Result(len(calls) - 1), len(calls)))

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand >= count - 1

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"


class Embedding(Op):
    """A learned vector for each whole number: tokens become tokens and features."""

    word: ClassVar[str] = "embedding"
    telling: ClassVar[tuple[str, ...]] = ("width",)
    category: ClassVar[Category] = "attention"
    first: ClassVar[str | None] = "vocabulary"
    indices: ClassVar[tuple[int, ...]] = (0,)
    mixes: ClassVar[bool] = True

    vocabulary: Count = Field(description="how many different tokens there are; they are counted from 0")
    width: Count = Field(description="features of one token")
    init: Initial | None = Field(None, description="initialisation of the vectors; torch's own if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        if shape.rank != 1:
            advice = "an input of whole numbers has one axis: [tokens]"
            raise ShapeError(f"embedding needs tokens alone; got {shape.described}", help=advice)
        return check_bounds(
            self, (Shape((shape.sizes[0], self.width), ("tokens", "features"), shape.batched),), self.weights(shape)
        )

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", (self.vocabulary, self.width)),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("torch.nn.Embedding", {"num_embeddings": self.vocabulary, "embedding_dim": self.width}),)

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init)


class Parameter(Op):
    """A learned constant, whatever its input holds: a class token, positions, a layer scale."""

    word: ClassVar[str] = "parameter"
    category: ClassVar[Category] = "attention"
    reads_batch: ClassVar[bool] = True
    first: ClassVar[str | None] = "shape"
    sizes_by_name: ClassVar[bool] = True
    mixes: ClassVar[bool] = True

    shape: Annotated[tuple[Count, ...], Field(max_length=4)] | named_sizes(1) = Field(  # type: ignore[valid-type]
        description="sizes of the value without the batch, named by their number as those of an input are, "
        "or by name: {tokens: 1, features: 64}; [] is a single number"
    )
    batched: bool = Field(
        True,
        description="whether the value is repeated for each sample; without it, it has no batch axis",
    )
    init: Initial = Field(0.0, description="initialisation")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if self.batched and not inputs[0].batched:
            raise ShapeError(
                f"parameter needs a batch to be repeated for; got {inputs[0].described}",
                help="apply it to a value that has one, or say batched: false",
            )
        if self.batched and not self._value.rank:
            raise ShapeError(
                "a single number has no batch", field="shape", help="parameter: {shape: [], batched: false}"
            )
        return check_bounds(self, (self._value,))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", self._stored),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        stored = Call("torch.nn.Parameter", {"shape": self._stored}, args=())
        if not self.batched:
            return (stored,)
        return (stored, Call(".expand", args=(Result(0), Batch(), *self._value.sizes)))

    def initial(self) -> Mapping[str, Initial]:
        return {"": self.init}

    def carries(self, operand: int, count: int = 1) -> bool:
        return False

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return None  # the constant depends on no input, not even as a gate

    @property
    def _value(self) -> Shape:
        named = by_name(self.shape)
        return (
            Shape.of(*self.shape, batched=self.batched) if named is None else Shape.named(named, batched=self.batched)
        )

    @property
    def _stored(self) -> tuple[int, ...]:
        return (1, *self._value.sizes) if self.batched else self._value.sizes
