"""Drawing against its peers: a whole process from the spec to a file, and the picture of every layer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torchinfo

import archspec
from archspec.draw import sketch, svg_of
from benchmarks.measure import Ratio, compare, process
from tests.references import torchvision


def drawing() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resnet50.svg"
        ours = process("-m", "archspec", "draw", "specs/resnet50.yaml", "-o", str(file))
        peer = process("-c", "import torch")
        yield compare("`archspec draw specs/resnet50.yaml`, whole process", ours, "`import torch`", peer, aim=0.8)
        assert file.read_text(encoding="utf-8").startswith("<svg")

    def every_layer() -> None:
        assert "layer4.2.conv3" in svg_of(sketch(archspec.load("specs/resnet50.yaml").network, "layers", fold=False))

    def table() -> None:
        with torch.device("meta"):
            model = torchvision().models.resnet50(weights=None)
            torchinfo.summary(model, input_data=torch.empty(1, 3, 224, 224), verbose=0, device="meta")

    yield compare(
        "ResNet-50: load, and draw each of its layers",
        every_layer,
        "torchinfo's table of them on a meta model",
        table,
        aim=1.0,
        rounds=7,
    )
