"""Adapts the operands of a lowering to torch's conventions: the order of axes, and the batch axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archspec.ir.shape import Shape
from archspec.ops.base import FIRST, Batch, Call, Operand, Result

Given = Operand | Result


def arrange_axes(
    call: Call, shape: Shape, order: tuple[int, ...] | None = None, *, batch: bool = False
) -> tuple[Call, ...]:
    """A call of one operand that gets its axes in `order`, and a batch axis if `batch`; the changes are undone for the result.

    If nothing has to be changed, this is the call alone.
    """
    lone = batch and not shape.batched
    moved = order is not None and order != tuple(range(shape.rank))
    dims = _tensor_dimensions(order or (), leading=shape.batched or lone)
    before = [("torch.unsqueeze", (0,))] * lone + [("torch.permute", (dims,))] * moved
    after = [("torch.permute", (_invert_order(dims),))] * moved + [("torch.squeeze", (0,))] * lone
    calls = list(chain_functions(before))
    calls.append(replace(call, args=(Result(len(calls) - 1),)) if calls else call)
    return (*calls, *chain_functions(after, Result(len(calls) - 1), len(calls)))


def chain_functions(
    functions: Iterable[tuple[str, tuple[Any, ...]]], given: Given = FIRST[0], start: int = 0
) -> Iterable[Call]:
    """Calls of functions, each applied to the result of the one before; the first call is result number `start`."""
    for index, (target, args) in enumerate(functions, start):
        yield Call(target, args=(given, *args))
        given = Result(index)


def move_last(shape: Shape, *axes: int) -> tuple[int, ...]:
    """The order in which these axes come last.

    >>> move_last(Shape.of(3, 8, 8), 0)
    (1, 2, 0)
    """
    return (*(axis for axis in range(shape.rank) if axis not in axes), *axes)


def move_first(shape: Shape, axis: int) -> tuple[int, ...]:
    """The order in which an axis comes first.

    >>> move_first(Shape.of(8, 8, 3), 2)
    (2, 0, 1)
    """
    return (axis, *(other for other in range(shape.rank) if other != axis))


def repeat_for_batch(inputs: tuple[Shape, ...]) -> tuple[list[Call], tuple[Given, ...]]:
    """Calls that repeat operands without a batch for the batch of the others, and the operands after them."""
    batched = next((index for index, shape in enumerate(inputs) if shape.batched), None)
    calls: list[Call] = []
    operands: list[Given] = []
    for index, shape in enumerate(inputs):
        if shape.batched or batched is None:
            operands.append(Operand(index))
        else:
            operands.append(Result(len(calls)))
            calls.append(Call(".expand", args=(Operand(index), Batch(batched), *shape.sizes)))
    return calls, tuple(operands)


def _tensor_dimensions(order: tuple[int, ...], *, leading: bool) -> tuple[int, ...]:
    """An order of axes as an order of a tensor's dimensions, with the batch first."""
    return (*range(leading), *(axis + leading for axis in order))


def _invert_order(dims: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dims.index(dim) for dim in range(len(dims)))
