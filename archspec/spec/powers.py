"""Powers and roots of fractions."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

_DIGITS = 64
"""The binary digits of a root that is no fraction, more than a float has."""


def raise_to_power(base: int | Fraction, exponent: int | Fraction) -> int | Fraction:
    """A power; a root of a number of at least 0 is exact if it is a fraction, else it has 64 binary digits, on every machine.

    >>> raise_to_power(Fraction(2, 3), Fraction(2)), raise_to_power(Fraction(4, 9), Fraction(-1, 2))
    (Fraction(4, 9), Fraction(3, 2))
    >>> raise_to_power(2, 10), raise_to_power(2, -1)
    (1024, Fraction(1, 2))
    >>> float(raise_to_power(Fraction(2), Fraction(1, 2)))
    1.4142135623730951
    """
    power = (base if exponent >= 0 else Fraction(base)) ** exponent.numerator
    return power if exponent.denominator == 1 else _take_root(Fraction(power), exponent.denominator)


def _take_root(number: Fraction, degree: int) -> Fraction:
    exact = Fraction(*(_find_integer_root(part, degree) for part in (number.numerator, number.denominator)))
    if exact**degree == number:
        return exact
    size = (number.numerator.bit_length() - number.denominator.bit_length()) // degree
    shift = max(_DIGITS - size, 0)
    return Fraction(_find_integer_root((number.numerator << degree * shift) // number.denominator, degree), 1 << shift)


def _find_integer_root(number: int, degree: int) -> int:
    """The greatest integer whose power is at most a number, by Newton's method from above."""
    if degree == 2 or number < 2:
        return isqrt(number) if number > 1 else number
    root = 1 << -(-number.bit_length() // degree)
    while True:
        smaller = ((degree - 1) * root + number // root ** (degree - 1)) // degree
        if smaller >= root:
            return root
        root = smaller
