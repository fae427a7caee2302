"""Code as people format it: a call on one line, or with its arguments on lines of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

WIDTH = 88  # the width of a line that formatters take by themselves
_STEP = 4


@dataclass(frozen=True)
class Invoke:
    """A call in code: its name and its arguments, those with a name as `name=`."""

    name: str
    arguments: tuple[tuple[str, str | Invoke], ...]
    brackets: str = "()"

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={value}" if name else str(value) for name, value in self.arguments)
        return f"{self.name}{self.brackets[0]}{inner}{self.brackets[1]}"


def lines(before: str, what: str | Invoke, after: str = "", indent: int = 0) -> list[str]:
    """A statement with a call in it, in lines of at most `WIDTH` columns where that is possible."""
    one = f"{' ' * indent}{before}{what}{after}"
    if len(one) <= WIDTH or isinstance(what, str) or not what.arguments:
        return [one]
    inner = str(Invoke("", what.arguments))[1:-1]
    pad = " " * (indent + _STEP)
    head, tail = f"{' ' * indent}{before}{what.name}{what.brackets[0]}", f"{' ' * indent}{what.brackets[1]}{after}"
    if len(pad + inner) <= WIDTH:
        return [head, pad + inner, tail]
    comma = "," if len(what.arguments) > 1 else ""
    body = [
        line
        for name, value in what.arguments
        for line in lines(f"{name}=" if name else "", value, comma, indent + _STEP)
    ]
    return [head, *body, tail]


def rolled(code: list[str]) -> list[str]:
    """The lines with repetitions as loops: three turns or more that differ at most in whole numbers growing by equal steps."""
    result: list[str] = []
    at = 0
    while at < len(code):
        best = max(_repeats(code, at), key=lambda one: one[0] * (one[1] - 1), default=None)
        if best is None:
            result.append(code[at])
            at += 1
            continue
        period, turns = best
        result += _loop(code[at : at + period * turns], period, turns)
        at += period * turns
    return result


def _repeats(code: list[str], at: int) -> Iterator[tuple[int, int]]:
    for period in range(1, min(12, (len(code) - at) // 3) + 1):
        block = code[at : at + period]
        if not all(_is_simple(line) for line in block):
            return
        turns = 1
        while _turn(code, at, period, turns, block):
            turns += 1
        if turns >= 3 and _steps(code[at : at + period * turns], period, turns) is not None:
            yield period, turns


def _is_simple(line: str) -> bool:
    return line.startswith(" " * 8) and line[8:9] not in (" ", "", ")", "]") and not line.endswith((":", "(", "["))


def _turn(code: list[str], at: int, period: int, turn: int, block: list[str]) -> bool:
    other = code[at + period * turn : at + period * (turn + 1)]
    if len(other) < period or [_masked(line) for line in other] != [_masked(line) for line in block]:
        return False
    return _steps(code[at : at + period * (turn + 1)], period, turn + 1) is not None


_NUMBER = re.compile(r"(?<![\w.\"])\d+(?![\w.\"])")


def _masked(line: str) -> str:
    return _NUMBER.sub("#", line)


def _steps(code: list[str], period: int, turns: int) -> list[tuple[int, int]] | None:
    """For each number of the first turn: itself and how much it grows with each turn."""
    table = [
        [int(found) for line in code[period * turn : period * (turn + 1)] for found in _NUMBER.findall(line)]
        for turn in range(turns)
    ]
    found = []
    for column in zip(*table, strict=True):
        steps = {b - a for a, b in pairwise(column)}
        if len(steps) > 1:
            return None
        found.append((column[0], steps.pop() if steps else 0))
    return found


def _loop(code: list[str], period: int, turns: int) -> list[str]:
    steps = _steps(code, period, turns) or []
    values = iter(steps)
    grows = any(step for _, step in steps)

    def place(_: re.Match[str]) -> str:
        first, step = next(values)
        if not step:
            return str(first)
        product = "i" if step == 1 else f"{step} * i"
        return product if not first else f"{product} + {first}"

    body = [_NUMBER.sub(place, line) for line in code[:period]]
    return [
        f"        for {'i' if grows else '_'} in range({turns}):",
        *(f"    {line}" for line in body),
    ]
