"""The ops: every word of the language that computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from archspec.ir.shape import AXES
from archspec.ops.activation import (
    ELU,
    GELU,
    SELU,
    Clamp,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from archspec.ops.attention import Attention, Embedding, MatMul, Parameter
from archspec.ops.base import Op
from archspec.ops.conv import Conv, ConvTranspose
from archspec.ops.dropout import Dropout, DropPath, SpatialDropout
from archspec.ops.fractal import ColumnDraw, DropMean
from archspec.ops.join import Add, Bundle, Concat, Max, Mean, Multiply
from archspec.ops.layout import ChannelShuffle, Flatten, Permute, Reshape, Upsample
from archspec.ops.linear import Linear
from archspec.ops.norm import LRN, BatchNorm, GroupNorm, InstanceNorm, LayerNorm, ScaleShift
from archspec.ops.pool import AdaptivePool, AvgPool, GlobalPool, MaxPool
from archspec.ops.tensor import Identity, Pad, Scale, Slice, Split, Token

OPS: tuple[type[Op], ...] = (
    Conv,
    ConvTranspose,
    Linear,
    BatchNorm,
    GroupNorm,
    LayerNorm,
    InstanceNorm,
    LRN,
    ReLU,
    ReLU6,
    LeakyReLU,
    PReLU,
    ELU,
    SELU,
    GELU,
    SiLU,
    Hardswish,
    Hardsigmoid,
    Sigmoid,
    Tanh,
    Softmax,
    MaxPool,
    AvgPool,
    AdaptivePool,
    GlobalPool,
    Dropout,
    SpatialDropout,
    DropPath,
    ColumnDraw,
    Add,
    Mean,
    DropMean,
    Max,
    Concat,
    Multiply,
    Bundle,
    Identity,
    Split,
    Slice,
    Pad,
    Token,
    Scale,
    Flatten,
    Reshape,
    Permute,
    Upsample,
    ChannelShuffle,
    MatMul,
    Attention,
    Embedding,
    Parameter,
)
"""All ops of the language, in the order of the documentation."""

PASS_OPS: tuple[type[Op], ...] = (ScaleShift, Clamp)
"""The ops that only passes make: no words of the language."""

BY_WORD: dict[str, type[Op]] = {op.word: op for op in OPS}


def find_options(annotation: Any) -> Iterator[str]:
    """The strings that a field of this type, or some field of this model, takes as they are."""
    if get_origin(annotation) is Literal:
        yield from (value for value in get_args(annotation) if isinstance(value, str))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from find_options(field.annotation)
    else:
        for part in get_args(annotation):
            yield from find_options(part)


OPTIONS: frozenset[str] = frozenset(option for op in OPS for option in find_options(op)) - set(AXES)
"""The strings that some field of an op takes as they are, such as `same`. Names of axes are such where an axis is asked for."""
