"""SVG as pixels."""

from __future__ import annotations

import re

from archspec.draw.picture import DrawError

SCALE = 2.0  # pixels a point
_LARGEST = 16_000  # pixels of the longer side: more is refused by many viewers

_PROBE = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text x="2" y="15" font-family="sans-serif">{}</text></svg>'


def png(svg: str) -> bytes:
    """The picture at two pixels a point, or fewer where it is very large. Raises `DrawError`."""
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        raise DrawError(
            f"PNG needs {error.name}, which is not installed", "pip install 'archspec-nn[draw]', or write .svg"
        ) from error
    if _pixels(resvg_py.svg_to_bytes, _PROBE.format("W")) == _pixels(resvg_py.svg_to_bytes, _PROBE.format(" ")):
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
