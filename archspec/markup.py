r"""Escapes text for LaTeX and Markdown, so that it is shown as it is and is no command of them.

Characters that are not printable are Python escapes first, as in all of archspec's output.
"""

from __future__ import annotations

import re

from archspec.printable import escape_unprintable

# Spacing of operators and ligatures are suppressed: 3×3 is no formula, and `--` no dash.
_LATEX = {
    **{ord(char): f"\\{char}" for char in "{}$&#_%"},
    **{ord(char): f"{{{char}}}" for char in "[]*`'"},
    ord("\\"): r"\textbackslash{}",
    ord("~"): r"\textasciitilde{}",
    ord("^"): r"\textasciicircum{}",
    ord("<"): r"\textless{}",
    ord(">"): r"\textgreater{}",
    ord("|"): r"\textbar{}",
    ord('"'): r"\char34{}",
    ord("…"): r"\ldots{}",
    ord("–"): r"\textendash{}",
    ord("—"): r"\textemdash{}",
    **{
        ord(char): f"${{{command}}}$"
        for char, command in {
            "×": r"\times",
            "·": r"\cdot",
            "→": r"\rightarrow",
            "←": r"\leftarrow",
            "≈": r"\approx",
            "≠": r"\neq",
            "≤": r"\leq",
            "≥": r"\geq",
            "−": "-",
            "÷": r"\div",
            "⌊": r"\lfloor",
            "⌋": r"\rfloor",
            "⌈": r"\lceil",
            "⌉": r"\rceil",
            "²": "^2",
            "³": "^3",
            "¹": "^1",
            "ᵀ": r"^{\mathsf{T}}",
            "√": r"\surd",
        }.items()
    },
}
_DASHES = re.compile("-(?=-)")
_MARKDOWN = {ord(char): f"\\{char}" for char in r"\`*_{}[]<>#|~&$!"}


def escape_latex(text: str) -> str:
    r"""One line of text for LaTeX, in the text of a document or in a node of TikZ.

    Letters outside ASCII stay, in UTF-8, which every LaTeX since 2018 reads.

    >>> print(escape_latex("conv_1: 64×56×56, 50 % of {a}"))
    conv\_1: 64${\times}$56${\times}$56, 50 \% of \{a\}
    """
    return _DASHES.sub("-{}", escape_unprintable(text).translate(_LATEX))


def escape_markdown(text: str) -> str:
    r"""One line of text for Markdown, also in a cell of a table.

    >>> print(escape_markdown("layer_1 | <b>"))
    layer\_1 \| \<b\>
    """
    return escape_unprintable(text).translate(_MARKDOWN)
