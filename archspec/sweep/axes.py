"""The axes of a space: what varies, and over which values."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    """All numbers between two bounds, ends included; whole ones if both bounds are whole.

    >>> Interval("rate", 0.001, 0.1, log=True).size is None
    True
    """

    name: str
    low: int | float
    high: int | float
    log: bool = False
    """Whether the logarithm is drawn uniformly."""

    @property
    def size(self) -> None:
        """An interval has no number of values: its points are drawn."""
        return None

    def draw(self, generator: random.Random) -> int | float:
        """A number of the interval; of a whole one, each is as likely as its share of the interval."""
        if not (isinstance(self.low, int) and isinstance(self.high, int)):
            return self._draw_between(generator, self.low, self.high)
        value = math.floor(self._draw_between(generator, self.low, self.high + 1))
        return min(max(value, self.low), self.high)

    def _draw_between(self, generator: random.Random, low: float, high: float) -> float:
        if self.log:
            return math.exp(generator.uniform(math.log(low), math.log(high)))
        return generator.uniform(low, high)


Axis = Choices | Interval
