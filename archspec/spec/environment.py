"""The environments of elaboration: the names that are taken in a region, named values, and arguments."""

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
from archspec.spec.values import NO_VALUE, UNKNOWN_NUMBER, Measured, UnknownQuantity

Bundle = tuple[Value, ...]
"""One value or several in order."""

UNKNOWN = Value(-1, 0, Shape.of(1))
"""The result of a layer with a mistake, for one value or several. It is never part of a graph."""


def find_shape(current: Bundle) -> Measured | UnknownQuantity:
    """The shape of a value; for a bundle or no value, a text that says why it has no size."""
    known = [value for value in current[:3] if value is not UNKNOWN]
    if len(known) > 1:
        return "the current value is a bundle and has no {}"
    if len(known) < min(len(current), 3):
        return UNKNOWN_NUMBER
    return known[0].shape if known else NO_VALUE


@dataclass(frozen=True, slots=True)
class Label:
    """The name that a spec or an iterator gives to the next module or region."""

    text: str
    span: Span


@dataclass(slots=True)
class NameScope:
    """The names that are taken in a region, and its next number."""

    region: int
    path: Path
    taken: dict[str, Span] = field(default_factory=dict)
    number: int = 0
    containers: dict[str, Span] = field(default_factory=dict)
    """The scopes that dotted names open: `convs` of `convs.0`."""
    counts: dict[str, int] = field(default_factory=dict)
    """The number of calls of `find_free_name` for each name."""

    def take_name(self, label: Label | None, span: Span, use: Use | None) -> Path:
        """The path for `label`, or for the next number. Raises `SpecError` if the name is taken."""
        if label is None:
            text = self.next_number()
        else:
            text, span = label.text, label.span
        first = self.taken.get(text) or self.containers.get(text)
        names = text.split(".")
        for end in range(1, len(names)):
            container = ".".join(names[:end])
            first = first or self.taken.get(container)
            self.containers.setdefault(container, span)
        if first is not None:
            notes = (Note(first, "first here"),)
            advice = (
                f"a repeat with names inside needs `name: prefix`, a key, or its index in them: {text}(i)"
                if first == span
                else None
            )
            raise SpecError(Diagnostic(f"the name {text!r} is taken in this scope", span, notes, use, advice))
        self.taken[text] = span
        return (*self.path, *names)

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
    """The named values of one list or mapping, and the frame around it."""

    __slots__ = ("layers", "parent", "values")

    def __init__(self, parent: ValueFrame | None = None, values: dict[str, Bundle] | None = None) -> None:
        self.parent, self.values = parent, {} if values is None else values
        self.layers: dict[str, FirstUse] | None = None

    def find(self, name: str) -> tuple[Bundle, int]:
        """The values of a name, and the number of frames that were searched."""
        frame: ValueFrame | None = self
        steps = 0
        while frame is not None:
            steps += 1
            values = frame.values.get(name)
            if values is not None:
                return values, steps
            frame = frame.parent
        raise KeyError(name)

    def find_layer(self, name: str) -> FirstUse | None:
        """The first use of a named layer; None if it was skipped after a mistake."""
        frame: ValueFrame | None = self
        while frame is not None:
            meter.charge_work("layers", 1)
            if frame.layers is not None and name in frame.layers:
                return frame.layers[name]
            frame = frame.parent
        return None


class Env:
    """The meaning of names at one place: arguments (numbers, options, layers), named values, and the enclosing use of a block."""

    __slots__ = ("frame", "names", "use")

    def __init__(self, names: dict[str, Any], frame: ValueFrame, use: Use | None = None) -> None:
        self.names, self.frame, self.use = names, frame, use

    def inside(self) -> Env:
        """A nested environment, for a list, a mapping or a turn."""
        return Env(self.names, ValueFrame(self.frame), self.use)

    def with_names(self, names: dict[str, Any]) -> Env:
        """A nested environment in which some names have other values."""
        meter.charge_work("layers", len(self.names) // 16)
        return Env({**self.names, **names}, ValueFrame(self.frame), self.use)


@dataclass(frozen=True, slots=True)
class FirstUse:
    """The first use of a named layer, whose weights and module names a `reuse` of it has."""

    layer: Layer
    env: Env
    path: Path
    """The region in which its name is."""
    label: Label


@dataclass(frozen=True, slots=True)
class Closure:
    """A layer that is an argument of a block, with the environment of its caller."""

    layer: Layer
    env: Env
    empty: bool
    """Whether it adds no node."""


@dataclass(frozen=True, slots=True)
class NestLevel:
    """The value of `core`: the level of a `nest` below the current one."""

    loop: Loop
    env: Env
    level: int
    start: int
