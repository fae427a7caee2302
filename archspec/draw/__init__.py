"""Pictures of a network: a graph becomes boxes and arrows, and those become SVG, PNG, PDF, DOT, Mermaid or HTML.

picture = draw_picture(arch.graph, "stages")
render_picture(picture, ".svg")
"""

from __future__ import annotations

from archspec.draw.figure import DETAILS, draw_picture
from archspec.draw.formats import FORMATS, render_picture, render_svg
from archspec.draw.picture import Detail, Direction, DrawError, Picture
from archspec.draw.theme import THEMES, Theme

__all__ = [
    "DETAILS",
    "FORMATS",
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
