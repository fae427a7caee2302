"""Checkpoints whose parts have different prefixes than in the network: a backbone and a head, the children of a Sequential."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archspec import Architecture, WeightReport, WeightsError, load
from archspec.codegen.fx.weight_files.prefix_pairs import find_prefix_pairs, rename
from tests.checkpoints import Weights, put_below, same, save_safetensors, tiny, trained
from tests.references import torchvision

TWINS = """\
name: twins
input: [4]
stages: {left: {linear: 4}, right: {linear: 4}, fc: {linear: 2}}
"""


def report(arch: Architecture, given: Any, **options: Any) -> WeightReport:
    told: list[WeightReport] = []
    arch.build(weights=given, report=told.append, **options)
    return told[0]


def renamed(weights: Weights, **names: str) -> Weights:
    return {names[name.partition(".")[0]] + name[name.find(".") :]: weight for name, weight in weights.items()}


def test_a_backbone_and_a_head(tmp_path: Path) -> None:
    arch = tiny()
    weights = trained(arch)
    given = put_below("model.backbone.|model.head.", weights)
    note = "prefixes of names were others: 'model.backbone.' was left out, 'model.head.' became 'fc.'"
    assert set(report(arch, given).notes[0].split(": ")[1].split(", ")) == set(note.split(": ")[1].split(", "))
    assert same(arch, weights, given) and same(arch, weights, save_safetensors(given, tmp_path))


def test_the_head_may_have_other_classes() -> None:
    weights = trained(tiny(classes=3))
    given = put_below("backbone.|head.", weights)
    with pytest.raises(
        WeightsError, match="the head fc has 3 classes, expected 7; prefixes of names were others"
    ) as error:
        tiny().build(weights=given)
    assert error.value.help == 'adapt them with --adapt head, or adapt="head"'
    done = report(tiny(), given, adapt="head")
    assert (done.taken, done.fresh) == (6, ("fc.weight", "fc.bias"))


class Backbone(nn.Module):
    """torchvision's ResNet-18 without its head, and a new head, as in many scripts."""

    def __init__(self) -> None:
        super().__init__()
        resnet = torchvision().models.resnet18(weights=None)
        self.features = nn.Sequential(*list(resnet.children())[:-1])
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(512, 5))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.classifier(self.features(pixels).flatten(1))  # type: ignore[no-any-return]


def test_the_children_of_a_network_in_a_sequential() -> None:
    torch.manual_seed(0)
    module = Backbone().eval()
    built = load("resnet18", classes=5).build(weights=module, report=lambda _: None).eval()
    pixels = torch.rand(1, 3, 64, 64)
    assert torch.equal(built(pixels), module(pixels))


def test_parts_that_cannot_be_told_apart_are_not_taken() -> None:
    weights = load(TWINS).build(seed=1).state_dict()
    with pytest.raises(
        WeightsError, match=r"same order, and 6 of its names are others: a\.weight for left\.weight, .* and 3 more"
    ):
        load(TWINS).build(weights=renamed(weights, left="a", right="b", fc="head"))
    one = renamed(weights, left="net.left", right="net.right", fc="net.head")
    assert same(load(TWINS), weights, dict(reversed(one.items())))


def test_what_is_there_must_be_all_that_is_needed() -> None:
    weights = put_below("backbone.|head.", trained(tiny()))
    for wrong in (
        weights | {"criterion.weight": torch.ones(2)},
        {name: weight for name, weight in weights.items() if name != "head.bias"},
        weights | {"head.weight": torch.ones(7, 9)},
        weights | {"backbone.conv1.weight": torch.ones(8, 3, 5, 5)},
    ):
        with pytest.raises(WeightsError):
            tiny().build(weights=wrong)


def test_each_tensor_gets_the_one_of_its_own_part() -> None:
    """Random networks with renamed parts in random order: the renaming is found, or nothing."""
    draw, found = random.Random(3), 0
    for _ in range(200):
        layers = [f"{draw.choice('ab')}.{number}" for number in range(draw.randint(1, 6))]
        own = {
            f"{layer}.{name}": (draw.randint(1, 3), 2)[: draw.randint(1, 2)] for layer in layers for name in ("w", "b")
        }
        names = [({"a": "x.y", "b": "z"}[name[0]] + name[1:], name) for name in own]
        draw.shuffle(names)
        pairs = find_prefix_pairs({old: own[new] for old, new in names}, own)
        found += bool(pairs)
        assert not pairs or all(rename(old, pairs) == new for old, new in names)
    assert found > 100
