"""Reads a located tree into a document, and checks the keys of the spec."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from archspec.errors import Collector
from archspec.ops import BY_WORD
from archspec.spans import Source, Span
from archspec.spec.expressions import ExpressionError
from archspec.spec.pydantic_errors import report_validation_error
from archspec.spec.yaml_reader import SMALLEST
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree, format_flow, to_plain_data
from archspec.suggestions import find_nearest

Entry = tuple[Scalar, Tree]
"""A key and its value."""

Text = Annotated[str, Field(min_length=1, max_length=1000)]
Exact = Annotated[int, Field(ge=0)]
Sizes = tuple[Annotated[int, Field(ge=1)], ...]


class Expect(BaseModel):
    """The expected counts, which `archspec check` verifies."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    params: Exact | None = Field(None, description="trainable scalars")
    macs: Exact | None = Field(None, description="multiply-accumulates for one sample; FLOPs are twice as many")
    depth: Exact | None = Field(None, description="weighted layers on the longest path")
    paths: Exact | None = Field(None, description="paths from inputs to outputs")
    output: Sizes | tuple[Sizes, ...] | None = Field(
        None, description="the sizes of the output, or of each, without the batch"
    )


class DocumentKeys(BaseModel):
    """The keys of a document. Layers stay trees until all names are declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    name: Text = Field(description="the network's name")
    source: Text | None = Field(None, description="the paper and table, or the author")
    extends: Text | None = Field(
        None, description="a bundled spec, or the path of one ending in .yaml, that this one changes"
    )
    input: InstanceOf[Sequence] | InstanceOf[Mapping] | None = Field(
        None,
        description="the input's sizes without the batch: [channels, height, width], or by the names of its axes: {channels: 4, length: 100}",
    )
    inputs: InstanceOf[Mapping] | None = Field(None, description="several inputs by name")
    args: InstanceOf[Mapping] | None = Field(
        None, description="the network's arguments: a name, and a default or a type"
    )
    defaults: InstanceOf[Mapping] | None = Field(
        None, description="arguments that every use of an op has unless it says otherwise"
    )
    blocks: InstanceOf[Mapping] | None = Field(None, description="the reusable parts")
    stages: InstanceOf[Mapping] | InstanceOf[Sequence] | None = Field(
        None, description="the network, in order: named layers, or a list"
    )
    output: InstanceOf[Scalar] | None = Field(None, description="the stage that is returned; the last, if not given")
    outputs: InstanceOf[Sequence] | None = Field(None, description="the stages that are returned")
    passes: InstanceOf[Sequence] | None = Field(None, description="rewrites of the network, in order")
    expect: Expect | None = Field(None, description="what must come out")


@dataclass(eq=False)
class Document:
    """The parts of a document with their spans, merged with those of the documents that it extends."""

    name: str
    span: Span
    source: str = ""
    extends: Scalar | None = None
    inputs: tuple[Entry, ...] = ()
    args: dict[str, Entry] = field(default_factory=dict)
    overrides: dict[str, Tree] = field(default_factory=dict)
    """Values from outside that replace the defaults of `args`."""
    defaults: dict[str, tuple[Scalar, dict[str, Entry]]] = field(default_factory=dict)
    blocks: dict[str, Entry] = field(default_factory=dict)
    stages: dict[str, Entry] = field(default_factory=dict)
    outputs: tuple[Tree, ...] = ()
    passes: tuple[Tree, ...] | None = None
    expect: dict[str, Tree] = field(default_factory=dict)
    reported: frozenset[str] = frozenset()
    """Keys whose errors have been reported."""
    base: Document | None = None
    """The merged document that this one extends."""
    networks: Any = None
    """Loads the networks that are parts of this one."""

    @property
    def own_sources(self) -> tuple[Source, ...]:
        """The text of this document, and behind it those of the documents that it extends."""
        return (self.span.source, *(self.base.own_sources if self.base else ()))

    @property
    def sources(self) -> tuple[Source, ...]:
        """`own_sources`, and behind them those of the networks that are parts of this one."""
        return (*self.own_sources, *(self.networks.sources if self.networks else ()))


def read_document(tree: Tree, errors: Collector) -> Document | None:
    """The document of a tree; None if it is not a mapping or lacks what binding needs, which is reported."""
    if not isinstance(tree, Mapping):
        errors.report(f"a spec is a mapping, got {describe_tree(tree)}", tree.span, help=SMALLEST)
        return None
    first = tree.entries[0][0].span if tree.entries else tree.span
    for first_key, second_key in (("input", "inputs"), ("output", "outputs")):
        if first_key in tree.keys and second_key in tree.keys:
            errors.report(f"a spec has {first_key!r} or {second_key!r}, not both", tree.keys[second_key].span)
    before = len(errors.diagnostics)
    shell = _validate_keys(tree, first, errors)
    reported = frozenset(tree.keys) if len(errors.diagnostics) > before else frozenset()
    for key, value in tree:
        if key.text in ("name", "source"):
            _check_comment_cut(value, errors)
    _check_empty(tree, errors)
    result = _build_document(tree, shell, first, errors)
    result.reported = reported
    return result


_MAY_BE_EMPTY = frozenset(("source", "args", "defaults", "blocks", "passes", "expect"))
_SIMPLE = frozenset(("name", "source", "extends", "expect"))


def _validate_keys(tree: Mapping, first: Span, errors: Collector) -> DocumentKeys:
    """The keys of a document. Wrong ones are reported and left out; a misspelt key is read as the nearest known one."""
    data: dict[str, Any] = {}
    for key, value in tree:
        if key.text in _MAY_BE_EMPTY and is_null(value):
            continue
        try:
            data[key.text] = _plain_value(value) if key.text in _SIMPLE else value
        except ExpressionError as error:
            errors.report(f"{key.text}: {error.message}", key.span)
    places = {
        key.text: (
            value.span if isinstance(value, Scalar) and key.text in DocumentKeys.model_fields else key.span,
            value,
        )
        for key, value in tree
    }
    try:
        return DocumentKeys.model_validate(data)
    except ValidationError as error:
        report_validation_error(error, "a spec", DocumentKeys, places, span=first, errors=errors, advise=_describe_form)
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
    kept = {name: value for name, value in data.items() if name not in wrong}
    for name in wrong & data.keys() - DocumentKeys.model_fields.keys():
        meant = find_nearest(name, DocumentKeys.model_fields)
        if meant is not None and meant not in _SIMPLE and meant not in kept:
            kept[meant] = data[name]
    try:
        return DocumentKeys.model_validate({"name": "network", **kept})
    except ValidationError:
        return DocumentKeys(name="network")


def _describe_form(name: str, tree: Tree | None) -> str | None:
    """Advice on how to write a part of a spec that has the wrong form."""
    if name == "input" and isinstance(tree, Scalar):
        sizes = re.findall(r"\d+", tree.text)
        if len(sizes) > 1:
            return f"a list stands in brackets: [{', '.join(sizes)}]"
        return f"[{sizes[0]}] is a vector, [3, {sizes[0]}, {sizes[0]}] an image" if sizes else None
    if name == "inputs" and isinstance(tree, Sequence):
        return "inputs: {name: sizes, …}; a single input is input: [3, 224, 224]"
    return None


def _check_comment_cut(tree: Tree, errors: Collector) -> None:
    """Reports a text that is cut off by a `#` without a space before it."""
    if not isinstance(tree, Scalar) or not tree.plain:
        return
    rest = tree.span.source.line(tree.span.line)[tree.span.column - 1 + tree.span.length :]
    if re.match(r"\s+#[^\s#]", rest):
        errors.report(
            f"the text ends before {rest.split()[0][:20]!r}",
            tree.span.subspan(tree.span.length + rest.index("#"), 1),
            help="a # behind a space begins a comment; quote the text, or put a space behind the #",
        )


def is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.kind == "null"


def _plain_value(tree: Tree) -> Any:
    def tuples(data: Any) -> Any:
        return tuple(map(tuples, data)) if isinstance(data, list) else data

    if isinstance(tree, Scalar) and tree.kind in ("word", "number", "bool", "not finite"):
        return tree.text
    data = to_plain_data(tree)
    return {name: tuples(value) for name, value in data.items()} if isinstance(data, dict) else data


def _build_document(tree: Mapping, shell: DocumentKeys, first: Span, errors: Collector) -> Document:
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
    result.stages = _stage_entries(shell.stages)
    result.defaults = dict(_read_defaults(shell.defaults, errors))
    result.outputs = (
        (shell.output,) if shell.output is not None else shell.outputs.items if shell.outputs is not None else ()
    )
    result.passes = shell.passes.items if shell.passes is not None else None
    if result.extends is None:
        for _, layer in result.stages.values():
            if isinstance(layer, Mapping) and "after" in layer.by_name:
                place = layer.keys["after"].span
                advice = "stages come in the order in which they are written"
                errors.report("'after' is for a stage of a spec that extends another", place, help=advice)
    expect = parts.get("expect")
    result.expect = dict(expect.by_name) if isinstance(expect, Mapping) else {}
    return result


def _check_empty(tree: Mapping, errors: Collector) -> None:
    """Warns of a key without a value where that may be a mistake."""
    if "extends" in tree.keys and is_null(tree.by_name.get("passes", tree)):
        key = tree.keys["passes"]
        errors.warn(
            "passes is empty, and those of the spec that is extended stay",
            key.span,
            help="passes: [] leaves them out",
        )


def _entries(mapping: Mapping | None) -> dict[str, Entry]:
    return {key.text: (key, value) for key, value in mapping} if mapping is not None else {}


def _stage_entries(tree: Mapping | Sequence | None) -> dict[str, Entry]:
    """The stages by name. Those of a list have no name, an empty key, and their place for a name."""
    if not isinstance(tree, Sequence):
        return _entries(tree)
    return {f"[{place}]": (Scalar(item.span, ""), item) for place, item in enumerate(tree)}


def are_listed(stages: dict[str, Entry]) -> bool:
    """Whether stages are written as a list."""
    return any(not key.text for key, _ in stages.values())


def _read_defaults(mapping: Mapping | None, errors: Collector) -> Iterable[tuple[str, tuple[Scalar, dict[str, Entry]]]]:
    for key, value in mapping or ():
        if isinstance(value, Mapping):
            yield key.text, (key, _entries(value))
        else:
            errors.report(
                f"the defaults of {key.text} are a mapping, got {describe_tree(value)}",
                value.span,
                help=f"write {key.text}: {{name: {format_flow(value)}}}{_names(key.text)}",
            )


def _names(word: str) -> str:
    """The names of an op's arguments, for an advice."""
    fields = BY_WORD[word].model_fields if word in BY_WORD else {}
    return f", where the name is one of {', '.join(fields)}" if fields else ""
