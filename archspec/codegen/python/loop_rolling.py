"""Rolls repeated statements into loops."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.codegen.python.syntax import make_call, make_literal, make_name, make_target

_FEWEST = 3  # the fewest turns
_LONGEST = 12  # the most statements in a turn


@dataclass(frozen=True)
class _Line:
    """A statement with its form without integers, and these integers."""

    node: ast.stmt
    form: Hashable
    numbers: tuple[int, ...]


def roll_loops(code: Sequence[ast.stmt], index: str = "i") -> list[ast.stmt]:
    """The statements with repetitions as loops: three or more turns that differ at most in integers with constant steps.

    `index` is the variable of the loops.
    """
    lines = [_describe_line(node) for node in code]
    result: list[ast.stmt] = []
    start = 0
    while start < len(lines):
        best = max(_find_repeats(lines, start), key=lambda repeat: repeat[0] * (repeat[1] - 1), default=None)
        if best is None:
            result.append(lines[start].node)
            start += 1
            continue
        period, turns = best
        result.append(_make_loop(lines[start : start + period * turns], period, turns, index))
        start += period * turns
    return result


def _describe_line(node: ast.stmt) -> _Line:
    numbers: list[int] = []
    return _Line(node, _structure_of(node, numbers), tuple(numbers))


def _structure_of(tree: Any, numbers: list[int]) -> Hashable:
    """The structure of a tree without its integers, which are added to `numbers`."""
    match tree:
        case ast.Constant(value) if type(value) is int:
            numbers.append(value)
            return "number"
        case ast.AST():
            return type(tree), tuple(_structure_of(getattr(tree, field, None), numbers) for field in tree._fields)
        case list():
            return tuple(_structure_of(part, numbers) for part in tree)
    return tree  # type: ignore[no-any-return]


def _replace_numbers(tree: Any, change: Callable[[int], ast.expr]) -> Any:
    """The tree with its integers replaced by expressions."""
    match tree:
        case ast.Constant(value) if type(value) is int:
            return change(value)
        case ast.AST():
            fields = {field: _replace_numbers(getattr(tree, field, None), change) for field in tree._fields}
            return type(tree)(**fields, lineno=0)  # type: ignore[call-arg]
        case list():
            return [_replace_numbers(part, change) for part in tree]
    return tree


def _find_repeats(lines: list[_Line], start: int) -> Iterator[tuple[int, int]]:
    """Yields the length and the number of the turns that begin here."""
    for period in range(1, min(_LONGEST, (len(lines) - start) // _FEWEST) + 1):
        if not isinstance(lines[start + period - 1].node, ast.Assign | ast.Expr):
            return
        turns = 1
        while _continues(lines, start, period, turns):
            turns += 1
        if turns >= _FEWEST:
            yield period, turns


def _continues(lines: list[_Line], start: int, period: int, turn: int) -> bool:
    """Whether a turn follows with the same steps from the one before it."""
    before, new = (lines[start + period * number : start + period * (number + 1)] for number in (turn - 1, turn))
    if [line.form for line in new] != [line.form for line in before]:
        return False
    steps = _number_steps(lines[start : start + period], lines[start + period : start + 2 * period])
    return turn == 1 or _number_steps(before, new) == steps


def _number_steps(turn: list[_Line], following: list[_Line]) -> list[int]:
    return [
        b - a
        for line, next_line in zip(turn, following, strict=True)
        for a, b in zip(line.numbers, next_line.numbers, strict=True)
    ]


def _make_loop(lines: list[_Line], period: int, turns: int, index: str) -> ast.stmt:
    steps = _number_steps(lines[:period], lines[period : 2 * period])
    left = iter(steps)

    def number(first: int) -> ast.expr:
        step = next(left)
        if not step:
            return make_literal(first)
        product = make_name(index) if step == 1 else ast.BinOp(make_literal(step), ast.Mult(), make_name(index))
        return ast.BinOp(product, ast.Add(), make_literal(first)) if first else product

    body = [_replace_numbers(line.node, number) for line in lines[:period]]
    target = make_target(make_name(index if any(steps) else "_"))
    return ast.For(target, make_call("range", make_literal(turns)), body, [], lineno=0)
