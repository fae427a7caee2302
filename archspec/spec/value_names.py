"""Binds the named values that a layer reads (`from`) and the names of its results (`as`)."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Collector
from archspec.spec.symbols import SymbolTable, check_module_name, unknown_value
from archspec.spec.yaml_tree import Scalar, Sequence, Tree, describe_tree


def bind_sources(tree: Tree, names: SymbolTable, errors: Collector) -> Iterator[Scalar]:
    """The named values of `from`."""
    for item in tree.items if isinstance(tree, Sequence) else (tree,):
        if not isinstance(item, Scalar):
            errors.report(f"from needs a name or a list of names, got {describe_tree(item)}", item.span)
        elif names.is_value(item.text):
            yield item
        else:
            message, advice, notes = unknown_value(item.text, names)
            errors.report(message, item.span, help=advice, notes=notes)


def bind_labels(tree: Tree, names: SymbolTable, errors: Collector) -> Iterator[Scalar]:
    """The names of `as`."""
    for item in tree.items if isinstance(tree, Sequence) else (tree,):
        if not isinstance(item, Scalar):
            errors.report(f"as needs a name or a list of names, got {describe_tree(item)}", item.span)
        elif item.text in names.frames[-1]:
            errors.report(
                f"the name {item.text!r} is already given in this list", item.span, help="choose another name"
            )
        elif item.text in names.blocks or item.text in names.arguments:
            message = f"as cannot name a value {item.text!r}: it is {names.describe(item.text)}"
            advice = f"choose another name; as a key, it names the module only: layers: {{{item.text}: …}}"
            errors.report(message, item.span, help=advice)
        elif check_module_name(item, errors):
            names.add_value(item)
            yield item
