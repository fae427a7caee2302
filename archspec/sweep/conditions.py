"""Conditions on the points of a space: comparisons of arguments and counts, evaluated exactly."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.errors import ArchspecError

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LONGEST = 300  # characters of a condition
_HIGHEST = 4096  # the greatest exponent


class ConditionError(ArchspecError, ValueError):
    """Raised for a condition that is no comparison, or that cannot be evaluated."""


@dataclass(frozen=True)
class Condition:
    """A comparison such as `3.9e9 <= macs <= 4.3e9`, also several with `and`, `or` and `not`.

    >>> condition = parse_condition("paths >= 2 ** 16 and groups % 2 == 0")
    >>> sorted(condition.names), condition.holds({"paths": 65536, "groups": 32})
    (['groups', 'paths'], True)
    """

    text: str
    expression: ast.expr
    names: frozenset[str]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values. Raises `ConditionError` if it has no value, as a division by zero."""
        try:
            return bool(_evaluate(self.expression, values))
        except (ArithmeticError, TypeError) as error:
            raise ConditionError(f"{self.text} has no value: {error}") from None

    def measure_violation(self, values: Mapping[str, Any]) -> float:
        """How far it is from holding: 0 if it holds, else a relative difference, so that a search sees the way back.

        >>> parse_condition("1e9 <= macs <= 4e9").measure_violation({"macs": 5 * 10**9})
        0.2
        """
        return 0.0 if self.holds(values) else max(_measure_violation(self.expression, values), 1e-9)


def parse_condition(text: str) -> Condition:
    """The condition that a text says. Raises `ConditionError`."""
    if len(text) > _LONGEST:
        raise ConditionError(f"a condition has at most {_LONGEST} characters")
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise ConditionError(f"{text!r} is no condition") from None
    if not isinstance(expression, ast.Compare | ast.BoolOp | ast.UnaryOp):
        raise ConditionError(f"{text!r} compares nothing")
    for part in ast.walk(expression):
        _check_part(part, text)
    names = frozenset(part.id for part in ast.walk(expression) if isinstance(part, ast.Name))
    if not names:
        raise ConditionError(f"{text!r} is about no argument or count")
    return Condition(" ".join(text.split()), expression, names)


_ALLOWED = (ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Load, ast.boolop, ast.unaryop)


def _check_part(part: ast.AST, text: str) -> None:
    allowed = isinstance(part, _ALLOWED) or type(part) in _COMPARISONS or type(part) in (*_ARITHMETIC, ast.Pow)
    if not allowed or isinstance(part, ast.Invert):
        raise ConditionError(f"{text!r} has more than names, numbers, arithmetic and comparisons")
    if isinstance(part, ast.Constant) and not isinstance(part.value, int | float | str):
        raise ConditionError(f"{text!r} has a value that is neither a number nor a word")


def _evaluate(part: ast.expr, values: Mapping[str, Any]) -> Any:
    match part:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, values)
            return not value if isinstance(op, ast.Not) else -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op=op, values=parts):
            choose = all if isinstance(op, ast.And) else any
            return choose(_evaluate(inner, values) for inner in parts)
        case ast.BinOp(left=left, op=op, right=right):
            return _compute(op, _evaluate(left, values), _evaluate(right, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            operands = [_evaluate(operand, values) for operand in (left, *others)]
            return all(
                _COMPARISONS[type(op)](first, second)
                for op, first, second in zip(ops, operands, operands[1:], strict=False)
            )
    raise ConditionError(f"{ast.unparse(part)} cannot be evaluated")


def _measure_violation(part: ast.expr, values: Mapping[str, Any]) -> float:
    if bool(_evaluate(part, values)):
        return 0.0
    match part:
        case ast.BoolOp(op=op, values=parts):
            inner = [_measure_violation(inner, values) for inner in parts]
            return sum(inner) if isinstance(op, ast.And) else min(inner)
        case ast.Compare(left=left, ops=ops, comparators=others):
            operands = [_evaluate(operand, values) for operand in (left, *others)]
            pairs = zip(ops, operands, operands[1:], strict=False)
            return sum(_find_gap(a, b) for op, a, b in pairs if not _COMPARISONS[type(op)](a, b))
    return 1.0


def _find_gap(first: Any, second: Any) -> float:
    """The relative difference of two numbers, at most 1; 1 for words."""
    if isinstance(first, str) or isinstance(second, str):
        return 1.0
    return float(min(1, abs(first - second) / (max(abs(first), abs(second)) or 1)))


def _compute(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Pow):
        if not abs(right) <= _HIGHEST:
            raise ConditionError(f"an exponent has at most {_HIGHEST:,}, got {right}")
        return left**right
    return _ARITHMETIC[type(op)](left, right)
