"""Functions of several tensors."""

from __future__ import annotations

import math
from typing import Any

from archspec.ir.shape import Shape
from archspec.ops.broadcasting import match_axes
from archspec.recording.draft import DraftValue
from archspec.recording.functions.elementwise import apply_elementwise
from archspec.recording.functions.registry import function, is_number
from archspec.recording.operands import BATCH, Operand, UnsupportedCallError
from archspec.recording.raising import Raising
from archspec.recording.shaping import ROLES
from archspec.recording.trace import ResultRef, StateRef, UnknownRef

Tensor = ResultRef | StateRef | UnknownRef


@function("add", "iadd", "radd")
def raise_add(on: Raising, input: Any, other: Any, alpha: float = 1) -> Operand:
    if alpha != 1:
        raise UnsupportedCallError("add with a factor")
    if is_number(input) or is_number(other):
        return _scale(on, input, other, "plus")
    return join(on, "add", input, other)


@function("mul", "imul", "rmul", "multiply")
def raise_multiply(on: Raising, input: Any, other: Any) -> Operand:
    if is_number(input) or is_number(other):
        return _scale(on, input, other, "by")
    return join(on, "multiply", input, other)


def _scale(on: Raising, input: Any, other: Any, field: str) -> Operand:
    tensor, number = (other, input) if is_number(input) else (input, other)
    if number == {"plus": 0, "by": 1, "over": 1}[field]:
        return on.operand(tensor)
    return apply_elementwise(on, "scale", tensor, {field: float(number)})


@function("sub", "isub", "subtract")
def raise_subtract(on: Raising, input: Any, other: Any, alpha: float = 1) -> Operand:
    if alpha != 1:
        raise UnsupportedCallError("sub with a factor")
    if is_number(other):
        return _scale(on, input, -other, "plus")
    negated = apply_elementwise(on, "scale", other, {"by": -1.0})
    return _scale(on, negated, input, "plus") if is_number(input) else join(on, "add", input, negated)


@function("rsub")
def raise_reverse_subtract(on: Raising, input: Any, other: Any, alpha: float = 1) -> Operand:
    return raise_subtract(on, other, input, alpha)


@function("div", "truediv", "itruediv", "true_divide", "divide")
def raise_divide(on: Raising, input: Any, other: Any, rounding_mode: str | None = None) -> Operand:
    if rounding_mode is not None:
        raise UnsupportedCallError("a division that rounds")
    if is_number(input):
        return _scale(on, apply_elementwise(on, "power", other, {"exponent": -1.0}), input, "by")
    if not is_number(other):
        return join(on, "divide", input, other)
    operand = on.operand(input)
    summands = _list_summands(operand.value)
    if len(summands) == other:
        return operand.with_value(on.add_one("mean", {}, *summands))
    exact = other and abs(math.frexp(other)[0]) == 0.5
    if exact or other <= 0:
        return _scale(on, operand, 1.0 / other, "by")
    return _scale(on, operand, other, "over")


@function("rtruediv", "rdiv")
def raise_reverse_divide(on: Raising, input: Any, other: Any) -> Operand:
    return raise_divide(on, other, input)


@function("addcmul")
def raise_addcmul(on: Raising, input: Any, tensor1: Any, tensor2: Any, value: float = 1) -> Operand:
    """A tensor and the product of two others, times a number."""
    product = join(on, "multiply", tensor1, tensor2)
    return join(on, "add", input, product if value == 1 else _scale(on, product, value, "by"))


def _list_summands(value: DraftValue) -> list[DraftValue]:
    """The operands of a chain of sums of values of one shape that ends in this value, or the value itself."""
    node = value.node
    if node is None or node.word != "add" or any(own.shape != value.shape for own in node.inputs):
        return [value]
    return [*_list_summands(node.inputs[0]), *node.inputs[1:]]


@function("maximum")
def raise_maximum(on: Raising, input: Any, other: Any) -> Operand:
    return join(on, "max", input, other)


def join(on: Raising, word: str, *given: Any) -> Operand:
    """An elementwise join of tensors, which are broadcast as torch does it."""
    rank = max(on.count_dims(tensor) for tensor in given)
    operands = [on.operand(tensor, rank) for tensor in given]
    first = operands[0]
    if all(own.dims == first.dims and own.value.shape == first.value.shape for own in operands):
        return first.with_value(on.add_one(word, {}, *(own.value for own in operands)))
    padded = [Operand(own.value, ((),) * (rank - own.rank) + own.dims) for own in operands]
    if word == "add" and _broadcast_both(*padded):
        return on.put_sum(*padded)
    main = max(padded, key=lambda own: (own.value.shape.batched, own.value.shape.numel, own.value.shape.rank))
    whole = on.arrange(main)
    if any(other.dims[dim] and not whole.dims[dim] for other in padded for dim in range(rank)):
        whole = Operand.of(on.as_value(whole))
    whole = whole.with_value(_name_alike(on, whole.value, padded))
    values = [whole.value if own is main else _fit(on, own, whole) for own in padded]
    if word == "divide" and values[0] is not whole.value:
        raise UnsupportedCallError("a division by a tensor of more axes")
    if word == "multiply" and values[0] is not whole.value:
        values = [whole.value, *(value for value in values if value is not whole.value)]
    made = on.add_one(word, {}, *values)
    if made.shape.sizes != whole.value.shape.sizes:
        raise UnsupportedCallError(f"{word} of {values[0].shape.described} and {values[1].shape.described}")
    return whole.with_value(made)


