"""How the numbers of modules in a row go from one to the next."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from archspec.backends.source.model import Literal, Make, Run

Vector = tuple[Literal, ...]


def columns(makes: tuple[Make, ...]) -> list[tuple[Literal, ...]]:
    """For each number of modules of one shape, its values in them."""
    return list(zip(*([value for _, value in make.numbers] for make in makes), strict=True))


def progression(values: tuple[Literal, ...]) -> tuple[int, int] | None:
    """The first of whole numbers and the step between them, where there is one step."""
    if not all(type(value) is int for value in values):
        return None
    whole = [value for value in values if isinstance(value, int)]
    step = whole[1] - whole[0] if len(whole) > 1 else 0
    return (whole[0], step) if all(b - a == step for a, b in pairwise(whole)) else None


class Way:
    """How one number of a run's modules goes from turn to turn, in every body of a class."""

    def __init__(self, sequences: list[Vector]) -> None:
        self.sequences = sequences
        self.kind = "listed"
        self.parts: list[Vector] = [tuple(self.sequences)]
        if all(len(set(map(repr, one))) == 1 for one in sequences):
            self.kind, self.parts = "same", [tuple(one[0] for one in sequences)]
            return
        steps = {found[1] for one in sequences if len(one) > 1 and (found := progression(one)) is not None}
        if all(progression(one) is not None for one in sequences):
            firsts = tuple(one[0] for one in sequences)
            lone = steps.pop() if len(steps) == 1 else None
            pairs = [lone if lone is not None else (progression(one) or (0, 0))[1] for one in sequences]
            self.kind, self.parts = "grows", [firsts, tuple(pairs)]
            return
        fractions = shares(sequences)
        if fractions is not None:
            self.kind, self.parts = "share", fractions

    def holes(self, name: str) -> Iterator[tuple[str, Vector]]:
        names = {"same": [name], "grows": [name, "step"], "share": ["first", "step", "last"], "listed": [f"{name}s"]}
        yield from zip(names[self.kind], self.parts, strict=True)


def ways(runs: list[Run]) -> list[Way]:
    """For each number of the runs' modules how it goes."""
    table = [columns(run.makes) for run in runs]
    return [Way(list(sequences)) for sequences in zip(*table, strict=True)]


def shares(sequences: list[Vector]) -> list[Vector] | None:
    """First, step and denominator of fractions that grow by equal steps, where division gives the very same floats."""
    flat = [value for one in sequences for value in one]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in flat):
        return None
    fractions = [Fraction(value).limit_denominator(10_000) for value in flat if isinstance(value, int | float)]
    whole = math.lcm(*(one.denominator for one in fractions))
    if whole > 100_000:
        return None
    firsts, steps = [], []
    for one in sequences:
        numerators = [round(float(value) * whole) for value in one if isinstance(value, int | float)]
        step = numerators[1] - numerators[0] if len(numerators) > 1 else 1
        if any((numerators[0] + step * at) / whole != value for at, value in enumerate(one)):
            return None
        firsts.append(numerators[0])
        steps.append(step)
    return [tuple(firsts), tuple(steps), tuple(whole for _ in sequences)]
