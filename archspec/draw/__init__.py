"""Draws a graph as boxes and arrows, and writes them as SVG, PNG, PDF, TikZ, DOT, Mermaid or HTML.

>>> import archspec
>>> render_svg(draw_picture(archspec.load("vgg11").graph, "stages")).startswith("<svg")
True
"""

from __future__ import annotations

from archspec.draw.figure import DETAILS, draw_picture
from archspec.draw.formats import render_picture, render_svg
from archspec.draw.picture import Detail, Direction, DrawError, Picture
from archspec.draw.theme import THEMES, Theme

__all__ = [
    "DETAILS",
    "THEMES",
    "Detail",
    "Direction",
    "DrawError",
    "Picture",
    "Theme",
    "draw_picture",
    "render_picture",
    "render_svg",
]
