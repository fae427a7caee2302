"""Evaluates the values of arguments during elaboration."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from fractions import Fraction
from typing import Any

from archspec import meter
from archspec.errors import ArchspecError, Diagnostic, SpecError
from archspec.ir.shape import MEASURED, Shape
from archspec.spans import Use
from archspec.spec import expressions
from archspec.spec.expressions import ExpressionError
from archspec.spec.literals import locate_expression_error
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, as_number

Measured = Shape | str
"""The shape of the current value, or a text that says why a size of it, {}, is not known."""

NO_VALUE = "there is no current value here, and so no {}"


class UnknownQuantity:
    """A number, an option or a shape that is not known because of a reported mistake."""

    def __str__(self) -> str:
        return "?"


UNKNOWN_NUMBER = UnknownQuantity()


class UnknownError(ArchspecError):
    """Raised if a value depends on one that is not known because of a reported mistake."""


def evaluate_tree(
    tree: Tree, names: AbstractMapping[str, Any], current: Measured | UnknownQuantity, use: Use | None
) -> Any:
    """The value of a tree: ints, fractions, bools, strings, tuples, dicts; `names` has the arguments that are not layers.

    Raises:
        SpecError: a division by zero, a number too large, a size of a bundle.
        UnknownError: it depends on an unknown value.
    """
    if isinstance(tree, Sequence):
        meter.charge_work("arithmetic", len(tree.items) >> 2)
        return tuple([evaluate_tree(item, names, current, use) for item in tree.items])
    if isinstance(tree, Mapping):
        meter.charge_work("arithmetic", len(tree.entries) >> 2)
        return {key.text: evaluate_tree(value, names, current, use) for key, value in tree}
    match tree.kind:
        case "null":
            return None
        case "bool":
            return tree.truth
        case "string":
            return tree.text
    try:
        if tree.kind == "number":
            return normalize_number(tree.number)
        if tree.text in names:
            return require_known(names[tree.text])
        if expressions.is_part_name(tree.text):
            return tree.text
        return normalize_number(evaluate_exact(tree, names, current))
    except ExpressionError as error:
        if is_option(tree, error):
            return tree.text
        raise SpecError(
            Diagnostic(error.message, locate_expression_error(tree, error), use=use, help=error.help)
        ) from None


def require_known(value: Any) -> Any:
    """The value. Raises `UnknownError` if it is not known."""
    if value is UNKNOWN_NUMBER:
        raise UnknownError
    return value


def normalize_number(number: expressions.Exact) -> expressions.Exact:
    """A whole number as int, any other as it is. Raises `ExpressionError` for a fraction outside the range of floats."""
    if number.denominator == 1:
        return number.numerator
    as_number(number)
    return number


def round_fractions(value: Any) -> Any:
    """The value with its fractions as floats, rounded once."""
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, tuple):
        return tuple(map(round_fractions, value))
    return {name: round_fractions(item) for name, item in value.items()} if isinstance(value, dict) else value


def is_option(tree: Scalar, error: ExpressionError) -> bool:
    """Whether a scalar without a value is an option of an op; the binder has checked that a single word is one."""
    return expressions.is_name(tree.text) and tree.text != "channels" and "no value" in error.message


def evaluate_exact(
    tree: Scalar, names: AbstractMapping[str, Any], current: Measured | UnknownQuantity
) -> expressions.Exact:
    """The exact value of arithmetic. Raises `ExpressionError` and `UnknownError`."""
    if tree.kind == "number":
        return tree.number

    def value(name: str) -> expressions.Value | None:
        known = require_known(names.get(name))
        if isinstance(known, tuple):
            return _read_numbers(name, known, tree.text.index(name))
        if _is_number(known):
            return known  # type: ignore[no-any-return]
        if name not in MEASURED:
            return None
        size = measure_axis(require_known(current), name)
        if isinstance(size, str):
            raise ExpressionError(size, tree.text.index(name), len(name))
        return size

    return expressions.evaluate_expression(tree.expression, value)


def _read_numbers(name: str, items: tuple[Any, ...], offset: int) -> tuple[expressions.Exact, ...]:
    """The numbers of a list that arithmetic reads. Raises `ExpressionError` and `UnknownError`."""
    known = [require_known(item) for item in items]
    if not all(map(_is_number, known)):
        raise ExpressionError(f"arithmetic needs a list of numbers, and {name!r} has other items", offset, len(name))
    return tuple(known)


_EXACT = frozenset((int, Fraction))


def _is_number(value: Any) -> bool:
    return type(value) in _EXACT


def measure_axis(current: Measured, name: str) -> int | str:
    """The size of an axis of the current value, or a text that says why there is none.

    >>> measure_axis(Shape.of(3, 32, 16), "width"), measure_axis(Shape.of(8), "height")
    (16, 'the current value, 8 features, has no height')
    """
    if isinstance(current, str):
        return current.format(name)
    axis = current.axis(name)
    return f"the current value, {current.described}, has no {name}" if axis is None else current.sizes[axis]


def find_names(tree: Tree) -> set[str] | None:
    """The names that the value of a tree may depend on, including sizes of the current value; None if they cannot be determined."""
    if isinstance(tree, Scalar):
        if tree.kind != "word":
            return set()
        try:
            return {tree.text, *(name.name for name in expressions.find_names(tree.expression))}
        except ExpressionError:
            return {tree.text} if expressions.is_part_name(tree.text) else None
    names: set[str] = set()
    for item in tree.items if isinstance(tree, Sequence) else tree.by_name.values():
        inner = find_names(item)
        if inner is None:
            return None
        names |= inner
    return names
