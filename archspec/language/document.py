"""The document: which keys a spec has, of what kind, and how one that extends another is merged with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from archspec import meter
from archspec.diagnostics import Collector, Note, Span, did_you_mean, nearest
from archspec.expressions import ExpressionError
from archspec.language.explain import explain
from archspec.language.tree import Mapping, Scalar, Sequence, Tree, describe, plain

Entry = tuple[Scalar, Tree]
"""A key and what it holds."""

Text = Annotated[str, Field(min_length=1, max_length=1000)]
Exact = Annotated[int, Field(ge=0)]
Sizes = tuple[Annotated[int, Field(ge=1)], ...]


class Expect(BaseModel):
    """What must come out; `archspec check` verifies it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    params: Exact | None = Field(None, description="trainable scalars")
    macs: Exact | None = Field(None, description="multiply-accumulates for one sample; FLOPs are twice as many")
    depth: Exact | None = Field(None, description="weighted layers on the longest path")
    paths: Exact | None = Field(None, description="paths from inputs to outputs")
    output: Sizes | tuple[Sizes, ...] | None = Field(
        None, description="the sizes of the output, or of each, without the batch"
    )


class Shell(BaseModel):
    """The keys of a document. Layers stay trees here: they are read when all names are known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    name: Text = Field(description="the network's name")
    source: Text | None = Field(None, description="the paper and table, or the author")
    extends: Text | None = Field(
        None, description="a bundled spec, or the path of one ending in .yaml, that this one changes"
    )
    input: InstanceOf[Sequence] | None = Field(
        None, description="the input's sizes without the batch: [channels, height, width]"
    )
    inputs: InstanceOf[Mapping] | None = Field(None, description="several inputs by name")
    args: InstanceOf[Mapping] | None = Field(
        None, description="the network's arguments: a name, and a default or a type"
    )
    defaults: InstanceOf[Mapping] | None = Field(
        None, description="arguments that every use of an op has unless it says otherwise"
    )
    blocks: InstanceOf[Mapping] | None = Field(None, description="the reusable parts")
    stages: InstanceOf[Mapping] | None = Field(None, description="the network, in order")
    output: InstanceOf[Scalar] | None = Field(None, description="the stage that is returned; the last, if not given")
    outputs: InstanceOf[Sequence] | None = Field(None, description="the stages that are returned")
    passes: InstanceOf[Sequence] | None = Field(None, description="rewrites of the network, in order")
    expect: Expect | None = Field(None, description="what must come out")


@dataclass(eq=False)
class Document:
    """A document's parts with their places; those of the documents that it extends are merged into it."""

    name: str
    span: Span
    source: str = ""
    extends: Scalar | None = None
    inputs: tuple[Entry, ...] = ()
    args: dict[str, Entry] = field(default_factory=dict)
    overrides: dict[str, Tree] = field(default_factory=dict)
    """Values that come from outside, in place of the defaults of `args`."""
    defaults: dict[str, tuple[Scalar, dict[str, Entry]]] = field(default_factory=dict)
    blocks: dict[str, Entry] = field(default_factory=dict)
    stages: dict[str, Entry] = field(default_factory=dict)
    outputs: tuple[Tree, ...] = ()
    passes: tuple[Tree, ...] | None = None
    expect: dict[str, Tree] = field(default_factory=dict)
    reported: frozenset[str] = frozenset()
    """Keys that are there and wrong, which has been said already."""


def document(tree: Tree, found: Collector) -> Document | None:
    """The document that a tree holds; None where its outline is so wrong that nothing more can be said."""
    if not isinstance(tree, Mapping):
        found.report(
            f"a spec is a mapping, got {describe(tree)}", tree.span, help="it has at least: name, input, stages"
        )
        return None
    first = tree.entries[0][0].span if tree.entries else tree.span
    for one, other in (("input", "inputs"), ("output", "outputs")):
        if one in tree.keys and other in tree.keys:
            found.report(f"a spec has {one!r} or {other!r}, not both", tree.keys[other].span)
    before = len(found.found)
    shell = _shell(tree, first, found)
    reported = frozenset(tree.keys) if len(found.found) > before else frozenset()
    for key, value in tree:
        if key.text in ("name", "source"):
            _check_cut(value, found)
    result = _document(tree, shell, first, found)
    result.reported = reported
    return result


