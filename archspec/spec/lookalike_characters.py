"""Finds characters that look like those of YAML: no-break spaces, typographic quotes, full-width punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.spans import Source, Span
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_LIKE = {
    **dict.fromkeys("\uff1a\ufe55\ua789", ":"),
    **dict.fromkeys("\uff0c\u3001\u201a", ","),
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2018\u2019\uff07\u00b4", "'"),
    **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\uff0d", "-"),
    **dict.fromkeys("\u00d7\u00b7\u22c5\u2217\uff0a", "*"),
    **dict.fromkeys("\u00f7\u2215\uff0f", "/"),
    **dict(zip("\uff08\uff09\uff3b\uff3d\uff5b\uff5d\uff03\uff0b", "()[]{}#+", strict=True)),
}
_ODD = re.compile(f"[{_SPACES}{_INVISIBLE}{''.join(map(re.escape, _LIKE))}]")
_PROSE = frozenset(("name", "source"))


def find_odd_characters(tree: Tree) -> Iterator[Diagnostic]:
    """A diagnostic for each unquoted text with such a character, except a spec's name and source."""
    pending: list[Tree] = [tree]
    if isinstance(tree, Mapping):
        pending = [part for key, value in tree for part in ((key,) if key.text in _PROSE else (key, value))]
    while pending:
        part = pending.pop()
        if isinstance(part, Sequence):
            pending += part.items
        elif isinstance(part, Mapping):
            pending += [inner for entry in part for inner in entry]
        elif part.plain and not part.text.isascii():
            yield from _find_in_scalar(part)


def _find_in_scalar(scalar: Scalar) -> Iterator[Diagnostic]:
    match = _ODD.search(scalar.text)
    if match is None:
        return
    one_line = scalar.span.length == len(scalar.text)
    yield _diagnostic(match[0], scalar.span.subspan(match.start(), 1) if one_line else scalar.span)


def find_odd_character(source: Source, first: int, last: int) -> Diagnostic | None:
    """A diagnostic for the first such character outside comments in these lines, which are not valid YAML."""
    for number in range(first, last + 1):
        line = source.line(number)
        match = _ODD.search(re.split(r"(?:^|\s)#", line)[0])
        if match is not None:
            return _diagnostic(match[0], Span(source, number, match.start() + 1))
    return None


def _diagnostic(character: str, span: Span) -> Diagnostic:
    named = f"U+{ord(character):04X} ({unicodedata.name(character).lower()})"
    if character in _SPACES:
        return Diagnostic(f"{named} is no space", span, help="put a space in its place")
    if character in _INVISIBLE:
        return Diagnostic(f"{named} is here, where it cannot be seen", span, help="take it out")
    return Diagnostic(f"{named} is no {_LIKE[character]}", span, help=f"put {_LIKE[character]} in its place")
