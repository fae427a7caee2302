"""Pictures of a network: a graph becomes boxes and arrows, and those become SVG, PNG, PDF, DOT, Mermaid or HTML.

picture = sketch(arch.network, "stages")
written(picture, ".svg")
"""

from __future__ import annotations

from archspec.draw.detail import DETAILS, sketch
from archspec.draw.formats import FORMATS, svg_of, written
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
    "sketch",
    "svg_of",
    "written",
]
