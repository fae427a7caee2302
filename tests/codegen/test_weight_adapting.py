"""Adaptation of weights to another head, other channels, positions or patches, compared with timm."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812  # its usual name

from archspec import Architecture, WeightsError, WeightsNote, load
from archspec.codegen.fx import WeightReport
from archspec.codegen.fx.weight_files.adapting import KINDS
from archspec.codegen.fx.weight_files.resampling import (
    adapt_channels,
    find_token_count,
    resample_patches,
    resample_positions,
)
from tests.checkpoints import Weights, same, tiny, trained
from tests.references import timm

VIT = """\
name: vit
input: [3, height, width]
args: {height: 16, width: 16, patch: 4, tokens: 17, classes: 5}
stages:
  conv_proj: {conv: {out: 8, kernel: patch, stride: patch}}
  patches: [flatten: 1, permute: [1, 0]]
  class_token: {parameter: {shape: [1, 8]}}
  tokens: {concat: [class_token, patches], with: {axis: 0}}
  encoder:
    - add: [identity, {parameter: {shape: [tokens, 8]}, as: pos_embedding}]
    - {attention: 2, as: attention}
  first: {token: 1}
  head: {linear: classes}
"""


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


def adapted(arch: Architecture, weights: Any, kinds: Any) -> tuple[Weights, tuple[str, ...]]:
    """The weights of a network after adapting, and the notes on it."""
    told: list[WeightReport] = []
    state = arch.build(weights=weights, adapt=kinds, report=told.append).state_dict()
    return state, told[0].notes


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_channels_as_timm_makes_them(channels: int) -> None:
    timm()
    from timm.models._manipulate import adapt_input_conv

    for before in (3, 1):
        weight = noise(4, before, 3, 3)
        theirs = adapt_input_conv(channels, weight.clone(), base_chans=before)
        torch.testing.assert_close(adapt_channels(weight, channels), theirs)


@pytest.mark.parametrize(("before", "after", "tokens"), [(4, 6, 1), (6, 4, 0), (14, 24, 1), (5, 5, 2)])
def test_positions_as_timm_makes_them(before: int, after: int, tokens: int) -> None:
    table = noise(1, before**2 + tokens, 6)
    theirs = timm().layers.resample_abs_pos_embed(table, [after, after + 1], num_prefix_tokens=tokens)
    torch.testing.assert_close(resample_positions(table, (after, after + 1), tokens), theirs[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (3, 3), (6, 5)])
def test_patches_as_timm_makes_them(size: tuple[int, int]) -> None:
    weight = noise(5, 3, 4, 4)
    theirs = timm().layers.resample_patch_embed(weight, list(size))
    torch.testing.assert_close(resample_patches(weight, size), theirs, rtol=1e-4, atol=1e-4)


def test_larger_patches_give_what_the_old_ones_gave() -> None:
    weight, image = noise(5, 3, 4, 4), noise(1, 3, 4, 4)
    larger = F.interpolate(image, size=(8, 8), mode="bicubic", antialias=True, align_corners=False)
    got = F.conv2d(larger, resample_patches(weight, (8, 8)))
    torch.testing.assert_close(got, F.conv2d(image, weight), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_types_are_kept_wide_on_the_way(dtype: torch.dtype) -> None:
    weight = noise(4, 3, 4, 4).to(dtype)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    assert adapt_channels(weight, 1).dtype == resample_patches(weight, (8, 8)).dtype == wide


def test_tokens_before_a_grid() -> None:
    assert [find_token_count(before, after) for before, after in ((17, 26), (16, 25), (18, 27))] == [1, 0, 2]
    assert find_token_count(17, 13) is None
    assert find_token_count(17, 13, (3, 4)) == 1


def test_another_number_of_classes_keeps_the_rest() -> None:
    weights, arch = trained(tiny()), tiny(classes=3)
    with pytest.raises(WeightsError, match=r"the head fc has 7 classes, expected 3\n(?s:.*)help: .*--adapt head"):
        arch.build(weights=weights)
    state, notes = adapted(arch, weights, "head")
    assert notes == ("the head fc of 7 classes was left out; that of 3 is fresh",)
    fresh = arch.build().state_dict()
    for name, weight in state.items():
        assert torch.equal(weight, fresh[name] if name.startswith("fc.") else weights[name]), name
    with pytest.warns(WeightsNote, match="that of 3 is fresh"):
        arch.build(weights=weights, adapt=["head"])


def test_a_head_that_is_not_there_or_was_replaced() -> None:
    weights, arch = trained(tiny()), tiny()
    body = {name: weight for name, weight in weights.items() if not name.startswith("fc.")}
    replaced = body | {"fc.0.weight": noise(9, 8), "fc.2.weight": noise(3, 9)}
    for given in (body, replaced):
        assert adapted(arch, given, "head")[1] == ("the head fc, which is not in it, is fresh",)
        assert same(arch, body, given, adapt="head")
    with pytest.raises(WeightsError, match="the head fc is not in it"):
        arch.build(weights=body)


@pytest.mark.parametrize("inputs", [1, 4])
def test_other_input_channels(inputs: int) -> None:
    weights = trained(tiny())
    arch = load({**tiny_spec(), "input": [inputs, 16, 16]})
    with pytest.raises(WeightsError, match=f"conv1.weight is for 3 input channels, expected {inputs}"):
        arch.build(weights=weights)
    state, notes = adapted(arch, weights, ("channels",))
    how = "summed" if inputs == 1 else "repeated and scaled"
    assert notes == (f"conv1.weight was {how} from 3 input channels to {inputs}",)
    assert torch.equal(state["conv1.weight"], adapt_channels(weights["conv1.weight"], inputs))


def tiny_spec() -> dict[str, Any]:
    import yaml

    from tests.checkpoints import NET

    spec: dict[str, Any] = yaml.safe_load(NET)
    return spec


def test_a_grey_image_gives_what_three_equal_channels_gave() -> None:
    weights, image = trained(tiny()), noise(2, 1, 16, 16)
    grey = load({**tiny_spec(), "input": [1, 16, 16]}).build(weights=weights, adapt="channels", report=str).eval()
    colour = tiny().build(weights=weights).eval()
    torch.testing.assert_close(grey(image), colour(image.expand(-1, 3, -1, -1)))


def test_a_transformer_for_larger_and_for_oblong_images() -> None:
    weights = trained(load(VIT))
    table = weights["encoder.pos_embedding"]
    for height, width, tokens in ((24, 24, 37), (16, 24, 25)):
        arch = load(VIT, height=height, width=width, tokens=tokens)
        grid = (height // 4, width // 4)
        with pytest.raises(WeightsError, match=f"is for 4×4 positions, expected {grid[0]}×{grid[1]}"):
            arch.build(weights=weights)
        state, notes = adapted(arch, weights, "positions")
        assert notes == (f"encoder.pos_embedding was resized from 4×4 to {grid[0]}×{grid[1]} positions",)
        torch.testing.assert_close(state["encoder.pos_embedding"][0], resample_positions(table, grid, 1))


def test_all_at_once_from_a_table_without_a_batch_axis() -> None:
    weights = trained(load(VIT))
    theirs = {name: w[0] if name in ("class_token", "encoder.pos_embedding") else w for name, w in weights.items()}
    arch = load(VIT.replace("[3,", "[1,"), patch=2, tokens=65, classes=2)
    with pytest.raises(WeightsError) as caught:
        arch.build(weights=theirs)
    assert (
        caught.value.help
        == 'adapt them with --adapt channels,patches,positions,head, or adapt="channels,patches,positions,head"'
    )
    state, notes = adapted(arch, theirs, KINDS)
    assert len(notes) == 3
    assert "was summed from 3 input channels to 1 and was resized from patches of 4×4 to 2×2" in notes[0]
    torch.testing.assert_close(
        state["conv_proj.weight"], resample_patches(adapt_channels(weights["conv_proj.weight"], 1), (2, 2))
    )
    assert torch.equal(state["class_token"], weights["class_token"])


@pytest.mark.parametrize("kinds", ["channels", "patches", ["head", "positions"]])
def test_only_what_was_asked_for_is_adapted(kinds: Any) -> None:
    arch = load(VIT.replace("[3,", "[1,"), patch=2, tokens=65)
    with pytest.raises(WeightsError, match=r"these are not the weights of this network"):
        arch.build(weights=trained(load(VIT)), adapt=kinds)


def test_a_wider_network_is_not_adapted() -> None:
    weights = trained(load(VIT))
    wider = load(VIT.replace("8", "16"))
    with pytest.raises(WeightsError, match="of another shape"):
        wider.build(weights=weights, adapt=KINDS)


def test_what_fits_needs_no_adapting_and_says_nothing() -> None:
    assert adapted(tiny(), trained(tiny()), KINDS)[1] == ()
    with pytest.raises(WeightsError, match="adapt has 'classes', expected some of head, channels, positions, patches"):
        tiny().build(weights=trained(tiny()), adapt="classes")
