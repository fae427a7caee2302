"""Parses and evaluates exact arithmetic of numbers and names.

The operators are `+ - * / // % **`, and words between their operands: `min`, `max`, `round` and `at`. A form with commas, `max(a, b)`, or
with brackets, `list[i]`, would be cut by YAML inside braces and brackets, where most arithmetic stands.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from archspec import meter
from archspec.errors import ArchspecError
from archspec.spec.powers import raise_to_power

MAX_LENGTH = 1000  # characters of an expression
MAX_BITS = 4096  # bits of a numerator or denominator
MAX_DIGITS = MAX_BITS // 4  # digits of a literal number
MAX_DEGREE = 16  # the greatest denominator of an exponent

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>//|\*\*|[-+*/%()]))"
)
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
            raise ExpressionError(_TOO_LARGE, self.offset, len(self.sign))
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


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """The tree of an expression.

    Raises:
        ExpressionError: the text is not arithmetic.

    >>> evaluate_expression(parse_expression("4 * width / 3"), {"width": 64}.get)
    Fraction(256, 3)
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters; this one has {len(text)}", 0, 1)
    return _Parser(text).parse_whole()


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
    return _TOO_LARGE if bits * max(right, -right) > MAX_BITS else None


def round_to_multiple(number: Exact, multiple: Exact) -> Exact:
    """The multiple that is nearest to a number, at least 1 of it, and the next one where that is below 90 % of the number.

    The rule is `_make_divisible` of the MobileNets (torchvision, timm).

    >>> [round_to_multiple(width, 8) for width in (3, 11, 12, 18, 100)]
    [8, 16, 16, 24, 104]
    """
    rounded = max(multiple, (number + Fraction(multiple, 2)) // multiple * multiple)
    return rounded + multiple if rounded < Fraction(9, 10) * number else rounded


_TOO_LARGE = f"a number of more than {MAX_BITS} bits"
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


def parse_number(text: str) -> Fraction:
    """The exact value of a decimal number.

    Raises:
        ExpressionError: it has more than `MAX_BITS` bits.
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 4 or (exponent and abs(int(exponent)) > MAX_DIGITS):
        raise ExpressionError(_TOO_LARGE, 0, len(text))
    return Fraction(text)


class _Parser:
    """A recursive descent parser with at most `_MAX_DEPTH` levels."""

    _MAX_DEPTH = 50

    def __init__(self, text: str) -> None:
        self.text, self.position, self.depth = text, 0, 0
        self.kind, self.token, self.start = "", "", 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            self.kind, self.token = "", ""
            self.start = self.position + len(self.text[self.position :]) - len(self.text[self.position :].lstrip())
            return
        self.kind, self.token = match.lastgroup, match[match.lastgroup]
        self.start, self.position = match.start(match.lastgroup), match.end()

    def parse_whole(self) -> Expression:
        result = self.parse_choice()
        if self.kind or self.start < len(self.text):
            shown = self.token or self.text[self.start]
            self.refuse(shown)
            raise ExpressionError(f"arithmetic ends before {shown!r}", self.start, len(shown), help=_OPERATORS)
        return result

    def parse_choice(self) -> Expression:
        return self.parse_chain(("min", "max", "round"), self.parse_sum)

    def parse_sum(self) -> Expression:
        return self.parse_chain(("+", "-"), self.parse_product)

    def parse_product(self) -> Expression:
        return self.parse_chain(("*", "/", "//", "%"), self.parse_power)

    def parse_chain(self, signs: tuple[str, ...], part: Callable[[], Expression]) -> Expression:
        left = part()
        length = 0
        while self.token in signs:
            sign, start = self.token, self.start
            self.advance()
            left = Binary(sign, left, part(), start)
            length += 1
            if length > 2 * self._MAX_DEPTH:
                raise ExpressionError(f"more than {2 * self._MAX_DEPTH} terms in a row", start)
        return left

    def parse_power(self) -> Expression:
        """A power; its exponent is an atom, so that a chain of powers needs parentheses."""
        return self.parse_pair("**", self.parse_item)

    def parse_item(self) -> Expression:
        """A number of a list: the name of the list, `at` and the item's number."""
        return self.parse_pair("at", self.parse_atom)

    def parse_pair(self, sign: str, part: Callable[[], Expression]) -> Expression:
        left, start = part(), self.start
        if self.token != sign:
            return left
        self.advance()
        return Binary(sign, left, part(), start)

    def parse_atom(self) -> Expression:
        self.depth += 1
        kind, token, start = self.kind, self.token, self.start
        if self.depth > self._MAX_DEPTH:
            raise ExpressionError(f"more than {self._MAX_DEPTH} levels of parentheses", start)
        if not kind or (kind == "sign" and token not in ("-", "(")):
            shown = token or self.text[start : start + 1]
            self.refuse(shown)
            raise ExpressionError(
                f"a number or a name is missing before {shown!r}"
                if shown
                else "a number or a name is missing at the end",
                start,
                len(shown),
                help=_OPERATORS,
            )
        self.advance()
        result: Expression
        if kind == "name" and self.token == "(":
            message = f"arithmetic has no function {token[:30]!r}"
            raise ExpressionError(message, start, len(token), help=_INSTEAD.get(token.lower(), _OPERATORS))
        if kind == "number":
            result = Number(simplify_number(_parse_number_at(token, start)))
        elif kind == "name":
            result = Name(token, start)
        elif token == "-":
            result = Binary("-", Number(0), self.parse_power(), start)
        else:
            result = self.parse_choice()
            if self.token != ")":
                raise ExpressionError("'(' is never closed", start)
            self.advance()
        self.depth -= 1
        return result

    def refuse(self, shown: str) -> None:
        """Raises `ExpressionError` for an operator of another language."""
        if shown in _INSTEAD:
            raise ExpressionError(f"arithmetic has no {shown!r}", self.start, len(shown), help=_INSTEAD[shown])


_OPERATORS = "arithmetic has names, numbers, + - * / // % **, the words min, max, round and at, and parentheses"
_ROUNDED = "x up to a multiple of 8 is 8 * ((x + 7) // 8)"
_GIVEN = f"{_OPERATORS}; give the number itself, or an argument that holds it"
_INSTEAD = {
    "ceil": f"ceil(x / y) is -(-x // y); {_ROUNDED}",
    "floor": "floor(x / y) is x // y",
    "int": "int(x) is x // 1",
    "trunc": "int(x) is x // 1",
    "round": "round(x) is (2 * x + 1) // 2; x to a multiple of 8, as in MobileNets, is x round 8",
    "make_divisible": "make_divisible(x, 8) is x round 8",
    "divisible": "make_divisible(x, 8) is x round 8",
    "max": "max(x, y) is x max y",
    "min": "min(x, y) is x min y",
    "clamp": "clamp(x, low, high) is x max low min high",
    "abs": "abs(x) is x max -x",
    "sqrt": "sqrt(x) is x ** 0.5",
    "log": _GIVEN,
    "log2": _GIVEN,
    "exp": _GIVEN,
    "pow": "pow(x, y) is x ** y",
    "^": "a power is x ** y",
}
"""Advice for functions and operators that do not exist here."""


def _parse_number_at(token: str, start: int) -> Fraction:
    try:
        return parse_number(token)
    except ExpressionError as error:
        raise ExpressionError(error.message, start, len(token)) from None
