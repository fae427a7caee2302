"""Functions along axes: softmax, reductions, parts of a tensor."""

from __future__ import annotations

import math
from typing import Any

from archspec.ir.shape import IMAGES, Shape
from archspec.recording.draft import DraftValue
from archspec.recording.functions.elementwise import apply_elementwise
from archspec.recording.functions.joins import join
from archspec.recording.functions.registry import function
from archspec.recording.functions.weighted import look_up
from archspec.recording.operands import BATCH, Operand, UnsupportedCallError
from archspec.recording.raising import Raising
from archspec.recording.trace import BatchSize, MadeRef, ResultRef, StateRef, UnknownRef

_JOINS = {"mean": "mean", "sum": "add", "max": "max"}
_KINDS = {"mean": "mean", "sum": "sum", "amax": "max", "max": "max"}


def name_axis(axis: int, shape: Shape) -> dict[str, Any]:
    """The field `axis` of an op: nothing for the channels, else the axis's name or number."""
    return {} if axis == shape.channel_axis else {"axis": shape.names[axis] or axis}


@function("softmax")
def raise_softmax(on: Raising, input: Any, dim: int = -1, _stacklevel: int = 3, dtype: Any = None) -> Operand:
    operand = on.operand(input)
    if operand.dims[0] == (BATCH,):
        operand = on.arrange(operand)  # along the last axis torch adds in another order than along others
    axis = operand.axis(dim, "softmax")
    return operand.with_value(on.add_one("softmax", name_axis(axis, operand.value.shape), operand.value))


