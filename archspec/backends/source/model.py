"""What a class of generated code is made of, before any of it is text."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from archspec.backends.layout import Part

Literal = int | float | bool | str | tuple[object, ...] | None


@dataclass(frozen=True)
class Make:
    """A module as it is constructed: of torch (`target` is its name) or of a class of ours (`target` is its `Family`)."""

    target: str | Family
    options: tuple[tuple[str, Literal | Make], ...]
    """By name; without names the modules of an `nn.Sequential`."""

    @property
    def shape(self) -> Hashable:
        """What is left without the numbers."""
        return self.target, tuple((name, shape_of(value)) for name, value in self.options)

    @property
    def numbers(self) -> Iterator[tuple[str, Literal]]:
        for name, value in self.options:
            if isinstance(value, Make):
                yield from value.numbers
            elif is_number(value):
                yield name, value


def shape_of(value: Literal | Make) -> Hashable:
    if isinstance(value, Make):
        return value.shape
    return "number" if is_number(value) else value


def is_number(value: object) -> bool:
    """Whether blocks may differ in a value and still share a class."""
    return isinstance(value, int | float) or (
        isinstance(value, tuple) and bool(value) and all(isinstance(one, int) for one in value)
    )


@dataclass(frozen=True)
class Weight:
    """A parameter of a class's own: its sizes, and how it is initialised."""

    sizes: tuple[int, ...]
    initial: object

    @property
    def shape(self) -> Hashable:
        return "parameter", len(self.sizes), repr(self.initial)

    @property
    def numbers(self) -> Iterator[tuple[str, Literal]]:
        for at, size in enumerate(self.sizes):
            yield f"size{at}", size


@dataclass(frozen=True)
class Member:
    """An attribute of a class, or one in plain containers where its path is longer."""

    path: tuple[str, ...]
    make: Make | Weight


@dataclass(frozen=True)
class Run:
    """Modules of a chain with numbered names that differ at most in numbers."""

    prefix: str
    start: int
    makes: tuple[Make, ...]
    single: bool
    """Whether there is always one of it."""


@dataclass(frozen=True)
class Ref:
    """In the arguments of a statement: a value, by its number in the body."""

    value: int


@dataclass(frozen=True)
class Size:
    """In the arguments of a statement: the batch size of a value."""

    value: int


@dataclass(frozen=True)
class Statement:
    """One call in a `forward`: of a member if `target` is a path, otherwise of a function or a method of torch."""

    results: tuple[int, ...]
    target: str | tuple[str, ...]
    args: tuple[object, ...]
    keywords: tuple[tuple[str, object], ...] = ()
    hint: str = ""
    weighted: bool = False
    batched: bool = True
    """Whether all operands of its op have a batch axis."""

    @property
    def reads(self) -> list[int]:
        return [leaf.value for leaf in leaves((self.args, tuple(self.keywords))) if isinstance(leaf, Ref | Size)]


def leaves(tree: object) -> Iterator[object]:
    """The leaves of nested tuples, in order."""
    if isinstance(tree, tuple | list):
        for one in tree:
            yield from leaves(one)
    else:
        yield tree


@dataclass(eq=False)
class Body:
    """One part of a network: its members in order, and the statements of its `forward` (none of a plain chain)."""

    part: Part
    kind: str
    members: list[Member]
    statements: list[Statement]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    chain: list[Member | Run] | None = None
    input_names: tuple[str, ...] = ()

    def key(self, without: str | None = None) -> Hashable:
        """What is equal for bodies that one class can be written for; `without` leaves a member's make out of it."""
        if self.chain is not None:
            return self.kind, "chain", tuple(_item_key(item) for item in self.chain)
        members = tuple((one.path, "optional" if one.path == (without,) else one.make.shape) for one in self.members)
        lines = tuple(
            (one.results, one.target, _mask(one.args), _mask(one.keywords), one.weighted, one.batched)
            for one in self.statements
        )
        return self.kind, len(self.inputs), members, lines, self.outputs

    def elided(self, name: str) -> Body | None:
        """The body without a member that is called once on one value and gives one, if there is such a member."""
        calls = [one for one in self.statements if one.target == (name,)]
        if len(calls) != 1 or len(calls[0].results) != 1 or calls[0].keywords or len(calls[0].args) != 1:
            return None
        given = calls[0].args[0]
        if not isinstance(given, Ref):
            return None
        renamed = {calls[0].results[0]: given.value}
        statements = [one for one in self.statements if one is not calls[0]]
        members = [one for one in self.members if one.path != (name,)]
        return _renumbered(Body(self.part, self.kind, members, statements, self.inputs, self.outputs), renamed)


def _renumbered(body: Body, renamed: dict[int, int]) -> Body:
    """The body with its values numbered in the order in which they are made."""
    order = {value: at for at, value in enumerate(body.inputs)}
    for one in body.statements:
        for value in one.results:
            order.setdefault(value, len(order))
    order.update({old: order[new] for old, new in renamed.items()})

    def place(tree: object) -> object:
        if isinstance(tree, Ref | Size):
            return type(tree)(order[tree.value])
        return tuple(map(place, tree)) if isinstance(tree, tuple) else tree

    body.statements = [
        Statement(
            tuple(order[value] for value in one.results),
            one.target,
            place(one.args),  # type: ignore[arg-type]
            tuple((name, place(value)) for name, value in one.keywords),
            one.hint,
            one.weighted,
            one.batched,
        )
        for one in body.statements
    ]
    body.outputs = tuple(order[value] for value in body.outputs)
    return body


def _item_key(item: Member | Run) -> Hashable:
    if isinstance(item, Run):
        return item.prefix, item.start, item.makes[0].shape, item.single
    return item.path, item.make.shape


def _mask(tree: object) -> Hashable:
    if isinstance(tree, tuple):
        return tuple(map(_mask, tree))
    return "number" if is_number(tree) and not isinstance(tree, bool) else tree


@dataclass(eq=False)
class Family:
    """Bodies that share a class: what it is called, and the arguments of its constructor."""

    kind: str
    bodies: list[Body]
    optional: str | None = None
    name: str = ""
    arguments: list[Argument] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    """For each number in the class, in order: what stands for it."""
    level: int = 0


@dataclass(eq=False)
class Argument:
    """An argument of a constructor: for each body its value."""

    name: str
    values: tuple[Literal, ...]
    default: Literal = None
    has_default: bool = False
