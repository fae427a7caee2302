"""Defines a block: its layers, and its arguments, which are numbers or layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archspec.importing.forms import forms_of
from archspec.importing.laws import evaluate_law
from archspec.importing.terms import Term


@dataclass(slots=True)
class Block:
    """A block: its layers, and its arguments with their defaults, None where there is none.

    >>> block = Block([], {"out": "2 * channels", "stride": 1}, layers={"shortcut": []})
    >>> block.choose_fields(Term("call", "unit", {"out": 32, "stride": 2}, channels=16))
    {'stride': 2}
    """

    body: list[Term]
    arguments: dict[str, Any] = field(default_factory=dict)
    """Numbers; a default may be arithmetic over the channels at the place of use."""
    types: dict[str, str] = field(default_factory=dict)
    widths: set[str] = field(default_factory=set)
    """The arguments that are numbers of channels."""
    layers: dict[str, list[Term] | None] = field(default_factory=dict)
    """The arguments that are layers."""

    def iter_lists(self) -> Iterator[list[Term]]:
        """Yields its layers and those of its arguments' defaults."""
        yield self.body
        yield from (layers for layers in self.layers.values() if layers)

    def choose_fields(self, use: Term) -> dict[str, Any]:
        """The numbers that a use says: those that are not the defaults."""
        return {
            name: use.fields[name]
            for name, default in self.arguments.items()
            if name in use.fields and not is_default(use.fields[name], default, use.channels)
        }

    def choose_layers(self, use: Term) -> dict[str, list[Term]]:
        """The layers that a use says: those that are not the defaults."""
        return {
            name: use.layers[name]
            for name, default in self.layers.items()
            if name in use.layers and (default is None or forms_of(use.layers[name]) != forms_of(default))
        }


def is_default(value: Any, default: Any, channels: int | None) -> bool:
    """Whether a value is the default, also if that is arithmetic over the channels."""
    if isinstance(default, str) and not isinstance(value, str):
        return channels is not None and evaluate_law(default, channels) == value
    return default is not None and value == default
