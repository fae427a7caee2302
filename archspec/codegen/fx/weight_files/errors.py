"""Defines the error of damaged files of weights."""

from __future__ import annotations

from archspec.errors import ArchspecError

_LONGEST = 80


class FormatError(ArchspecError, ValueError):
    """Raised if the content of a file violates its format; the caller that opened the file adds its name."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help


CHANGED = "its content is not what was written, by the digest that was written with it"


def quote_name(name: object) -> str:
    """A name from a file for a message: short, printable, and quoted if it has spaces.

    >>> quote_name("conv.weight"), quote_name("a b"), quote_name(0), quote_name((1, 2))
    ('conv.weight', "'a b'", '0', 'a tuple')
    """
    if isinstance(name, str):
        short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        return short if short.isprintable() and short and " " not in short else repr(short)
    if isinstance(name, bool | float | None) or (isinstance(name, int) and abs(name) < 1 << 64):
        return repr(name)
    return f"{'an' if type(name).__name__[0] in 'aeiou' else 'a'} {type(name).__name__}"
