"""Products of matrices, and attention."""

from __future__ import annotations

import math
from typing import Any

import torch

from archspec.ops.rules import keep_non_defaults
from archspec.recording.draft import DraftValue
from archspec.recording.functions.registry import function
from archspec.recording.operands import BATCH, Operand, UnsupportedCallError
from archspec.recording.raising import Raising
from archspec.recording.shaping import ROLES
from archspec.recording.trace import MadeRef


@function("matmul", "bmm")
def raise_matmul(on: Raising, input: Any, other: Any, mat2: Any = None) -> Operand:
    left, right = on.operand(input), on.operand(other if mat2 is None else mat2)
    pair = [on.as_leading(own) for own in (left, right)]
    if not right.value.shape.batched and right.rank == 2 and len(pair[0].order) == 2:
        return pair[0].with_value(on.add_one("matmul", {}, *(own.value for own in pair)))
    dims = [own.dims[:-2] for own in pair]
    if dims[0] != dims[1] or len(pair[0].order) < 2 or not all(own.value.shape.batched for own in pair):
        raise UnsupportedCallError("matmul of values with other axes before the matrices")
    return pair[0].with_value(on.add_one("matmul", {}, *_name_alike(on, *pair)))


def _name_alike(on: Raising, left: Operand, right: Operand) -> list[DraftValue]:
    """The values of two stacks of matrices, with the same names for the axes before these."""
    values = [left.value, right.value]
    before = [value.shape.names[:-2] for value in values]
    agree = all(None in pair or pair[0] == pair[1] for pair in zip(*before, strict=True))
    rank = left.value.shape.rank
    return values if agree or rank > len(ROLES) else [on.name_axes(value, ROLES[-rank:]) for value in values]


@function("einsum")
def raise_einsum(on: Raising, equation: str, *operands: Any) -> Operand:
    """A sum of products that is a product of matrices after permutations."""
    refs = operands[0] if len(operands) == 1 and isinstance(operands[0], tuple) else operands
    given, _, made = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != 2 or not made or "." in equation:
        raise UnsupportedCallError(f"einsum {equation}")
    left, right = terms
    shared = [letter for letter in made if letter in left and letter in right]
    summed = [letter for letter in left if letter in right and letter not in made]
    rows, columns = ([letter for letter in term if letter not in (*shared, *summed)] for term in terms)
    if not len(summed) == len(rows) == len(columns) == 1 or set(made) != {*shared, *rows, *columns}:
        raise UnsupportedCallError(f"einsum {equation}, which is no product of matrices")
    pair = [
        on.permute(on.operand(ref), [term.index(letter) for letter in order])
        for ref, term, order in zip(refs, terms, ([*shared, *rows, *summed], [*shared, *summed, *columns]), strict=True)
    ]
    product = raise_matmul(on, *pair)
    order = [*shared, *rows, *columns]
    return on.permute(product, [order.index(letter) for letter in made])


@function("scaled_dot_product_attention")
def apply_attention(
    on: Raising,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Operand:
    operands = [on.operand(own) for own in (query, key, value)]
    rank = max(own.value.shape.rank for own in operands)  # a single head may be an axis of one and not of another
    operands = [own if own.value.shape.rank == rank else on.as_leading(own) for own in operands]
    values = [on.name_by_role(own, ROLES) for own in operands]
    summands = () if attn_mask is None else _take_mask(on, attn_mask)
    biases = [_take_bias(on, own, operands[0]) for own in summands]
    fields = keep_non_defaults(causal=(is_causal, False), scale=(scale, None), dropout=(dropout_p, 0.0))
    return operands[0].with_value(on.add_one("sdpa", fields, *values, *biases))


def _take_mask(on: Raising, mask: Any) -> tuple[Operand, ...]:
    """What is added to the scores; where a mask of truth values is false, minus infinity."""
    if isinstance(mask, MadeRef) and mask.values.dtype == torch.bool:
        return (on.add_constant(torch.zeros(mask.shape).masked_fill(~mask.values, -math.inf)),)
    return on.take_summands(mask)


def _take_bias(on: Raising, bias: Operand, query: Operand) -> Any:
    dims = ((),) * (query.rank - bias.rank) + bias.dims
    own = Operand(bias.value, tuple(dim for dim in dims if dim))
    if any(BATCH in dim and len(dim) > 1 for dim in own.dims):
        raise UnsupportedCallError("a bias of attention with the batch in another axis")
    held = [role for dim, role in zip(reversed(dims), reversed(ROLES), strict=False) if dim and dim != (BATCH,)]
    return on.name_axes(on.as_value(own), tuple(reversed(held)))
