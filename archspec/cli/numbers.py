"""The types of options that take numbers: those of click, without what no machine counts with."""

from __future__ import annotations

import math
from typing import Any

import click

MOST_COUNTED = 2**31 - 1
"""The most of anything that is counted, so that a product of two such numbers has 64 bits."""
MOST_BITS = 64


class WholeNumber(click.IntRange):
    """The type of a whole number in a range, of `MOST_COUNTED` at most unless `most` is another bound.

    >>> WholeNumber(1).convert("3", None, None)
    3
    """

    def __init__(self, min: int | None = None, *, most: int = MOST_COUNTED) -> None:
        super().__init__(min)
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = super().convert(value, param, ctx)
        if number > self.most:
            self.fail(f"expected at most {self.most:,}, got {value}", param, ctx)
        return number


class Limit(WholeNumber):
    """The type of a bound on a count, which may be larger than what is counted."""

    def __init__(self, min: int) -> None:
        super().__init__(min, most=2 ** (MOST_BITS - 1) - 1)


class Integer(click.types.IntParamType):
    """The type of a whole number of 64 bits with its sign, such as the seed of a generator of random numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = super().convert(value, param, ctx)
        if number.bit_length() >= MOST_BITS:
            self.fail(f"expected a number of {MOST_BITS} bits, got {value}", param, ctx)
        return number


class RealNumber(click.FloatRange):
    """The type of a number in a range, finite unless `infinite`.

    >>> RealNumber(0).convert("1e-3", None, None)
    0.001
    """

    def __init__(self, *args: Any, infinite: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.infinite = infinite

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number) or (math.isinf(number) and not self.infinite):
            self.fail(f"expected a finite number, got {value}", param, ctx)
        return number
