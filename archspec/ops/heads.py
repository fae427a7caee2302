"""Attention on heads: splitting features into heads, scaled dot products, rotary positions."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from archspec.ir.shape import Names, Shape
from archspec.ops.axes import as_sequence, channel_axis, is_batched
from archspec.ops.axis_order import Given, arrange_axes, move_last
from archspec.ops.base import (
    FIRST,
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
    Window,
)
from archspec.ops.broadcasting import add_missing_axes, match_axes
from archspec.ops.initial import Positive
from archspec.ops.rules import check_bounds, keep_non_defaults


class SplitHeads(Op):
    """Splits the features into heads and features of one head; `flatten: heads` merges them."""

    word: ClassVar[str] = "splitheads"
    category: ClassVar[Category] = "shape"
    moves: ClassVar[bool] = True
    first: ClassVar[str | None] = "heads"

    heads: Count = Field(description="heads, each with its share of the features")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape, axis = inputs[0], channel_axis(self, inputs[0])
        if shape.axis("heads") is not None:
            raise ShapeError(
                f"splitheads needs a value without heads; got {shape.described}", help="flatten: heads merges them"
            )
        if shape.channels % self.heads:
            raise ShapeError(f"{shape.channels} features do not divide into {self.heads} heads", field="heads")
        sizes = (*shape.sizes[:axis], self.heads, shape.channels // self.heads, *shape.sizes[axis + 1 :])
        names: Names = (*shape.names[:axis], "heads", *shape.names[axis:])
        return (Shape(sizes, names, shape.batched),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape, axis = inputs[0], channel_axis(self, inputs[0])
        return (Call("torch.unflatten", args=(*FIRST, shape.dim(axis), (self.heads, shape.channels // self.heads))),)

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return _modulo(reached, outputs[0].channels)


def _modulo(reached: range, size: int) -> range:
    """The narrowest range of the remainders of a range's numbers."""
    if reached.start // size == (reached.stop - 1) // size:
        return range(reached.start % size, (reached.stop - 1) % size + 1)
    return range(size)


