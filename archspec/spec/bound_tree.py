"""The bound tree: a spec whose words are known for what they are. The elaborator interprets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from archspec.errors import Diagnostic, Span
from archspec.ops.base import Op
from archspec.spec.document import Document
from archspec.spec.yaml_tree import Scalar, Tree

ArgumentKind = Literal["int", "float", "number", "bool", "option", "layer"]
"""What an argument of a block holds; `number` also stands for a list of numbers."""


def matches_kind(value: Any, kind: ArgumentKind) -> bool:
    """Whether a value is what an argument of this kind holds."""
    if isinstance(value, tuple):
        return kind == "number" and all(matches_kind(item, "number") for item in value)
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "option":
            return isinstance(value, str)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Layer:
    """Any layer: where it stands, the values it is applied to if not the current one, and the names of its results."""

    span: Span
    source: tuple[Scalar, ...] = ()
    names: tuple[Scalar, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class NamedLayer:
    """A layer in a list or, with a name, in a mapping."""

    name: Scalar | None
    layer: Layer


@dataclass(frozen=True, eq=False, slots=True)
class ArgumentField:
    """One argument of an op; one that comes from `defaults` is read with the document's own names."""

    name: str
    span: Span
    value: Tree
    default: bool = False


def locate_fields(fields: Iterable[ArgumentField]) -> dict[str, tuple[Span, Tree]]:
    """Where each argument stands, and what stands there."""
    return {field.name: (field.span, field.value) for field in fields}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class OpUse(Layer):
    op: type[Op]
    fields: tuple[ArgumentField, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class JoinUse(OpUse):
    branches: tuple[NamedLayer, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BlockUse(Layer):
    block: str
    arguments: Mapping[str, Tree | Layer]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ArgumentUse(Layer):
    """An argument that is a layer."""

    name: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ValueUse(Layer):
    """A named value."""

    name: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sequential(Layer):
    """Layers in order."""

    items: tuple[NamedLayer, ...]
    named: bool
    """Whether it was written as a mapping."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Loop(Layer):
    """An iterator."""

    word: Literal["repeat", "copies", "nest", "each"]
    body: Layer
    times: Tree | None = None
    core: Layer | None = None
    index: str | None = None
    start: Tree | None = None
    prefix: str | None = None
    share: bool = False
    places: Mapping[str, Span] = field(default_factory=dict)
    """Where its own arguments stand."""


def iter_children(layer: Layer) -> Iterator[Layer]:
    """The layers directly inside one, those that are handed to a block included."""
    match layer:
        case Sequential():
            yield from (item.layer for item in layer.items)
        case JoinUse():
            yield from (item.layer for item in layer.branches)
        case BlockUse():
            yield from (argument for argument in layer.arguments.values() if isinstance(argument, Layer))
        case Loop():
            yield layer.body
            if layer.core is not None:
                yield layer.core


def iter_layers(layer: Layer) -> Iterator[Layer]:
    """A layer and all layers inside it, outer ones first."""
    pending = [layer]
    while pending:
        inner = pending.pop()
        yield inner
        pending += iter_children(inner)


def walk_layers(layer: Layer) -> Iterator[tuple[Layer, bool]]:
    """A layer and all layers inside it, each when it is entered (True) and when it is left (False)."""
    pending = [(layer, True)]
    while pending:
        inner, entered = pending.pop()
        yield inner, entered
        if entered:
            pending.append((inner, False))
            pending += [(deeper, True) for deeper in iter_children(inner)]


def makes_no_module(layer: Layer) -> bool:
    """Whether a layer by itself only passes a value on."""
    return isinstance(layer, ValueUse) or (isinstance(layer, OpUse) and layer.op.word == "identity")


@dataclass(frozen=True, eq=False, slots=True)
class ArgumentDef:
    """One argument that a block or the document declares; without a default it is required."""

    name: str
    span: Span
    kind: ArgumentKind
    default: Tree | Layer | None


@dataclass(frozen=True, eq=False, slots=True)
class BlockDef:
    name: str
    span: Span
    parameters: Mapping[str, ArgumentDef]
    body: Layer
    inputs: tuple[Scalar, ...] = ()
    outputs: tuple[Scalar, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its body, and the defaults of its arguments that are layers."""
        return (self.body, *_default_layers(self.parameters))


def _default_layers(parameters: Mapping[str, ArgumentDef]) -> Iterator[Layer]:
    return (parameter.default for parameter in parameters.values() if isinstance(parameter.default, Layer))


@dataclass(frozen=True, eq=False, slots=True)
class PassUse:
    """One rewrite that the document asks for."""

    word: str
    span: Span
    arguments: tuple[ArgumentField, ...]


@dataclass(frozen=True, eq=False, slots=True)
class InputUse:
    name: str
    span: Span
    sizes: Tree


@dataclass(eq=False, slots=True)
class Program:
    """A whole bound document."""

    name: str
    source: str
    span: Span
    inputs: tuple[InputUse, ...]
    parameters: Mapping[str, ArgumentDef]
    blocks: Mapping[str, BlockDef]
    stages: Sequential
    outputs: tuple[Scalar, ...] = ()
    passes: tuple[PassUse, ...] = ()
    expect: Mapping[str, Tree] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()
    document: Document | None = None
    """What it was bound of: the spec with all that it extends."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its stages, and the defaults of its arguments that are layers."""
        return (self.stages, *_default_layers(self.parameters))
