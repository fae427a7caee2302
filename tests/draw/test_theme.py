"""The colours of pictures: legible texts, and categories that readers with colour blindness tell apart."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import pytest

from archspec.draw import THEMES, draw_picture
from archspec.draw.theme import list_colours
from archspec.report.data import MOST_NETWORKS
from archspec.view.labels import CATEGORY_NAMES
from tests.colours import BLINDNESS, measure_contrast, measure_distance
from tests.sample import bundled

IN_LEGEND = [kind for kind in CATEGORY_NAMES if kind not in {"ends", "block"}]
"""The categories that can be neighbours in a legend."""


def test_the_measures_agree_with_published_values() -> None:
    assert measure_contrast("#000000", "#ffffff") == pytest.approx(21)
    assert measure_contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # WCAG's own example of a near miss
    assert measure_distance("#ffffff", "#000000") == pytest.approx(100, abs=0.1)
    assert measure_distance("#ff0000", "#00ff00") == pytest.approx(170.6, abs=0.5)
    red, green = "#b05050", "#7d7a45"  # of like lightness for both kinds of blindness
    assert measure_distance(red, green, "deuteranopia") < measure_distance(red, green) / 2


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_categories_are_told_apart(theme: str, blindness: str) -> None:
    colours = THEMES[theme]
    for kind, other in combinations(IN_LEGEND, 2):
        assert measure_distance(colours.lines[kind], colours.lines[other], blindness) > 12, (kind, other)
        if theme != "print":  # without fills
            assert measure_distance(colours.fills[kind], colours.fills[other], blindness) > 3, (kind, other)


@pytest.mark.parametrize("theme", THEMES)
def test_texts_have_contrast(theme: str) -> None:
    colours = THEMES[theme]
    grounds = {colours.paper, *colours.frames, *colours.fills.values()}
    for ground in sorted(grounds):
        assert measure_contrast(colours.ink, ground) >= 4.5, ground
        assert measure_contrast(colours.faint, ground) >= 4.5, ground
    for flow in colours.flows.values():
        assert measure_contrast(flow, colours.paper) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_of_a_page_are_legible_and_told_apart(theme: str) -> None:
    colours = list_colours(THEMES[theme])
    for role in ("ink", "faint", "link", "added", "removed", "changed"):
        assert measure_contrast(colours[role], colours["paper"]) >= 4.5, role
        assert measure_contrast(colours[role], colours["sheet"]) >= 4.5, role
    assert measure_contrast(colours["ink"], colours["mark"]) >= 7
    for blindness in BLINDNESS:
        for role, other in combinations(("added", "removed", "changed"), 2):
            assert measure_distance(colours[role], colours[other], blindness) > 12, (role, other)
        for number, other_number in combinations(range(MOST_NETWORKS), 2):
            pair = colours[f"net{number}"], colours[f"net{other_number}"]
            assert measure_distance(*pair, blindness) > 12, (number, other_number)


def test_a_page_has_no_colours_of_its_own() -> None:
    style = (files("archspec.report") / "assets" / "report.css").read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", style) == []
    assert set(re.findall(r"var\(--([a-z0-9-]+)", style)) <= {
        *list_colours(THEMES["light"]),
        "hue",
        "edge",
        "net",
        "share",
    }


def test_a_box_has_the_colour_of_what_takes_most_macs() -> None:
    def kinds(name: str) -> dict[str, str]:
        return {box.lines[0].text: box.kind for box in draw_picture(bundled(name).graph).boxes}

    assert kinds("resnet50") | {"layer1": "conv", "avgpool … fc": "linear"} == kinds("resnet50")
    assert kinds("vit_b_16") | {"encoder": "linear", "class_token … tokens": "attention"} == kinds("vit_b_16")
    assert kinds("unet")["pool1"] == "pool"  # neither MACs nor parameters: the most layers
    assert kinds("dpn92")["conv5_bn_ac"] == "norm"  # parameters without MACs
