"""What the parts of a network are called and which kind they are, in pictures, tables and reports alike."""

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
"""What the legend calls each kind, in its order."""

_ESSENTIAL = {"out", "kernel", "stride", "groups", "dilation"}
_UNSEEN = {"init", "bias_init", "weight_init"}  # how weights begin is no part of a figure


def part_kind(part: Node | Input | Region) -> str:
    """What a part is: the word of an op, the name of a block, or "" for a region that only groups."""
    if isinstance(part, Region):
        return part.kind
    return part.op.word if isinstance(part, Node) else "input"


def format_sign(op: Op) -> str:
    """The sign that says all of an op, or "" where there is more to say: `+`."""
    return "" if op.arguments() else op.sign


def format_times(times: int) -> str:
    """How often a part is there, where it is more than once: `×4`."""
    return f"×{times}" if times > 1 else ""


def format_repeated(text: str, times: int) -> str:
    """A part that is there several times: `bottleneck  ×4`."""
    return "  ".join(filter(None, (text, format_times(times))))


def format_region(name: str, kind: str) -> str:
    """A region by its name and that of its block, where they differ: `layer1  stage`."""
    return f"{name}  {kind}" if kind and not name.startswith(kind) else name


def format_name_range(first: str, last: str) -> str:
    """Names from the first to the last; of numbered ones, the last as its number.

    >>> format_name_range("layer1", "layer4"), format_name_range("0", "5"), format_name_range("conv", "conv")
    ('layer1 … 4', '0 … 5', 'conv')
    """
    if first == last or not last:
        return first
    stem = first.rstrip(digits)
    number = last.removeprefix(stem)
    return f"{first} … {number if stem != first and number.isdecimal() else last}".removeprefix(" … ")


def format_op(op: Op) -> str:
    """An op as a figure writes it: `conv 3×3, 64, /2`, `dropout 0.5`."""
    given = op.arguments()
    if "kernel" in type(op).model_fields:
        return f"{op.word} {_format_window(op)}"
    first = given.get(op.first) if op.first else None
    return f"{op.word} {_format_short(first)}" if isinstance(first, (int, float, str, tuple)) else op.word


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
        return format_sizes(size)
    return str(size) if once else f"{size}×{size}"


def _format_argument(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {_format_short(value)}"


def _format_short(value: Any) -> str:
    return shorten_text(format_value(value, " | "), 30)


def format_value(value: object, between: str = "×") -> str:
    """An argument of a part, the items of a list apart by `between`.

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
