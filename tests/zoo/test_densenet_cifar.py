"""DenseNets for CIFAR, written from Huang et al. 2016 (arXiv:1608.06993), section 3."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.sample import sampled
from tests.zoo.full_size import same_counts
from tests.zoo.in_order import InOrder, built, noise, same_in_both_modes

torch = pytest.importorskip("torch")
F = torch.nn.functional

EPS = 1e-5
MEMBERS = {  # growth rate, layers in each of the three blocks, and whether it is a DenseNet-BC
    "cifar10_densenet_40_k12": (12, 12, False),
    "cifar10_densenet_100_k12": (12, 32, False),
    "cifar10_densenet_100_k24": (24, 32, False),
    "cifar10_densenet_bc_100_k12": (12, 16, True),
    "cifar10_densenet_bc_250_k24": (24, 41, True),
    "cifar10_densenet_bc_190_k40": (40, 31, True),
}


def activated(t: InOrder, x: Any, out: int, kernel: int) -> Any:
    """The composite function H: normalisation, ReLU, convolution."""
    return t.conv(torch.relu(t.norm(x, EPS)), out, kernel, bias=False)


def densenet(t: InOrder, image: Any, growth: int, depth: int, compact: bool) -> Any:
    x = t.conv(image, 2 * growth if compact else 16, 3, bias=False)
    for block in range(3):
        if block:
            x = activated(t, x, x.shape[1] // 2 if compact else x.shape[1], 1)
            x = F.avg_pool2d(x, 2)
        features = [x]
        for _ in range(depth):
            new = torch.cat(features, dim=1)
            if compact:
                new = activated(t, new, 4 * growth, 1)
            features.append(activated(t, new, growth, 3))
        x = torch.cat(features, dim=1)
    return t.linear(t.average(torch.relu(t.norm(x, EPS))), 10)


@pytest.mark.parametrize("spec", sampled(MEMBERS, {"cifar10_densenet_40_k12", "cifar10_densenet_bc_100_k12"}))
def test_counts(spec: str) -> None:
    growth, depth, compact = MEMBERS[spec]
    same_counts(spec, partial(densenet, growth=growth, depth=depth, compact=compact))


@pytest.mark.parametrize("spec", ["cifar10_densenet_40_k12", "cifar10_densenet_bc_100_k12"])
def test_function(spec: str) -> None:
    reference = partial(densenet, growth=5, depth=4, compact=MEMBERS[spec][2])
    same_in_both_modes(built(spec, growth=5, depth=4), reference, noise(2, 3, 32, 32))