def _broadcast_both(first: Operand, *others: Operand) -> bool:
    """Whether two operands without a batch are both repeated along axes."""
    if len(others) != 1 or any(own.value.shape.batched for own in (first, *others)):
        return False
    pairs = [(own, other) for own, other in zip(first.sizes, others[0].sizes, strict=True) if own != other]
    return any(own == 1 for own, _ in pairs) and any(other == 1 for _, other in pairs)


def _name_alike(on: Raising, value: DraftValue, operands: list[Operand]) -> DraftValue:
    """A value with the names of an operand of the same sizes, if it has axes without names and that has none."""
    if None not in value.shape.names:
        return value
    shapes = [own.value.shape for own in operands if own.is_arranged and own.value.shape.sizes == value.shape.sizes]
    names = next((shape.names for shape in shapes if None not in shape.names), None)
    if names is None and any(match_axes(own.value.shape, value.shape) is None for own in operands):
        names = ROLES[-value.shape.rank :] if value.shape.rank <= len(ROLES) else None
    return value if names is None else on.name_axes(value, names)


def _fit(on: Raising, operand: Operand, whole: Operand) -> DraftValue:
    """An operand as a value that broadcasts to `whole`, with its axes at those of the same dimensions."""
    arranged = on.arrange(operand)
    for own, other in zip(arranged.dims, whole.dims, strict=True):
        if (BATCH in own) != (BATCH in other) and own:
            raise UnsupportedCallError("the batch is broadcast along another axis")
    pairs = [(own, other) for own, other in zip(arranged.dims, whole.dims, strict=True) if own]
    if any(len(own) != len(other) for own, other in pairs):
        raise UnsupportedCallError("axes that are folded in one operand alone")
    wanted = tuple(axis for _, other in pairs for axis in other if axis != BATCH)
    if match_axes(arranged.value.shape, whole.value.shape) == wanted:
        return arranged.value
    return _name_like(on, arranged.value, wanted, whole.value.shape)


def _name_like(on: Raising, value: DraftValue, axes: tuple[int, ...], whole: Shape) -> DraftValue:
    """A value with the names of `whole` on its axes, or with all of its axes."""
    names = tuple(whole.names[axis] for axis in axes)
    if None not in names:
        named = on.name_axes(value, names)
        if match_axes(named.shape, whole) == axes:
            return named
    sizes = [1] * whole.rank
    for axis, size in zip(axes, value.shape.sizes, strict=True):
        sizes[axis] = size
    if None in whole.names:
        return on.regroup(value, tuple(sizes))
    return on.add_one("reshape", {"sizes": dict(zip(map(str, whole.names), sizes, strict=True))}, value)


@function("cat", "concat", "concatenate")
def raise_concat(on: Raising, tensors: Any, dim: int = 0, axis: int | None = None) -> Operand:
    operands = [on.operand(tensor) for tensor in tensors]
    first = operands[0]
    if len(operands) == 1:
        return first
    place = first.number(dim if axis is None else axis)
    alike = all(own.dims == first.dims and own.value.shape.names == first.value.shape.names for own in operands)
    if not alike or len(first.dims[place]) != 1:
        operands = [Operand.of(on.as_value(own)) for own in operands]
        first = next(own for own in operands if own.value.shape.batched or own is operands[-1])
    along = first.axis(place, "a concatenation")
    values = [own.value for own in operands]
    own = _name_axis(along, first.value.shape)
    return first.with_value(on.add_one("concat", {} if own is None else {"axis": own}, *values))


def _name_axis(axis: int, shape: Shape) -> Any:
    """An axis as a field has it: None for the channels, else its name or number."""
    if axis == shape.channel_axis:
        return None
    return shape.names[axis] or axis


@function("stack")
def raise_stack(on: Raising, tensors: Any, dim: int = 0) -> Operand:
    operands = [on.operand(tensor) for tensor in tensors]
    place = dim % (operands[0].rank + 1)
    if place == 0:
        return on.put_stack(*operands)
    values = []
    for operand in operands:
        value = on.as_value(operand)
        axis = place - value.shape.batched
        values.append(on.regroup(value, (*value.shape.sizes[:axis], 1, *value.shape.sizes[axis:])))
    axis = place - values[0].shape.batched
    return Operand.of(on.add_one("concat", {"axis": axis}, *values))
