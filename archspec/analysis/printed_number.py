"""Reads a count as papers and tools print it: 4.11G, 25.6 M params, 4,089,184,256."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from archspec.errors import ArchspecError

Subject = Literal["work", "params", "acts"]

_NUMBER = re.compile(
    r"(?P<digits>\d[\d,_]*)(?:\.(?P<decimals>\d+))?(?:e\+?(?P<exponent>\d{1,2}))?\s*(?P<prefix>[kmgbt](?!ac|add|ult))?"
    r"\s*(?P<unit>[a-z][a-z -]*)?",
    re.IGNORECASE,
)
_POWERS = {"k": 3, "m": 6, "g": 9, "b": 9, "t": 12}
_UNITS: dict[str, Subject] = {
    **dict.fromkeys(("flop", "flops", "mac", "macs", "madd", "madds", "multadds", "mult-adds", "ops"), "work"),
    **dict.fromkeys(("multiply-adds", "multiply-accumulates"), "work"),
    **dict.fromkeys(("param", "params", "parameter", "parameters", "weights"), "params"),
    **dict.fromkeys(("act", "acts", "activation", "activations"), "acts"),
}
_ROUND = 3  # a whole number that ends in as many zeros is rounded to its last other digit


class PrintedNumberError(ArchspecError, ValueError):
    """Raised for a text that is no count.

    >>> parse_printed_number("four")
    Traceback (most recent call last):
        ...
    archspec.analysis.printed_number.PrintedNumberError: 'four' is no count; expected one as 4.11G, 25.6M params, 4089184256
    """


@dataclass(frozen=True, slots=True)
class PrintedNumber:
    """A number with the precision of its last printed digit.

    >>> number = parse_printed_number("4.11 GFLOPs")
    >>> number.low, number.high, number.subject
    (4105000000, 4115000000, 'work')
    >>> parse_printed_number("4,089,184,256").low == parse_printed_number("4089184256").high
    True
    """

    text: str
    value: Fraction
    step: Fraction
    """What one unit of the last printed digit is worth; 0 if the number is exact."""
    subject: Subject | None
    """What its unit says that it counts; None without a unit."""

    @property
    def low(self) -> int:
        """The least number that rounds to it."""
        return -int(-(self.value - self.step / 2) // 1)

    @property
    def high(self) -> int:
        """The greatest number that rounds to it."""
        return int((self.value + self.step / 2) // 1)

    def covers(self, count: int) -> bool:
        """Whether a count rounds to it."""
        return self.low <= count <= self.high

    def distance(self, count: int) -> Fraction:
        """How far a count is from it, relative to it."""
        return abs(count - self.value) / max(self.value, Fraction(1))


def parse_printed_number(text: str) -> PrintedNumber:
    """Reads a count with the precision in which it is printed.

    A whole number without a prefix is exact, unless it ends in three zeros or more.

    Raises:
        PrintedNumberError: the text is no count.

    >>> parse_printed_number("25.6M").step, parse_printed_number("25557032").step
    (Fraction(100000, 1), Fraction(0, 1))
    """
    match = _NUMBER.fullmatch(text.strip().lstrip("~≈ "))
    subject = None if match is None or match["unit"] is None else _UNITS.get(match["unit"].strip().lower())
    if match is None or (match["unit"] is not None and subject is None):
        raise PrintedNumberError(f"{text!r} is no count; expected one as 4.11G, 25.6M params, 4089184256")
    digits, decimals = match["digits"].replace(",", "").replace("_", ""), match["decimals"] or ""
    power = _POWERS.get((match["prefix"] or "").lower(), 0) + int(match["exponent"] or 0)
    step = Fraction(10) ** (power - len(decimals))
    value = int(digits + decimals) * step
    if step < 1 and value.denominator > 1:
        printed = f"{digits}.{decimals}"
        raise PrintedNumberError(
            f"{text!r} is no whole number; expected one with its unit, as {printed}G or {printed}M"
        )
    if not decimals and not match["prefix"] and not match["exponent"]:
        zeros = len(digits) - len(digits.rstrip("0"))
        step = Fraction(10) ** zeros if zeros >= _ROUND and zeros < len(digits) else Fraction(0)
    return PrintedNumber(text.strip(), value, step, subject)
