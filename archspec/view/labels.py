"""Texts for the parts of a network in pictures, tables and reports: names, kinds, ops, arguments, shapes and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import digits
from typing import Any

from archspec.ir.graph import Input, Node, Region
from archspec.ir.shape import Shape
from archspec.numerals import format_rounded, format_sizes
from archspec.ops.base import Op
from archspec.printable import shorten_text

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
"""The name of each category in the legend, in the legend's order."""

FLOW_NAMES: Mapping[str, str] = {
    "identity": "identity shortcut",
    "projection": "projection shortcut",
    "concat": "concatenated",
    "gate": "gate",
}
"""The name of each kind of skip connection in the legend."""

_ESSENTIAL = {"out", "kernel", "stride", "groups", "dilation"}
_RANGE = {"start", "stop"}
_WINDOW = {"kernel", "stride"}
_ABSENT = {"batched": "no batch axis"}
"""What a switch that is off means, if it is not `no` and its name."""
_UNSEEN = {"init", "bias_init", "weight_init"}


def part_kind(part: Node | Input | Region) -> str:
    """The word of an op, the name of a block, "input", or "" for a region that is no use of a block."""
    if isinstance(part, Region):
        return part.kind
    return part.op.word if isinstance(part, Node) else "input"


def format_sign(op: Op) -> str:
    """The sign of an op without arguments, such as `+`; "" if it has arguments or no sign."""
    return "" if op.arguments() else op.sign


def format_times(times: int) -> str:
    """`×4` for a part that is there four times; "" for a single one."""
    return f"×{times}" if times > 1 else ""


def format_repeated(text: str, times: int) -> str:
    """A text with the number of repetitions, if there are several: `bottleneck ×4`."""
    return " ".join(filter(None, (text, format_times(times))))


def format_region(name: str, kind: str) -> str:
    """The name of a region and of its block, if they differ: `layer1  stage`."""
    return f"{name}  {kind}" if kind and not name.startswith(kind) else name


def format_name_range(first: str, last: str) -> str:
    """A range of names; the last is only a number if both have the same stem.

    >>> format_name_range("layer1", "layer4"), format_name_range("0", "5"), format_name_range("conv", "conv")
    ('layer1 … 4', '0 … 5', 'conv')
    """
    if first == last or not last:
        return first
    stem = first.rstrip(digits)
    number = last.removeprefix(stem)
    return f"{first} … {number if stem != first and number.isdecimal() else last}".removeprefix(" … ")


def format_op(op: Op) -> str:
    """An op as a figure writes it: `conv 3×3, 64, /2`, `dropout 0.5`, `slice 4…60, axis 1`."""
    if type(op).model_fields.keys() >= _WINDOW:
        return f"{op.word} {_format_window(op)}"
    given = op.arguments()
    first = _format_range(op) if type(op).model_fields.keys() >= _RANGE else given.get(op.first or "")
    shown = [_format_short(first)] if isinstance(first, (int, float, str, tuple)) else []
    told = [_format_argument(name, given[name]) for name in op.telling if given.get(name) is not None]
    return ", ".join([" ".join([op.word, *shown]), *told])


def format_details(op: Op) -> str:
    """The arguments that `format_op` leaves out and that are not the defaults: `padding same, no bias`."""
    fields = type(op).model_fields
    shown = (
        _ESSENTIAL
        if fields.keys() >= _WINDOW
        else {op.first, *op.telling, *(_RANGE if fields.keys() >= _RANGE else ())}
    )
    given = {name: value for name, value in op.arguments().items() if name not in shown | _UNSEEN}
    return ", ".join(_format_argument(name, value) for name, value in given.items() if value is not None)


def _format_range(op: Op) -> str:
    """The places that a slice takes: `4…60`, `4…` to the end."""
    fields = dict(op)
    return f"{fields['start']}…{'' if fields['stop'] is None else fields['stop']}"


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
    """A size along each axis, `3×3`; a scalar is repeated unless `once`."""
    if isinstance(size, tuple):
        return format_sizes(size)
    return str(size) if once else f"{size}×{size}"


def _format_argument(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else _ABSENT.get(name, f"no {name}")
    return f"{name} {_format_short(value)}"


def _format_short(value: Any) -> str:
    return shorten_text(format_value(value, " | "), 30)


def format_value(value: object, between: str = "×") -> str:
    """An argument of a part; the items of a list are separated by `between`.

    >>> format_value(True), format_value(0.5), format_value([3, 3]), format_value(("tokens", 49))
    ('true', '0.5', '3×3', '49 tokens')
    """
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case list():
            return between.join(format_value(item, between) for item in value)
        case (str(axis), int(size)):
            return f"{size} {axis}"
        case tuple():
            return between.join(format_value(item, between) for item in value)
    return str(value)


def format_shapes(shapes: Iterable[Shape]) -> str:
    """The shapes of some values: `64×56×56`; several equal ones as `64×56×56 (×2)`."""
    texts = list(map(str, shapes))
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{texts[0]} (×{len(texts)})"
    return shorten_text(", ".join(texts), 40)


def format_costs(params: int, macs: int) -> str:
    """The costs of a part, without those that are 0: `1.22 M params · 0.69 G MACs`."""
    shown = [f"{format_rounded(params)} params"] if params else []
    return " · ".join(shown + ([f"{format_rounded(macs)} MACs"] if macs else []))


def format_tooltip(node: Node) -> str:
    """The text of a node's tooltip: name, op with its arguments, output shapes, costs."""
    others = format_details(node.op)
    description = ", ".join(filter(None, (format_op(node.op), others)))
    cost = format_costs(sum(weight.numel for weight in node.weights if weight.trainable), node.macs)
    return " — ".join(filter(None, (node.name, description, format_shapes(node.output_shapes), cost)))
