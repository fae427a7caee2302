"""Writes the docstring of a generated module."""

from __future__ import annotations

import textwrap
from typing import Protocol

from archspec.codegen.python.formatter import WIDTH
from archspec.numerals import format_named_sizes
from archspec.printable import escape_unprintable


class DescribedNetwork(Protocol):
    """The facts in the docstring of a generated module."""

    @property
    def name(self) -> str: ...
    @property
    def paper(self) -> str: ...
    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]: ...
    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]: ...
    @property
    def params(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def depth(self) -> int: ...


def describe_network(network: DescribedNetwork, command: str | None) -> str:
    """The docstring of a generated module: the network, its paper, its counts, and the command that made it.

    >>> import archspec
    >>> print(describe_network(archspec.load("lstm"), None).splitlines()[0])
    The network lstm.
    """
    counts = (
        f"{network.params:,} parameters, {network.macs:,} multiply-accumulates for one sample,"
        f" {network.depth:,} weighted layers deep"
    )
    shapes = f"From {format_named_sizes(network.input_shapes)} to {format_named_sizes(network.output_shapes)}, without the batch: {counts}."
    made = f"Made by `{escape_unprintable(command)}`." if command else "Made by archspec."
    parts = [_wrap_text(part) for part in (network.paper, shapes) if part]
    return "\n\n".join([f"The network {escape_unprintable(network.name)}.", *parts, made])


def _wrap_text(text: str) -> str:
    shown = escape_unprintable(" ".join(text.split()))
    return "\n".join(textwrap.wrap(shown, WIDTH, break_long_words=False, break_on_hyphens=False))
