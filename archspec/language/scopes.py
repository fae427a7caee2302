"""Where things are while the network is being built: the scope that gives them names, the values that have names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archspec.diagnostics import Diagnostic, Note, Span, SpecError, Use
from archspec.graph import Path, Value
from archspec.language.layers import Layer, Turns
from archspec.language.values import NO_VALUE, Channels

Bundle = tuple[Value, ...]
"""One value or several in order."""


def channels(current: Bundle) -> Channels:
    """The width of a value, or why it has none."""
    if len(current) > 1:
        return "the current value is a bundle and has no channels"
    if not current:
        return NO_VALUE
    shape = current[0].shape
    return (
        shape.channels if shape.channel_axis is not None else f"the current value, {shape.described}, has no channels"
    )


@dataclass(frozen=True, slots=True)
class Label:
    """The name that an author, or an iterator, gives to what is made next."""

    text: str
    span: Span


@dataclass(slots=True)
class Place:
    """A scope that is being filled: which names are taken and which number comes next."""

    scope: int
    path: Path
    taken: dict[str, Span] = field(default_factory=dict)
    number: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """How often `free` has been asked for a name."""

    def take(self, label: Label | None, span: Span, use: Use | None) -> Path:
        """The path of what gets `label`, or else the next number. Raises `SpecError` if the name is taken."""
        if label is None:
            label = Label(self.next_number(), span)
        first = self.taken.get(label.text)
        if first is not None:
            notes = (Note(first, "first here"),)
            advice = "a repeat with names inside needs `name: prefix` or a key" if first == label.span else None
            raise SpecError(
                Diagnostic(f"the name {label.text!r} is taken in this scope", label.span, notes, use, advice)
            )
        self.taken[label.text] = label.span
        return (*self.path, label.text)

    def next_number(self) -> str:
        self.number += 1
        return str(self.number - 1)

    def free(self, name: str) -> str:
        """`name`, or `name2`, `name3`, … if it is taken."""
        count = self.counts.get(name, 0) + 1
        chosen = name if count == 1 else f"{name}{count}"
        while chosen in self.taken:
            count += 1
            chosen = f"{name}{count}"
        self.counts[name] = count
        return chosen

    def state(self) -> tuple[int, int, dict[str, int]]:
        return len(self.taken), self.number, dict(self.counts)

    def restore(self, state: tuple[int, int, dict[str, int]]) -> None:
        """Forgets the names that were taken since `state`."""
        while len(self.taken) > state[0]:
            self.taken.popitem()
        self.number, self.counts = state[1], dict(state[2])


@dataclass(slots=True)
class Frame:
    """The named values of one list or mapping, and those around it."""

    parent: Frame | None = None
    values: dict[str, Bundle] = field(default_factory=dict)

    def find(self, name: str) -> Bundle:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.values:
                return frame.values[name]
            frame = frame.parent
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Env:
    """What names mean at one place: arguments (numbers, options, layers), named values; and the use of a block it lies in."""

    names: dict[str, Any]
    frame: Frame
    use: Use | None = None

    def inside(self, **names: Any) -> Env:
        """The environment of a list, mapping or turn inside this one."""
        return Env({**self.names, **names} if names else self.names, Frame(self.frame), self.use)


@dataclass(frozen=True, slots=True)
class Closure:
    """A layer that was handed in as an argument, with the names of the place where it was written."""

    layer: Layer
    env: Env
    empty: bool
    """Whether it makes nothing at all."""


@dataclass(frozen=True, slots=True)
class Level:
    """What `core` stands for: the level of a `nest` below the current one."""

    turns: Turns
    env: Env
    level: int
    start: int
