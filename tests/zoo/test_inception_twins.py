"""Inception-v4, Inception-ResNet-v2 and the VGG family, compared with timm and torchvision: names and bitwise outputs."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from tests import test_twins as twins
from tests.references import torchvision
from tests.test_twins import OWN_START, Pair, Twin, pair

torch = pytest.importorskip("torch")

__all__ = ["pair"]

DROPPING = {"drop_rate": 0.2}  # as in the spec; timm's default is 0
TWINS = (
    Twin("inception_v4", 107, library="timm", options=DROPPING),
    Twin("inception_resnet_v2", 107, library="timm", options=DROPPING),
    *(Twin(spec, 32, options=OWN_START) for spec in ("vgg11_bn", "vgg19")),
)


@pytest.mark.slow
@pytest.mark.parametrize("pair", TWINS, ids=lambda twin: twin.spec, indirect=True)
def test_twin(pair: Pair) -> None:
    twins.test_names(pair)
    twins.test_start(pair)
    twins.test_function(pair)
    twins.test_gradients(pair)


@pytest.mark.parametrize("norm", ["", "_bn"])
@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_names_of_vgg(depth: int, norm: str) -> None:
    """The whole family on the device "meta", because a VGG takes half a gigabyte."""
    name = f"vgg{depth}{norm}"
    with torch.device("meta"):
        twin = getattr(torchvision().models, name)(init_weights=False)
    built: Any = archspec.load(name).build(device="meta")
    keys = [{key: tensor.shape for key, tensor in model.state_dict().items()} for model in (built, twin)]
    assert keys[0] == keys[1]
    layers = [[type(part) for part in model.features.children()] for model in (built, twin)]
    assert layers[0] == layers[1]