@function("normalize")
def raise_normalize(
    on: Raising, input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Operand:
    if p != 2:
        raise UnsupportedCallError("normalize by another norm than the second")
    operand = on.operand(input)
    fields = name_axis(operand.axis(dim, "normalize"), operand.value.shape) | ({"eps": eps} if eps != 1e-12 else {})
    return operand.with_value(on.add_one("normalize", fields, operand.value))


@function("norm", "vector_norm", "linalg_norm", "linalg_vector_norm")
def raise_norm(
    on: Raising, input: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None, ord: Any = 2
) -> Operand:
    if p not in (2, "fro", None) or ord not in (2, None):
        raise UnsupportedCallError("a norm other than the second")
    return reduce(on, input, dim, "norm", keepdim=keepdim)


@function("mean", "sum", "amax", "max")
def raise_reduce(
    on: Raising, input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None, axis: Any = None
) -> Operand:
    """A reduction; that of an image's places is a pool."""
    if isinstance(dim, ResultRef | StateRef | UnknownRef) and on.call.target == "max":
        return join(on, "max", input, dim)
    return reduce(on, input, dim if axis is None else axis, _KINDS[on.call.target], keepdim=keepdim)


@function("var", "std")
def raise_variance(
    on: Raising, input: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: Any = None
) -> Operand:
    """The mean square of the distances to the mean, or its root."""
    negated = apply_elementwise(on, "scale", reduce(on, input, dim, "mean", keepdim=True), {"by": -1.0})
    squared = apply_elementwise(on, "power", join(on, "add", input, negated), {"exponent": 2.0})
    variance = reduce(on, squared, dim, "mean", keepdim=keepdim)
    dims = dim if isinstance(dim, tuple) else (dim,)
    sizes = on.operand(input).sizes
    count = math.prod(size for size in (sizes[own] for own in dims) if isinstance(size, int))
    less = int(unbiased) if correction is None else correction
    if less:
        variance = apply_elementwise(on, "scale", variance, {"by": count / (count - less)})
    return apply_elementwise(on, "power", variance, {"exponent": 0.5}) if on.call.target == "std" else variance


def reduce(on: Raising, input: Any, given: Any, kind: str, *, keepdim: bool) -> Operand:
    """A tensor with some dimensions reduced."""
    stacked = on.take_stack(input)
    if stacked is not None and given in (0, (0,)) and kind in _JOINS and not keepdim and len(on.call.results) == 1:
        return join(on, _JOINS[kind], *stacked)
    operand = on.operand(input)
    if given is None or given == () or len(on.call.results) > 1:
        raise UnsupportedCallError(
            f"{on.call.target} over everything, the batch included"
            if given is None
            else f"{on.call.target} with indices"
        )
    dims = tuple(sorted(map(operand.number, given if isinstance(given, tuple) else (given,))))
    gone = tuple(operand.axis(place, on.call.target) for place in dims if operand.dims[place])
    if not gone:
        if kind == "norm":
            operand = operand.with_value(on.add_one("abs", {}, operand.value))
        return Operand(
            operand.value, tuple(own for place, own in enumerate(operand.dims) if keepdim or place not in dims)
        )
    if keepdim and _is_places(gone, operand.value.shape) and kind in {"mean", "max"} and operand.is_plain:
        fields = {"size": 1} | ({"kind": "max"} if kind == "max" else {})
        return operand.with_value(on.add_one("adaptivepool", fields, operand.value))
    if keepdim and len(gone) == operand.value.shape.rank:
        return _reduce_all(on, operand, dims, kind)
    value = _reduce(on, operand.value, gone, kind)
    renumbered = {
        own: number for number, own in enumerate(own for own in range(operand.value.shape.rank) if own not in gone)
    }
    renumbered[BATCH] = BATCH
    made = [() if place in dims else tuple(renumbered[own] for own in held) for place, held in enumerate(operand.dims)]
    return Operand(value, tuple(own for place, own in enumerate(made) if keepdim or place not in dims))


def _reduce_all(on: Raising, operand: Operand, dims: tuple[int, ...], kind: str) -> Operand:
    """A tensor with all axes reduced: one number for each sample, which has an axis of size 1 at the first of them."""
    sizes = operand.value.shape.sizes
    value = _reduce(on, on.regroup(operand.value, (1, *sizes)), tuple(range(1, len(sizes) + 1)), kind)
    place = next(place for place in dims if operand.dims[place])
    kept = tuple((BATCH,) if BATCH in held else () for held in operand.dims)
    return Operand(value, (*kept[:place], (0,), *kept[place + 1 :]))


def _is_places(axes: tuple[int, ...], shape: Shape) -> bool:
    return shape.names in IMAGES and axes == tuple(range(1, shape.rank)) and shape.batched


def _reduce(on: Raising, value: DraftValue, axes: tuple[int, ...], kind: str) -> DraftValue:
    shape = value.shape
    if shape.channel_axis is not None and set(axes) == set(shape.places) and kind in {"mean", "max"} and shape.rank > 1:
        return on.add_one("globalpool", {"kind": "max"} if kind == "max" else {}, value)
    fields: dict[str, Any] = {"axes": [shape.names[axis] or axis for axis in axes]}
    return on.add_one("reduce", fields | ({"kind": kind} if kind != "mean" else {}), value)


@function("zero_part")
def raise_zero_part(on: Raising, input: Any, index: Any) -> Operand:
    """A tensor whose part at an index of one slice was set to zero in place."""
    operand = on.operand(input)
    parts = index if isinstance(index, tuple) else (index,)
    dims = [dim for dim, part in enumerate(parts) if part != slice(None)]
    if len(dims) != 1 or not isinstance(parts[dims[0]], slice) or isinstance(operand.sizes[dims[0]], BatchSize):
        raise UnsupportedCallError("an edit in place of a part that is no slice")
    size = int(operand.sizes[dims[0]])  # type: ignore[arg-type]
    start, stop, step = parts[dims[0]].indices(size)
    if step != 1:
        raise UnsupportedCallError("an edit in place of a slice with a step")
    axis = operand.axis(dims[0], "a slice")
    sizes = [own for own in (start, stop - start, size - stop) if own]
    own_axis = name_axis(axis, operand.value.shape)
    pieces = on.add("split", {"sizes": sizes} | own_axis, operand.value) if len(sizes) > 1 else [operand.value]
    zeros = on.add_one("scale", {"by": 0.0}, pieces[bool(start)])
    pieces = [zeros if place == bool(start) else piece for place, piece in enumerate(pieces)]
    return operand.with_value(on.add_one("concat", own_axis, *pieces))


# -- parts ------------------------------------------------------------------------------------------------------------


@function("chunk", "split", "split_with_sizes", "tensor_split")
def raise_split(on: Raising, input: Any, parts: Any = None, dim: int = 0, **given: Any) -> list[Operand]:
    operand = on.operand(input)
    place = operand.number(dim)
    sizes = [own[place] for own in on.call.sizes]
    if any(isinstance(size, BatchSize) for size in sizes):
        raise UnsupportedCallError("a split of the batch")
    axis = operand.axis(dim, "a split")
    if len(sizes) == 1:
        return [operand]
    values = on.add("split", {"sizes": sizes} | name_axis(axis, operand.value.shape), operand.value)
    return [operand.with_value(value) for value in values]


@function("unbind")
def raise_unbind(on: Raising, input: Any, dim: int = 0) -> list[Operand]:
    operand = on.operand(input)
    return [select(on, operand, operand.number(dim), index) for index in range(len(on.call.results))]


@function("select")
def raise_select(on: Raising, input: Any, dim: int, index: int) -> Operand:
    operand = on.operand(input)
    return select(on, operand, operand.number(dim), index)


@function("narrow")
def raise_narrow(on: Raising, input: Any, dim: int, start: int, length: int) -> Operand:
    operand = on.operand(input)
    return cut(on, operand, operand.number(dim), start, start + length)


@function("getitem")
def raise_getitem(on: Raising, input: Any, index: Any) -> Operand:
    """Basic indexing: numbers, slices, None and the ellipsis."""
    operand = on.operand(input)
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) == 1 and isinstance(parts[0], ResultRef | StateRef | MadeRef) and operand.rank == 2:
        return look_up(on, input, parts[0])
    if len(parts) == 2 and parts[0] == slice(None) and isinstance(parts[1], StateRef | MadeRef) and operand.rank == 2:
        rows = look_up(on, on.permute(operand, (1, 0)), parts[1])
        return rows.permuted((rows.rank - 1, *range(rows.rank - 1)))
    if any(isinstance(part, ResultRef | StateRef | UnknownRef | MadeRef) for part in parts):
        raise UnsupportedCallError("indexing with a tensor")
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        spare = operand.rank - sum(part is not None and part is not Ellipsis for part in parts)
        parts = (*parts[:place], *(slice(None),) * spare, *parts[place + 1 :])
    dim = 0
    for part in parts:
        if part is None:
            operand, dim = operand.with_one(dim), dim + 1
        elif isinstance(part, slice):
            operand, dim = _slice(on, operand, dim, part), dim + 1
        elif isinstance(part, int) and not isinstance(part, bool):
            operand = select(on, operand, dim, part)
        else:
            raise UnsupportedCallError("indexing with a list")
    return operand


