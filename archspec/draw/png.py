"""Rasterizes SVG as PNG."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from archspec import extras
from archspec.draw.picture import DrawError
from archspec.draw.svg import FONTS

SCALE = 2.0  # pixels per point
PRINTED = 300 / 96  # the same for a picture that has a size in print: 300 pixels per inch
_LARGEST = 16_000  # pixels of the longer side; many viewers refuse more

_PROBE = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text x="2" y="15" font-family="{FONTS}">%s</text></svg>'

Render = Callable[..., bytes | list[int]]


def rasterize_svg(svg: str, *, printed: bool = False) -> bytes:
    """The PNG at two pixels per point, of a picture that has a size in print at 300 per inch, or fewer if it is very large. Raises `DrawError`."""
    resvg_py = extras.load_extra(
        "resvg_py", "PNG", "pip install 'archspec-nn[draw]'", lambda text: DrawError(text, "write .svg or .pdf instead")
    )
    render = _with_font(resvg_py.svg_to_bytes)
    wide, high = map(float, re.findall(r' (?:width|height)="([\d.]+)"', svg)[:2])
    return _rasterize(render, svg, _choose_scale(max(wide, high), PRINTED if printed else SCALE))


def _with_font(render: Render) -> Render:
    """The renderer with fonts: those of the system, else those that matplotlib bundles."""
    if _draws_text(render):
        return render
    bundled = partial(render, font_dirs=_bundled_fonts())
    if _draws_text(bundled):
        return bundled
    raise DrawError(
        "PNG needs a font, and this machine has none",
        "install one of Arial, Liberation Sans and DejaVu Sans (matplotlib brings the last), or write .svg or .pdf",
    )


def _draws_text(render: Render) -> bool:
    return _rasterize(render, _PROBE % "W") != _rasterize(render, _PROBE % " ")


def _bundled_fonts() -> list[str]:
    """The folder of matplotlib's fonts; empty if it is not installed."""
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        return []
    return [str(Path(package.origin).with_name("mpl-data") / "fonts" / "ttf")]


def _choose_scale(longer: float, scale: float) -> float:
    return min(scale, _LARGEST / max(longer, 1.0))


def _rasterize(render: Render, svg: str, scale: float = 1.0) -> bytes:
    return bytes(render(svg_string=svg, zoom=scale))
