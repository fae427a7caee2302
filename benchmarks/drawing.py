"""Drawing every layer, compared with a peer that prints."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import archspec
from archspec.draw import draw_picture, render_svg
from benchmarks.measure import RATIO, compare
from benchmarks.networks import torchvision_model
from benchmarks.page import Section, Table

ABOUT = """
From the name of a network to an SVG of each of its layers, nothing folded, beside a table of the same layers as text. A whole process
of `archspec draw` is in the section on cold start.
"""


def measure(quick: bool) -> Iterator[Table]:
    def every_layer() -> None:
        assert "layer4.2.conv3" in render_svg(draw_picture(archspec.load("resnet50").graph, "layers", fold=False))

    def table() -> None:
        import torchinfo

        with torch.device("meta"):
            images = torch.empty(1, 3, 224, 224)
            torchinfo.summary(torchvision_model("resnet50"), input_data=images, verbose=0, device="meta")

    what, peer = "ResNet-50: load, and draw each of its layers", "torchinfo's table of them on a meta model"
    yield Table(RATIO, [compare(what, every_layer, peer, table, aim=1.0, rounds=1 if quick else 7)])


SECTION = Section("drawing", "Drawing", ABOUT, measure, ("torch", "torchvision", "torchinfo"))
