"""The three forms of a ResNeXt unit are rewritten into one another, with their weights, and compute the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archspec
from archspec.passes import PassError

UNIT = """
name: unit
input: [8, 6, 6]
defaults: {conv: {bias: false, padding: same}}
blocks:
  path:
    layers: {conv1: {conv: 2}, bn1: batchnorm, relu1: relu, conv2: {conv: {out: 2, kernel: 3, stride: 2}}, bn2: batchnorm, relu2: relu}
stages:
"""
SUM = f"{UNIT}  unit: [add: [copies: {{times: 3, name: path, layers: [path, {{conv: 8, as: conv3}}]}}], batchnorm]\n"
CONCAT = (
    f"{UNIT}  unit: [concat: [copies: {{times: 3, name: path, layers: path}}], {{conv: 8, as: conv3}}, batchnorm]\n"
)
GROUPED = f"""{UNIT.replace("conv1: {conv: 2}", "conv1: {conv: 6}").replace("{out: 2,", "{out: 6, groups: 3,")}
  unit: {{layers: {{path: path, conv3: {{conv: 8}}, bn3: batchnorm}}}}
"""


def randomised(arch: archspec.Architecture) -> torch.nn.Module:
    """The network in float64 and evaluation, with no weight or statistic 0 or 1."""
    model = arch.build(seed=3).double().eval()
    generator = torch.Generator().manual_seed(4)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(
                torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + (0.5 if "var" in name else -0.5)
            )
    return model


def difference(before: archspec.Architecture, after: archspec.Architecture) -> float:
    """The largest difference of outputs after mapping the weights of one network to the other."""
    (sizes,) = before.input_shapes.values()
    image = torch.randn(2, *sizes, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    old, new = randomised(before), after.build(device="cpu").double().eval()
    new.load_state_dict(after.map_weights(old.state_dict()), strict=True)
    with torch.inference_mode():
        return float((old(image) - new(image)).abs().max())


def words(arch: archspec.Architecture) -> list[str]:
    return [node.op.word for node in arch.graph.ops]


@pytest.mark.parametrize("spec", [SUM, CONCAT], ids=["sum", "concat"])
def test_paths_become_groups(spec: str) -> None:
    before = archspec.load(spec)
    after = before.rewrite("grouped_paths")
    assert words(after) == ["conv", "batchnorm", "relu", "conv", "batchnorm", "relu", "conv", "batchnorm"]
    assert [node.op.groups for node in after.graph.ops if node.op.word == "conv"] == [1, 3, 1]  # type: ignore[attr-defined]
    assert (after.params, after.macs) == (before.params, before.macs)
    assert difference(before, after) < 1e-12


@pytest.mark.parametrize(("form", "join"), [("sum", "add"), ("concat", "concat")])
def test_groups_become_paths(form: str, join: str) -> None:
    before = archspec.load(GROUPED)
    after = before.rewrite("separate_paths", form=form)
    assert words(after).count("conv") == (9 if form == "sum" else 7)
    assert words(after).count(join) == 1
    assert (after.params, after.macs) == (before.params, before.macs)
    assert difference(before, after) < 1e-12


@pytest.mark.parametrize("form", ["sum", "concat"])
def test_there_and_back_are_the_same_weights(form: str) -> None:
    before = archspec.load(GROUPED)
    back = before.rewrite("separate_paths", form=form).rewrite("grouped_paths")
    weights = randomised(before).state_dict()
    returned = back.map_weights(weights)
    assert sorted(tensor.shape for tensor in returned.values()) == sorted(tensor.shape for tensor in weights.values())
    assert difference(before, back) == 0.0


def test_what_is_not_touched_is_the_same_tensor() -> None:
    after = archspec.load(SUM).rewrite("grouped_paths")
    weights = archspec.load(SUM).build().state_dict()
    carried = after.map_weights(weights)
    assert carried["unit.0.weight"].data_ptr() == weights["unit.0.weight"].data_ptr()


def test_paths_that_differ_stay() -> None:
    spec = f"{UNIT}  unit: [concat: [path, path, [conv: {{out: 2, kernel: 3, stride: 2}}]]]\n"
    with pytest.raises(PassError, match="equal paths"):
        archspec.load(spec).rewrite("grouped_paths")


def test_a_value_that_is_needed_elsewhere_stays() -> None:
    spec = f"{UNIT}  unit: {{concat: {{a: path, b: path}}, as: both}}\n  again: {{add: [both, [both, scale: 2]]}}\n"
    after = archspec.load(spec).rewrite("grouped_paths")
    assert "concat" not in words(after)
    shared = f"{UNIT}  unit: {{layers: {{first: path, second: {{path: {{}}, from: input}}, both: {{concat: [first, second, first]}}}}}}\n"
    with pytest.raises(PassError):
        archspec.load(shared).rewrite("grouped_paths")


@pytest.mark.parametrize(
    ("word", "arguments", "message"),
    [
        ("grouped_paths", "", "grouped_paths needs equal paths of convolutions that are summed or concatenated"),
        ("separate_paths", "", "separate_paths needs a grouped convolution between two that are not grouped"),
        ("separate_paths", ": {form: max}", "form of separate_paths needs one of sum, concat, got 'max'"),
    ],
)
def test_what_is_wrong_is_said_where(word: str, arguments: str, message: str) -> None:
    (found,) = archspec.check(f"name: x\nextends: resnet18\npasses: [{word}{arguments}]\n")
    assert (found.message, found.span.line) == (message, 3)


def options() -> list[Any]:
    small = {"depth1": 1, "depth2": 1, "depth3": 1, "depth4": 1}
    return [
        pytest.param(form, small, id=form, marks=() if form == "concat" else pytest.mark.slow)
        for form in ("sum", "concat")
    ]


@pytest.mark.parametrize(("form", "small"), options())
def test_a_resnext(form: str, small: dict[str, int]) -> None:
    before = archspec.load({"name": "small", "extends": "resnext50_32x4d", "input": [3, 32, 32], "args": small})
    after = before.rewrite("separate_paths", form=form)
    assert words(after).count("batchnorm") == words(before).count("batchnorm") + 4 * 2 * 31
    assert difference(before, after) < 1e-12
    assert difference(before, after.rewrite("grouped_paths")) < 1e-12


BETWEEN = "name: between\ninput: [4, 6, 6]\ndefaults: {conv: {bias: false}}\nstages:\n"


@pytest.mark.parametrize("form", ["sum", "concat"])
def test_a_convolution_is_part_of_one_series_of_paths(form: str) -> None:
    """In a sum the third ends the paths of the second, and so cannot begin those of the fourth."""
    layers = "[conv: 4, conv: {out: 4, groups: 2}, conv: 4, conv: {out: 4, groups: 2}, conv: 4]"
    before = archspec.load(f"{BETWEEN}  body: {layers}")
    after = before.rewrite("separate_paths", form=form)
    assert words(after).count("add" if form == "sum" else "concat") == (1 if form == "sum" else 2)
    assert difference(before, after) < 1e-12


@pytest.mark.parametrize(
    ("word", "layers"),
    [
        ("separate_paths", "conv: 4, conv: {out: 4, groups: 2}, conv: 4"),
        ("grouped_paths", "add: [copies: {times: 2, layers: [conv: 2, relu, conv: 4]}]"),
    ],
)
def test_weights_that_turns_share_stay_shared(word: str, layers: str) -> None:
    shared = f"{{repeat: {{times: 2, share: true, layers: [{layers}]}}}}"
    with pytest.raises(PassError, match=word):
        archspec.load(f"{BETWEEN}  body: {shared}").rewrite(word)


def test_layers_of_one_name_in_different_regions_keep_apart_in_a_path() -> None:
    first, second = "first: {layers: [conv: 4]}", "second: {layers: [conv: {out: 4, groups: 2}, relu, conv: 4]}"
    before = archspec.load(f"{BETWEEN}  {first}\n  {second}")
    after = before.rewrite("separate_paths")
    names = [node.name for node in after.graph.ops if node.path]
    assert names[:4] == [f"second.path1.{number}" for number in range(4)]
    assert difference(before, after) < 1e-12
