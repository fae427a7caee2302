"""Finds the arithmetic that numbers follow from one use of a block to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_FACTORS = (2, 3, 4, 5, 6, 8, 16, 32)


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
