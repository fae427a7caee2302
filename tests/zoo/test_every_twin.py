"""The larger networks, compared with torchvision and timm: strict loading both ways, equal outputs in both modes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import archspec
from tests import test_twins as twins
from tests.test_twins import BATCH, Pair, Twin
from tests.zoo.test_wide_twins import REFERENCES, from_timm, from_torchvision

torch = pytest.importorskip("torch")

OTHERS: dict[str, tuple[int, Callable[[], Any]]] = {
    "wide_resnet101_2": (64, partial(from_torchvision, "wide_resnet101_2")),
    **{f"resnetv2_{depth}": (64, partial(from_timm, f"resnetv2_{depth}")) for depth in (34, 101, 152)},
    **{name: (32, partial(from_torchvision, name)) for name in ("vgg11", "vgg13", "vgg13_bn", "vgg19_bn")},
    **{name: (64, REFERENCES[name]) for name in ("resnext101_64x4d", "resnext101_32x8d", "densenet264")},
    **{name: (64, REFERENCES[name]) for name in ("dpn98", "dpn107", "dpn131")},
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
@pytest.mark.parametrize("spec", OTHERS)
def test_function(spec: str) -> None:
    size, reference = OTHERS[spec]
    image = torch.randn(BATCH, 3, size, size, generator=torch.Generator().manual_seed(1))
    pair = Pair(Twin(spec, size), archspec.load(spec).build(device="cpu", seed=0), reference(), image, ({}, {}))
    twins.test_names(pair)
    twins.test_function(pair)
