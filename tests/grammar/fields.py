"""Random arguments of ops, drawn from their models, or chosen to fit a shape if random ones rarely do."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from archspec.ir.shape import Shape
from archspec.ops.base import Op
from archspec.ops.initial import Init

SPREAD = 3
"""An integer is drawn from its least value and the next few."""


def random_fields(rng: Random, op: type[Op], shape: Shape) -> dict[str, Any]:
    """Arguments of an op for a value of this shape; they need not fit."""
    fields = {
        name: drawn(rng, info.annotation, _flat(info.metadata))
        for name, info in op.model_fields.items()
        if info.is_required() or rng.random() < 0.3
    }
    if op.word in FITTING and rng.random() < 0.9:
        fields |= FITTING[op.word](rng, shape)
    return fields


def drawn(rng: Random, annotation: Any, bounds: tuple[Any, ...] = ()) -> Any:
    """A value of a field's type, within the bounds in its metadata."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *metadata = parts
        return drawn(rng, inner, bounds + _flat(metadata))
    if origin in (Union, types.UnionType):
        return drawn(rng, rng.choice(parts), bounds)
    if origin is Literal:
        return rng.choice(parts)
    if origin is tuple:
        return _tuple(rng, parts, bounds)
    if annotation is Init:
        return rng.choice(INITS)
    if annotation is bool:
        return rng.random() < 0.5
    low, high = _bound(bounds, "ge"), _bound(bounds, "le")
    if annotation is int:
        least = -SPREAD if low is None else low
        return rng.randint(least, least + SPREAD if high is None else min(high, least + SPREAD))
    if annotation is float:
        above = _bound(bounds, "gt")
        return rng.choice(
            [
                x
                for x in FLOATS
                if (low is None or x >= low) and (high is None or x <= high) and (above is None or x > above)
            ]
        )
    return None


FLOATS = (-1.0, -0.0, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 1e-5, 1e300, 1 / 3)
INITS = (
    {"kind": "kaiming_normal", "mode": "fan_out"},
    {"kind": "normal", "std": 0.02},
    {"kind": "uniform", "low": -0.5, "high": 0.5},
    {"kind": "trunc_normal", "std": 0.1},
    {"kind": "constant", "value": 0.5},
    {"kind": "xavier_uniform"},
    {"kind": "orthogonal", "gain": 2.0},
    {"kind": "kaiming_uniform", "nonlinearity": "tanh"},
)


def _tuple(rng: Random, parts: tuple[Any, ...], bounds: tuple[Any, ...]) -> list[Any]:
    if parts[-1] is not Ellipsis:
        return [drawn(rng, part) for part in parts]
    least, most = _bound(bounds, "min_length") or 0, _bound(bounds, "max_length") or 3
    return [drawn(rng, parts[0]) for _ in range(rng.randint(least, most))]


def _flat(metadata: Any) -> tuple[Any, ...]:
    return tuple(part for entry in metadata for part in (entry.metadata if isinstance(entry, FieldInfo) else [entry]))


def _bound(bounds: tuple[Any, ...], name: str) -> Any:
    return next((getattr(bound, name) for bound in bounds if hasattr(bound, name)), None)


def divisor(rng: Random, number: int) -> int:
    return rng.choice([part for part in range(1, number + 1) if number % part == 0])


def cut(rng: Random, size: int) -> list[int]:
    """Sizes of parts of something."""
    places = sorted(rng.sample(range(1, size), min(size - 1, rng.randint(0, 3))))
    return [end - start for start, end in zip([0, *places], [*places, size], strict=True)]


def _conv(rng: Random, shape: Shape) -> dict[str, Any]:
    groups = divisor(rng, shape.sizes[0]) if rng.random() < 0.3 else 1
    kernel = rng.choice([1, 1, 2, 3])
    fields: dict[str, Any] = {"out": groups * rng.randint(1, 3), "kernel": kernel}
    if groups > 1:
        fields["groups"] = groups
    if kernel > 1 and rng.random() < 0.8:
        fields["padding"] = rng.choice(["same", 1])
    return fields


def _split(rng: Random, shape: Shape) -> dict[str, Any]:
    axis = _axis(rng, shape)
    sizes = cut(rng, shape.sizes[(shape.channel_axis or 0) if axis is None else axis])
    return {"sizes": sizes} if axis is None else {"sizes": sizes, "axis": axis}


def _slice(rng: Random, shape: Shape) -> dict[str, Any]:
    axis = _axis(rng, shape)
    size = shape.sizes[(shape.channel_axis or 0) if axis is None else axis]
    start = rng.randrange(size)
    return {"axis": axis, "start": start, "stop": rng.randint(start + 1, size)}


def _axis(rng: Random, shape: Shape) -> int | None:
    return rng.choice([None, None, rng.randrange(-shape.rank, shape.rank)])


def _reshape(rng: Random, shape: Shape) -> dict[str, Any]:
    sizes = rng.sample(shape.sizes, shape.rank)
    if rng.random() < 0.4:
        sizes[rng.randrange(len(sizes))] = -1
    return {"sizes": sizes}


def _upsample(rng: Random, shape: Shape) -> dict[str, Any]:
    fields: dict[str, Any] = {"scale": 2, "size": None} if rng.random() < 0.5 else {"size": 4, "scale": None}
    modes = {2: ["linear"], 3: ["bilinear", "bicubic"], 4: ["trilinear"]}.get(shape.rank, [])
    fields["mode"] = rng.choice(["nearest", *modes])
    if fields["mode"] == "nearest":
        fields["align_corners"] = False
    return fields


FITTING: Mapping[str, Callable[[Random, Shape], dict[str, Any]]] = {
    "conv": _conv,
    "convtranspose": lambda rng, shape: {"out": rng.randint(1, 4), "groups": 1, "padding": 0, "output_padding": 0},
    "linear": lambda rng, shape: {"out": rng.randint(1, 8)},
    "split": _split,
    "slice": _slice,
    "reshape": _reshape,
    "upsample": _upsample,
    "permute": lambda rng, shape: {"axes": rng.sample(range(shape.rank), shape.rank)},
    "flatten": lambda rng, shape: {"start": rng.randrange(shape.rank)},
    "softmax": lambda rng, shape: {"axis": _axis(rng, shape)},
    "layernorm": lambda rng, shape: {"axes": rng.randint(1, shape.rank)},
    "groupnorm": lambda rng, shape: {"groups": divisor(rng, shape.sizes[0])},
    "channelshuffle": lambda rng, shape: {"groups": divisor(rng, shape.sizes[0])},
    "token": lambda rng, shape: {"index": rng.choice([1, -1, shape.sizes[0]])},
    "attention": lambda rng, shape: {"heads": divisor(rng, shape.sizes[-1])},
    "maxpool": lambda rng, shape: {"kernel": 2, "padding": 0},
    "avgpool": lambda rng, shape: {"kernel": 2, "padding": 0},
    "pad": lambda rng, shape: {"size": rng.choice([0, 1, [[0, 1]] * (shape.rank - 1) or 0])},
    "embedding": lambda rng, shape: {"vocabulary": rng.randint(4, 9), "width": rng.randint(1, 6)},
    "parameter": lambda rng, shape: {"shape": list(shape.sizes)},
}
"""By op, arguments that fit a value of this shape, or nearly."""
