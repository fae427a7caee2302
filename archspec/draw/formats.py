"""The formats that a picture can be written in, by the ending of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archspec.draw.dot import dot
from archspec.draw.layout import lay_out
from archspec.draw.mermaid import mermaid
from archspec.draw.page import page
from archspec.draw.paint import paint
from archspec.draw.pdf import pdf
from archspec.draw.picture import Picture
from archspec.draw.png import png
from archspec.draw.svg import svg
from archspec.draw.theme import LIGHT, Theme


def written(picture: Picture, format: str, theme: Theme = LIGHT) -> bytes:
    """The bytes of a file with the ending `format`, one of `FORMATS`. Raises `DrawError`."""
    return FORMATS[format](picture, theme)


def svg_of(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as SVG, the same text on every machine. Raises `DrawError`."""
    return svg(paint(lay_out(picture), theme))


def _pdf(picture: Picture, theme: Theme) -> bytes:
    return pdf(paint(lay_out(picture), theme))


FORMATS: Mapping[str, Callable[[Picture, Theme], bytes]] = {
    ".svg": lambda picture, theme: svg_of(picture, theme).encode(),
    ".png": lambda picture, theme: png(svg_of(picture, theme)),
    ".pdf": _pdf,
    ".dot": lambda picture, theme: dot(picture, theme).encode(),
    ".mmd": lambda picture, theme: mermaid(picture, theme).encode(),
    ".html": lambda picture, theme: page(picture, svg_of(picture, theme), theme).encode(),
}
