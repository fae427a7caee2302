"""Random cases of an op: fields drawn from its own pydantic model, and inputs that often fit them."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from archspec.ops import MADE, OPS
from archspec.ops.base import Init, Op
from archspec.shape import Shape

KINDS = {op.word: op for op in (*OPS, *MADE)}
SPREAD = 4  # an integer is drawn from its least value and the next few
SIZES = st.sampled_from((1, 2, 3, 4, 6, 8, 12))


@dataclass(frozen=True)
class Case:
    op: Op
    inputs: tuple[Shape, ...]


def drawn(annotation: Any, bounds: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of a field's type, within the bounds in its metadata."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *metadata = parts
        return drawn(inner, bounds + _flat(metadata))
    if origin in (Union, types.UnionType):
        return st.one_of([drawn(part) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return _tuples(parts, bounds)
    if annotation is Init:
        return st.just(Init(kind="normal", std=0.02))
    low, high = _bound(bounds, "ge"), _bound(bounds, "le")
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low = -2 if low is None else low
        return st.integers(low, min(low + SPREAD, low + SPREAD if high is None else high))
    if annotation is float:
        return st.sampled_from(
            [x for x in (-1.0, 0.0, 0.1, 0.5, 1.0, 2.0) if _within(x, low, high, _bound(bounds, "gt"))]
        )
    return {type(None): st.none}[annotation]()


def _tuples(parts: tuple[Any, ...], bounds: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if parts[-1] is not Ellipsis:
        return st.tuples(*map(drawn, parts))
    least, most = _bound(bounds, "min_length") or 0, _bound(bounds, "max_length") or 3
    return st.lists(drawn(parts[0]), min_size=least, max_size=most).map(tuple)


def _flat(metadata: Any) -> tuple[Any, ...]:
    return tuple(part for entry in metadata for part in (entry.metadata if isinstance(entry, FieldInfo) else [entry]))


def _bound(bounds: tuple[Any, ...], name: str) -> Any:
    found = [getattr(bound, name) for bound in bounds if hasattr(bound, name)]
    return found[0] if found else None


def _within(value: float, low: float | None, high: float | None, above: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high) and (above is None or value > above)


@st.composite
def cases(draw: st.DrawFn, word: str) -> Case:
    """An op with random fields and random inputs."""
    kind = KINDS[word]
    first = draw(shapes())
    values = {
        name: draw(drawn(info.annotation, _flat(info.metadata)))
        for name, info in kind.model_fields.items()
        if info.is_required() or draw(st.integers(0, 2)) == 0
    }
    fitting = FITTING.get(word)
    if fitting is not None and draw(st.integers(0, 3)):
        values |= draw(fitting(first))
    op = kind(**values)
    least, most = kind.operands
    count = draw(st.integers(least, 3 if most is None else most))
    return Case(op, (first, *(draw(_beside(first)) for _ in range(count - 1))))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    sizes = tuple(draw(st.lists(SIZES, min_size=1, max_size=4)))
    return Shape.image(*sizes) if len(sizes) == 2 and draw(st.booleans()) else Shape.of(*sizes)


@st.composite
def _beside(draw: st.DrawFn, first: Shape) -> Shape:
    """A second operand: like the first, or different on one axis, or with ones, or with fewer axes, or turned."""
    how = draw(st.sampled_from(("same", "same", "axis", "ones", "fewer", "turned", "any")))
    axis = draw(st.integers(0, first.rank - 1))
    sizes = first.sizes
    if how == "axis":
        return first.replace(axis, draw(SIZES))
    if how == "ones":
        return first.replace(axis, 1)
    if how == "fewer":
        return Shape.of(first.channels)
    if how == "turned":
        return Shape((*sizes[:-2], *reversed(sizes[-2:])), first.axis)
    return draw(shapes()) if how == "any" else first


def _axis(first: Shape) -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), st.integers(-first.rank, first.rank - 1))


@st.composite
def _split(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    axis = draw(_axis(first))
    size = first.sizes[first.axis if axis is None else axis]
    at = draw(st.integers(0, size - 1))
    return {"axis": axis, "sizes": [at, size - at] if at else [size]}


@st.composite
def _slice(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    axis = draw(_axis(first))
    size = first.sizes[first.axis if axis is None else axis]
    start = draw(st.integers(0, size - 1))
    return {"axis": axis, "start": start, "stop": draw(st.integers(start + 1, size))}


@st.composite
def _reshape(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    sizes = list(draw(st.permutations(first.sizes)))
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return {"sizes": sizes}


def _divisor(first: Shape) -> st.SearchStrategy[int]:
    channels = first.sizes[0]
    return st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0])


FITTING: dict[str, Any] = {
    "conv": lambda first: st.tuples(_divisor(first), st.integers(1, 2)).map(
        lambda p: {"groups": p[0], "out": p[0] * p[1]}
    ),
    "convtranspose": lambda first: st.tuples(_divisor(first), st.integers(1, 2)).map(
        lambda p: {"groups": p[0], "out": p[0] * p[1]}
    ),
    "split": _split,
    "slice": _slice,
    "reshape": _reshape,
    "permute": lambda first: st.permutations(range(first.rank)).map(lambda axes: {"axes": axes}),
    "token": lambda first: (
        st.integers(-first.sizes[0], first.sizes[0]).filter(bool).map(lambda index: {"index": index})
    ),
    "avgpool": lambda first: st.sampled_from(({"kernel": 1, "padding": 0}, {"kernel": 2, "padding": 0})),
    "attention": lambda first: st.sampled_from([n for n in (1, 2, 3, 4) if first.sizes[-1] % n == 0]).map(
        lambda heads: {"heads": heads}
    ),
    "pad": lambda first: st.integers(0, 2).map(lambda size: {"size": size}),
    "upsample": lambda first: st.sampled_from(({"scale": 2, "size": None}, {"size": 5, "scale": None})).map(dict),
}
"""Fields that fit the first input, for ops where random ones hardly ever do."""
