"""Raises the modules of archspec that built networks have: those that torch lacks."""

from __future__ import annotations

from typing import Any

from archspec.ops.rules import keep_non_defaults
from archspec.recording.functions.attention import apply_attention
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.raising import Raising
from archspec.recording.shaping import ROLES
from archspec.recording.trace import RecordedCall


def raise_column_draw(on: Raising, call: RecordedCall) -> Operand:
    """The draw of drop-path, which reads the batch size of its input."""
    fields = {"columns": call.options["columns"]} | keep_non_defaults(share=(call.options.get("share", 0.5), 0.5))
    return Operand.of(on.add_one("columndraw", fields, on.operand(call.args[0]).value, path=call.path))


def raise_drop_mean(on: Raising, call: RecordedCall) -> Operand:
    """The mean of the branches that drop-path leaves: a join, whose name would be that of a scope."""
    branches, drawn = call.args
    operands = [on.operand(branch) for branch in branches]
    columns = call.options["columns"]
    fields = keep_non_defaults(p=(call.options.get("p", 0.15), 0.15))
    if columns != list(range(len(operands))):
        fields["columns"] = columns
    values = [on.as_value(operand) for operand in (*operands, on.operand(drawn))]
    return Operand.of(on.add_one("dropmean", fields, *values))


def raise_rotary(on: Raising, call: RecordedCall) -> Operand:
    """A rotation of queries or keys by their places."""
    operand = on.operand(call.args[0])
    value = on.name_by_role(operand, ROLES[-min(3, operand.rank - 1) :])
    options = call.options
    fields = keep_non_defaults(
        base=(options.get("base", 10000.0), 10000.0), interleaved=(options.get("interleaved", False), False)
    )
    shape = value.shape
    if (options["tokens"], options["features"]) != (shape.sizes[shape.axis("tokens") or 0], shape.channels):
        raise UnsupportedCallError("rotary positions of other axes than tokens and features")
    return operand.with_value(on.add_one("rotary", fields, value, path=call.path))


def raise_dropped_attention(on: Raising, call: RecordedCall) -> Operand:
    """Attention whose weights are dropped in training."""
    given: dict[str, Any] = {"dropout_p" if name == "dropout" else name: own for name, own in call.options.items()}
    names = ("query", "key", "value", "attn_mask")
    return apply_attention(on, **dict(zip(names, call.args, strict=False)), **call.keywords, **given)
