"""The scopes and environments of elaboration: the names that are taken in a region, and the values that have names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archspec import meter
from archspec.errors import Diagnostic, Note, SpecError
from archspec.ir.graph import Path, Value
from archspec.ir.names import find_free_name
from archspec.ir.shape import Shape
from archspec.spans import Span, Use
from archspec.spec.bound_tree import Layer, Loop
from archspec.spec.values import NO_VALUE, UNKNOWN_NUMBER, Channels, UnknownQuantity

Bundle = tuple[Value, ...]
"""One value or several in order."""

UNKNOWN = Value(-1, 0, Shape.of(1))
"""What a layer that is wrong makes: a value, or several, of which nothing is known. It is never part of a graph."""


def count_channels(current: Bundle) -> Channels | UnknownQuantity:
    """The number of channels of a value; for a bundle or a value without channels, why it has none."""
    known = [value for value in current[:3] if value is not UNKNOWN]
    if len(known) > 1:
        return "the current value is a bundle and has no channels"
    if len(known) < min(len(current), 3):
        return UNKNOWN_NUMBER
    if not known:
        return NO_VALUE
    shape = known[0].shape
    return (
        shape.channels if shape.channel_axis is not None else f"the current value, {shape.described}, has no channels"
    )


@dataclass(frozen=True, slots=True)
class Label:
    """The name that an author, or an iterator, gives to what is made next."""

    text: str
    span: Span


@dataclass(slots=True)
class NameScope:
    """A region that is being filled: which names are taken and which number comes next."""

    region: int
    path: Path
    taken: dict[str, Span] = field(default_factory=dict)
    number: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """How often `find_free_name` has been asked for a name."""

    def take_name(self, label: Label | None, span: Span, use: Use | None) -> Path:
        """The path of what gets `label`, or else the next number. Raises `SpecError` if the name is taken."""
        if label is None:
            text = self.next_number()
        else:
            text, span = label.text, label.span
        first = self.taken.get(text)
        if first is not None:
            notes = (Note(first, "first here"),)
            advice = "a repeat with names inside needs `name: prefix` or a key" if first == span else None
            raise SpecError(Diagnostic(f"the name {text!r} is taken in this scope", span, notes, use, advice))
        self.taken[text] = span
        return (*self.path, text)

    def next_number(self) -> str:
        self.number += 1
        return str(self.number - 1)

    def find_free_name(self, name: str) -> str:
        """`name`, or `name2`, `name3`, … if it is taken."""
        before = self.counts.get(name, 0)
        chosen, count = find_free_name(name, self.taken, before + 1, "{}{}".format)
        meter.charge_work("layers", (count - before) // 8)
        self.counts[name] = count
        return chosen

    def state(self) -> tuple[int, int, dict[str, int]]:
        return len(self.taken), self.number, dict(self.counts)

    def restore(self, state: tuple[int, int, dict[str, int]]) -> None:
        """Forgets the names that were taken since `state`."""
        while len(self.taken) > state[0]:
            self.taken.popitem()
        meter.charge_work("layers", len(state[2]) // 16)
        self.number, self.counts = state[1], dict(state[2])


class ValueFrame:
    """The named values of one list or mapping, and those around it."""

    __slots__ = ("parent", "values")

    def __init__(self, parent: ValueFrame | None = None, values: dict[str, Bundle] | None = None) -> None:
        self.parent, self.values = parent, {} if values is None else values

    def find(self, name: str) -> tuple[Bundle, int]:
        """The values of a name, and how many frames were looked through for it."""
        frame: ValueFrame | None = self
        steps = 0
        while frame is not None:
            steps += 1
            values = frame.values.get(name)
            if values is not None:
                return values, steps
            frame = frame.parent
        raise KeyError(name)


class Env:
    """What names mean at one place: arguments (numbers, options, layers), named values; and the use of a block it lies in."""

    __slots__ = ("frame", "names", "use")

    def __init__(self, names: dict[str, Any], frame: ValueFrame, use: Use | None = None) -> None:
        self.names, self.frame, self.use = names, frame, use

    def inside(self) -> Env:
        """The environment of a list, mapping or turn inside this one."""
        return Env(self.names, ValueFrame(self.frame), self.use)

    def with_names(self, names: dict[str, Any]) -> Env:
        """The environment of a turn inside this one, in which some names mean something else."""
        meter.charge_work("layers", len(self.names) // 16)
        return Env({**self.names, **names}, ValueFrame(self.frame), self.use)


@dataclass(frozen=True, slots=True)
class Closure:
    """A layer that is the argument of a block, with the environment of the place where it was written."""

    layer: Layer
    env: Env
    empty: bool
    """Whether it makes nothing at all."""


@dataclass(frozen=True, slots=True)
class NestLevel:
    """What `core` stands for: the level of a `nest` below the current one."""

    loop: Loop
    env: Env
    level: int
    start: int
