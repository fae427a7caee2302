"""Turns PyYAML's errors into diagnostics with advice."""

from __future__ import annotations

import re
from typing import Any

from archspec.errors import Diagnostic, Note
from archspec.spans import Source, Span
from archspec.spec.lookalike_characters import find_odd_character

_COLON = "a second ': ' on this line; quote the text, or put the mapping in braces"
_INDENTED = "this line stands deeper than the one above it, which ends with its value"

_TEXTS: dict[str, str] = {
    "mapping values are not allowed in this context": "a colon cannot stand here",
    "did not find expected key": "a key is expected here",
    "did not find expected ',' or '}'": "expected ',' or '}'",
    "did not find expected ',' or ']'": "expected ',' or ']'",
    "did not find expected '-' indicator": "expected '-', as before the other items",
    "did not find expected node content": "a value is missing here",
    "block sequence entries are not allowed in this context": "a list with dashes cannot begin here",
    "could not find expected ':'": "a key without a colon",
    "did not find expected alphabetic or numeric character": "an alias or an anchor without a name",
    "found invalid Unicode character escape code": "an escape that stands for no character",
    "found unknown escape character": "an escape that does not exist",
}

_CONTEXTS: dict[str, str] = {
    "while parsing a flow mapping": "the brace opens here",
    "while parsing a flow sequence": "the bracket opens here",
    "while parsing a block mapping": "the mapping begins here",
    "while parsing a block collection": "the list begins here",
}

_ADVICE: dict[str, str] = {
    "did not find expected key": "all keys of a mapping stand in one column; a list stands under a key of its own",
    "did not find expected '-' indicator": "all items of a list stand in one column",
    "did not find expected node content": "there is a comma too many, or [] is missing: the identity",
    "block sequence entries are not allowed in this context": "begin the list on a line of its own",
    "could not find expected ':'": "write name: layer",
    "found unknown escape character": "a backslash means itself in single quotes",
    "found invalid Unicode character escape code": "write the character itself",
}

_PERCENT = re.compile(r"%\s?(\d{1,3})\b|\b(\d{1,3})\s?%")
_PROSE = re.compile(r"[{\s]*(?:name|source)\s*:")
_CUT = re.compile(r"\s#")


def explain_yaml_error(error: Any, source: Source) -> Diagnostic:
    """The diagnostic for an error of PyYAML."""
    problem = str(error.problem or error.context or "not YAML")
    if problem == "found unexpected end of stream" and error.context_mark:
        start = mark_place(error.context_mark, source)
        return Diagnostic("this is not YAML: a quote that is never closed", start)
    mark = error.problem_mark or error.context_mark
    if problem == "could not find expected ':'" and error.context_mark:
        mark = error.problem_mark = error.context_mark
    span = mark_place(mark, source) if mark else Span(source, 1, 1)
    opened = error.context_mark if error.context_mark and error.context_mark.line != span.line - 1 else None
    notes: tuple[Note, ...] = ()
    if opened and error.problem_mark:
        context = str(error.context)
        notes = (Note(mark_place(opened, source), _CONTEXTS.get(context, context)),)
    first = opened.line + 1 if opened else span.line
    odd = find_odd_character(source, max(1, first - 1), span.line)
    if odd is not None:
        return odd
    return Diagnostic(
        f"this is not YAML: {_describe_problem(problem, span)}", span, notes, help=_suggest_fix(problem, span, first)
    )


def mark_place(mark: Any, source: Source) -> Span:
    """The span of a mark of PyYAML, which counts from 0; the end of the text is put on its last line."""
    if mark.line >= len(source.lines) > 0:
        return Span(source, len(source.lines), len(source.lines[-1]) + 1)
    return Span(source, mark.line + 1, mark.column + 1 + (source.start if mark.line == 0 else 0))


def _describe_problem(problem: str, span: Span) -> str:
    if "character that cannot start any token" not in problem:
        return _TEXTS.get(problem, problem)
    character = span.source.line(span.line)[span.column - 1 : span.column]
    return "a tab cannot stand here" if character == "\t" else f"{character!r} cannot begin a value"


def _suggest_fix(problem: str, span: Span, first: int) -> str | None:
    """Advice for a problem; `first` is the line where the wrong construct begins."""
    line = span.source.line(span.line)
    if "\t" in line[: span.column]:
        return "indent with spaces; YAML allows no tabs there"
    if "character that cannot start any token" in problem:
        percent = _PERCENT.search(line)
        if percent is not None:
            return f"a share is a number from 0 to 1: {int(percent[1] or percent[2]) / 100:g}"
        return "quote the text" if _PROSE.match(line) else f"take the {line[span.column - 1 : span.column]} out"
    if "mapping values are not allowed" in problem:
        return _COLON if ": " in line[: span.column - 1] else _INDENTED
    if "expected ',' or" in problem:
        cut = next((number for number in range(first, span.line + 1) if _CUT.search(span.source.line(number))), None)
        closing = problem[-2:-1]
        missing = f"a comma or a closing {closing} is missing"
        return missing if cut is None else f"{missing}; the # in line {cut} begins a comment, which ends the line"
    return _ADVICE.get(problem)
