"""Formats integers for pictures, tables, reports and commands.

Numbers may have any number of digits; Python's own conversion is limited to 4,300 and slow.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping, Sequence

_PLAIN = 4096  # the most bits that Python's own conversion is used for
_CHUNK = 2048  # bits that are converted at once
_PREFIXES = "kMGTPEZY"  # SI prefixes of the powers of a thousand


def format_digits(number: int) -> str:
    """All decimal digits of an integer.

    >>> len(format_digits(2**100_000))
    30103
    """
    return str(number if is_plain(number) else _to_decimal(number))


def parse_digits(text: str) -> int:
    """The integer of decimal digits.

    >>> parse_digits(format_digits(2**100_000)) == 2**100_000
    True
    """
    return int(decimal.Decimal(text))


def format_grouped(number: int) -> str:
    """All decimal digits, with commas between the thousands.

    >>> format_grouped(1234567)
    '1,234,567'
    """
    return f"{number if is_plain(number) else _to_decimal(number):,}"


def format_number(number: int, most: int = 60) -> str:
    """An integer with commas between the thousands, or rounded with `≈` if it has more than `most` digits.

    >>> format_number(-1234), format_number(2**1000)
    ('-1,234', '≈ 1.071e301')
    """
    return format_grouped(number) if abs(number) < 10**most else format_approximate(number)


def format_rounded(number: int) -> str:
    """A non-negative count with three digits and an SI prefix.

    >>> format_rounded(999), format_rounded(147_456), format_rounded(999_500), format_rounded(4_089_184_256)
    ('999', '147 k', '1.00 M', '4.09 G')
    """
    if number < 1000:
        return str(number)
    if number >= 1000 ** len(_PREFIXES):
        return format_approximate(number)
    mantissa, exponent = f"{number:.2e}".split("e")
    thousands, rest = divmod(int(exponent), 3)
    return f"{float(mantissa) * 10**rest:.{2 - rest}f} {_PREFIXES[thousands - 1]}"


def format_bytes(count: int) -> str:
    """A number of bytes with an SI prefix.

    >>> format_bytes(320), format_bytes(102_228_128)
    ('320 B', '102 MB')
    """
    return f"{count} B" if count < 1000 else f"{format_rounded(count)}B"


def format_power_of_two(number: int) -> str:
    """`2^k` for a power of two above 1, else "".

    >>> format_power_of_two(65536), format_power_of_two(6)
    ('2^16', '')
    """
    return f"2^{number.bit_length() - 1}" if number > 1 and number & (number - 1) == 0 else ""


def format_approximate(number: int) -> str:
    """The first four digits of a number with at least as many, and its power of ten.

    >>> format_approximate(2**1000)
    '≈ 1.071e301'
    """
    size = abs(number)
    exponent = order_of_magnitude(size)
    return f"≈ {'-' if number < 0 else ''}{size // 10 ** (exponent - 3) / 1000:.3f}e{exponent}"


def format_sizes(sizes: Iterable[int]) -> str:
    """The sizes of a value, separated by ×.

    >>> format_sizes((3, 224, 224)), format_sizes(())
    ('3×224×224', 'scalar')
    """
    return "×".join(map(str, sizes)) or "scalar"


def format_by_axis(numbers: Sequence[int]) -> str:
    """Numbers by axis as text; one that all axes share is written once.

    >>> format_by_axis((3, 3)), format_by_axis((1, 7))
    ('3', '1×7')
    """
    return str(numbers[0]) if len(set(numbers)) == 1 else format_sizes(numbers)


def format_named_sizes(named: Mapping[str, Iterable[int]]) -> str:
    """The sizes of several values with their names; of a single one without its name.

    >>> format_named_sizes({"input": (3, 224, 224)}), format_named_sizes({"left": (8,), "right": ()})
    ('3×224×224', 'left 8, right scalar')
    """
    texts = {name: format_sizes(sizes) for name, sizes in named.items()}
    return ", ".join(texts.values() if len(texts) == 1 else (f"{name} {text}" for name, text in texts.items()))


def order_of_magnitude(number: int) -> int:
    """The exponent of the largest power of ten that is at most a positive number.

    >>> order_of_magnitude(999), order_of_magnitude(1000)
    (2, 3)
    """
    power = int((number.bit_length() - 1) * 0.30102999566398120)
    return power + 1 if number >= 10 ** (power + 1) else power


def is_plain(number: int) -> bool:
    """Whether Python's own conversion is used for a number."""
    return number.bit_length() <= _PLAIN


def _to_decimal(number: int) -> decimal.Decimal:
    """The exact decimal of a number, by divide and conquer in nearly linear time."""
    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin = decimal.MAX_PREC, decimal.MAX_EMAX, decimal.MIN_EMIN
        context.traps[decimal.Inexact] = True
        powers: dict[int, decimal.Decimal] = {}
        converted = _convert_halves(abs(number), powers)
        return -converted if number < 0 else converted


def _convert_halves(number: int, powers: dict[int, decimal.Decimal]) -> decimal.Decimal:
    if number.bit_length() <= _CHUNK:
        return decimal.Decimal(number)
    half = _CHUNK
    while 2 * half < number.bit_length():
        half *= 2
    if half not in powers:
        powers[half] = powers[half // 2] ** 2 if half // 2 in powers else decimal.Decimal(2) ** half
    high = number >> half
    return _convert_halves(high, powers) * powers[half] + _convert_halves(number - (high << half), powers)
