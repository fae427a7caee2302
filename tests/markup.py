"""Reads back what archspec writes for LaTeX and Markdown: the text that a reader sees."""

from __future__ import annotations

import re

_COMMANDS = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\char34{}": '"',
    r"\ldots{}": "…",
    r"\textendash{}": "–",
    r"\textemdash{}": "—",
    r"${\cdot}$": "·",
    r"${\times}$": "×",
    r"${\rightarrow}$": "→",
    r"${\approx}$": "≈",
    r"\quad ": "  ",
    r"-{}": "-",
}
_LATEX = re.compile("|".join([*map(re.escape, _COMMANDS), r"\\[{}$&#_%]", r"\{[\[\]*`']\}"]))


def read_latex(text: str) -> str:
    """The text of escaped LaTeX; anything else that is markup is refused."""
    rest = _LATEX.sub("", text)
    assert not re.search(r"[\\{}$&#_%~^]", rest), text
    return _LATEX.sub(lambda match: _COMMANDS.get(match[0], match[0].strip("{}\\") or match[0][-1]), text)


def read_latex_rows(text: str) -> list[list[str]]:
    """The cells of the rows of a `tabular`, the heads first."""
    body = re.search(r"\\begin\{tabular\}\{[lr]+\}\n(.*?)\\end\{tabular\}", text, re.DOTALL)
    assert body, text
    lines = [line for line in body[1].splitlines() if not re.fullmatch(r"\\(top|mid|bottom)rule", line)]
    assert all(line.endswith(r" \\") for line in lines)
    return [[read_latex(cell) for cell in re.split(r" (?<!\\)& ", line.removesuffix(r" \\"))] for line in lines]


def read_markdown(text: str) -> str:
    """The text of escaped Markdown."""
    assert not re.search(r"(?<!\\)[`*_{}\[\]<>#|~$]", text.replace(r"\\", "")), text
    return re.sub(r"\\(.)", r"\1", text.replace("&emsp;", "  "))


def read_markdown_tables(text: str) -> list[list[list[str]]]:
    """The tables of a page: the cells of their rows, the heads first."""
    found = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    split = [
        [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines() if not re.fullmatch(r"\|[:|-]+\|", line)]
        for table in found
    ]
    return [[[read_markdown(cell[1:-1]) for cell in row] for row in table] for table in split]
