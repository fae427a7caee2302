"""Random cases of an op, with fields drawn from its pydantic model and inputs that often fit."""

from __future__ import annotations

import math
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import WithJsonSchema
from pydantic.fields import FieldInfo

from archspec.ir.shape import AXES, IMAGES, Names, Shape, normalize_names
from archspec.ops import OPS, PASS_OPS
from archspec.ops.base import Op
from archspec.ops.initial import Init

KINDS = {op.word: op for op in (*OPS, *PASS_OPS)}
SPREAD = 4  # an integer is drawn from its least value and the next few
SIZES = st.sampled_from((1, 2, 3, 4, 6, 8, 12))


@dataclass(frozen=True)
class Case:
    op: Op
    inputs: tuple[Shape, ...]


def drawn(annotation: Any, bounds: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of a field's type, within the bounds in its metadata."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if any(isinstance(bound, WithJsonSchema) for bound in bounds):
        return st.dictionaries(st.sampled_from(AXES[1:]), SIZES, min_size=1, max_size=4)
    if origin is Annotated:
        inner, *metadata = parts
        if any(isinstance(part, WithJsonSchema) for part in metadata):
            return st.dictionaries(st.sampled_from(AXES[1:]), SIZES, min_size=1, max_size=4)
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
    first = draw(_table() if word == "lookup" else _sequences() if word in SEQUENCES else shapes())
    values = {
        name: draw(drawn(info.annotation, _flat(info.metadata)))
        for name, info in kind.model_fields.items()
        if info.is_required() or draw(st.integers(0, 2)) == 0
    }
    fitting = FITTING.get(word)
    if fitting is not None and draw(st.integers(0, 3)):
        values |= draw(fitting(first))
    op = kind(**values).specialised()
    least, most = kind.operands
    count = draw(st.integers(least, 3 if most is None else most))
    if word == "unwindow":
        image = Shape((4, 2, 3), ("height", "width", "channels"))
        return Case(op, (Shape((8, 1, draw(SIZES)), ("windows", "tokens", "features"), first.batched), image))
    if word == "upsample" and (values.get("scale") or values.get("size")):
        count = 1  # a second operand is in place of these
    others = [draw(_beside(first)) for _ in range(count - 1)]
    if word == "dropmean" and draw(st.booleans()):
        others[-1] = Shape.of(4)  # the output of a columndraw
    return Case(op, (first, *others))


SEQUENCES = {"attention", "sdpa", "rotary"}
"""Ops of tokens and features, which other drawn values rarely have."""


@st.composite
def _sequences(draw: st.DrawFn) -> Shape:
    names: Any = draw(st.permutations(("tokens", "features")))
    return Shape((draw(SIZES), draw(st.sampled_from((2, 4, 6)))), tuple(names), draw(st.integers(0, 4)) > 0)


@st.composite
def _table(draw: st.DrawFn) -> Shape:
    """The rows of a table without a batch."""
    names: Any = draw(st.sampled_from((("tokens", "features"), ("tokens", "heads"), (None, "features"))))
    return Shape((draw(st.integers(2, 4)), draw(SIZES)), names, batched=False)


USUAL: tuple[Names, ...] = (
    ("features",),
    ("tokens", "features"),
    *IMAGES,
    ("features", "tokens"),
    ("heads", "tokens", "features"),
)
"""The layouts of torch's modules; others are drawn by permuting these and by removing names."""


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """A value: mostly of a usual layout and with a batch."""
    names = draw(st.sampled_from(USUAL))
    how = draw(st.integers(0, 5))
    if how == 0:
        names = tuple(draw(st.permutations(names)))
    elif how == 1:
        names = tuple(None if draw(st.booleans()) else name for name in names)
    sizes = tuple(draw(SIZES) for _ in names)
    return Shape(sizes, normalize_names(names), draw(st.integers(0, 4)) > 0)


@st.composite
def _beside(draw: st.DrawFn, first: Shape) -> Shape:
    """A second operand: equal to the first, or different in one axis, with ones, fewer axes, without a batch, or permuted."""
    how = draw(st.sampled_from(("same", "same", "axis", "ones", "fewer", "turned", "batch", "nameless", "any")))
    axis = draw(st.integers(0, first.rank - 1))
    if how == "axis":
        return first.replace(axis, draw(SIZES))
    if how == "ones":
        return first.replace(axis, 1)
    if how == "fewer":
        return Shape.of(first.channels)
    if how == "turned":
        return first.permuted((*range(first.rank)[:-2], *reversed(range(first.rank)[-2:])))
    if how == "batch":
        return Shape(first.sizes, first.names, not first.batched)
    if how == "nameless":
        return Shape(first.sizes, (None,) * first.rank)
    return draw(shapes()) if how == "any" else first


def _axis(first: Shape) -> st.SearchStrategy[Any]:
    named = [name for name in first.names if name is not None]
    numbers = st.integers(-first.rank, first.rank - 1)
    return st.one_of(st.none(), numbers, st.sampled_from(named)) if named else numbers


def _size(first: Shape, axis: Any) -> int:
    """The size of an axis that a field names."""
    if axis is None:
        return first.channels
    position = first.axis(axis) if isinstance(axis, str) else axis
    assert position is not None
    return first.sizes[position]


@st.composite
def _split(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    axis = draw(_axis(first))
    size = _size(first, axis)
    at = draw(st.integers(0, size - 1))
    return {"axis": axis, "sizes": [at, size - at] if at else [size]}


@st.composite
def _slice(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    axis = draw(_axis(first))
    size = _size(first, axis)
    start = draw(st.integers(0, size - 1))
    return {"axis": axis, "start": start, "stop": draw(st.integers(start + 1, size))}


@st.composite
def _reshape(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    sizes = list(draw(st.permutations(first.sizes)))
    if len(sizes) > 1 and draw(st.booleans()):
        at = draw(st.integers(0, len(sizes) - 2))
        sizes[at : at + 2] = [math.prod(sizes[at : at + 2])]
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    if draw(st.booleans()):
        names = draw(st.permutations(AXES[1:]))
        return {"sizes": dict(zip(names, sizes, strict=False))}
    return {"sizes": sizes}


@st.composite
def _permute(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    order = draw(st.permutations(range(first.rank)))
    by_name = draw(st.booleans())
    return {"axes": [first.names[axis] if by_name and first.names[axis] else axis for axis in order]}


@st.composite
def _layernorm(draw: st.DrawFn, first: Shape) -> dict[str, Any]:
    axes = draw(st.permutations(range(first.rank)))[: draw(st.integers(1, first.rank))]
    return {"axes": draw(st.sampled_from((None, len(axes), [first.names[axis] or axis for axis in axes])))}


def _constant(first: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(
        (
            {"shape": [2, 3]},
            {"shape": {"tokens": 3}, "whole": True, "persistent": False},
            {"shape": {"tokens": 2, "heads": 1}, "kind": "values", "values": [1.0, 2.0]},
            {"shape": [2, 3], "kind": "causal"},
            {"shape": [3, 2], "kind": "values", "values": [0.5], "batched": True, "persistent": False},
            {"shape": [3, 4], "kind": "sinusoids"},
            {"shape": {"tokens": 6, "features": 6}, "kind": "relative_position", "sizes": [2, 3]},
            {"shape": [7, 7], "kind": "relative_position", "sizes": [2, 3], "token": True},
            {"shape": [2, 6], "kind": "absolute_distance", "sizes": [2, 3], "stride": 2},
            {"shape": {"height": 3, "width": 5, "channels": 2}, "kind": "log_distance", "sizes": [2, 3]},
            {
                "shape": {"tokens": 4, "heads": 4, "features": 4},
                "kind": "shifted_windows",
                "sizes": [4, 4],
                "kernel": [2, 2],
                "shift": [1, 0],
            },
        )
    ).map(dict)  # type: ignore[arg-type]


def _reduce(first: Shape) -> st.SearchStrategy[dict[str, Any]]:
    named: list[Any] = [name for name in first.names if name is not None]
    return st.sampled_from(named or [[0]]).map(lambda axis: {"axes": axis})


def _divisor(first: Shape) -> st.SearchStrategy[int]:
    channels = first.channels
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
    "permute": _permute,
    "layernorm": _layernorm,
    "constant": _constant,
    "reduce": _reduce,
    "rmsnorm": _layernorm,
    "splitheads": lambda first: _divisor(first).map(lambda heads: {"heads": heads}),
    "window": lambda first: st.sampled_from((1, 2)).map(lambda size: {"size": size}),
    "unwindow": lambda first: st.just({"size": 1}),
    "roll": lambda first: st.tuples(st.sampled_from(first.names), st.sampled_from((-1, 1, 2))).map(
        lambda pair: {"shifts": {pair[0] or "tokens": pair[1]}}
    ),
    "normalize": lambda first: _axis(first).map(lambda axis: {"axis": axis}),
    "clamp": lambda first: st.sampled_from(({"low": 0.5, "high": 2.0}, {"low": None, "high": 0.5})),
    "linear": lambda first: _axis(first).map(lambda axis: {"axis": axis}),
    "softmax": lambda first: _axis(first).map(lambda axis: {"axis": axis}),
    "concat": lambda first: _axis(first).map(lambda axis: {"axis": axis}),
    "flatten": lambda first: st.integers(0, first.rank - 1).map(lambda start: {"start": first.names[start] or start}),
    "token": lambda first: (
        st.integers(-first.sizes[0], first.sizes[0]).filter(bool).map(lambda index: {"index": index})
    ),
    "avgpool": lambda first: st.sampled_from(({"kernel": 1, "padding": 0}, {"kernel": 2, "padding": 0})),
    "attention": lambda first: st.sampled_from([n for n in (1, 2, 3, 4) if first.channels % n == 0]).map(
        lambda heads: {"heads": heads}
    ),
    "pad": lambda first: st.integers(0, 2).map(lambda size: {"size": size}),
    "upsample": lambda first: st.sampled_from(({"scale": 2, "size": None}, {"size": 5, "scale": None})).map(dict),
}
"""Fields that fit the first input, for ops whose random fields rarely do."""
