"""The formats that a picture can be written in, by the ending of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archspec.draw.compose import compose_scene
from archspec.draw.dot import write_dot
from archspec.draw.layout import compute_layout
from archspec.draw.mermaid import write_mermaid
from archspec.draw.page import write_page
from archspec.draw.pdf import write_pdf
from archspec.draw.picture import Picture
from archspec.draw.png import render_png
from archspec.draw.svg import write_svg
from archspec.draw.theme import LIGHT, Theme


def render_picture(picture: Picture, format: str, theme: Theme = LIGHT) -> bytes:
    """The bytes of a file with the ending `format`, one of `FORMATS`. Raises `DrawError` where the renderer is not installed.

    >>> import archspec
    >>> render_picture(archspec.load("lstm").draw(), ".mmd")[:9]
    b'flowchart'
    """
    return FORMATS[format](picture, theme)


def render_svg(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as SVG, the same text on every machine. Raises `DrawError` where the renderer is not installed.

    >>> import archspec
    >>> render_svg(archspec.load("lstm").draw()).startswith("<svg")
    True
    """
    return write_svg(compose_scene(compute_layout(picture), theme))


def _render_pdf(picture: Picture, theme: Theme) -> bytes:
    return write_pdf(compose_scene(compute_layout(picture), theme))


FORMATS: Mapping[str, Callable[[Picture, Theme], bytes]] = {
    ".svg": lambda picture, theme: render_svg(picture, theme).encode(),
    ".png": lambda picture, theme: render_png(render_svg(picture, theme)),
    ".pdf": _render_pdf,
    ".dot": lambda picture, theme: write_dot(picture, theme).encode(),
    ".mmd": lambda picture, theme: write_mermaid(picture, theme).encode(),
    ".html": lambda picture, theme: write_page(picture, render_svg(picture, theme), theme).encode(),
}
