"""Merges a document with the one that it extends, and reports new arguments that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from archspec import meter
from archspec.errors import Collector, Note
from archspec.spec.document import Document, Entry, are_listed, is_null
from archspec.spec.yaml_tree import Mapping, Scalar, Tree, iter_names
from archspec.suggestions import did_you_mean


def merge_documents(base: Document, child: Document, errors: Collector) -> Document:
    """The parts of `base`, overridden by those of `child`, which extends it; name, source and expect are those of `child`."""
    defaults = dict(base.defaults)
    for word, (key, fields) in child.defaults.items():
        defaults[word] = (key, {**defaults[word][1], **fields} if word in defaults else fields)
    merged = Document(
        name=child.name,
        span=child.span,
        source=child.source,
        inputs=child.inputs or base.inputs,
        args=_order_arguments(base.args, child.args),
        defaults=defaults,
        blocks={**base.blocks, **child.blocks},
        stages=_merge_stages(base.stages, child.stages, errors),
        outputs=child.outputs or base.outputs,
        passes=base.passes if child.passes is None else child.passes,
        expect=child.expect,
        reported=base.reported | child.reported,
        base=base,
    )
    check_new_arguments(merged, child, errors)
    return merged


def _order_arguments(base: dict[str, Entry], child: dict[str, Entry]) -> dict[str, Entry]:
    """The arguments of both, sorted so that each follows those that its default uses."""
    merged = {**base, **child}
    ordered: dict[str, Entry] = {}
    entered: set[str] = set()
    pending = list(reversed(merged))
    while pending:
        name = pending[-1]
        used = (
            [] if name in entered else [word for word in iter_names(merged[name][1]) if word in merged.keys() - entered]
        )
        entered.add(name)
        pending += used
        if not used:
            ordered.setdefault(pending.pop(), merged[name])
    return ordered


_ORDERED = 16  # stages that are searched for one unit of work


def _merge_stages(base: dict[str, Entry], child: dict[str, Entry], errors: Collector) -> dict[str, Entry]:
    """The stages of `base`, in which those of `child` replace those of the same name or are added at the end or after the one that `after` names."""
    if are_listed(child):
        return dict(child)
    order = list(base)
    stages = dict(base)
    if child and are_listed(base):
        key = next(iter(child.values()))[0]
        advice = "stages: […] replaces the whole list"
        errors.report("the stages that are extended are a list, and have no names", key.span, help=advice)
        return stages
    for name, (key, layer) in child.items():
        meter.find_meter().charge("binding", len(order) // _ORDERED, key.span)
        if is_null(layer):
            if name not in order:
                errors.report(f"there is no stage {name!r} to leave out", key.span, help=did_you_mean(name, order))
                continue
            order.remove(name)
            continue
        after = layer.by_name.get("after") if isinstance(layer, Mapping) else None
        stages[name] = (key, layer)
        if after is None:
            order += [] if name in order else [name]
            continue
        order = [other for other in order if other != name]
        anchor = after.text if isinstance(after, Scalar) else ""
        if anchor not in order:
            notes = (Note(key.span, f"{name} is to come after it"),)
            errors.report(f"there is no stage {anchor!r}", after.span, help=did_you_mean(anchor, order), notes=notes)
            order.append(name)
            continue
        order.insert(order.index(anchor) + 1, name)
    return {name: stages[name] for name in order}


def check_new_arguments(merged: Document, child: Document, errors: Collector) -> None:
    """Reports each argument that only `child` declares and that nothing reads.

    Such an argument is probably a misspelt one of the extended spec.
    """
    base = merged.base
    assert base is not None
    new = [key for name, (key, _) in child.args.items() if name not in base.args]
    if not new:
        return
    read = set(iter_read_names(merged))
    for key in new:
        if key.text not in read:
            message = f"{base.name} has no argument {key.text[:60]!r}, and nothing here reads it"
            advice = did_you_mean(key.text, base.args) or f"{base.name} takes no arguments"
            errors.report(message, key.span, help=advice)


def iter_read_names(document: Document) -> Iterator[str]:
    """The names that a document reads, except those of a block's own arguments."""
    trees: list[Tree] = [
        *(tree for _, tree in (*document.inputs, *document.args.values(), *document.stages.values())),
        *(tree for _, entries in document.defaults.values() for _, tree in entries.values()),
        *(document.passes or ()),
    ]
    for tree in trees:
        yield from iter_names(tree)
    for _, tree in document.blocks.values():
        args = tree.by_name.get("args") if isinstance(tree, Mapping) else None
        own = set(args.by_name) if isinstance(args, Mapping) else set()
        yield from (word for word in iter_names(tree) if word not in own)
