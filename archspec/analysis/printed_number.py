"""Reads a count as papers and tools print it: 4.11G, 25.6 M params, 4,089,184,256."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from archspec.errors import ArchspecError
from archspec.printable import shorten_text

Subject = Literal["work", "params", "acts"]

_NUMBER = re.compile(
    r"(?P<digits>\d+(?:[,_]\d+)*)(?:\.(?P<decimals>\d+))?(?:e\+?(?P<exponent>\d{1,2}))?\s*(?P<prefix>[kmgbt](?!ac|add|ult))?"
    r"\s*(?P<unit>[a-z][a-z -]*)?",
    re.IGNORECASE | re.ASCII,
)
_POWERS = {"k": 3, "m": 6, "g": 9, "b": 9, "t": 12}
_UNITS: dict[str, Subject] = {
    **dict.fromkeys(("flop", "flops", "mac", "macs", "madd", "madds", "multadds", "mult-adds", "ops"), "work"),
    **dict.fromkeys(("multiply-adds", "multiply-accumulates"), "work"),
    **dict.fromkeys(("param", "params", "parameter", "parameters", "weights"), "params"),
    **dict.fromkeys(("act", "acts", "activation", "activations"), "acts"),
}
_LONGEST = 100  # characters
_ROUND = 3  # a whole number that ends in as many zeros is rounded to its last other digit
_WIDEST = Fraction(1, 10)  # how far from the number, relative to it, a reading without its last zeros reaches at most


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
    zeros: int = 0
    """How many zeros at its end may be there for their place alone: those of a whole number of thousands, millions, …"""

    @property
    def low(self) -> int:
        """The least number that rounds to it."""
        return max(0, -int(-(self.value - self.step / 2) // 1))

    @property
    def high(self) -> int:
        """The greatest number that rounds to it."""
        return int((self.value + self.step / 2) // 1)

    def covers(self, count: int) -> bool:
        """Whether a count rounds to it."""
        return self.low <= count <= self.high

    def iter_readings(self) -> Iterator[PrintedNumber]:
        """The number as it is printed, then with one more of its last zeros as no digit of its precision, up to a tenth.

        >>> [(reading.low, reading.high) for reading in parse_printed_number("300M").iter_readings()]
        [(299500000, 300500000), (295000000, 305000000)]
        >>> [(reading.low, reading.high) for reading in parse_printed_number("4.10G").iter_readings()]
        [(4095000000, 4105000000)]
        """
        yield self
        for place in range(1, self.zeros + 1):
            step = self.step * 10**place
            if step / 2 <= _WIDEST * self.value:
                yield replace(self, step=step)

    def distance(self, count: int) -> Fraction:
        """How far a count is from it, relative to it."""
        return abs(count - self.value) / max(self.value, Fraction(1))


def parse_printed_number(text: str) -> PrintedNumber:
    """Reads a count with the precision in which it is printed.

    A whole number without a prefix is exact, unless it ends in three zeros or more. With a prefix all its digits count, zeros too;
    `PrintedNumber.iter_readings` has the readings in which they do not.

    Raises:
        PrintedNumberError: the text is no count.

    >>> parse_printed_number("25.6M").step, parse_printed_number("25557032").step
    (Fraction(100000, 1), Fraction(0, 1))
    """
    match = _NUMBER.fullmatch(text.strip().lstrip("~≈ ")) if len(text) <= _LONGEST else None
    subject = None if match is None or match["unit"] is None else _UNITS.get(match["unit"].strip().lower())
    if match is None or (match["unit"] is not None and subject is None):
        raise PrintedNumberError(f"{shorten_text(text)!r} is no count; expected one as 4.11G, 25.6M params, 4089184256")
    digits, decimals = match["digits"].replace(",", "").replace("_", ""), match["decimals"] or ""
    power = _POWERS.get((match["prefix"] or "").lower(), 0) + int(match["exponent"] or 0)
    step = Fraction(10) ** (power - len(decimals))
    value = int(digits + decimals) * step
    if step < 1 and value.denominator > 1:
        printed = f"{digits}.{decimals}"
        raise PrintedNumberError(
            f"{text!r} is no whole number; expected one with its unit, as {printed}G or {printed}M"
        )
    zeros = 0 if decimals or not value else len(digits) - len(digits.rstrip("0"))
    if not decimals and not match["prefix"] and not match["exponent"]:
        return PrintedNumber(text.strip(), value, Fraction(10) ** zeros if zeros >= _ROUND else Fraction(0), subject)
    return PrintedNumber(text.strip(), value, step, subject, zeros)
