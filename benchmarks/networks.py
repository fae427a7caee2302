"""The networks of the benchmarks, each with the same one of torchvision or timm with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import archspec
from tests.references import timm, torchvision


@dataclass(frozen=True)
class Network:
    title: str
    spec: str | Mapping[str, Any]
    peer: Callable[[], nn.Module]
    """The same network of torchvision or timm, with the same names of weights."""

    def load(self) -> archspec.Architecture:
        return archspec.load(self.spec)

    def images(self, batch: int) -> Tensor:
        generator = torch.Generator().manual_seed(batch)
        return torch.randn(batch, *self.load().input_shapes["input"], generator=generator)

    def pair(self) -> tuple[nn.Module, nn.Module]:
        """Ours and the peer's, in eval mode and with equal weights."""
        ours = settled(self.load().build(seed=0), self.images(4))
        for weight in ours.parameters():
            if not weight.any():  # the head of a vision transformer, all of whose results would be zeros
                nn.init.normal_(weight.data, std=0.02)
        twin = self.peer()
        twin.load_state_dict(ours.state_dict())
        return ours, twin.eval()


def settled(model: nn.Module, images: Tensor) -> nn.Module:
    """The model in eval mode with the statistics of a batch, so that no values vanish or overflow."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the mean of all batches, of which there is one
    with torch.no_grad():
        model.train()(images)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    return model.eval()


def torchvision_model(name: str, **options: Any) -> nn.Module:
    model: nn.Module = getattr(torchvision().models, name)(weights=None, **options)
    return model


def small_resnet() -> nn.Module:
    resnet = torchvision().models.resnet
    model: nn.Module = resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1])
    return model


RESNET50 = Network("ResNet-50", "resnet50", lambda: torchvision_model("resnet50"))
DENSENET121 = Network("DenseNet-121", "densenet121", lambda: torchvision_model("densenet121"))
NETWORKS = (
    RESNET50,
    Network("ResNeXt-50 (32×4d)", "resnext50_32x4d", lambda: torchvision_model("resnext50_32x4d")),
    DENSENET121,
    Network(
        "Inception-v3", "inception_v3", lambda: torchvision_model("inception_v3", aux_logits=False, init_weights=False)
    ),
    Network("DPN-92", "dpn92", lambda: timm().create_model("dpn92")),
)

SMALL_SPEC = {
    "extends": "resnet18",
    "name": "resnet10",
    "input": [3, 32, 32],
    "args": {"depth1": 1, "depth2": 1, "depth3": 1, "depth4": 1},
}
SMALL = Network("ResNet-10", SMALL_SPEC, small_resnet)
"""A network for quick runs."""
