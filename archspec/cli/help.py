"""Formats help to the width of the screen."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from archspec.cli.console import find_screen

_WIDEST = 100
_PIPE = 80  # columns without a terminal
_NARROWEST = 24
_GAP = 2


class Formatter(click.HelpFormatter):
    """click's formatter, which also wraps long lines of examples."""

    def write_text(self, text: str) -> None:
        """Writes paragraphs; long lines of preformatted ones are wrapped."""
        room = self.width - self.current_indent
        paragraphs = text.split("\n\n")
        super().write_text("\n\n".join(_kept(paragraph, room) for paragraph in paragraphs))

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = _GAP) -> None:
        """Writes a definition list; the names take at most half of the width."""
        super().write_dl(rows, min(col_max, self.width // 2), col_spacing)


class Context(click.Context):
    """A context whose help has the width of the screen."""

    formatter_class = Formatter

    def make_formatter(self) -> click.HelpFormatter:
        width = find_screen().width or _PIPE
        return Formatter(width=max(_NARROWEST, min(width, _WIDEST) - _GAP))


def _kept(paragraph: str, room: int) -> str:
    """A paragraph; the long lines of a preformatted one are wrapped."""
    mark, *lines = paragraph.split("\n")
    if mark.strip() != "\b":
        return paragraph
    return "\n".join([mark, *(piece for line in lines for piece in _wrapped(line, room))])


def _wrapped(line: str, room: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2 * _GAP)
    return textwrap.wrap(
        line, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    ) or [line]
