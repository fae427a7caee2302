"""The model of generated classes, before they are written as syntax."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace

from archspec.codegen.module_tree import ModulePart

Literal = int | float | bool | str | tuple[object, ...] | None
Path = tuple[str, ...]


@dataclass(frozen=True)
class Constructor:
    """The construction of a module, of torch (`target` is its name) or of a generated class (`target` is its `ClassTemplate`)."""

    target: str | ClassTemplate
    options: tuple[tuple[str, Option], ...]
    """The options by name; the modules of an `nn.Sequential` have no names."""


Option = Literal | Constructor | ast.expr
"""A value in a single body, an expression in the body of a template."""


@dataclass(frozen=True)
class OwnParameter:
    """A bare parameter: its sizes and its initialisation."""

    sizes: tuple[int | ast.expr, ...]
    initial: object


def is_tensor(make: Constructor | OwnParameter) -> bool:
    """Whether a member is a parameter or a buffer, and no module."""
    return isinstance(make, OwnParameter) or make.target == "torch.nn.Buffer"


@dataclass(frozen=True)
class Member:
    """An attribute of a class, inside plain containers for a longer path."""

    path: Path
    constructor: Constructor | OwnParameter


@dataclass(frozen=True)
class ModuleRun:
    """Consecutive modules of a chain with numbered names that differ at most in numbers."""

    prefix: str
    start: int
    constructors: tuple[Constructor, ...]
    single: bool
    """Whether it is always one module."""


@dataclass(frozen=True)
class ValueArgument:
    """In the arguments of a statement: a value, by its index in the body."""

    value: int


@dataclass(frozen=True)
class BatchSize:
    """In the arguments of a statement: the batch size of a value."""

    value: int


@dataclass(frozen=True, eq=False)
class Statement:
    """One call in a `forward`: of a member if `target` is a path, otherwise of a function or a method of torch."""

    results: tuple[int, ...]
    target: str | Path
    args: tuple[object, ...]
    keywords: tuple[tuple[str, object], ...] = ()
    hint: str = ""
    weighted: bool = False
    aligned: bool = True
    """Whether all operands of its op have a batch axis, and those of a sum equal sizes."""

    @property
    def leaves(self) -> Iterator[object]:
        """The leaves of its arguments, in order."""
        return iter_leaves((self.args, tuple(value for _, value in self.keywords)))

    @property
    def reads(self) -> tuple[int, ...]:
        return tuple(leaf.value for leaf in self.leaves if isinstance(leaf, ValueArgument | BatchSize))

    def map_leaves(self, change: Callable[[object], object], results: tuple[int, ...] | None = None) -> Statement:
        """The statement with the leaves of its arguments changed."""
        args = tuple(map_leaves(arg, change) for arg in self.args)
        keywords = tuple((name, map_leaves(value, change)) for name, value in self.keywords)
        return replace(self, results=self.results if results is None else results, args=args, keywords=keywords)


def iter_leaves(tree: object) -> Iterator[object]:
    """The leaves of nested tuples, in order."""
    if isinstance(tree, tuple):
        for part in tree:
            yield from iter_leaves(part)
    else:
        yield tree


def map_leaves(tree: object, change: Callable[[object], object]) -> object:
    return tuple(map_leaves(part, change) for part in tree) if isinstance(tree, tuple) else change(tree)


def is_number(value: object) -> bool:
    """Whether an option is a number or numbers, in which blocks of one class may differ."""
    return isinstance(value, int | float) or (
        isinstance(value, tuple) and bool(value) and all(isinstance(each, int) for each in value)
    )


def is_quantity(value: object) -> bool:
    """Whether an argument of a call is a number, in which blocks of one class may differ."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def structure_of(make: Option | OwnParameter) -> Hashable:
    """The structure of an option without its numbers."""
    if isinstance(make, OwnParameter):
        return "parameter", len(make.sizes), repr(make.initial)
    if isinstance(make, Constructor):
        return make.target, tuple((name, structure_of(value)) for name, value in make.options)
    return "number" if is_number(make) else make


def iter_numbers(make: Option | OwnParameter) -> Iterator[Literal]:
    """The numbers of a module or a parameter, in order."""
    if isinstance(make, Constructor):
        for _, value in make.options:
            yield from iter_numbers(value)
    elif isinstance(make, OwnParameter):
        yield from make.sizes  # type: ignore[misc]
    elif is_number(make):
        yield make  # type: ignore[misc]


