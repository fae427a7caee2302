"""Finds the arithmetic that numbers follow from one use of a block to the next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import lcm
from typing import Any, Self

_FACTORS = (2, 3, 4, 5, 6, 8, 16, 32)
_LADDER = re.compile(r"\(?(?:(?P<factor>\d+) \* )?i(?: (?P<sign>[+-]) (?P<number>\d+)\))?(?: / (?P<whole>\d+))?")
_STEPS = (8, 4, 16)  # that widths are rounded to
_TELLING = 3  # values that differ, for a law that is not exact
_DENOMINATOR = 10_000  # of a float that is taken for a fraction


def find_law(values: Sequence[Any], others: Sequence[int | None], name: str) -> str | None:
    """The arithmetic that makes `values` of `others`, the values of `name`: equal, a multiple or a fraction; or None.

    A value that is None can be any.

    >>> find_law([16, 32], [64, 128], "channels"), find_law([64, 128], [16, 32], "width"), find_law([1, 3], [2, 4], "width")
    ('channels // 4', '4 * width', None)
    """
    pairs = _pair_sizes(values, others)
    laws = {_relate(value, other, name) for value, other in pairs}
    return laws.pop() if len(laws) == 1 and len({value for value, _ in pairs}) > 1 else None


def find_rounded_law(values: Sequence[Any], others: Sequence[int | None], name: str) -> str | None:
    """The fraction of `others`, the values of `name`, that `values` are when rounded as in MobileNets; or None.

    >>> find_rounded_law([8, 24, 64, 32], [16, 96, 240, 120], "width")
    'width // 4 round 8'
    """
    pairs = _pair_sizes(values, others)
    if len({value for value, _ in pairs}) < _TELLING:
        return None
    for factor, step in product((1, *_FACTORS), _STEPS):
        if all(_round(other // factor, step) == value for value, other in pairs):
            return f"{name} // {factor} round {step}" if factor > 1 else f"{name} round {step}"
    return None


def _pair_sizes(values: Sequence[Any], others: Sequence[Any]) -> list[tuple[int, int]]:
    """The values that are given, with those that they may follow from; none if one is no size."""
    pairs = [(value, other) for value, other in zip(values, others, strict=True) if value is not None]
    return pairs if all(_is_size(number) for pair in pairs for number in pair) else []


def _round(value: int, step: int) -> int:
    """What `value round step` is in the language."""
    rounded = max(step, (2 * value + step) // (2 * step) * step)
    return rounded if 10 * rounded >= 9 * value else rounded + step


def find_usual_law(values: Sequence[Any], channels: Sequence[int | None]) -> tuple[str | None, int]:
    """The arithmetic over the channels that most values follow, and how many do.

    >>> find_usual_law([64, 128, 64], [64, 64, 64])
    ('channels', 2)
    """
    pairs = [(value, own) for value, own in zip(values, channels, strict=True) if _is_size(value) and _is_size(own)]
    laws = Counter(law for value, own in pairs if own is not None and (law := _relate(value, own, "channels")))
    return laws.most_common(1)[0] if laws else (None, 0)


def evaluate_law(law: str, channels: int) -> int | None:
    """The value of arithmetic that `find_usual_law` makes; None if it is other arithmetic.

    >>> evaluate_law("channels // 4", 64), evaluate_law("2 * channels", 64), evaluate_law("channels", 64)
    (16, 128, 64)
    """
    match = re.fullmatch(r"(?:(\d+) \* )?channels(?: // (\d+))?", law)
    return None if match is None else channels * int(match[1] or 1) // int(match[2] or 1)


def _is_size(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _relate(value: int, other: int, name: str) -> str | None:
    """The arithmetic that makes a number of another one, called `name`."""
    if value == other:
        return name
    if value % other == 0 and value // other in _FACTORS:
        return f"{value // other} * {name}"
    return f"{name} // {other // value}" if other % value == 0 and other // value in _FACTORS else None


def find_rest(values: Sequence[Any], channels: Sequence[int | None], others: Sequence[Any], name: str) -> str | None:
    """The arithmetic that makes `values` what `others`, the values of `name`, leave of the channels; or None.

    >>> find_rest([48, 64], [304, 320], [256, 256], "width")
    'channels - width'
    """
    triples = [own for own in zip(values, channels, others, strict=True) if own[0] is not None]
    fits = all(own is not None and other is not None and value == own - other for value, own, other in triples)
    return f"channels - {name}" if fits else None


def find_progression(values: Sequence[float]) -> str | None:
    """The arithmetic over `i`, from 1, that makes values that grow by one step; None if there is none.

    >>> find_progression([0.125, 0.25, 0.375]), find_progression([16, 20, 24]), find_progression([1, 2, 4])
    ('i / 8', '4 * i + 12', None)
    """
    exact = [Fraction(value).limit_denominator(_DENOMINATOR) for value in values]
    if len(values) < 2 or any(float(number) != value for number, value in zip(exact, values, strict=True)):
        return None
    step = exact[1] - exact[0]
    if any(after - before != step for before, after in pairwise(exact)):
        return None
    whole = lcm(step.denominator, exact[0].denominator)
    return Ladder(int(step * whole), int((exact[0] - step) * whole), whole).write()


@dataclass(frozen=True, slots=True)
class Ladder:
    """Numbers that grow by one step from turn to turn: `(factor * i + offset) / whole`.

    >>> Ladder.parse("(i + 5) / 170").write("before"), Ladder.parse("2 * i"), Ladder.parse("width")
    ('(i + before) / 170', Ladder(factor=2, offset=0, whole=1), None)
    """

    factor: int
    offset: int
    whole: int

    def write(self, offset: str | None = None) -> str:
        """The arithmetic, with another offset if one is given."""
        turns = "i" if self.factor == 1 else f"{self.factor} * i"
        number = f"{turns} {'+' if self.offset > 0 else '-'} {abs(self.offset)}" if self.offset else turns
        total = number if offset is None else f"{turns} + {offset}"
        if self.whole == 1:
            return total
        return f"{total} / {self.whole}" if total == turns else f"({total}) / {self.whole}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The numbers of arithmetic that `write` makes; None if it is other arithmetic."""
        match = _LADDER.fullmatch(text)
        if match is None:
            return None
        offset = int(match["number"] or 0) * (-1 if match["sign"] == "-" else 1)
        return cls(int(match["factor"] or 1), offset, int(match["whole"] or 1))