_MAY_BE_EMPTY = frozenset(("source", "args", "defaults", "blocks", "passes", "expect"))
_SIMPLE = frozenset(("name", "source", "extends", "expect"))


def _shell(tree: Mapping, first: Span, found: Collector) -> Shell:
    """The checked outline; what is wrong is reported and left out, a key that is nearly right counts as what it is near to."""
    data: dict[str, Any] = {}
    for key, value in tree:
        if key.text in _MAY_BE_EMPTY and _is_null(value):
            continue
        try:
            data[key.text] = _simple(value) if key.text in _SIMPLE else value
        except ExpressionError as error:
            found.report(f"{key.text}: {error.message}", key.span)
    places = {
        key.text: (value.span if isinstance(value, Scalar) and key.text in Shell.model_fields else key.span, value)
        for key, value in tree
    }
    try:
        return Shell.model_validate(data)
    except ValidationError as error:
        explain(error, "a spec", Shell, places, span=first, into=found)
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
    kept = {name: value for name, value in data.items() if name not in wrong}
    for name in wrong & data.keys() - Shell.model_fields.keys():
        meant = nearest(name, Shell.model_fields)
        if meant is not None and meant not in _SIMPLE and meant not in kept:
            kept[meant] = data[name]
    try:
        return Shell.model_validate({"name": "network", **kept})
    except ValidationError:
        return Shell(name="network")


def _check_cut(tree: Tree, found: Collector) -> None:
    """Reports a text that a # has cut short: a comment that begins without a space is hardly meant as one."""
    if not isinstance(tree, Scalar) or not tree.plain:
        return
    rest = tree.span.source.line(tree.span.line)[tree.span.column - 1 + tree.span.length :]
    if re.match(r"\s+#[^\s#]", rest):
        found.report(
            f"the text ends before {rest.split()[0][:20]!r}",
            tree.span.part(tree.span.length + rest.index("#"), 1),
            help="a # behind a space begins a comment; quote the text, or put a space behind the #",
        )


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.kind == "null"


def _simple(tree: Tree) -> Any:
    def tuples(data: Any) -> Any:
        return tuple(map(tuples, data)) if isinstance(data, list) else data

    if isinstance(tree, Scalar) and tree.kind in ("word", "number", "bool", "not finite"):
        return tree.text
    data = plain(tree)
    return {name: tuples(value) for name, value in data.items()} if isinstance(data, dict) else data


def _document(tree: Mapping, shell: Shell, first: Span, found: Collector) -> Document:
    parts = tree.by_name
    result = Document(shell.name, first, shell.source or "")
    extends = parts.get("extends")
    result.extends = extends if isinstance(extends, Scalar) else None
    if shell.input is not None:
        result.inputs = ((Scalar(tree.keys["input"].span if "input" in tree.keys else first, "input"), shell.input),)
    elif shell.inputs is not None:
        result.inputs = shell.inputs.entries
    result.args = _entries(shell.args)
    result.blocks = _entries(shell.blocks)
    result.stages = _entries(shell.stages)
    result.defaults = dict(_defaults(shell.defaults, found))
    result.outputs = (
        (shell.output,) if shell.output is not None else shell.outputs.items if shell.outputs is not None else ()
    )
    result.passes = shell.passes.items if shell.passes is not None else None
    if result.extends is None:
        for _, layer in result.stages.values():
            if isinstance(layer, Mapping) and "after" in layer.by_name:
                place = layer.keys["after"].span
                advice = "stages come in the order in which they are written"
                found.report("'after' is for a stage of a spec that extends another", place, help=advice)
    expect = parts.get("expect")
    result.expect = dict(expect.by_name) if isinstance(expect, Mapping) else {}
    return result


