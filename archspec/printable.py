"""Makes text from outside safe to print on a terminal, in a page and in generated source.

Names, sources, weight keys, file names and arguments may have any characters, which could move the cursor, set the title of the
window, reverse the direction of text, or be invisible. This module decides which characters those are, and what replaces them.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape

# Invisible characters for which `str.isprintable` is true: fillers, joiners, variation selectors.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
# Combining marks, which at the start of a text would combine with the character printed before it.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_HIDDEN = re.compile(f"[{_INVISIBLE}]|(?:^|(?<=\\s))[{_MARKS}]")

_MASK = "\N{REPLACEMENT CHARACTER}"

_PLAIN: Mapping[str, str] = {
    **dict.fromkeys("‐‑‒–—―−─━═", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("█▇▆▅▄▃▂▁▌▐░▒▓■", "#"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″«»", '"'),
    **dict.fromkeys("·•∙", "*"),
    "×": "x",
    "÷": "/",
    "…": "...",
    "→": "->",
    "←": "<-",
    "≈": "~",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "√": "sqrt",
    "ᵀ": "^T",
    "²": "^2",
    "³": "^3",
    "¹": "^1",
    "⁰": "^0",
    "⌊": "floor(",
    "⌋": ")",
    "⌈": "ceil(",
    "⌉": ")",
    _MASK: "?",
}
"""The ASCII replacement of each character of archspec's own texts, for an encoding that lacks it."""


def shorten_text(text: str, limit: int = 60) -> str:
    r"""`text` on one line and no longer than `limit` characters.

    >>> shorten_text("a line\nand another", 8)
    'a line …'
    """
    flat = " ".join(text[: 4 * limit].split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def list_some(words: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first `most` of some words, and the number of the others.

    >>> list_some(["conv1", "bn1", "fc"], 2), list_some(["conv1"], 2)
    ('conv1, bn1 and 1 more', 'conv1')
    """
    return separator.join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def is_printable(text: str) -> bool:
    r"""Whether a text is one line of visible characters that are shown in their order.

    >>> is_printable("conv 3×3"), is_printable("evil\x1b[2J"), is_printable("\u202etxt")
    (True, False, False)
    """
    return text.isprintable() and (text.isascii() or not _HIDDEN.search(text))


def escape_unprintable(text: str) -> str:
    r"""A text on one line, with a Python escape for each character that is not shown as itself.

    Control characters (ESC, BEL, tabs, line breaks), those that change the direction of text or have no width, lone surrogates, and
    combining marks without a base character are escaped. Other kinds of space become plain ones. An undecodable byte of a file name,
    U+DC80 to U+DCFF in Python, is shown as that byte.

    >>> escape_unprintable("evil\x1b[2J\u202etxt\n")
    'evil\\x1b[2J\\u202etxt\\n'
    >>> escape_unprintable("3×3"), escape_unprintable("caf\udce9.yaml")
    ('3×3', 'caf\\xe9.yaml')
    """
    if is_printable(text):
        return text
    return _HIDDEN.sub(
        lambda hidden: escape_character(hidden[0]), "".join(_visible_character(c) or escape_character(c) for c in text)
    )


def escape_markup(text: str) -> str:
    r"""Lines of text for XML and HTML: markup is escaped, and unprintable characters are Python escapes.

    >>> escape_markup("<b>\x07 & \u202e")
    '&lt;b&gt;\\x07 &amp; \\u202e'
    """
    return escape("\n".join(map(escape_unprintable, text.split("\n"))))


def mask_unprintable(text: str, mask: str = _MASK) -> str:
    r"""A text of the same length with a space or `mask` in place of each character that is not shown as itself.

    Columns are kept, for carets below the line.

    >>> mask_unprintable("a\tb\x1b[2J")
    'a b�[2J'
    """
    if is_printable(text):
        return text
    return _HIDDEN.sub(mask, "".join(_visible_character(c) or (" " if c.isspace() else mask) for c in text))


def escape_character(character: str) -> str:
    r"""A character as a Python escape, in ASCII.

    >>> [escape_character(c) for c in "\x1b\u202e\né"]
    ['\\x1b', '\\u202e', '\\n', '\\xe9']
    """
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte that could not be decoded
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def replace_unencodable(text: str, encoding: str | None) -> str:
    r"""A text for an encoding: characters that it lacks are spelled in ASCII, as `x` for × and `...` for …, or escaped.

    An unknown encoding, or None, is treated as ASCII.

    >>> replace_unencodable("conv 3×3 → 64 …", "ascii"), replace_unencodable("3×3 → 64", "cp1252")
    ('conv 3x3 -> 64 ...', '3×3 -> 64')
    >>> replace_unencodable("Krähenbühl", "ascii")
    'Kr\\u00e4henb\\u00fchl'
    """
    if text.isascii():
        return text
    try:
        return text.encode(encoding or "ascii", "archspec.spell").decode(encoding or "ascii")
    except LookupError:
        return text.encode("ascii", "archspec.spell").decode("ascii")


def _visible_character(character: str) -> str:
    """A visible character itself, a plain space for one of another kind, or ""."""
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else ""


def _spell_unencodable(error: UnicodeError) -> tuple[str, int]:
    """An error handler that spells the characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or _number_escape(c) for c in lacking), error.end


def _number_escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


codecs.register_error("archspec.spell", _spell_unencodable)
