"""Defines the places where a picture is printed or shown, with their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.draw.picture import Fit

LEAST_TYPE = 7.0
"""The least size of type in print, in points."""
_INCH = 72


@dataclass(frozen=True, slots=True)
class Medium:
    """The room for a picture, in inches, and how far a small picture is enlarged.

    >>> MEDIA["column"].width, MEDIA["page"].words
    (234.0, 'a page of 6.5 × 9 in')
    """

    name: str
    inches: tuple[float, float]
    largest: float = 1.0

    @property
    def width(self) -> float:
        """In points."""
        return self.inches[0] * _INCH

    @property
    def height(self) -> float:
        """In points."""
        return self.inches[1] * _INCH

    @property
    def words(self) -> str:
        return f"a {self.name} of {self.inches[0]:g} × {self.inches[1]:g} in"


MEDIA: Mapping[Fit, Medium] = {
    "column": Medium("column", (3.25, 9)),
    "page": Medium("page", (6.5, 9)),
    "slide": Medium("slide", (13.33, 7.5), 2.0),
}
"""One column of two and the text of a page in letter size, as papers of IEEE and CVF have them, and a slide of 16:9."""
