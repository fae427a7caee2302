"""Finds the arithmetic that numbers follow from one use of a block to the next."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Any

_FACTORS = (2, 3, 4, 5, 6, 8, 16, 32)
_DENOMINATOR = 10_000  # of a float that is taken for a fraction


def find_law(values: Sequence[Any], others: Sequence[int | None], name: str) -> str | None:
    """The arithmetic that makes `values` of `others`, the values of `name`: equal, a multiple or a fraction; or None.

    >>> find_law([16, 32], [64, 128], "channels"), find_law([64, 128], [16, 32], "width"), find_law([1, 3], [2, 4], "width")
    ('channels // 4', '4 * width', None)
    """
    pairs = [(value, other) for value, other in zip(values, others, strict=True) if other is not None]
    numbers = [number for pair in pairs for number in pair]
    if len(pairs) < len(values) or len(set(values)) < 2 or not all(isinstance(n, int) and n > 0 for n in numbers):
        return None
    if all(value == other for value, other in pairs):
        return name
    for factor in _FACTORS:
        if all(value == factor * other for value, other in pairs):
            return f"{factor} * {name}"
        if all(value * factor == other for value, other in pairs):
            return f"{name} // {factor}"
    return None


def find_rest(values: Sequence[Any], channels: Sequence[int | None], others: Sequence[Any], name: str) -> str | None:
    """The arithmetic that makes `values` what `others`, the values of `name`, leave of the channels; or None.

    >>> find_rest([48, 64], [304, 320], [256, 256], "width")
    'channels - width'
    """
    triples = zip(values, channels, others, strict=True)
    return (
        f"channels - {name}" if all(own is not None and value == own - other for value, own, other in triples) else None
    )


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
    factor, offset = int(step * whole), int((exact[0] - step) * whole)
    turns = "i" if factor == 1 else f"{factor} * i"
    total = turns if not offset else f"{turns} {'+' if offset > 0 else '-'} {abs(offset)}"
    if whole == 1:
        return total
    return f"({total}) / {whole}" if offset else f"{total} / {whole}"
