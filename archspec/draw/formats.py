"""Renders a picture in each of its formats, which `archspec.formats` lists."""

from __future__ import annotations

from pathlib import Path

from archspec.draw.fit import compose_picture
from archspec.draw.page import write_page
from archspec.draw.pdf import write_pdf
from archspec.draw.picture import Picture
from archspec.draw.png import rasterize_svg
from archspec.draw.svg import write_svg
from archspec.draw.theme import LIGHT, Theme
from archspec.draw.tikz import write_tikz
from archspec.formats import find_format


def render_picture(picture: Picture, ending: str, theme: Theme = LIGHT) -> bytes:
    """The bytes of a picture file with that ending.

    Raises:
        DrawError: the renderer is not installed.
        ExportError: no picture format has that ending.

    >>> import archspec
    >>> render_picture(archspec.load("lstm").draw(), ".mmd")[:9]
    b'flowchart'
    """
    data = find_format(Path(f"picture{ending}"), "picture").load_writer()(picture, theme)
    return data.encode() if isinstance(data, str) else bytes(data)


def render_svg(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as SVG, the same text on every machine. Raises `DrawError` if the renderer is not installed.

    >>> import archspec
    >>> render_svg(archspec.load("lstm").draw()).startswith("<svg")
    True
    """
    return write_svg(compose_picture(picture, theme))


def render_png(picture: Picture, theme: Theme = LIGHT) -> bytes:
    """The picture as PNG. Raises `DrawError`."""
    scene = compose_picture(picture, theme)
    return rasterize_svg(write_svg(scene), printed=scene.scale is not None)


def render_pdf(picture: Picture, theme: Theme = LIGHT) -> bytes:
    """The picture as PDF. Raises `DrawError`."""
    return write_pdf(compose_picture(picture, theme))


def render_tikz(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as a `tikzpicture` of LaTeX. Raises `DrawError`."""
    return write_tikz(compose_picture(picture, theme), theme)


def render_page(picture: Picture, theme: Theme = LIGHT) -> str:
    """The picture as an HTML page with pan and zoom. Raises `DrawError`."""
    return write_page(picture, render_svg(picture, theme), theme)
