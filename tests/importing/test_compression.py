"""A decompiled spec is as short as the language allows: blocks, arguments, arithmetic, iterators and defaults."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

import archspec
from tests.sample import SMALL, bundled, representatives, small


def count_lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def decompile_stages(stages: dict[str, Any], **document: Any) -> str:
    arch = archspec.load({"name": "a", "input": [8, 16, 16], **document, "stages": stages})
    return arch.decompile().partition("stages:\n")[2]


@pytest.mark.parametrize(
    ("name", "most"), [("resnet50", 47), ("densenet121", 37), ("vgg16", 23), ("cifar_resnet20_A", 43)]
)
def test_known_networks_keep_their_length(name: str, most: int) -> None:
    assert count_lines(bundled(name).decompile()) <= most


@pytest.mark.slow
def test_the_median_is_not_longer_than_by_hand() -> None:
    ratios = []
    for name in set(representatives()) - {"lstm"}:
        arch = archspec.load(name)
        ratios.append(count_lines(arch.decompile()) / sum(count_lines(source.text) for source in arch.sources))
    assert median(ratios) <= 0.9


def test_repeated_layers_are_an_iterator() -> None:
    layers = [{"conv": {"out": 8, "kernel": 3}}, "batchnorm", "relu"] * 3
    assert decompile_stages({"body": layers}) == (
        "  body: {layers: [{repeat: {times: 3, layers: [{conv: {out: 8, kernel: 3}}, batchnorm, relu]}}]}\n"
    )


def test_a_number_that_grows_by_a_step_is_arithmetic_over_the_index() -> None:
    unit = {
        "args": {"rate": "float"},
        "layers": [{"add": [[{"conv": 8}, "relu", {"droppath": "rate"}], "identity"]}, "relu"],
    }
    turns = {"repeat": {"times": 5, "index": "i", "name": "unit", "layers": [{"unit": "i / 10"}]}}
    text = decompile_stages({"body": [turns]}, blocks={"unit": unit})
    assert text == "  body: {layers: [{repeat: {times: 5, name: unit, index: i, layers: [{unit: i / 10}]}}]}\n"


_UNIT = ("batchnorm", "relu", {"maxpool": {"kernel": 3, "stride": 1, "padding": 1}})


def test_widths_follow_the_channels_and_other_numbers_do_not() -> None:
    parts = {
        f"part{width}": {
            "layers": [
                *_UNIT,
                {"conv": 2 * width},
                "relu",
                *_UNIT,
                {"conv": {"out": width // 2, "kernel": kernel}},
                "relu",
                {"conv": after},
            ]
        }
        for width, kernel, after in ((8, 3, 16), (16, 5, 32), (32, 3, 8))
    }
    document = archspec.load({"name": "a", "input": [8, 16, 16], "stages": parts}).decompile()
    assert "conv: 2 * channels" in document
    assert "{out: channels // 4, kernel: kernel}" in document


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "dpn68", "unet", "vit_b_16", "googlenet_aux"])
def test_the_spec_of_a_decompiled_network_is_the_same_again(name: str) -> None:
    text = small(name).decompile() if name in SMALL else bundled(name).decompile()
    assert archspec.load(text).decompile() == text
