"""The ops of the language and of the passes, one class each."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from archspec.ir.shape import AXES
from archspec.ops import (
    activation,
    attention,
    constants,
    conv,
    dropout,
    elementwise,
    fractal,
    heads,
    join,
    layout,
    linear,
    norm,
    pool,
    reduction,
    tensor,
    transposed_conv,
    windows,
)
from archspec.ops.base import Op

_MODULES = (
    conv,
    transposed_conv,
    linear,
    norm,
    activation,
    elementwise,
    pool,
    reduction,
    dropout,
    join,
    fractal,
    tensor,
    layout,
    attention,
    heads,
    windows,
    constants,
)
"""The modules that define ops, in the order of the documentation."""


def _iter_ops(module: ModuleType) -> Iterator[type[Op]]:
    """The ops that a module defines, in its order: the classes with a word of their own."""
    for value in vars(module).values():
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and issubclass(value, Op) and "word" in vars(value):
            yield value


_ALL = tuple(op for module in _MODULES for op in _iter_ops(module))

OPS: tuple[type[Op], ...] = tuple(op for op in _ALL if not op.internal)
"""All ops of the language, in the order of the documentation."""

PASS_OPS: tuple[type[Op], ...] = tuple(op for op in _ALL if op.internal)
"""The ops that only passes make and no spec can use."""

BY_WORD: dict[str, type[Op]] = {op.word: op for op in OPS}


def find_options(annotation: Any) -> Iterator[str]:
    """The strings that a field of this type, or any field of this model, accepts as options."""
    if get_origin(annotation) is Literal:
        yield from (value for value in get_args(annotation) if isinstance(value, str))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from find_options(field.annotation)
    else:
        for part in get_args(annotation):
            yield from find_options(part)


OPTIONS: frozenset[str] = frozenset(option for op in OPS for option in find_options(op)) - set(AXES)
"""The strings that any field of an op accepts as options, such as `same`, without the names of axes."""