def _slice(on: Raising, operand: Operand, dim: int, part: slice) -> Operand:
    if part == slice(None):
        return operand
    size = operand.sizes[dim]
    if isinstance(size, BatchSize):
        raise UnsupportedCallError("indexing of the batch")
    start, stop, step = part.indices(size)
    return cut(on, operand, dim, start, stop, step)


def cut(on: Raising, operand: Operand, dim: int, start: int, stop: int, step: int = 1) -> Operand:
    """The part of a tensor between two places of a dimension, or every n-th place of it."""
    size = operand.sizes[dim]
    if (start, stop, step) == (0, size, 1):
        return operand
    axis = operand.axis(dim, "a slice")
    fields: dict[str, Any] = ({"start": start} if start else {}) | ({"stop": stop} if stop != size else {})
    fields |= {"step": step} if step != 1 else {}
    return operand.with_value(on.add_one("slice", fields | name_axis(axis, operand.value.shape), operand.value))


def select(on: Raising, operand: Operand, dim: int, index: int) -> Operand:
    """One place of a dimension, which the result does not have."""
    if not operand.dims[dim]:
        return operand.without_dim(dim)
    axis = operand.axis(dim, "indexing")
    shape = operand.value.shape
    size = shape.sizes[axis]
    place = index % size
    if shape.names[axis] == "tokens" and shape.rank > 1:
        return _without_axis(
            on, operand, dim, on.add_one("token", {"index": index + 1 if index >= 0 else index}, operand.value)
        )
    value = on.split_off(operand.value, axis)[place]
    return _without_axis(on, operand, dim, value)


def _without_axis(on: Raising, operand: Operand, dim: int, value: DraftValue) -> Operand:
    axis = operand.dims[dim][0]
    dims = tuple(tuple(own - (own > axis) for own in held) for held in operand.without_dim(dim).dims)
    return Operand(value, dims)
