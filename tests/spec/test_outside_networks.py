"""Networks that are not in the zoo, written as users would write them, against small implementations in torch: strict keys, equal outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import archspec
from tests.spec.references.images import BiFPN, PSPNet, PVTStage, RepVGG, SKUnit
from tests.spec.references.sequences import DiffusionUNet, Perceiver
from tests.spec.references.yolo import YOLOv5

NETWORKS = Path(__file__).parent / "networks"
TWINS: dict[str, Callable[[], nn.Module]] = {
    "bifpn": BiFPN,
    "diffusion_unet": DiffusionUNet,
    "perceiver": Perceiver,
    "pspnet": PSPNet,
    "pvt_stage": PVTStage,
    "repvgg": RepVGG,
    "sknet_unit": SKUnit,
    "yolov5": YOLOv5,
}


@pytest.mark.parametrize("name", TWINS)
def test_a_network_is_its_twin(name: str) -> None:
    torch.manual_seed(0)
    arch = archspec.load(NETWORKS / f"{name}.yaml")
    comparison = arch.check_against(TWINS[name]())
    assert comparison.outputs == "equal", [str(diagnostic) for diagnostic in comparison.diagnostics]
    assert comparison.same
    assert arch.warnings == ()
