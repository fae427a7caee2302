"""Reads the names of axes in the sizes of inputs and in the arguments of ops."""

from __future__ import annotations

from functools import cache

from archspec.errors import Collector
from archspec.ir.shape import AXES, CHANNELS, SPATIAL
from archspec.ops import find_options
from archspec.ops.base import Op
from archspec.spans import Span
from archspec.spec.bound_tree import ArgumentField
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree
from archspec.suggestions import did_you_mean

_COMPLETE = (frozenset[str](), {"length"}, {"height", "width"}, {"depth", "height", "width"})
"""The spatial axes of a vector or a sequence, of a signal, an image and a volume."""


def field_of(op: type[Op], name: str, span: Span, value: Tree, *, default: bool = False) -> ArgumentField:
    """An argument of an op, in which the names of axes are text if the field takes them."""
    return ArgumentField(name, span, _quote_names(value) if takes_axes(op, name) else value, default)


@cache
def takes_axes(op: type[Op], field: str) -> bool:
    """Whether an argument of an op may name axes."""
    return field in op.model_fields and set(AXES) <= set(find_options(op.model_fields[field].annotation))


def _quote_names(tree: Tree) -> Tree:
    if isinstance(tree, Sequence):
        return Sequence(tree.span, tuple(map(_quote_names, tree.items)))
    if isinstance(tree, Scalar) and tree.kind == "word" and tree.text in AXES:
        return Scalar(tree.span, tree.text, plain=False)
    return tree


def read_axis_arguments(op: type[Op], arguments: Tree | None, errors: Collector) -> Tree | None:
    """The arguments of an op; sizes by name, as in `reshape: {tokens: 49, features: 8}`, are put under their field."""
    if not op.sizes_by_name or not isinstance(arguments, Mapping) or not any(name in AXES for name in arguments.keys):
        return arguments
    sizes = tuple(entry for entry in arguments if entry[0].text not in op.model_fields)
    others = tuple(entry for entry in arguments if entry[0].text in op.model_fields)
    if others:
        advice = f"beside other arguments, sizes by name stand under {op.first}: {{…}}"
        errors.report(f"{op.word} has no argument {sizes[0][0].text!r}", sizes[0][0].span, help=advice)
    first = (Scalar(arguments.span, str(op.first)), Mapping(arguments.span, sizes))
    return Mapping(arguments.span, (first, *(entry for entry in others if entry[0].text != op.first)))


def check_sizes(sizes: Mapping, errors: Collector) -> bool:
    """Whether the keys of a mapping name distinct axes; reports those that do not."""
    good = True
    for name, key in sizes.keys.items():
        if name not in AXES:
            errors.report(f"there is no axis {name[:60]!r}", key.span, help=did_you_mean(name, AXES))
            good = False
    both = [key for name, key in sizes.keys.items() if name in CHANNELS]
    if len(both) > 1:
        advice = "it is called channels beside spatial axes, and features elsewhere"
        errors.report("channels and features are one axis", both[1].span, help=advice)
    return good and len(both) < 2


def input_sizes(key: Scalar, tree: Tree, errors: Collector) -> tuple[Tree, ...]:
    """The sizes of the input `key`; empty if they are not those of an input, which is reported."""
    if isinstance(tree, Sequence) and tree.items:
        return tree.items
    if not isinstance(tree, Mapping) or not tree.entries:
        advice = "for example [3, 224, 224], or by name: {channels: 4, length: 100}"
        if isinstance(tree, Scalar) and key.text in AXES:
            advice = "the sizes of one input, by the names of its axes, stand under input"
        errors.report(f"an input needs a list of sizes, got {describe_tree(tree)}", tree.span, help=advice)
        return ()
    sizes = tuple(value for _, value in tree)
    if not any(isinstance(size, Scalar) for size in sizes):
        advice = "several inputs, each with its sizes, stand under inputs"
        errors.report(f"an input needs sizes, got {describe_tree(sizes[0])}", tree.span, help=advice)
        return ()
    return sizes if check_sizes(tree, errors) and _check_axes(tree, errors) else ()


def _check_axes(sizes: Mapping, errors: Collector) -> bool:
    """Whether the named axes of an input are a complete set; reports what is missing."""
    spatial = [key for name, key in sizes.keys.items() if name in SPATIAL]
    if {key.text for key in spatial} not in _COMPLETE:
        wanted = "length, or height and width, or depth, height and width"
        message = f"the spatial axes of an input are {wanted}; got {' and '.join(key.text for key in spatial)}"
        advice = "of one spatial axis the word is length" if len(spatial) == 1 else None
        errors.report(message, spatial[0].span, help=advice)
        return False
    if spatial and not CHANNELS & sizes.keys.keys():
        advice = "channels: 1, if it has one number at each place"
        errors.report(f"an input with {spatial[0].text} needs channels", spatial[0].span, help=advice)
        return False
    return True
