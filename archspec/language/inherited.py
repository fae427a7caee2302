"""What a spec that extends another says of it, and whether that can be meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archspec.diagnostics import Collector, did_you_mean
from archspec.language.tree import Mapping, Tree, words

if TYPE_CHECKING:
    from archspec.language.document import Document


def check_new_arguments(merged: Document, child: Document, found: Collector) -> None:
    """Reports each argument of `child` that the spec that it extends does not have and that nothing reads.

    Such an argument is a misspelt one: nothing else could give it a meaning.
    """
    base = merged.base
    assert base is not None
    new = [key for name, (key, _) in child.args.items() if name not in base.args]
    if not new:
        return
    read = set(_read(merged))
    for key in new:
        if key.text not in read:
            message = f"{base.name} has no argument {key.text[:60]!r}, and nothing here reads it"
            advice = did_you_mean(key.text, base.args) or f"{base.name} takes no arguments"
            found.report(message, key.span, help=advice)


def _read(document: Document) -> Iterator[str]:
    """The names that a document reads, except where an argument of a block has the name."""
    trees: list[Tree] = [
        *(tree for _, tree in (*document.inputs, *document.args.values(), *document.stages.values())),
        *(tree for _, entries in document.defaults.values() for _, tree in entries.values()),
        *(document.passes or ()),
    ]
    for tree in trees:
        yield from words(tree)
    for _, tree in document.blocks.values():
        args = tree.by_name.get("args") if isinstance(tree, Mapping) else None
        own = set(args.by_name) if isinstance(args, Mapping) else set()
        yield from (word for word in words(tree) if word not in own)
