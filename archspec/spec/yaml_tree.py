"""The located tree of a YAML text, in which each part has its span."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from archspec import meter
from archspec.spans import Span
from archspec.spec.expression_parser import MAX_LENGTH, parse_expression, parse_number
from archspec.spec.expressions import MAX_BITS, Exact, Expression, ExpressionError

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"[-+]?(?:[0-9]+|[0-9]*\.[0-9]+|[0-9]+\.)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, eq=False)
class Scalar:
    """A scalar, read by YAML 1.2's core schema; a quoted one is text."""

    span: Span
    text: str
    plain: bool = True

    @cached_property
    def kind(self) -> str:
        """`null`, `bool`, `number`, `not finite`, `word` (plain text) or `string` (quoted text)."""
        if not self.plain:
            return "string"
        if self.text in _NULL:
            return "null"
        if self.text in _BOOL:
            return "bool"
        if _NUMBER.fullmatch(self.text) or _BASED.fullmatch(self.text):
            return "number"
        return "not finite" if _NOT_FINITE.fullmatch(self.text) else "word"

    @cached_property
    def number(self) -> Fraction:
        """The exact value of a number. Raises `ExpressionError` if it is too large."""
        if not _BASED.fullmatch(self.text):
            return parse_number(self.text)
        if len(self.text) > MAX_BITS // 4:
            raise ExpressionError(f"a number of more than {MAX_BITS} bits", 0, len(self.text))
        return Fraction(int(self.text, 0))

    @cached_property
    def expression(self) -> Expression:
        """The text as arithmetic. Raises `ExpressionError`."""
        meter.charge_work("arithmetic", min(len(self.text), MAX_LENGTH) // 2)
        return parse_expression(self.text)

    @property
    def truth(self) -> bool:
        return _BOOL[self.text]


@dataclass(frozen=True, eq=False)
class Sequence:
    span: Span
    items: tuple[Tree, ...]

    @cached_property
    def count(self) -> int:
        """The number of scalars, lists and mappings in it, itself included."""
        return 1 + sum(map(count_items, self.items))

    def __iter__(self) -> Iterator[Tree]:
        return iter(self.items)


@dataclass(frozen=True, eq=False)
class Mapping:
    """A mapping. Keys are unique scalars of any kind, identified by their text."""

    span: Span
    entries: tuple[tuple[Scalar, Tree], ...]

    @cached_property
    def by_name(self) -> dict[str, Tree]:
        return {key.text: value for key, value in self.entries}

    @cached_property
    def keys(self) -> dict[str, Scalar]:
        return {key.text: key for key, _ in self.entries}

    @cached_property
    def count(self) -> int:
        """The number of scalars, lists and mappings in it, itself included and without its keys."""
        return 1 + sum(count_items(value) for _, value in self.entries)

    def __iter__(self) -> Iterator[tuple[Scalar, Tree]]:
        return iter(self.entries)


Tree = Scalar | Sequence | Mapping


def count_items(tree: Tree) -> int:
    """The number of scalars, lists and mappings in a tree."""
    return 1 if isinstance(tree, Scalar) else tree.count


def to_plain_data(tree: Tree) -> Any:
    """The tree as plain Python data. Raises `ExpressionError` for a number that is too large."""
    if isinstance(tree, Mapping):
        return {key.text: to_plain_data(value) for key, value in tree}
    if isinstance(tree, Sequence):
        return [to_plain_data(item) for item in tree]
    if tree.kind == "null":
        return None
    if tree.kind == "bool":
        return tree.truth
    if tree.kind == "number":
        return as_number(tree.number)
    return tree.text


def iter_names(tree: Tree) -> Iterator[str]:
    """Yields the names in the values and the computed names of a tree, alone or in arithmetic."""
    pending = [tree]
    while pending:
        match pending.pop():
            case Scalar() as scalar if scalar.kind == "word" or "(" in scalar.text:
                yield from _WORD.findall(scalar.text)
            case Sequence(items=items):
                pending += items
            case Mapping(entries=entries):
                pending += [value for _, value in entries]
                pending += [key for key, _ in entries if "(" in key.text]


_WORD = re.compile(r"[^\W\d]\w*")


def as_number(exact: Exact) -> int | float:
    """A whole number as int, any other as the nearest float. Raises `ExpressionError` if it is too large for a float."""
    try:
        return int(exact) if exact.denominator == 1 else float(exact)
    except OverflowError:
        raise ExpressionError("a number that is too large for a fraction", 0, 1) from None


def locate_part(tree: Tree, where: Iterable[Any]) -> Tree:
    """The deepest part of the tree along the path `where`, the `loc` of a pydantic error."""
    for step in where:
        if isinstance(tree, Mapping) and isinstance(step, str) and step in tree.by_name:
            tree = tree.by_name[step]
        elif isinstance(tree, Sequence) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
    return tree


def describe_tree(tree: Tree) -> str:
    """A description of a part, for `expected …, got …`."""
    if isinstance(tree, Mapping):
        return "a mapping" if tree.entries else "an empty mapping"
    if isinstance(tree, Sequence):
        return "a list" if tree.items else "an empty list"
    return {"null": "nothing", "bool": tree.text, "number": tree.text, "not finite": tree.text}.get(
        tree.kind, repr(tree.text[:60])
    )


def format_flow(tree: Tree) -> str:
    """A part as one line of YAML, for advice; `…` if it is long.

    >>> from archspec.spans import Source, Span
    >>> span = Span(Source("a", ""), 1, 1)
    >>> format_flow(Mapping(span, ((Scalar(span, "conv"), Sequence(span, (Scalar(span, "8"), Scalar(span, "a b", plain=False)))),)))
    "{conv: [8, 'a b']}"
    """
    text = _format_nested(tree, 8)
    return text if len(text) <= _LONGEST_FLOW else "…"


_LONGEST_FLOW = 120


def _format_nested(tree: Tree, depth: int) -> str:
    if depth == 0:
        return "…"
    if isinstance(tree, Mapping):
        return f"{{{', '.join(f'{key.text}: {_format_nested(value, depth - 1)}' for key, value in tree.entries[:20])}}}"
    if isinstance(tree, Sequence):
        return f"[{', '.join(_format_in_list(item, depth - 1) for item in tree.items[:20])}]"
    text = " ".join(tree.text.split())[: _LONGEST_FLOW + 1]
    if tree.plain:
        return text
    return "'" + text.replace("'", "''") + "'"


def _format_in_list(tree: Tree, depth: int) -> str:
    """An item of a list; a mapping of one key needs no braces there."""
    text = _format_nested(tree, depth)
    return text[1:-1] if isinstance(tree, Mapping) and len(tree.entries) == 1 and depth else text
