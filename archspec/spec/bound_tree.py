"""The bound tree: a spec with all words resolved, which the elaborator interprets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

from archspec.errors import Diagnostic
from archspec.ir.shape import SPATIAL, Names, Shape
from archspec.ops.base import Op
from archspec.spans import Span
from archspec.spec.document import Document
from archspec.spec.yaml_tree import Scalar, Tree

ArgumentKind = Literal["int", "float", "number", "bool", "option", "layer"]
"""The kind of an argument of a block; `number` also stands for a list of numbers."""


def matches_kind(value: Any, kind: ArgumentKind) -> bool:
    """Whether a value is of this kind."""
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


@dataclass(frozen=True, eq=False, slots=True)
class ComputedName:
    """The name of a module with computed parts: texts, and arithmetic between them."""

    span: Span
    parts: tuple[str | Scalar, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Layer:
    """Any layer: its span, the values that it is applied to if not the current one, and the names of its results."""

    span: Span
    source: tuple[Scalar, ...] = ()
    names: tuple[Scalar, ...] = ()
    computed_name: ComputedName | None = None
    """The name of its module, if parts of it are computed."""


@dataclass(frozen=True, eq=False, slots=True)
class NamedLayer:
    """A layer in a list, or with a name in a mapping."""

    name: Scalar | None
    layer: Layer

    @property
    def value_names(self) -> tuple[str, ...]:
        """The names of its values: its key, and those after `as`."""
        return tuple(scalar.text for scalar in (self.name, *self.layer.names) if scalar is not None)


@dataclass(frozen=True, eq=False, slots=True)
class ArgumentField:
    """One argument of an op; one from `defaults` is evaluated with the document's names."""

    name: str
    span: Span
    value: Tree
    default: bool = False