def _entries(mapping: Mapping | None) -> dict[str, Entry]:
    return {key.text: (key, value) for key, value in mapping} if mapping is not None else {}


def _defaults(mapping: Mapping | None, found: Collector) -> Iterable[tuple[str, tuple[Scalar, dict[str, Entry]]]]:
    for key, value in mapping or ():
        if isinstance(value, Mapping):
            yield key.text, (key, _entries(value))
        else:
            found.report(
                f"the defaults of {key.text} are a mapping, got {describe(value)}",
                value.span,
                help=f"write {key.text}: {{name: value}}",
            )


def merge(base: Document, child: Document, found: Collector) -> Document:
    """What `child`, which extends `base`, is: its own parts over those of `base`; name, source and expect are its own."""
    defaults = dict(base.defaults)
    for word, (key, fields) in child.defaults.items():
        defaults[word] = (key, {**defaults[word][1], **fields} if word in defaults else fields)
    return Document(
        name=child.name,
        span=child.span,
        source=child.source,
        inputs=child.inputs or base.inputs,
        args=_args(base.args, child.args),
        defaults=defaults,
        blocks={**base.blocks, **child.blocks},
        stages=_stages(base.stages, child.stages, found),
        outputs=child.outputs or base.outputs,
        passes=base.passes if child.passes is None else child.passes,
        expect=child.expect,
        reported=base.reported | child.reported,
    )


def _args(base: dict[str, Entry], child: dict[str, Entry]) -> dict[str, Entry]:
    """The arguments of both, each behind those that it uses: what `child` changes may use what `child` adds."""
    merged = {**base, **child}
    ordered: dict[str, Entry] = {}
    entered: set[str] = set()
    pending = list(reversed(merged))
    while pending:
        name = pending[-1]
        words = () if name in entered else _words(merged[name][1])
        used = [word for word in words if word in merged and word not in entered]
        entered.add(name)
        pending += used
        if not used:
            ordered.setdefault(pending.pop(), merged[name])
    return ordered


def _words(tree: Tree) -> Iterable[str]:
    """The words that a tree's values mention."""
    pending = [tree]
    while pending:
        match pending.pop():
            case Scalar(kind="word", text=text):
                yield from _WORD.findall(text)
            case Sequence(items=items):
                pending += items
            case Mapping(entries=entries):
                pending += [value for _, value in entries]


_ORDERED = 16  # stages that are looked through with one unit of work, for the place of one
_WORD = re.compile(r"[A-Za-z_]\w*")


def _stages(base: dict[str, Entry], child: dict[str, Entry], found: Collector) -> dict[str, Entry]:
    """The stages of `base` with those of `child` put in their places, at the end, or behind the one that `after` names."""
    order = list(base)
    stages = dict(base)
    for name, (key, layer) in child.items():
        if _is_null(layer):
            meter.current().charge("binding", len(order) // _ORDERED, key.span)
            if name not in order:
                found.report(f"there is no stage {name!r} to leave out", key.span, help=did_you_mean(name, order))
                continue
            order.remove(name)
            continue
        after = layer.by_name.get("after") if isinstance(layer, Mapping) else None
        stages[name] = (key, layer)
        if after is None:
            order += [] if name in base else [name]
            continue
        meter.current().charge("binding", len(order) // _ORDERED, key.span)
        order = [other for other in order if other != name]
        anchor = after.text if isinstance(after, Scalar) else ""
        if anchor not in order:
            notes = (Note(key.span, f"{name} is to come after it"),)
            found.report(f"there is no stage {anchor!r}", after.span, help=did_you_mean(anchor, order), notes=notes)
            order.append(name)
            continue
        order.insert(order.index(anchor) + 1, name)
    return {name: stages[name] for name in order}
