"""ResNeXt, DPN and DenseNet-264, compared with torchvision and timm: names, counts, initialisation and function.

Names, shapes and counts are compared for all on the device "meta", the rest for small networks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import archspec
from tests import test_twins as twins
from tests.references import timm, torchvision
from tests.sample import sampled
from tests.test_twins import BATCH, Pair, Twin, start_of

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")


def from_torchvision(name: str) -> Any:
    return getattr(torchvision().models, name)()


def from_timm(name: str, **options: Any) -> Any:
    return timm().create_model(name, **options)


def resnet(depth: int, groups: int, width: int) -> Any:
    module = torchvision().models.resnet
    blocks = [3, 4, 6 if depth == 50 else 23, 3]
    return module.ResNet(module.Bottleneck, blocks, groups=groups, width_per_group=width)


def densenet264() -> Any:
    return torchvision().models.DenseNet(growth_rate=32, block_config=(6, 12, 64, 48), num_init_features=64)


SETTINGS = ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4))
REFERENCES: dict[str, Callable[[], Any]] = {
    "resnext101_32x4d": partial(from_timm, "resnext101_32x4d", zero_init_last=False),
    "resnext101_64x4d": partial(from_torchvision, "resnext101_64x4d"),
    "resnext101_32x8d": partial(from_torchvision, "resnext101_32x8d"),
    **{
        f"cardinality_resnext{depth}_{groups}x{width}d": partial(resnet, depth, groups, width)
        for depth in (50, 101)
        for groups, width in SETTINGS
    },
    "densenet264": densenet264,
    **{f"dpn{name}": partial(from_timm, f"dpn{name}") for name in ("68", "68b", "92", "98", "107", "131")},
}


@pytest.mark.parametrize(
    "spec", sampled(REFERENCES, {"resnext101_32x4d", "cardinality_resnext50_8x14d", "dpn68", "dpn68b"})
)
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
    "spec", sampled(["resnext101_32x4d", "cardinality_resnext50_8x14d", "dpn68", "dpn68b"], {"dpn68"})
)
def test_twin(spec: str) -> None:
    torch.manual_seed(0)
    built, twin = archspec.load(spec).build(device="cpu", seed=0), REFERENCES[spec]()
    image = torch.randn(BATCH, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    pair = Pair(Twin(spec, 64), built, twin, image, (start_of(built), start_of(twin)))
    twins.test_names(pair)
    twins.test_start(pair)
    twins.test_function(pair)
    twins.test_gradients(pair)
