"""Measures colours as people see them: contrast (WCAG 2.2), distance (CIE 1976), and colour blindness (Machado et al. 2009)."""

from __future__ import annotations

from math import dist

Rgb = tuple[float, float, float]

# Machado, Oliveira and Fernandes 2009, Table 1, severity 1.0; they apply to linear RGB.
BLINDNESS: dict[str, tuple[Rgb, Rgb, Rgb]] = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
}
_TO_XYZ: tuple[Rgb, Rgb, Rgb] = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.072175),
    (0.0193339, 0.119192, 0.9503041),
)
_WHITE: Rgb = (0.95047, 1.0, 1.08883)


def linearize(colour: str) -> Rgb:
    """The linear red, green and blue of `#rrggbb`."""
    shares = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return red, green, blue


def measure_contrast(colour: str, ground: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    dark, light = sorted(_multiply(_TO_XYZ, linearize(given))[1] for given in (colour, ground))
    return (light + 0.05) / (dark + 0.05)


def measure_distance(colour: str, other: str, blindness: str = "none") -> float:
    """The distance of two colours in CIELAB, as seen with a kind of colour blindness; about 2.3 can just be noticed."""
    return dist(_find_lab(colour, blindness), _find_lab(other, blindness))


def _find_lab(colour: str, blindness: str) -> Rgb:
    seen = _multiply(BLINDNESS[blindness], linearize(colour))
    clipped = (min(max(seen[0], 0), 1), min(max(seen[1], 0), 1), min(max(seen[2], 0), 1))
    x, y, z = (
        share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116
        for share in (part / white for part, white in zip(_multiply(_TO_XYZ, clipped), _WHITE, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _multiply(matrix: tuple[Rgb, Rgb, Rgb], vector: Rgb) -> Rgb:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third
