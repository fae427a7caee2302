"""Defines sources, spans in them, and uses of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path

from archspec.printable import shorten_text

_SHOWN_ITEMS = 20  # the most arguments of a block, or numbers of a list


@dataclass(frozen=True, eq=False)
class Source:
    r"""The text of one spec and its name in messages.

    >>> Source("net.yaml", "name: a\ninput: [8]").line(2)
    'input: [8]'
    """

    name: str
    text: str
    start: int = 0
    """The offset of the YAML in the text: after the `groups=` of an option."""
    numbered: bool = True
    """Whether spans are shown with line and column; not for an option or a mapping."""
    path: Path | None = None
    """The file, if it is one."""

    @staticmethod
    def option(name: str, value: str, *, flag: str = "") -> Source:
        """The source of an argument that is given outside the spec, as `name=value` after the `flag` of a command line."""
        text = f"{name}={value}"
        return Source(f"{flag} {shorten_text(text)}".lstrip(), text, start=len(name) + 1, numbered=False)

    @property
    def yaml(self) -> str:
        """The part of the text that is YAML."""
        return self.text[self.start :]

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def line(self, number: int) -> str:
        """Line `number`, counted from 1; empty after the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of characters in one line of a source; line and column count from 1.

    >>> str(Span(Source("net.yaml", "name: a"), 1, 7))
    'net.yaml:1:7'
    """

    source: Source
    line: int
    column: int
    length: int = 1

    def subspan(self, offset: int, length: int) -> Span:
        """The span of `length` characters that starts `offset` characters into this one."""
        return Span(self.source, self.line, self.column + offset, max(1, length))

    def __str__(self) -> str:
        if not self.source.numbered and self.line == 1:
            return self.source.name
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a block: `bottleneck(width=64, stride=1), used at resnet50.yaml:21:9`, and the use around it."""

    block: str
    arguments: Mapping[str, object]
    span: Span
    parent: Use | None = None

    def __str__(self) -> str:
        given = islice(self.arguments.items(), _SHOWN_ITEMS)
        shown = [f"{shorten_text(name)}={_format_value(value)}" for name, value in given]
        more = ["…"] if len(self.arguments) > _SHOWN_ITEMS else []
        return f"{shorten_text(self.block)}({', '.join(shown + more)})"

    def enclosing_uses(self) -> Iterable[Use]:
        """This use and those around it, innermost first."""
        use: Use | None = self
        while use is not None:
            yield use
            use = use.parent


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        shown = [_format_value(item) for item in value[:_SHOWN_ITEMS]]
        return f"({', '.join(shown)}{', …' if len(value) > _SHOWN_ITEMS else ',' if len(value) == 1 else ''})"
    if isinstance(value, str):
        return shorten_text(value)
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)
