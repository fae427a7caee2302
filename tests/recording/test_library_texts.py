"""The texts of ten networks of libraries are as a reader wants them, and compute the same as the models."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import archspec
from tests import references
from tests.sample import sampled

NETWORKS = dict.fromkeys(
    (
        "torchvision:resnet50",
        "torchvision:densenet121",
        "torchvision:mobilenet_v2",
        "torchvision:mobilenet_v3_small",
        "torchvision:efficientnet_b0",
        "torchvision:convnext_tiny",
        "torchvision:vit_b_16",
        "torchvision:regnet_y_400mf",
        "torchvision:shufflenet_v2_x0_5",
        "timm:ghostnet_100",
    )
)


@pytest.mark.parametrize("name", sampled(NETWORKS, {"torchvision:resnet50", "torchvision:mobilenet_v3_small"}))
def test_the_text_of_a_network(name: str, golden: Callable[[str, str], None]) -> None:
    references.timm()
    spec = archspec.imported(name, proof=False).spec
    assert spec is not None
    golden(f"{name.partition(':')[2]}.yaml", spec)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_this_text_computes_the_same(name: str) -> None:
    references.timm()
    proof = archspec.imported(name, None if "vit" in name else (3, 64, 64)).proof
    assert proof is not None
    assert (proof.output_difference, proof.holds) == (0.0, True)
