"""SVG as pixels."""

from __future__ import annotations

import re

from archspec import extras
from archspec.draw.picture import DrawError
from archspec.draw.svg import FONTS

SCALE = 2.0  # pixels a point
_LARGEST = 16_000  # pixels of the longer side: more is refused by many viewers

_PROBE = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text x="2" y="15" font-family="{FONTS}">%s</text></svg>'


def png(svg: str) -> bytes:
    """The picture at two pixels a point, or fewer where it is very large. Raises `DrawError`."""
    resvg_py = extras.load(
        "resvg_py", "PNG", "pip install 'archspec-nn[draw]'", lambda text: DrawError(text, "write .svg or .pdf instead")
    )
    if _pixels(resvg_py.svg_to_bytes, _PROBE % "W") == _pixels(resvg_py.svg_to_bytes, _PROBE % " "):
        raise DrawError(
            "PNG needs a font, and this machine has none", "install one, e.g. DejaVu Sans, or write .svg or .pdf"
        )
    wide, high = map(float, re.findall(r' (?:width|height)="([\d.]+)"', svg)[:2])
    return _pixels(resvg_py.svg_to_bytes, svg, _scale(max(wide, high)))


def _scale(longer: float) -> float:
    return min(SCALE, _LARGEST / max(longer, 1.0))


def _pixels(render: object, svg: str, scale: float = 1.0) -> bytes:
    assert callable(render)
    return bytes(render(svg_string=svg, zoom=scale))
