"""A decompiled spec is as short as the language allows: blocks, arguments, arithmetic, iterators and defaults."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest
import yaml

import archspec
from archspec.importing.argument_names import name_flag, name_number
from archspec.importing.laws import find_rounded_law
from archspec.importing.terms import Term
from tests.sample import SMALL, bundled, representatives, small


def count_lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def decompile_stages(stages: dict[str, Any], **document: Any) -> str:
    arch = archspec.load({"name": "a", "input": [8, 16, 16], **document, "stages": stages})
    return arch.decompile().partition("stages:\n")[2]


@pytest.mark.parametrize(
    ("name", "most"), [("resnet50", 37), ("densenet121", 36), ("vgg16", 23), ("cifar_resnet20_A", 37)]
)
def test_known_networks_keep_their_length(name: str, most: int) -> None:
    assert count_lines(bundled(name).decompile()) <= most


@pytest.mark.slow
def test_the_median_is_not_longer_than_by_hand() -> None:
    ratios = []
    for name in representatives():
        arch = archspec.load(name)
        ratios.append(count_lines(arch.decompile()) / sum(count_lines(source.text) for source in arch.sources))
    assert median(ratios) <= 0.75


def test_repeated_layers_are_an_iterator() -> None:
    layers = [{"conv": {"out": 8, "kernel": 3}}, "batchnorm", "relu"] * 3
    assert decompile_stages({"body": layers}) == (
        "  body: [repeat: {times: 3, layers: [conv: {out: 8, kernel: 3}, batchnorm, relu]}]\n"
    )


def test_a_number_that_grows_by_a_step_is_arithmetic_over_the_index() -> None:
    unit = {
        "args": {"rate": "float"},
        "layers": [{"add": [[{"conv": 8}, "relu", {"droppath": "rate"}], "identity"]}, "relu"],
    }
    turns = {"repeat": {"times": 5, "index": "i", "name": "unit", "layers": [{"unit": "i / 10"}]}}
    text = decompile_stages({"body": [turns]}, blocks={"unit": unit})
    assert text == "  body: {repeat: {times: 5, name: unit, index: i, layers: [unit: i / 10]}}\n"


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


# -- variants of one class ------------------------------------------------------------------------------------------


def decompile_blocks(units: list[Any]) -> dict[str, Any]:
    """The blocks that are written for parts in a row, which are not blocks in the network."""
    stages = {"body": [{"sequential": unit} for unit in units]}
    text = archspec.load({"name": "a", "input": [16, 16, 16], "stages": stages}).decompile()
    blocks: dict[str, Any] = yaml.safe_load(text).get("blocks", {})
    return blocks


def make_body(width: int) -> dict[str, Any]:
    return {
        "conv1": {"conv": {"out": width, "kernel": 3, "padding": 1}},
        "bn1": "batchnorm",
        "relu": "relu",
        "conv2": {"conv": width},
        "bn2": "batchnorm",
    }


def make_residual(width: int, *, project: bool) -> list[Any]:
    branch = {"conv": width, "as": "shortcut"} if project else "identity"
    return [{"add": [{"layers": make_body(width)}, branch]}, "relu"]


def test_a_projection_and_an_identity_are_one_block_with_a_layer_as_argument() -> None:
    units = [make_residual(width, project=turn == 0) for width in (32, 64, 128) for turn in range(3)]
    (block,) = decompile_blocks(units).values()
    assert block["args"] == {"out": "channels", "shortcut": ["identity"]}
    assert block["layers"][0]["add"][1] == "shortcut"


def test_layers_that_only_some_have_stand_as_often_as_an_argument_says() -> None:
    def make(width: int, channels: int) -> list[Any]:
        expand = [] if width == 24 else [{"conv": 4 * channels}, "batchnorm", "relu"]
        wide = channels if width == 24 else 4 * channels
        depthwise = {"conv": {"out": wide, "kernel": 3, "groups": wide, "padding": 1}}
        return [*expand, depthwise, "batchnorm", {"conv": width}]

    widths = (24, 32, 32, 48, 48, 64)
    (block,) = decompile_blocks([make(*pair) for pair in zip(widths, (16, *widths), strict=False)]).values()
    assert block["args"]["convs"] == 1
    assert block["layers"][0]["repeat"]["times"] == "convs"


def test_plain_and_residual_parts_are_one_block_whose_identity_is_copied() -> None:
    def make(width: int, *, residual: bool) -> Any:
        body = [*make_body(width).values()]
        return [{"add": ["identity", body]}] if residual else body

    units = [make(width, residual=turn > 0) for width in (24, 32, 48, 64) for turn in range(3)]
    (block,) = decompile_blocks(units).values()
    assert {"copies": {"times": "residual", "layers": "identity"}} in block["layers"][0]["add"]


def test_another_activation_is_an_argument() -> None:
    units = [
        [{"conv": {"out": width, "kernel": 3, "padding": 1}}, "batchnorm", act]
        for width in (24, 32, 40)
        for act in ("relu", "relu", "silu")
    ]
    (block,) = decompile_blocks(units).values()
    assert block["args"]["activation"] == "relu"
    assert block["layers"][-1] == "activation"


def test_a_default_is_arithmetic_that_most_uses_follow() -> None:
    widths = (8, 8, 8, 16, 16, 16, 32, 32)
    units = [[{"conv": width}, "batchnorm", "relu", {"conv": 4 * width}, "batchnorm", "relu"] for width in widths]
    (block,) = decompile_blocks(units).values()
    assert block["args"] == {"width": "channels // 4"}


def test_widths_are_rounded_as_in_mobilenets() -> None:
    assert find_rounded_law([8, 24, 64, 32], [16, 96, 240, 120], "channels") == "channels // 4 round 8"
    assert find_rounded_law([8, 24, 64, 33], [16, 96, 240, 120], "channels") is None


# -- names of arguments ---------------------------------------------------------------------------------------------


def make_parts(**given: list[Any]) -> list[Term]:
    return [
        Term("scope", "unit", given=dict(zip(given, row, strict=True))) for row in zip(*given.values(), strict=True)
    ]


@pytest.mark.parametrize(
    ("given", "field", "values", "name"),
    [
        ({"inplanes": [8, 8], "planes": [8, 16]}, "out", [8, 16], "planes"),
        ({"planes": [8, 16], "base": [8, 16]}, "out", [8, 16], "width"),  # either can be meant
        ({"stride": [1, 2], "num_groups": [1, 2]}, "out", [1, 2], "width"),  # no widths
        ({"out_channels": [8, 16]}, "out", [8, 16], "width"),  # says no more
        ({"planes": [8, 32]}, "out", [8, 16], "width"),  # has other values
        ({"dw_kernel_size": [3, 5], "stride": [1, 1]}, "kernel", [3, 5], "dw_kernel_size"),
        ({"stride": [3, 5]}, "kernel", [3, 5], "kernel"),  # another field's name
        ({"planes": [8, 16]}, "out", [8, None], "planes"),  # one use has no place for it
    ],
)
def test_an_argument_has_its_authors_name_only_if_that_is_right(
    given: dict[str, list[int]], field: str, values: list[int | None], name: str
) -> None:
    assert name_number(make_parts(**given), field, values, (), is_width=field == "out") == name


def test_two_switches_of_the_same_values_name_nothing() -> None:
    assert name_flag(make_parts(use_se=[True, False]), [1, 0], ()) == "use_se"
    assert name_flag(make_parts(use_se=[True, False], use_hs=[True, False]), [1, 0], ()) is None
    assert name_flag(make_parts(width=[1, 0]), [1, 0], ()) is None


def test_ladders_of_stages_differ_in_an_offset() -> None:
    def make(rate: int) -> list[Any]:
        return [{"add": [[{"layers": make_body(16)}, {"droppath": rate / 40}], "identity"]}, "relu"]

    stages = {
        f"stage{number}": [{"sequential": make(rate)} for rate in rates]
        for number, rates in enumerate((range(1, 5), range(5, 9), range(9, 13), range(13, 20)))
    }
    text = archspec.load({"name": "a", "input": [16, 16, 16], "stages": stages}).decompile()
    assert "(i + before) / 40" in text
    assert "  stage3: {stage: {depth: 7, before: 12}}" in text
