"""The axes of a space: what varies, and over which values."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, overload

from archspec.spec.yaml_tree import as_number

COUNTS = ("params", "buffers", "macs", "acts", "memory", "depth", "paths", "mean_length", "longest", "shortest")
"""What every point of a space is counted for."""
_RESERVED = frozenset((*COUNTS, "digest", "status", "message", "structure", "seconds", "machine"))


def name_column(argument: str) -> str:
    """The name of an argument in conditions and tables: its own, unless a count has that.

    >>> name_column("groups"), name_column("depth")
    ('groups', 'arg_depth')
    """
    return f"arg_{argument}" if argument in _RESERVED else argument


@dataclass(frozen=True, slots=True)
class Progression(Sequence[int | float]):
    """Numbers at equal distances, of which none is kept: there may be a thousand million.

    >>> numbers = Progression(Fraction(4), Fraction(1, 2), 10**9)
    >>> len(numbers), numbers[1], numbers[-1]
    (1000000000, 4.5, 500000003.5)
    """

    low: Fraction
    step: Fraction
    length: int

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, place: int) -> int | float: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int | float]: ...
    def __getitem__(self, place: int | slice) -> int | float | Sequence[int | float]:
        turns = range(self.length)[place]
        if isinstance(turns, int):
            return as_number(self.low + turns * self.step)
        return Progression(self.low + turns.start * self.step, turns.step * self.step, len(turns))


@dataclass(frozen=True, slots=True)
class Choices:
    """Some values in order: numbers, words, layers.

    >>> Choices("groups", (1, 2, 4)).size
    3
    """

    name: str
    values: Sequence[Any]

    @property
    def size(self) -> int:
        return len(self.values)

    def draw(self, generator: random.Random) -> Any:
        """One of the values, each with the same probability."""
        return self.values[generator.randrange(len(self.values))]


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers between two bounds, ends included, or those at equal distances; without a step, whole ones if both bounds are whole.

    >>> Interval("rate", 0.001, 0.1, log=True).size is None
    True
    >>> Interval("width", 8, 64, step=Fraction(1, 2)).draw(random.Random(0))
    55.5
    """

    name: str
    low: int | float
    high: int | float
    log: bool = False
    """Whether the logarithm is drawn uniformly."""
    step: Fraction | None = None
    """The distance of the numbers from the lower bound on; None for all numbers."""

    @property
    def size(self) -> None:
        """An interval has no number of values: its points are drawn."""
        return None

    def draw(self, generator: random.Random) -> int | float:
        """A number of the interval; of a whole one, each is as likely as its share of the interval."""
        if self.step is not None:
            return self.round(self._draw_between(generator, self.low, self.high))
        if not (isinstance(self.low, int) and isinstance(self.high, int)):
            return self._draw_between(generator, self.low, self.high)
        value = math.floor(self._draw_between(generator, self.low, self.high + 1))
        return min(max(value, self.low), self.high)

    def round(self, number: float) -> int | float:
        """The nearest number of the interval with a step.

        >>> Interval("width", 8, 64, step=Fraction(1, 10)).round(8.2449)
        8.2
        """
        assert self.step is not None
        low = Fraction(str(self.low))
        turns = min(round((Fraction(number) - low) / self.step), (Fraction(str(self.high)) - low) // self.step)
        return as_number(low + max(turns, 0) * self.step)

    def _draw_between(self, generator: random.Random, low: float, high: float) -> float:
        if self.log:
            return math.exp(generator.uniform(math.log(low), math.log(high)))
        return generator.uniform(low, high)


Axis = Choices | Interval


def find_grid_size(axes: Sequence[Axis]) -> int | None:
    """The number of points of a grid; None if an axis is an interval.

    >>> find_grid_size([Choices("n", (1, 2)), Choices("k", (4, 8, 16))])
    6
    """
    sizes = [axis.size for axis in axes]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)
