"""ResNeXt, DPN and DenseNet-264 are torchvision's and timm's networks: same names, same counts, same function.

Names, shapes and counts are compared at full size, without memory; the function on the networks that are small enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import archspec
from tests.references import timm, torchvision
from tests.test_twins import BATCH, Pair, compare_outputs, exchange_weights

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")


def from_torchvision(name: str) -> Callable[[], Any]:
    return lambda: getattr(torchvision().models, name)()


def from_timm(name: str) -> Callable[[], Any]:
    return lambda: timm().create_model(name)


def resnet(depth: int, groups: int, width: int) -> Callable[[], Any]:
    blocks = [3, 4, 6 if depth == 50 else 23, 3]

    def build() -> Any:
        module = torchvision().models.resnet
        return module.ResNet(module.Bottleneck, blocks, groups=groups, width_per_group=width)

    return build


def densenet264() -> Any:
    return torchvision().models.DenseNet(growth_rate=32, block_config=(6, 12, 64, 48), num_init_features=64)


SETTINGS = ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4))
REFERENCES: dict[str, Callable[[], Any]] = {
    "resnext101_32x4d": from_timm("resnext101_32x4d"),
    "resnext101_64x4d": from_torchvision("resnext101_64x4d"),
    "resnext101_32x8d": from_torchvision("resnext101_32x8d"),
    **{
        f"cardinality_resnext{depth}_{groups}x{width}d": resnet(depth, groups, width)
        for depth in (50, 101)
        for groups, width in SETTINGS
    },
    "densenet264": densenet264,
    **{f"dpn{name}": from_timm(f"dpn{name}") for name in ("68", "68b", "92", "98", "107", "131")},
}


@pytest.mark.parametrize("spec", REFERENCES)
def test_names_and_counts(spec: str) -> None:
    arch = archspec.load(spec)
    with torch.device("meta"):
        reference = REFERENCES[spec]().eval()
        ours, theirs = (model.state_dict() for model in (arch.build(device="meta"), reference))
        assert {key: tensor.shape for key, tensor in ours.items()} == {key: one.shape for key, one in theirs.items()}
        assert arch.params == sum(parameter.numel() for parameter in reference.parameters())
        with flop_counter.FlopCounterMode(display=False) as counted:
            reference(torch.zeros(1, 3, 224, 224))
    assert arch.macs * 2 == counted.get_total_flops()


@pytest.mark.parametrize(
    "spec", ["resnext101_32x4d", "cardinality_resnext50_8x14d", "densenet264", "dpn68", "dpn68b", "dpn98"]
)
def test_function(spec: str) -> None:
    image = torch.randn(BATCH, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    pair = Pair(archspec.load(spec).build(device="cpu", seed=0), REFERENCES[spec](), image)
    exchange_weights(pair)
    compare_outputs(pair, training=False)
    compare_outputs(pair, training=True)
