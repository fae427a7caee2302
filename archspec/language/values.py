"""The values of arguments while the network is being built: arithmetic done, names looked up."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from fractions import Fraction
from typing import Any

from archspec import expressions, meter
from archspec.diagnostics import Diagnostic, SpecError, Use
from archspec.expressions import ExpressionError
from archspec.language.literals import part
from archspec.language.tree import Mapping, Scalar, Sequence, Tree, as_number

Channels = int | str
"""The width of the current value, or why there is none."""

NO_VALUE = "there is no current value here, and so no channels"


class Unknown:
    """A number, an option or a width that is not known because what it depends on is wrong."""

    def __str__(self) -> str:
        return "?"


UNKNOWN_NUMBER = Unknown()


class UnknownError(Exception):
    """Something depends on what is not known; the mistake behind it has been reported."""


def evaluate(tree: Tree, names: AbstractMapping[str, Any], channels: Channels | Unknown, use: Use | None) -> Any:
    """The value of a tree: ints, fractions, bools, strings, tuples, dicts; `names` has the arguments that are not layers.

    Raises:
        SpecError: a division by zero, a number too large, `channels` of a bundle.
        UnknownError: it depends on something that is not known.
    """
    if isinstance(tree, Sequence):
        meter.charge("arithmetic", len(tree.items) >> 2)
        return tuple([evaluate(item, names, channels, use) for item in tree.items])
    if isinstance(tree, Mapping):
        meter.charge("arithmetic", len(tree.entries) >> 2)
        return {key.text: evaluate(value, names, channels, use) for key, value in tree}
    match tree.kind:
        case "null":
            return None
        case "bool":
            return tree.truth
        case "string":
            return tree.text
    try:
        if tree.kind == "number":
            return whole(tree.number)
        if tree.text in names:
            return known(names[tree.text])
        if expressions.is_part(tree.text):
            return tree.text
        return whole(exact(tree, names, channels))
    except ExpressionError as error:
        if is_option(tree, error):
            return tree.text
        raise SpecError(Diagnostic(error.message, part(tree, error), use=use, help=error.help)) from None


def known(value: Any) -> Any:
    """A value as it is. Raises `UnknownError` if it is not known."""
    if value is UNKNOWN_NUMBER:
        raise UnknownError
    return value


def whole(number: Fraction) -> int | Fraction:
    """A whole number as int. Raises `ExpressionError` for a fraction that no float comes near to."""
    if number.denominator == 1:
        return int(number)
    as_number(number)
    return number


def rounded(value: Any) -> Any:
    """The value with its fractions as floats, rounded once."""
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, tuple):
        return tuple(map(rounded, value))
    return {name: rounded(item) for name, item in value.items()} if isinstance(value, dict) else value


def is_option(tree: Scalar, error: ExpressionError) -> bool:
    """Whether a word that is no name is an op's option: the binder has seen to it that it is if it is one word."""
    return expressions.is_name(tree.text) and tree.text != "channels" and "no value" in error.message


def exact(tree: Scalar, names: AbstractMapping[str, Any], channels: Channels | Unknown) -> Fraction:
    """The exact value of arithmetic. Raises `ExpressionError`, `UnknownError`."""
    if tree.kind == "number":
        return tree.number

    def value(name: str) -> Fraction | None:
        if name != "channels":
            found = known(names.get(name))
            return Fraction(found) if isinstance(found, int | Fraction) and not isinstance(found, bool) else None
        if isinstance(channels, str):
            raise ExpressionError(channels, tree.text.index("channels"), len("channels"))
        return Fraction(known(channels))

    return expressions.evaluate(tree.expression, value)


def names_in(tree: Tree) -> set[str] | None:
    """The names that the value of a tree may depend on, `channels` among them; None where it is no arithmetic."""
    if isinstance(tree, Scalar):
        if tree.kind != "word":
            return set()
        try:
            return {tree.text, *(name.name for name in expressions.names(tree.expression))}
        except ExpressionError:
            return {tree.text} if expressions.is_part(tree.text) else None
    found: set[str] = set()
    for item in tree.items if isinstance(tree, Sequence) else tree.by_name.values():
        inner = names_in(item)
        if inner is None:
            return None
        found |= inner
    return found
