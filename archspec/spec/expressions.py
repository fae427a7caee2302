"""Defines and evaluates exact arithmetic of numbers and names; `archspec.spec.expression_parser` reads it.

The operators are `+ - * / // % **`, and words between their operands: `min`, `max`, `round` and `at`. A form with commas, `max(a, b)`, or
with brackets, `list[i]`, would be cut by YAML inside braces and brackets, where most arithmetic stands.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from archspec import meter
from archspec.errors import ArchspecError
from archspec.spec.powers import raise_to_power

MAX_BITS = 4096  # bits of a numerator or denominator
MAX_DEGREE = 16  # the greatest denominator of an exponent
TOO_LARGE = f"a number of more than {MAX_BITS} bits"

_NAME = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[^\W\d]\w*(?:\.\w+)+")


class ExpressionError(ArchspecError, ValueError):
    """Raised for arithmetic without a result; `offset` and `length` locate the error in the text."""

    def __init__(self, message: str, offset: int, length: int = 1, *, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.offset, self.length, self.help = message, offset, length, help


Exact = int | Fraction
Value = Exact | tuple[Exact, ...]
"""The value of a name: a number, or a list of numbers for `at`."""


@dataclass(frozen=True, slots=True)
class Number:
    value: Exact

    def evaluate(self, _: Callable[[str], Value | None]) -> Value:
        return self.value


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    offset: int

    def evaluate(self, value: Callable[[str], Value | None]) -> Value:
        known = value(self.name)
        if known is None:
            raise ExpressionError(f"{self.name!r} has no value here", self.offset, len(self.name))
        return known


@dataclass(frozen=True, slots=True)
class Binary:
    sign: str
    left: Expression
    right: Expression
    offset: int

    def evaluate(self, value: Callable[[str], Value | None]) -> Value:
        right = _require_number(self.right, self.right.evaluate(value))
        left = self.left.evaluate(value)
        if self.sign == "at":
            return _select_item(self, left, right)
        left = _require_number(self.left, left)
        if self.sign in _PARTIAL:
            fault = _find_fault(self.sign, left, right)
            if fault is not None:
                raise ExpressionError(fault, self.offset, len(self.sign))
        result = _APPLY[self.sign](left, right)
        bits = result.numerator.bit_length()
        if type(result) is not int:
            bits = max(bits, result.denominator.bit_length())
            result = simplify_number(result)
        meter.charge_work("arithmetic", 1 + bits // 256)
        if bits > MAX_BITS:
            raise ExpressionError(TOO_LARGE, self.offset, len(self.sign))
        return result


Expression = Number | Name | Binary


def simplify_number(number: Exact) -> Exact:
    """A whole number as int, which is computed with several times faster than with a `Fraction`."""
    return number.numerator if number.denominator == 1 else number


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def is_part_name(text: str) -> bool:
    """Whether a text is the dotted name of a part of a network, and not arithmetic."""
    return _PART.fullmatch(text) is not None


def find_names(expression: Expression) -> Iterator[Name]:
    """The names that an expression reads, from left to right."""
    pending = [expression]
    while pending:
        part = pending.pop()
        if isinstance(part, Name):
            yield part
        elif isinstance(part, Binary):
            pending += [part.right, part.left]


def evaluate_expression(expression: Expression, value: Callable[[str], Value | None]) -> Exact:
    """The exact value of an expression, an int if it is whole; `value` returns that of a name, or None if it has none.

    Raises:
        ExpressionError: a name without a value, a list without `at`, a division by zero, a number beyond `MAX_BITS`.

    >>> from archspec.spec.expression_parser import parse_expression
    >>> evaluate_expression(parse_expression("0.35 * width round 8"), {"width": 96}.get)
    32
    """
    return _require_number(expression, expression.evaluate(value))


def _require_number(expression: Expression, result: Value) -> Exact:
    if isinstance(result, tuple):
        assert isinstance(expression, Name)
        message = f"{expression.name!r} is a list of {len(result)} numbers"
        raise ExpressionError(message, expression.offset, len(expression.name), help=_ITEM.format(expression.name))
    return result


def _select_item(expression: Binary, items: Value, number: Exact) -> Exact:
    """The item of a list, counted from 1 as turns are. Raises `ExpressionError` if there is none."""
    if not isinstance(items, tuple):
        raise ExpressionError("at needs a list of numbers before it", expression.offset, 2)
    if number.denominator != 1 or not 1 <= number <= len(items):
        raise ExpressionError(f"a list of {len(items)} numbers has no item {number}", expression.offset, 2)
    meter.charge_work("arithmetic", 1)
    return items[int(number) - 1]


def _find_fault(sign: str, left: Exact, right: Exact) -> str | None:
    """Why an operation of `_PARTIAL` has no result within the bounds, before it is computed."""
    if sign == "round":
        return f"round needs a multiple above 0, got {right}" if right <= 0 else None
    if sign != "**":
        return None if right else "a division by zero"
    if right.denominator > MAX_DEGREE:
        return f"an exponent is a fraction over {MAX_DEGREE} at most, got {right}"
    if left < 0 and right.denominator != 1:
        return f"a root of a number below 0, got {left}"
    if left == 0 and right < 0:
        return "a division by zero"
    bits = max(left.numerator.bit_length(), left.denominator.bit_length()) - 1
    return TOO_LARGE if bits * max(right, -right) > MAX_BITS else None


def round_to_multiple(number: Exact, multiple: Exact) -> Exact:
    """The multiple that is nearest to a number, at least 1 of it, and the next one where that is below 90 % of the number.

    The rule is `_make_divisible` of the MobileNets (torchvision, timm).

    >>> [round_to_multiple(width, 8) for width in (3, 11, 12, 18, 100)]
    [8, 16, 16, 24, 104]
    """
    rounded = max(multiple, (number + Fraction(multiple, 2)) // multiple * multiple)
    return rounded + multiple if rounded < Fraction(9, 10) * number else rounded


_ITEM = "one of its numbers is {0} at 1, or in a loop {0} at its index"
_PARTIAL = frozenset(("/", "//", "%", "**", "round"))
"""The operators that do not have a result for all numbers."""
_APPLY: dict[str, Callable[[Exact, Exact], Exact]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": Fraction,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": raise_to_power,
    "min": min,
    "max": max,
    "round": round_to_multiple,
}
