"""Describes how the numbers of consecutive modules change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal as Word

from archspec.codegen.python.model import Literal

Vector = tuple[Literal, ...]


def find_progression(values: Vector) -> tuple[int, int] | None:
    """The first number and the step of integers with a constant step; else None."""
    whole = [value for value in values if type(value) is int]
    if len(whole) < len(values):
        return None
    step = whole[1] - whole[0] if len(whole) > 1 else 0
    return (whole[0], step) if all(b - a == step for a, b in pairwise(whole)) else None


@dataclass(frozen=True)
class Progression:
    """How one number of a run's modules changes from turn to turn, with the values that this takes from each body.

    "same": the number; "grows": the first and the step; "share": both for a numerator, and the denominator; "listed": all.
    """

    kind: Word["same", "grows", "share", "listed"]
    parts: tuple[Vector, ...]

    def suggest_names(self, name: str) -> tuple[str, ...]:
        """Names for the values that it takes from each body."""
        return {
            "same": (name,),
            "grows": (name, "step"),
            "share": ("first", "step", "whole"),
            "listed": (f"{name.removesuffix('s')}s",),
        }[self.kind]


def find_progress(sequences: list[Vector]) -> Progression:
    """The progression of numbers with these values in the modules of each body."""
    if all(len(set(map(repr, values))) == 1 for values in sequences):
        return Progression("same", (tuple(values[0] for values in sequences),))
    progressions = [find_progression(values) for values in sequences]
    pairs = [pair for pair in progressions if pair is not None]
    if len(pairs) == len(sequences):
        steps = {pair[1] for values, pair in zip(sequences, pairs, strict=True) if len(values) > 1}
        usual = steps.pop() if len(steps) == 1 else None  # a run of one module fits any step
        firsts, own = zip(*pairs, strict=True)
        return Progression("grows", (firsts, own if usual is None else (usual,) * len(own)))
    fractions = find_fraction_steps(sequences)
    return Progression("listed", (tuple(sequences),)) if fractions is None else Progression("share", fractions)


def find_fraction_steps(sequences: list[Vector]) -> tuple[Vector, ...] | None:
    """First, step and denominator of fractions with a constant step, if division gives exactly the same floats."""
    rows = [[value for value in values if isinstance(value, int | float)] for values in sequences]
    flat = [value for values in rows for value in values]
    if len(flat) < sum(map(len, sequences)) or any(isinstance(value, bool) or abs(value) > 2**50 for value in flat):
        return None
    whole = math.lcm(*(Fraction(value).limit_denominator(10_000).denominator for value in flat))
    if whole > 100_000:
        return None
    firsts, steps = [], []
    for values in rows:
        numerators = [round(value * whole) for value in values]
        step = numerators[1] - numerators[0] if len(numerators) > 1 else 1
        if any(repr((numerators[0] + step * turn) / whole) != repr(value) for turn, value in enumerate(values)):
            return None
        firsts.append(numerators[0])
        steps.append(step)
    return tuple(firsts), tuple(steps), (whole,) * len(sequences)