def locate_fields(fields: Iterable[ArgumentField]) -> dict[str, tuple[Span, Tree]]:
    """The span and the tree of each argument, by name."""
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
class Reuse(Layer):
    """A named layer that is applied once more, with the weights and the module names of its first use."""

    name: str
    layer: Layer | None = None
    """The layer of that name; None for a path of modules, which is looked up where it is applied."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class NetworkUse(Layer):
    """A whole network as a layer."""

    program: Program
    arguments: Mapping[str, Tree | Layer]
    outputs: tuple[Scalar, ...] = ()
    """The stages that it returns; if empty, what the network returns."""

    @property
    def returned(self) -> tuple[Scalar, ...]:
        """The stages that it returns, its own or those of the network; empty for the last one."""
        return self.outputs or self.program.outputs

    @property
    def stages(self) -> Sequential:
        """The stages of the network up to the last one that is returned."""
        items = self.program.stages.items
        wanted = {scalar.text for scalar in self.returned}
        last = max((place for place, item in enumerate(items) if wanted.intersection(item.value_names)), default=-1)
        return replace(self.program.stages, items=items[: last + 1]) if last >= 0 else self.program.stages


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Sequential(Layer):
    """Layers in order."""

    items: tuple[NamedLayer, ...]
    named: bool
    """Whether it was written as a mapping."""
    numbered: bool = False
    """Whether it is a scope with the next number, as a block is: a `sequential`."""


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
    """The spans of its own arguments."""


def iter_children(layer: Layer) -> Iterator[Layer]:
    """The layers directly inside a layer, including those that are arguments of a block."""
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


def layer_word(layer: Layer) -> str:
    """The word of a layer in the spec: that of its op or iterator, or the name of its block, argument or value."""
    match layer:
        case OpUse():
            return layer.op.word
        case BlockUse():
            return layer.block
        case ArgumentUse() | ValueUse():
            return layer.name
        case Loop():
            return layer.word
    return ""


def iter_trees(layer: Layer) -> Iterator[Tree]:
    """The arguments of a layer that are no layers, without those from `defaults`, and the arithmetic in its name."""
    if layer.computed_name is not None:
        yield from (part for part in layer.computed_name.parts if isinstance(part, Scalar))
    match layer:
        case OpUse():
            yield from (own.value for own in layer.fields if not own.default)
        case BlockUse() | NetworkUse():
            yield from (value for value in layer.arguments.values() if not isinstance(value, Layer))
        case Loop():
            yield from (tree for tree in (layer.times, layer.start) if tree is not None)


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


def takes_number(layer: Layer) -> bool:
    """Whether a layer without a name takes the next number of its scope."""
    match layer:
        case OpUse():
            return layer.op.numbered and not layer.op.join and not layer.op.transparent
        case Sequential():
            return layer.numbered and bool(layer.items)
    return isinstance(layer, BlockUse | NetworkUse)


def is_module_path(name: str) -> bool:
    """Whether the name of a `reuse` is a path of modules: it has a dot, or is a number.

    >>> [is_module_path(name) for name in ("trunk", "trunk.0", "0", ".trunk")]
    [False, True, True, True]
    """
    return "." in name or name.isdecimal()


def makes_no_module(layer: Layer) -> bool:
    """Whether a layer only passes a value on: a named value, or an identity."""
    return isinstance(layer, ValueUse) or (type(layer) is OpUse and layer.op.transparent)


@dataclass(frozen=True, eq=False, slots=True)
class ArgumentDef:
    """An argument that a block or the document declares; without a default it is required."""

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
        """Its body, and the defaults of those arguments that are layers."""
        return (self.body, *_default_layers(self.parameters))


def _default_layers(parameters: Mapping[str, ArgumentDef]) -> Iterator[Layer]:
    return (parameter.default for parameter in parameters.values() if isinstance(parameter.default, Layer))


@dataclass(frozen=True, eq=False, slots=True)
class PassUse:
    """One pass that the document asks for."""

    word: str
    span: Span
    arguments: tuple[ArgumentField, ...]


@dataclass(frozen=True, eq=False, slots=True)
class InputUse:
    name: str
    span: Span
    sizes: Tree


@dataclass(frozen=True, eq=False, slots=True)
class GivenInput:
    """An input whose sizes are given from outside: those, and the sizes that the spec has, None where one is not known."""

    name: str
    span: Span
    sizes: tuple[int, ...]
    own: tuple[int | None, ...]
    names: Names
    literal: bool
    """Whether a size stands in the place of one of the spec; otherwise all of them are values of arguments."""

    @property
    def shape_before(self) -> Shape | None:
        """The shape with the spec's own places and the channels that are given; None where it is not known, or is this one."""
        pairs = zip(self.sizes, self.own, self.names, strict=True)
        sizes = [own if name in _PLACES else size for size, own, name in pairs]
        known = tuple(size for size in sizes if size is not None)
        return Shape(known, self.names) if len(known) == len(sizes) and known != self.sizes else None


_PLACES = frozenset((*SPATIAL, "tokens", None))


@dataclass(eq=False, slots=True)
class Program:
    """A bound document."""

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
    given_inputs: tuple[GivenInput, ...] = ()
    """The inputs whose sizes are given from outside."""
    document: Document | None = None
    """The merged document that it was bound from."""
    reused: frozenset[str] = frozenset()
    """The names of layers that are applied more than once by a `reuse`."""
    reuses_paths: bool = False
    """Whether a `reuse` finds a module by its path."""

    def __post_init__(self) -> None:
        bodies = (*self.layers, *(layer for block in self.blocks.values() for layer in block.layers))
        self.add_reused(bodies)

    def add_reused(self, bodies: Iterable[Layer]) -> None:
        """Notes what the layers in some bodies use again."""
        uses = [use for body in bodies for use in iter_layers(body) if isinstance(use, Reuse)]
        self.reused = self.reused.union(use.name for use in uses if use.layer is not None)
        self.reuses_paths = self.reuses_paths or any(use.layer is None for use in uses)

    def override(self, given: Mapping[str, ArgumentDef]) -> Program:
        """The program with other arguments, in which `reused` may have more names than are applied more than once."""
        program = copy(self)
        program.parameters = {**self.parameters, **given}
        program.add_reused(_default_layers(given))
        return program

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its stages, and the defaults of those arguments that are layers."""
        return (self.stages, *_default_layers(self.parameters))