def map_numbers(make: Option, change: Callable[[str], ast.expr], name: str = "") -> Option:
    """A module with its numbers replaced by expressions, which `change` makes in order from the options' names."""
    if isinstance(make, Constructor):
        return replace(make, options=tuple((word, map_numbers(value, change, word)) for word, value in make.options))
    return change(name) if is_number(make) else make


@dataclass(eq=False)
class ClassBody:
    """One part of a network: its members in order, and the statements of its `forward` (none of a plain chain)."""

    part: ModulePart
    kind: str
    members: dict[Path, Constructor | OwnParameter]
    statements: list[Statement]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    chain: list[Member | ModuleRun] | None = None

    def key(self, without: str | None = None) -> Hashable:
        """A key that bodies of one class share; the construction of the member `without` is left out."""
        if self.chain is not None:
            return self.kind, "chain", tuple(_structure_key(item) for item in self.chain)
        members = tuple(
            (path, "optional" if path == (without,) else structure_of(make)) for path, make in self.members.items()
        )
        lines = tuple(
            (
                statement.results,
                statement.target,
                map_leaves((statement.args, statement.keywords), _mask_number),
                statement.weighted,
                statement.aligned,
            )
            for statement in self.statements
        )
        return self.kind, len(self.inputs), members, lines, self.outputs

    def without_member(self, name: str) -> ClassBody | None:
        """The body without a member that is called once, on one value and with one result; None if it is not."""
        calls = [statement for statement in self.statements if statement.target == (name,)]
        if len(calls) != 1 or len(calls[0].results) != 1 or calls[0].keywords or len(calls[0].args) != 1:
            return None
        given = calls[0].args[0]
        if not isinstance(given, ValueArgument):
            return None
        statements = [statement for statement in self.statements if statement is not calls[0]]
        members = {path: make for path, make in self.members.items() if path != (name,)}
        body = ClassBody(self.part, self.kind, members, statements, self.inputs, self.outputs)
        return body.renumbered({calls[0].results[0]: given.value})

    def renumbered(self, same: dict[int, int]) -> ClassBody:
        """The body with its values renumbered in order; `same` maps values to others that replace them."""
        made = [*self.inputs, *(value for statement in self.statements for value in statement.results)]
        order = {value: number for number, value in enumerate(made)}
        order.update({old: order[new] for old, new in same.items()})

        def place(leaf: object) -> object:
            return type(leaf)(order[leaf.value]) if isinstance(leaf, ValueArgument | BatchSize) else leaf

        statements = [
            statement.map_leaves(place, tuple(order[value] for value in statement.results))
            for statement in self.statements
        ]
        outputs = tuple(order[value] for value in self.outputs)
        return ClassBody(self.part, self.kind, self.members, statements, self.inputs, outputs)


def _structure_key(item: Member | ModuleRun) -> Hashable:
    if isinstance(item, ModuleRun):
        return item.prefix, item.start, structure_of(item.constructors[0]), item.single
    return item.path, structure_of(item.constructor)


def _mask_number(leaf: object) -> object:
    return "number" if is_quantity(leaf) else leaf


@dataclass(eq=False)
class ConstructorArgument:
    """An argument of a constructor, with its value for each body."""

    name: str
    values: tuple[Literal, ...]
    default: Literal = None
    has_default: bool = False


@dataclass(frozen=True)
class ModuleLoop:
    """A `ModuleRun` in a template: modules in a loop over `source`, or a single one if that is None."""

    prefix: str
    start: int
    before: int
    """The number of modules of the chain before it."""
    constructor: Constructor
    target: ast.expr | None = None
    source: ast.expr | None = None


@dataclass(eq=False)
class ClassTemplate:
    """The bodies that share a class, its name, and the arguments of its constructor."""

    kind: str
    bodies: list[ClassBody]
    optional: str | None = None
    name: str = ""
    arguments: list[ConstructorArgument] = field(default_factory=list)
    members: list[Member | ModuleLoop] = field(default_factory=list)
    """The common members, with expressions in place of numbers."""
    statements: list[Statement] = field(default_factory=list)

    @property
    def body(self) -> ClassBody:
        """The body that the class is written from, which has the optional member."""
        return self.bodies[0]
