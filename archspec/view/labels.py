"""The kinds of op that a picture tells apart by colour, and what is written on the box of an op."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archspec.errors import shorten_text
from archspec.ir.graph import Node
from archspec.ir.shape import Shape
from archspec.numerals import format_rounded
from archspec.ops.base import Op

CATEGORY_NAMES: Mapping[str, str] = {
    "conv": "convolution",
    "linear": "linear",
    "attention": "attention, learned values",
    "norm": "normalisation",
    "activation": "activation",
    "pool": "pooling",
    "dropout": "dropout",
    "join": "join",
    "shape": "slices and shapes",
    "block": "block, stage",
    "ends": "input, output",
}
"""What the legend calls each kind, in its order."""

_BY_MODULE = {"layout": "shape", "tensor": "shape", "fractal": "join"}
JOIN_SIGNS = {"add": "+", "multiply": "×"}
_ESSENTIAL = {"out", "kernel", "stride", "groups", "dilation"}
_UNSEEN = {"init", "bias_init", "weight_init"}  # how weights begin is no part of a figure


def op_category(op: Op) -> str:
    """The kind of an op: the chapter of the ops that it stands in."""
    chapter = type(op).__module__.rpartition(".")[2]
    return _BY_MODULE.get(chapter, chapter)


def format_op(op: Op) -> str:
    """An op as a figure writes it: `conv 3×3, 64, /2`, `dropout 0.5`."""
    given = op.arguments()
    if "kernel" in type(op).model_fields:
        return f"{op.word} {_format_window(op)}"
    first = given.get(op.first) if op.first else None
    return f"{op.word} {_format_value(first)}" if isinstance(first, (int, float, str, tuple)) else op.word


def format_details(op: Op) -> str:
    """The other arguments that are not the defaults: `padding same, no bias`."""
    shown = _ESSENTIAL if "kernel" in type(op).model_fields else {op.first}
    given = {name: value for name, value in op.arguments().items() if name not in shown | _UNSEEN}
    return ", ".join(_format_argument(name, value) for name, value in given.items() if value is not None)


def _format_window(op: Op) -> str:
    fields = dict(op)
    parts = [_format_size(fields["kernel"])]
    parts += [f"{fields['out']}"] if "out" in fields else []
    stride = fields.get("stride")
    parts += [f"/{_format_size(stride, once=True)}"] if stride not in (None, 1) else []
    parts += [f"{fields['groups']} groups"] if fields.get("groups", 1) != 1 else []
    parts += [f"dilation {_format_size(fields['dilation'], once=True)}"] if fields.get("dilation", 1) != 1 else []
    return ", ".join(parts)


def _format_size(size: Any, *, once: bool = False) -> str:
    """A size along each axis: `3×3`; a single one alone if `once`."""
    if isinstance(size, tuple):
        return "×".join(map(str, size))
    return str(size) if once else f"{size}×{size}"


def _format_argument(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {_format_value(value)}"


def _format_value(value: Any) -> str:
    match value:
        case (str(name), int(size)):  # an axis and its size
            return f"{size} {name}"
    if isinstance(value, tuple):
        return shorten_text(" | ".join(_format_value(item) for item in value), 30)
    return f"{value:g}" if isinstance(value, float) else shorten_text(str(value), 30)


def format_shapes(shapes: Iterable[Shape]) -> str:
    """The shapes of some values: `64×56×56`; equal ones once."""
    texts = list(map(str, shapes))
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{texts[0]} (×{len(texts)})"
    return shorten_text(", ".join(texts), 40)


def format_costs(params: int, macs: int) -> str:
    """The costs of a part that has any: `1.22 M params · 0.69 G MACs`."""
    shown = [f"{format_rounded(params)} params"] if params else []
    return " · ".join(shown + ([f"{format_rounded(macs)} MACs"] if macs else []))


def format_tooltip(node: Node) -> str:
    """All that a tooltip says of a node."""
    others = format_details(node.op)
    description = ", ".join(filter(None, (format_op(node.op), others)))
    cost = format_costs(sum(weight.numel for weight in node.weights if weight.trainable), node.macs)
    return " — ".join(filter(None, (node.name, description, format_shapes(node.output_shapes), cost)))
