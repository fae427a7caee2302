"""What a diagnostic says of a join whose operands do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from archspec.diagnostics import Note
from archspec.graph import Value
from archspec.language.layers import ArgumentUse, BlockUse, Chain, Layer, OpUse, Turns, ValueUse
from archspec.language.scopes import Bundle, Closure, Env
from archspec.ops.base import Op, ShapeError

_SHOWN = 12  # operands
_LOOKED_AT = 200  # layers, for the words of one operand


def turned(op: Op, inputs: Bundle, current: Bundle) -> str | None:
    """The advice of a join whose shortcut, the current value itself, stands first: it is given for the branch first."""
    if (inputs[0],) != current or inputs[1] == inputs[0]:
        return None
    try:
        op.infer(inputs[1].shape, inputs[0].shape)
    except ShapeError as error:
        return error.help
    return None


def operands(values: list[tuple[Layer, Value]], env: Env) -> tuple[Note, ...]:
    """The shapes of a join's operands, one below the other, each with what made it."""
    shapes = [str(value.shape) for _, value in values[:_SHOWN]]
    width = max(map(len, shapes), default=0)
    notes = [
        Note(layer.span, f"{shape:>{width}}  {_made_of(layer, env)}")
        for (layer, _), shape in zip(values, shapes, strict=False)
    ]
    if len(values) > _SHOWN:
        notes.append(Note(values[_SHOWN][0].span, f"… and {len(values) - _SHOWN} more"))
    return tuple(notes)


def _made_of(layer: Layer, env: Env) -> str:
    words = list(islice(_words(layer, env), 9))
    return (", ".join(words[:8]) + (", …" if len(words) > 8 else "")) or "identity"


def _words(layer: Layer, env: Env) -> Iterator[str]:
    """What a layer is made of, for a diagnostic; no more than `_LOOKED_AT` layers are looked at, many of which may be empty."""
    pending: list[Iterator[tuple[Layer, Env]]] = [iter([(layer, env)])]
    for _ in range(_LOOKED_AT):
        found = next(pending[-1], None)
        if found is None:
            pending.pop()
            if not pending:
                return
            continue
        part, around = found
        match part:
            case OpUse():
                yield part.op.word
            case BlockUse():
                yield part.block
            case ValueUse():
                yield part.name
            case Turns():
                yield part.word
            case Chain():
                pending.append(_parts(part, around))
            case ArgumentUse():
                value = around.names[part.name]
                if isinstance(value, Closure):
                    pending.append(iter([(value.layer, value.env)]))
                else:
                    yield part.name


def _parts(chain: Chain, env: Env) -> Iterator[tuple[Layer, Env]]:
    return ((item.layer, env) for item in chain.items)
