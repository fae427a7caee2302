"""Defines the colours of pictures, one for each category of op; colour-blind readers can tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The line around a box. Their lightness differs as their hues do, so that readers with protanopia or deuteranopia tell them apart:
# found by a search for the largest least distance (CIELAB) near the hues of Okabe and Ito. A test simulates both (Machado et al. 2009).
_HUES = {
    "conv": "#06419B",
    "linear": "#B7410C",
    "attention": "#C577D3",
    "norm": "#8E9297",
    "activation": "#E69C0A",
    "pool": "#03AB5E",
    "dropout": "#454D67",
    "join": "#1A1A1A",
    "shape": "#57492F",
    "block": "#56B4E9",
    "ends": "#7A828E",
    "past": "#B6BBC3",
    "length": "#E69F00",
}
_FLOWS = {"flow": "#555B66", "identity": "#0072B2", "projection": "#D55E00", "concat": "#009E73", "gate": "#9B3D86"}
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
    "#4b535d",
    "#c3c9d1",
    ("#f7f8fa", "#eef1f4", "#e6eaee"),
    _HUES,
    _make_tints("#ffffff", 0.19),
    _FLOWS,
)
DARK = Theme(
    "dark",
    _DARK,
    "#eef1f5",
    "#b9c2cd",
    "#4a525d",
    ("#1c2027", "#232830", "#2a3039"),
    {kind: mix_colours(hue, "#ffffff", 0.64) for kind, hue in _HUES.items()},
    _make_tints(_DARK, 0.34),
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


def list_colours(theme: Theme) -> dict[str, str]:
    """The colours of a theme by their roles on a page: categories, edges (`identity-edge`), texts, changes, and networks side by side (`net0`).

    >>> colours = list_colours(LIGHT)
    >>> colours["conv"], colours["paper"], colours["changed"] == colours["identity-edge"]
    ('#06419B', '#ffffff', True)
    """
    series = [theme.flows[flow] for flow in ("identity", "projection", "concat")]
    series += [theme.lines[kind] for kind in ("shape", "block", "length")]
    return {
        **theme.lines,
        **{f"{flow}-edge": colour for flow, colour in theme.flows.items()},
        **{f"net{number}": colour for number, colour in enumerate(series)},
        "paper": theme.paper,
        "ink": theme.ink,
        "faint": theme.faint,
        "rule": theme.rule,
        "sheet": theme.frames[0],
        "mark": mix_colours(theme.lines["length"], theme.paper, 0.24),
        "link": theme.flows["identity"],
        "added": mix_colours(theme.flows["concat"], theme.ink, 0.74),
        "removed": mix_colours(theme.flows["projection"], theme.ink, 0.84),
        "changed": theme.flows["identity"],
    }
