"""Stages drawn to scale: sizes by resolution and channels, captions where no arrow is."""

from __future__ import annotations

from itertools import pairwise
from math import log2

import pytest

from archspec.draw import THEMES, DrawError, draw_picture, render_picture
from archspec.draw.compose import compose_scene
from archspec.draw.fit import compose_picture
from archspec.draw.layout import compute_layout
from archspec.draw.picture import Direction, Fit
from tests.draw.test_geometry import check_scene
from tests.sample import CORE, bases, bundled, sampled

LIGHT = THEMES["light"]


def test_sizes_follow_the_law_of_the_legend() -> None:
    boxes = {box.lines[0].text: box for box in draw_picture(bundled("resnet50").graph, scale=True).boxes}
    slabs = {name: box.slab for name, box in boxes.items() if box.slab}
    assert slabs.keys() == boxes.keys()
    sides = {"input": 224, "conv1 … maxpool": 56, "layer2": 28, "layer3": 14, "layer4": 7, "output": 1}
    channels = {"input": 3, "conv1 … maxpool": 64, "layer2": 512, "layer3": 1024, "layer4": 2048, "output": 1000}
    for name, other in pairwise(sides):
        assert slabs[name][1] / slabs[other][1] == pytest.approx((sides[name] / sides[other]) ** 0.5, rel=0.02)
        assert slabs[name][0] / slabs[other][0] == pytest.approx(
            (1 + log2(channels[name])) / (1 + log2(channels[other])), rel=0.02
        )


@pytest.mark.parametrize("name", sampled(bases(), {"resnet50", "googlenet_aux", "hrnet_w18", *CORE}))
@pytest.mark.parametrize("direction", [None, "TB", "LR"])
def test_captions_are_clear_of_arrows(name: str, direction: Direction | None) -> None:
    picture = draw_picture(bundled(name).graph, scale=True, direction=direction)
    scene = compose_scene(compute_layout(picture), LIGHT)
    check_scene(scene)


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "unet", "vit_b_16"])
def test_slabs_are_wrapped_into_rows(name: str) -> None:
    fits: tuple[Fit, ...] = ("page", "slide")
    for fit in fits:
        scene = compose_picture(draw_picture(bundled(name).graph, scale=True, fit=fit), LIGHT)
        check_scene(scene)


def test_what_has_no_scale_is_refused() -> None:
    with pytest.raises(DrawError, match=r"--detail blocks has no scale; leave --scale out"):
        draw_picture(bundled("resnet18").graph, "blocks", scale=True)
    picture = draw_picture(bundled("resnet18").graph, scale=True)
    for ending in (".dot", ".mmd"):
        with pytest.raises(DrawError, match=r"no scale.*\.svg"):
            render_picture(picture, ending)
