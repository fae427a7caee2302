"""The kinds of op that a picture tells apart by colour, and what is written on the box of an op."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archspec.diagnostics import shorten
from archspec.graph import Node
from archspec.ops.base import Op
from archspec.shape import Shape

NAMES: Mapping[str, str] = {
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
SIGNS = {"add": "+", "multiply": "×"}
_ESSENTIAL = {"out", "kernel", "stride", "groups", "dilation"}
_UNSEEN = {"init", "bias_init", "weight_init"}  # how weights begin is no part of a figure


def kind(op: Op) -> str:
    """The kind of an op: the chapter of the ops that it stands in."""
    chapter = type(op).__module__.rpartition(".")[2]
    return _BY_MODULE.get(chapter, chapter)


def label(op: Op) -> str:
    """An op as a figure writes it: `conv 3×3, 64, /2`, `dropout 0.5`."""
    given = op.arguments()
    if "kernel" in type(op).model_fields:
        return f"{op.word} {_sliding(op)}"
    first = given.get(op.first) if op.first else None
    return f"{op.word} {_value(first)}" if isinstance(first, (int, float, str, tuple)) else op.word


def rest(op: Op) -> str:
    """The other arguments that are not the defaults: `padding same, no bias`."""
    shown = _ESSENTIAL if "kernel" in type(op).model_fields else {op.first}
    given = {name: value for name, value in op.arguments().items() if name not in shown | _UNSEEN}
    return ", ".join(_argument(name, value) for name, value in given.items() if value is not None)


def _sliding(op: Op) -> str:
    fields = dict(op)
    parts = [_times(fields["kernel"])]
    parts += [f"{fields['out']}"] if "out" in fields else []
    stride = fields.get("stride")
    parts += [f"/{_times(stride, once=True)}"] if stride not in (None, 1) else []
    parts += [f"{fields['groups']} groups"] if fields.get("groups", 1) != 1 else []
    parts += [f"dilation {_times(fields['dilation'], once=True)}"] if fields.get("dilation", 1) != 1 else []
    return ", ".join(parts)


def _times(size: Any, *, once: bool = False) -> str:
    """A size along each axis: `3×3`; a single one alone if `once`."""
    if isinstance(size, tuple):
        return "×".join(map(str, size))
    return str(size) if once else f"{size}×{size}"


def _argument(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {_value(value)}"


def _value(value: Any) -> str:
    match value:
        case (str(name), int(size)):  # an axis and its size
            return f"{size} {name}"
    if isinstance(value, tuple):
        return shorten(" | ".join(_value(one) for one in value), 30)
    return f"{value:g}" if isinstance(value, float) else shorten(str(value), 30)


def sizes(shapes: Iterable[Shape]) -> str:
    """The shapes of some values: `64×56×56`; equal ones once."""
    texts = list(map(str, shapes))
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{texts[0]} (×{len(texts)})"
    return shorten(", ".join(texts), 40)


def count(number: int) -> str:
    """A number in at most three digits and its unit, as in papers: `25.6 M`."""
    for unit, name in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            scaled = number / unit
            return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f} {name}"
    return str(number)


def costs(params: int, macs: int) -> str:
    """The costs of a part that has any: `1.22 M params · 0.69 G MACs`."""
    shown = [f"{count(params)} params"] if params else []
    return " · ".join(shown + ([f"{count(macs)} MACs"] if macs else []))


def told(node: Node) -> str:
    """All that a tooltip says of a node."""
    others = rest(node.op)
    what = ", ".join(filter(None, (label(node.op), others)))
    cost = costs(sum(weight.count for weight in node.weights if weight.trainable), node.macs)
    return " — ".join(filter(None, (node.name, what, sizes(node.output_shapes), cost)))
