"""Defines the colours of pictures, one for each category of op; they suit colour-blind readers (Okabe and Ito 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The line around a box, in hues of Okabe and Ito and a few between them.
_HUES = {
    "conv": "#0072B2",
    "linear": "#D55E00",
    "attention": "#CC79A7",
    "norm": "#8A8F98",
    "activation": "#E69F00",
    "pool": "#009E73",
    "dropout": "#6B7280",
    "join": "#333333",
    "shape": "#8C6D46",
    "block": "#56B4E9",
    "ends": "#333333",
    "past": "#B6BBC3",
    "length": "#E69F00",
}
_FLOWS = {"flow": "#555B66", "identity": "#0072B2", "projection": "#D55E00", "concat": "#009E73", "gate": "#B0568A"}
DASHES: Mapping[str, tuple[int, ...]] = {"projection": (5, 3), "gate": (1, 3)}


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture, as `#rrggbb`.

    >>> from archspec.draw import THEMES
    >>> sorted(THEMES), THEMES["dark"].paper
    (['dark', 'light', 'print'], '#15181d')
    """

    name: str
    paper: str
    ink: str
    faint: str
    rule: str
    """The lines of frames and tables."""
    frames: tuple[str, ...]
    """The fill of frames by level, outermost first; deeper levels have the last."""
    lines: Mapping[str, str]
    fills: Mapping[str, str]
    flows: Mapping[str, str]

    def frame(self, level: int) -> str:
        return self.frames[min(level, len(self.frames) - 1)]


def mix_colours(colour: str, other: str, share: float) -> str:
    """A mix of two colours, `share` of it the first."""
    pairs = zip(_split_rgb(colour), _split_rgb(other), strict=True)
    return "#" + "".join(f"{round(first * share + second * (1 - share)):02x}" for first, second in pairs)


def _split_rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _make_tints(paper: str, share: float) -> dict[str, str]:
    return {kind: mix_colours(hue, paper, share) for kind, hue in _HUES.items()}


_DARK = "#15181d"
LIGHT = Theme(
    "light",
    "#ffffff",
    "#1b1f24",
    "#59616c",
    "#c3c9d1",
    ("#f7f8fa", "#eef1f4", "#e6eaee"),
    _HUES,
    _make_tints("#ffffff", 0.16),
    _FLOWS,
)
DARK = Theme(
    "dark",
    _DARK,
    "#eef1f5",
    "#b9c2cd",
    "#4a525d",
    ("#1c2027", "#232830", "#2a3039"),
    {kind: mix_colours(hue, "#ffffff", 0.72) for kind, hue in _HUES.items()},
    _make_tints(_DARK, 0.3),
    {flow: mix_colours(hue, "#ffffff", 0.62) for flow, hue in _FLOWS.items()},
)
# No fills, and lines dark enough for a print in grey.
PRINT = Theme(
    "print",
    "#ffffff",
    "#000000",
    "#3a3a3a",
    "#8a8a8a",
    ("#ffffff",),
    {kind: mix_colours(hue, "#000000", 0.75) for kind, hue in _HUES.items()},
    dict.fromkeys(_HUES, "#ffffff"),
    {flow: mix_colours(hue, "#000000", 0.7) for flow, hue in _FLOWS.items()},
)
THEMES: Mapping[str, Theme] = {theme.name: theme for theme in (LIGHT, DARK, PRINT)}
