"""Makes the diagnostics of joins whose operands do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat

from archspec.errors import Note
from archspec.ir.graph import Value
from archspec.ops.base import Op, ShapeError
from archspec.spec.bound_tree import ArgumentUse, Layer, Sequential, iter_children, layer_word
from archspec.spec.environment import Bundle, Closure, Env

_SHOWN = 12  # the most operands that are listed
_LOOKED_AT = 200  # the most layers that are searched for the words of one operand


def suggest_order(op: Op, inputs: Bundle, current: Bundle) -> str | None:
    """The join's own advice for operands whose skip connection stands first, which is written for the branch first."""
    if not op.folds or (inputs[0],) != current or inputs[1] == inputs[0]:
        return None
    try:
        op.infer(inputs[1].shape, inputs[0].shape)
    except ShapeError as error:
        return error.help
    return None


def advise_join(op: Op, inputs: Bundle, current: Bundle) -> str | None:
    """Advice for a join whose operands do not fit; None if the op's own is to be used."""
    return suggest_order(op, inputs, current) if len(inputs) == 2 else None


def describe_operands(values: list[tuple[Layer, Value]], env: Env) -> tuple[Note, ...]:
    """A note for each operand of a join with its shape and its layers."""
    sizes, names = {value.shape.sizes for _, value in values}, {value.shape.names for _, value in values}
    named = len(sizes) == 1 and len(names) > 1  # then the operands differ in the names of their axes
    shapes = [value.shape.described if named else str(value.shape) for _, value in values[:_SHOWN]]
    width = max(map(len, shapes), default=0)
    notes = [
        Note(layer.span, f"{shape:>{width}}  {_describe_layer(layer, env)}")
        for (layer, _), shape in zip(values, shapes, strict=False)
    ]
    if len(values) > _SHOWN:
        notes.append(Note(values[_SHOWN][0].span, f"… and {len(values) - _SHOWN} more"))
    return tuple(notes)


def _describe_layer(layer: Layer, env: Env) -> str:
    words = list(islice(_iter_layer_words(layer, env), 9))
    return (", ".join(words[:8]) + (", …" if len(words) > 8 else "")) or "identity"


def _iter_layer_words(layer: Layer, env: Env) -> Iterator[str]:
    """Yields the words of the layers inside a layer, of at most `_LOOKED_AT` layers."""
    pending: list[Iterator[tuple[Layer, Env]]] = [iter([(layer, env)])]
    for _ in range(_LOOKED_AT):
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            if not pending:
                return
            continue
        part, around = entry
        value = around.names[part.name] if isinstance(part, ArgumentUse) else None
        if isinstance(part, Sequential):
            pending.append(zip(iter_children(part), repeat(around)))
        elif isinstance(value, Closure):
            pending.append(iter([(value.layer, value.env)]))
        else:
            yield layer_word(part)