class ScaledDotProduct(Op):
    """Attention weights of queries and keys, applied to values (Vaswani et al. 2017): of each head, or of all features without heads."""

    word: ClassVar[str] = "sdpa"
    telling: ClassVar[tuple[str, ...]] = ("causal",)
    category: ClassVar[Category] = "attention"
    operands: ClassVar[tuple[int, int | None]] = (3, None)

    causal: bool = Field(False, description="whether a token attends only to itself and those before it")
    scale: Positive | None = Field(
        None, description="factor of the products; one over the root of the features of a head if absent"
    )
    dropout: Probability = Field(0.0, description="probability of dropping an attention weight, in training, in [0, 1]")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        query, key, value, *biases = inputs
        for shape in inputs[:3]:
            if shape.axis("tokens") is None or shape.channel_axis is None or None in shape.names:
                raise ShapeError(f"sdpa needs tokens and features; got {shape.described}", help=as_sequence(shape))
        self._check_operands(query, key, value)
        scores = self._scores(inputs)
        for bias in biases:
            if match_axes(_in_order(bias, scores), scores) is None:
                raise ShapeError(
                    f"sdpa needs a bias that fits its scores, {scores.described}; got {bias.described}",
                    help="queries are the tokens of a bias, and keys its features",
                )
        axis = query.channel_axis
        assert axis is not None, "it has been checked"
        made = query.replace(axis, value.channels)
        return check_bounds(self, (Shape(made.sizes, made.names, is_batched(inputs)), scores))[:1]

    def _check_operands(self, query: Shape, key: Shape, value: Shape) -> None:
        """Raises `ShapeError` unless keys and values fit the queries."""
        described = f"{query.described}, {key.described} and {value.described}"
        around = [
            {name: _size(shape, str(name)) for name in _outer(shape) if name != "heads"}
            for shape in (query, key, value)
        ]
        heads = [_size(shape, "heads") for shape in (query, key, value)]
        if len({shape.axis("heads") is None for shape in (query, key, value)}) > 1:
            raise ShapeError(
                f"sdpa needs heads in queries, keys and values, or in none of them; got {described}",
                help="splitheads: 1 gives a value one head",
            )
        alike = around[0] == around[1] == around[2] and query.channels == key.channels
        if not alike or _size(key, "tokens") != _size(value, "tokens") or heads[1] != heads[2] or heads[0] % heads[1]:
            raise ShapeError(
                f"sdpa needs queries and keys of the same features, and as many values as keys; got {described}",
                help="the other axes are equal, but keys and values may have fewer heads, each for several of the queries'",
            )
        if self.causal and _size(query, "tokens") != _size(key, "tokens"):
            raise ShapeError(f"causal needs as many keys as queries; got {described}", field="causal")

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return self._scores(inputs).numel * (inputs[0].channels + inputs[2].channels)

    def score_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return self.macs(inputs, outputs)

    def acts(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """The attention weights, and their products with the values."""
        return self._scores(inputs).numel + outputs[0].numel

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        calls: list[Call] = []
        order = (*_outer(inputs[0]), "tokens", "features")
        source = next((index for index, shape in enumerate(inputs) if shape.batched), None)
        operands = [
            _arrange(calls, *_repeat(calls, index, shape, source), order) for index, shape in enumerate(inputs[:3])
        ]
        mask = self._add_mask(calls, operands[0], inputs)
        keywords = {} if mask is None else {"attn_mask": mask}
        given = {"is_causal": (self.causal and mask is None, False), "scale": (self.scale, None)}
        options = keep_non_defaults(**given, enable_gqa=(_size(inputs[0], "heads") != _size(inputs[1], "heads"), False))
        if self.dropout:
            options |= {"dropout": self.dropout}
            calls.append(Call("archspec.codegen.fx.modules.DotProductAttention", options, tuple(operands), keywords))
        else:
            function = "torch.nn.functional.scaled_dot_product_attention"
            calls.append(Call(function, args=tuple(operands), keywords=keywords | options))
        (made,) = self.infer(*inputs)
        canonical = tuple("features" if name == "channels" else name for name in made.names)
        back = tuple(order.index(str(name)) for name in canonical)
        if back != tuple(range(len(back))):
            dims = (*range(made.batched), *(axis + made.batched for axis in back))
            calls.append(Call("torch.permute", args=(Result(len(calls) - 1), dims)))
        return tuple(calls)

    def _add_mask(self, calls: list[Call], query: Given, inputs: tuple[Shape, ...]) -> Given | None:
        """Adds the calls for the sum of the biases, and of the causal mask beside any."""
        scores = self._scores(inputs)
        mask: Given | None = None
        for index, bias in enumerate(inputs[3:], 3):
            ordered = _in_order(bias, scores)
            operand = _arrange(calls, Operand(index), bias, ordered.names)
            operand = add_missing_axes(calls, operand, match_axes(ordered, scores) or (), scores.rank)
            if mask is not None:
                calls.append(Call("torch.add", args=(mask, operand)))
                operand = Result(len(calls) - 1)
            mask = operand
        if mask is None or not self.causal:
            return mask
        calls.append(Call(".new_full", args=(query, scores.sizes[-2:], float("-inf"))))
        calls.append(Call("torch.triu", args=(Result(len(calls) - 1), 1)))
        calls.append(Call("torch.add", args=(mask, Result(len(calls) - 1))))
        return Result(len(calls) - 1)

    def carries(self, operand: int, count: int = 1) -> bool:
        return operand == 2

    def window(self, *inputs: Shape) -> Window | Everything | None:
        return "everything"

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        return reached if operand == 2 else range(outputs[0].channels)

    def _scores(self, inputs: tuple[Shape, ...]) -> Shape:
        """The scores: the queries are the tokens, the keys the features."""
        query, key = inputs[:2]
        names: Names = (*_outer(query), "tokens", "features")
        sizes = (*(_size(query, str(name)) for name in names[:-1]), _size(key, "tokens"))
        return Shape(sizes, names, is_batched(inputs))


def _outer(shape: Shape) -> Names:
    """The axes besides tokens and features, in order, the heads last."""
    outer = [name for axis, name in enumerate(shape.names) if name != "tokens" and axis != shape.channel_axis]
    return tuple(sorted(outer, key=lambda name: name == "heads"))


def _size(shape: Shape, name: str) -> int:
    axis = shape.axis(name)
    return 1 if axis is None else shape.sizes[axis]


def _in_order(bias: Shape, scores: Shape) -> Shape:
    """A bias with its axes in the order of the scores, if all have names."""
    places = [scores.axis(name) if name is not None else None for name in bias.names]
    if None in places:
        return bias
    return bias.permuted(tuple(sorted(range(bias.rank), key=lambda axis: places[axis] or 0)))


def _repeat(calls: list[Call], index: int, shape: Shape, source: int | None) -> tuple[Given, Shape]:
    """An operand and its shape, repeated for the batch of operand number `source` if it has none; adds the call for that."""
    if shape.batched or source is None:
        return Operand(index), shape
    calls.append(Call(".expand", args=(Operand(index), Batch(source), *shape.sizes)))
    return Result(len(calls) - 1), Shape(shape.sizes, shape.names)


def _arrange(calls: list[Call], given: Given, shape: Shape, names: Names) -> Given:
    """An operand with its axes in the order of these names; adds the call for that. Names that it lacks are left out."""
    wanted = [shape.axis(name) for name in names if name is not None]
    order = tuple(axis for axis in wanted if axis is not None)
    if len(order) < shape.rank or order == tuple(range(shape.rank)):
        return given
    dims = (*range(shape.batched), *map(shape.dim, order))
    calls.append(Call("torch.permute", args=(given, dims)))
    return Result(len(calls) - 1)


class Rotary(Op):
    """Rotates pairs of features by an angle that grows with the token's place (Su et al. 2021, arXiv:2104.09864), in each head."""

    word: ClassVar[str] = "rotary"
    category: ClassVar[Category] = "attention"
    first: ClassVar[str | None] = "base"

    base: Positive = Field(10000.0, description="the greatest wavelength in tokens, over 2π")
    interleaved: bool = Field(
        False,
        description="whether neighbours are pairs; otherwise a feature of the first half and one of the second are",
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        if shape.axis("tokens") is None or shape.channel_axis is None:
            raise ShapeError(f"rotary needs tokens and features; got {shape.described}", help=as_sequence(shape))
        if shape.channels % 2:
            raise ShapeError(f"rotary needs pairs of features, got {shape.channels}", field="base")
        return (shape,)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        shape = inputs[0]
        tokens, features = shape.axis("tokens"), shape.channel_axis
        assert tokens is not None and features is not None, "it has been checked"
        options = {"tokens": shape.sizes[tokens], "features": shape.channels}
        options |= keep_non_defaults(base=(self.base, 10000.0), interleaved=(self.interleaved, False))
        call = Call("archspec.codegen.fx.modules.RotaryPositions", options)
        return arrange_axes(call, shape, move_last(shape, tokens, features))

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        if self.interleaved:
            return range(reached.start - reached.start % 2, reached.stop + reached.stop % 2)
        half = inputs[0].channels // 2
        own = _modulo(reached, half)
        return range(own.start, own.stop + half)
