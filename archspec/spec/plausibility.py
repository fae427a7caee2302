"""Warns of sizes and numbers that are valid but probably written for another framework."""

from __future__ import annotations

import math
from fractions import Fraction

from archspec.errors import Collector
from archspec.spec.bound_tree import ArgumentField
from archspec.spec.document import Document
from archspec.spec.expression_parser import parse_expression
from archspec.spec.expressions import ExpressionError, evaluate_expression
from archspec.spec.symbols import SymbolTable
from archspec.spec.yaml_tree import Scalar, Sequence, Tree

_COLOURS = (1, 3, 4)  # channels of an image
_SIDE = 16  # the least height and width of an image
_BATCH = frozenset(("None", "none", "N", "n", "B", "b", "bs", "batch", "batch_size", "batchsize", "?", "*", "-1"))
_KERNELS = frozenset(("conv", "convtranspose", "linear", "embedding"))
_HIGH = Fraction(9, 10)  # a larger momentum is probably Keras', which is 1 minus torch's

Sizes = list[int | None]
"""The sizes of an input, None for one that is not known."""


def is_batch(item: Tree, names: SymbolTable) -> bool:
    """Whether the first size of an input is a placeholder for the batch."""
    return (
        isinstance(item, Scalar) and item.text not in names.arguments and (item.text in _BATCH or item.kind == "null")
    )


def without_first(tree: Sequence) -> str:
    """An input without its first size, as text."""
    rest = [item.text if isinstance(item, Scalar) else "…" for item in tree.items[1:]]
    return f"[{', '.join(rest or ('3', '224', '224'))}]"


def check_sizes(tree: Sequence, document: Document, errors: Collector) -> None:
    """Warns of an input with a batch, or with its channels last.

    Args:
        tree: the sizes.
        document: the document, for the arguments that they name and the input of its base.
        errors: collects the warning.
    """
    sizes = [find_known_size(item, document) for item in tree]
    reading = _describe_batch(sizes, _base_sizes(document)) or _describe_channels_last(sizes)
    if reading is not None:
        message, meant = reading
        errors.warn(message, tree.span, help=meant)


def _describe_batch(sizes: Sizes, base: Sizes | None) -> tuple[str, str] | None:
    rank = len(sizes)
    if not (_extends_by_batch(sizes, base) or _leads_with_batch(sizes)):
        return None
    sample = _channels_first(sizes[1:]) if rank > 3 else sizes[1:]
    kind = {2: "a sequence", 3: "an image", 4: "a volume"}.get(rank, f"a value of {rank} axes")
    message = f"an input has no batch, and so these are the sizes of {kind}: {_format_channels(sizes)}"
    return message, f"without the batch it is [{', '.join(map(_format_size, sample))}]"


def _extends_by_batch(sizes: Sizes, base: Sizes | None) -> bool:
    """Whether sizes look like those of the base's input with a batch in front."""
    if base is None or len(sizes) != len(base) + 1:
        return False
    return (sizes[1:] == base and None not in base) or (len(base) == 3 and sizes[0] == 1)


def _leads_with_batch(sizes: Sizes) -> bool:
    """Whether four or five sizes look like a batch of images or of clips."""
    if len(sizes) == 4 and sizes[0] == 1:
        return sizes[1] in _COLOURS or sizes[3] in _COLOURS
    if len(sizes) == 4:
        return (sizes[1] in (1, 3) and all(map(_is_side, sizes[2:]))) or (sizes[3] == 3 and sizes[1] == sizes[2])
    return len(sizes) == 5 and (sizes[0] == 1 or sizes[1] in _COLOURS)


def _describe_channels_last(sizes: Sizes) -> tuple[str, str] | None:
    if len(sizes) not in (3, 4) or sizes[-1] not in _COLOURS or set(sizes[:-1]) == {None}:
        return None
    if not all(map(_is_side, sizes[:-1])):
        return None
    message = f"channels come first: these are {_format_channels(sizes)}"
    return message, f"with its channels first it is [{', '.join(map(_format_size, _channels_first(sizes)))}]"


def _channels_first(sizes: Sizes) -> Sizes:
    """The sizes with the channels first, if they seem to be last."""
    last = sizes[-1] in _COLOURS and all(map(_is_side, sizes[:-1]))
    return [sizes[-1], *sizes[:-1]] if last else sizes


def _is_side(size: int | None) -> bool:
    return size is None or size >= _SIDE


def _format_size(size: int | None) -> str:
    return "…" if size is None else str(size)


def _format_sizes(sizes: Sizes) -> str:
    return "×".join(map(_format_size, sizes))


def _format_channels(sizes: Sizes) -> str:
    count = "1 channel" if sizes[0] == 1 else f"{_format_size(sizes[0])} channels"
    return f"{count} of {_format_sizes(sizes[1:])}"


def _base_sizes(document: Document) -> Sizes | None:
    """The sizes of the base's input, if document and base have one input each."""
    base = document.base
    if base is None or len(base.inputs) != 1 or len(document.inputs) != 1:
        return None
    tree = base.inputs[0][1]
    return [find_known_size(item, document) for item in tree] if isinstance(tree, Sequence) else None


def find_known_size(tree: Tree, document: Document) -> int | None:
    """The value of a size, if it is a number or arithmetic with known arguments."""

    def value(name: str) -> Fraction | None:
        own = document.args.get(name)
        argument = document.overrides.get(name, own[1] if own is not None else None)
        return argument.number if isinstance(argument, Scalar) and argument.kind == "number" else None

    if not isinstance(tree, Scalar) or tree.kind not in ("number", "word"):
        return None
    try:
        exact = tree.number if tree.kind == "number" else evaluate_expression(parse_expression(tree.text), value)
    except ExpressionError:
        return None
    return math.floor(exact) if exact.denominator == 1 else None


def check_numbers(word: str, fields: tuple[ArgumentField, ...], errors: Collector) -> None:
    """Warns of numbers that have another meaning in other frameworks."""
    for field in fields:
        value = field.value
        if not isinstance(value, Scalar) or value.kind != "number":
            continue
        if field.name == "momentum" and value.number > _HIGH:
            message = f"momentum is the share of the newest minibatch: with {value.text} the statistics hardly remember another"
            errors.warn(
                message, value.span, help=f"what Keras calls a momentum of {value.text} is {float(1 - value.number):g}"
            )
        if field.name == "init" and word in _KERNELS and value.number != 0:
            message = f"init: {value.text} makes every weight of {word} {value.text}"
            meant = f"a standard deviation is {{kind: normal, std: {value.text}}}, a constant {{kind: constant, value: {value.text}}}"
            errors.warn(message, value.span, help=meant)
