"""The ops: every word of the language that computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from archspec.ops.activation import ReLU
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Bundle, Concat, Max, Mean, Multiply
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.pool import AdaptivePool, AvgPool, GlobalPool, MaxPool
from archspec.ops.tensor import Identity, Split

OPS: tuple[type[Op], ...] = (
    Conv,
    Linear,
    BatchNorm,
    ReLU,
    MaxPool,
    AvgPool,
    AdaptivePool,
    GlobalPool,
    Add,
    Mean,
    Max,
    Concat,
    Multiply,
    Bundle,
    Split,
    Identity,
)
"""All ops, in the order of the documentation."""

BY_WORD: dict[str, type[Op]] = {op.word: op for op in OPS}


def _options(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (value for value in get_args(annotation) if isinstance(value, str))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from _options(field.annotation)
    else:
        for part in get_args(annotation):
            yield from _options(part)


OPTIONS: frozenset[str] = frozenset(option for op in OPS for option in _options(op))
"""The strings that some field of an op takes as they are, such as `same`."""
