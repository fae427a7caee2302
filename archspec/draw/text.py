"""Measures and cuts texts, so that boxes have their sizes before the layout."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from archspec.printable import mask_unprintable

SIZE = 11.0
"""The size of plain text, in points."""

# Glyph widths in hundredths of the font size, from space to tilde: the widest among the fonts of the pictures.
_PLAIN = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53,
    100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50,
    50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_BOLD = 1.11
_OTHERS = {"·": 32, "–": 50, "…": 100, "×": 84, "→": 84}
_WIDE = 105
_MIDDLING = 84
_BREAKS = (
    re.compile(r"(?<=[,|;] )|(?<=… )|(?=· )"),
    re.compile(r"(?<=\s)"),
    re.compile(r"(?<=[._/-])(?!\d)|(?<=_)"),
    re.compile(r"(?!^)(?=\S)"),
)
"""Where a text is broken: between items, words, parts of names, and characters."""


def measure_width(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """The width of a text in points, in the widest of the fonts of the pictures."""
    return sum(map(_glyph_width, text)) * size / 100 * (_BOLD if bold else 1)


def wrap_text(text: str, width: float, size: float = SIZE, *, bold: bool = False) -> list[str]:
    """The lines of a text that has at most `width` points.

    It is broken between items; of items that are wider, between words, at dots and underscores, and at last inside these.

    >>> wrap_text("conv 3×3, 256, batchnorm, relu", 100)
    ['conv 3×3, 256,', 'batchnorm, relu']
    >>> wrap_text("0.59 M params · 116 M MACs", 90)
    ['0.59 M params', '116 M MACs']
    """
    lines, taken = [""], 0.0
    for piece in _split_to_width(text, width, size, bold=bold):
        if lines[-1] and taken + measure_width(piece.rstrip(), size, bold=bold) > width:
            lines.append("")
            taken = 0.0
        lines[-1] += piece
        taken += measure_width(piece, size, bold=bold)
    return [line.strip().removeprefix("· ") for line in lines]


def measure_longest_word(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """The width of the widest part of a text that `wrap_text` breaks only inside."""
    words = (word for item in text.split() for word in _BREAKS[-2].split(item))
    return max((measure_width(word, size, bold=bold) for word in words), default=0.0)


def _split_to_width(text: str, width: float, size: float, *, bold: bool, level: int = 0) -> Iterator[str]:
    """The pieces between which a text is broken, none wider than `width` but single characters."""
    for piece in _BREAKS[level].split(text):
        if level + 1 == len(_BREAKS) or measure_width(piece.rstrip(), size, bold=bold) <= width:
            yield piece
        else:
            yield from _split_to_width(piece, width, size, bold=bold, level=level + 1)


def clean_text(text: str, limit: int = 60) -> str:
    """`text` on one line, at most `limit` characters long, without control characters."""
    flat = " ".join(mask_unprintable(text[: 2 * limit]).split())
    return flat if len(flat) <= limit and len(text) <= 2 * limit else flat[: limit - 1] + "…"


def _glyph_width(character: str) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return _PLAIN[code - 32]
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    return _OTHERS.get(character, _MIDDLING)
