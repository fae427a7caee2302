"""The values of arguments while the network is being built: arithmetic done, names looked up."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from fractions import Fraction
from typing import Any

from archspec import expressions
from archspec.diagnostics import Diagnostic, SpecError, Use
from archspec.expressions import ExpressionError
from archspec.language.literals import part
from archspec.language.tree import Mapping, Scalar, Sequence, Tree, as_number

Channels = int | str
"""The width of the current value, or why there is none."""

NO_VALUE = "there is no current value here, and so no channels"


def evaluate(tree: Tree, names: AbstractMapping[str, Any], channels: Channels, use: Use | None) -> Any:
    """The value of a tree: ints, fractions, bools, strings, tuples, dicts; `names` has the arguments that are not layers.

    Raises:
        SpecError: a division by zero, a number too large, `channels` of a bundle.
    """
    if isinstance(tree, Sequence):
        return tuple(evaluate(item, names, channels, use) for item in tree)
    if isinstance(tree, Mapping):
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
            return names[tree.text]
        if expressions.is_part(tree.text):
            return tree.text
        return whole(exact(tree, names, channels))
    except ExpressionError as error:
        if is_option(tree, error):
            return tree.text
        raise SpecError(Diagnostic(error.message, part(tree, error), use=use, help=error.help)) from None


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


def exact(tree: Scalar, names: AbstractMapping[str, Any], channels: Channels) -> Fraction:
    """The exact value of arithmetic. Raises `ExpressionError`."""
    if tree.kind == "number":
        return tree.number

    def value(name: str) -> Fraction | None:
        if name != "channels":
            found = names.get(name)
            return Fraction(found) if isinstance(found, int | Fraction) and not isinstance(found, bool) else None
        if isinstance(channels, str):
            raise ExpressionError(channels, tree.text.index("channels"), len("channels"))
        return Fraction(channels)

    return expressions.evaluate(expressions.parse(tree.text), value)
