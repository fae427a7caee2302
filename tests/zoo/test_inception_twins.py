"""Inception-v4, Inception-ResNet-v2 and the VGG family are timm's and torchvision's networks, by name and bit for bit."""

from __future__ import annotations

import pytest

from tests.test_twins import (
    OWN_START,
    Pair,
    Twin,
    pair,
    test_function as same_function,
    test_gradients as same_gradients,
    test_names as same_names,
    test_start as same_start,
)

__all__ = ["pair"]

DROPPING = {"drop_rate": 0.2}  # as the spec has it; timm's default is none
TWINS = (
    Twin("inception_v4", 107, library="timm", options=DROPPING),
    Twin("inception_resnet_v2", 107, library="timm", options=DROPPING),
    *(Twin(spec, 32, options=OWN_START) for spec in ("vgg11_bn", "vgg19")),
)


@pytest.mark.parametrize("pair", TWINS, ids=lambda twin: twin.spec, indirect=True)
def test_twin(pair: Pair) -> None:  # noqa: F811 - the fixture's name
    same_names(pair)
    same_start(pair)
    same_function(pair)
    same_gradients(pair)
