"""Parses arithmetic; `archspec.spec.expressions` defines it."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from archspec.spec.expressions import (
    MAX_BITS,
    TOO_LARGE,
    Binary,
    Expression,
    ExpressionError,
    Name,
    Number,
    simplify_number,
)

MAX_LENGTH = 1000  # characters of an expression
MAX_DIGITS = MAX_BITS // 4  # digits of a literal number

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>//|\*\*|[-+*/%()]))"
)
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


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """The tree of an expression.

    Raises:
        ExpressionError: the text is not arithmetic.

    >>> from archspec.spec.expressions import evaluate_expression
    >>> evaluate_expression(parse_expression("4 * width / 3"), {"width": 64}.get)
    Fraction(256, 3)
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters; this one has {len(text)}", 0, 1)
    return _Parser(text).parse_whole()


def parse_number(text: str) -> Fraction:
    """The exact value of a decimal number.

    Raises:
        ExpressionError: it has more than `MAX_BITS` bits.
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 4 or (exponent and abs(int(exponent)) > MAX_DIGITS):
        raise ExpressionError(TOO_LARGE, 0, len(text))
    return Fraction(text)


def _parse_number_at(token: str, start: int) -> Fraction:
    try:
        return parse_number(token)
    except ExpressionError as error:
        raise ExpressionError(error.message, start, len(token)) from None


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
