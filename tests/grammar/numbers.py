"""Random arithmetic with a given value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

Names = dict[str, Fraction]


@dataclass(frozen=True)
class Number:
    """A number as written in a spec, and its value for other values of its names."""

    tree: Any
    value: Callable[[Names], Fraction]


def number(rng: Random, wanted: Fraction | float, names: Names) -> Number:
    """The number itself, or arithmetic of the names."""
    whole = Fraction(wanted).limit_denominator(10**6)
    if not names or rng.random() < 0.5 or float(whole) != wanted or str(wanted).startswith("-"):
        return literal(wanted)
    name, value = rng.choice(sorted(names.items()))
    return rng.choice(_forms(name, value, whole)) if abs(whole) < 10**6 else literal(wanted)


def literal(wanted: Any) -> Number:
    exact = wanted if isinstance(wanted, Fraction) else Fraction(wanted)
    tree = int(exact) if exact.denominator == 1 and abs(exact) < 2**60 else float(wanted)
    return Number(-0.0 if str(wanted) == "-0.0" else tree, lambda names: exact)


def _forms(name: str, value: Fraction, wanted: Fraction) -> list[Number]:
    rest = wanted - value
    forms = [
        Number(f"{name} + {rest}" if rest >= 0 else f"{name} - {-rest}", lambda names: names[name] + rest),
        Number(f"({wanted} + 0 * {name})", lambda names: wanted + 0 * names[name]),
    ]
    if value == wanted:
        return [Number(name, lambda names: names[name])]
    if value and wanted % value == 0:
        factor = wanted / value
        forms.append(Number(f"{factor} * {name}", lambda names: factor * names[name]))
    if wanted and value and value % wanted == 0:
        divisor = value / wanted
        forms.append(Number(f"{name} / ({divisor})", lambda names: names[name] / divisor))
        forms.append(Number(f"{name} // {divisor}", lambda names: Fraction(names[name] // divisor)))
    return forms
