"""Counting and building, compared with peers."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

import archspec
from benchmarks.measure import RATIO, compare
from benchmarks.networks import torchvision_model
from benchmarks.page import Section, Table

ABOUT = """
What it takes to know what a network costs, without running it, and to make its module. On the meta device a module has shapes and no
numbers.
"""

FACTS = (14149480, 3359843328, 169)
"""Parameters, multiply-accumulates and depth of DenseNet-169."""


def measure(quick: bool) -> Iterator[Table]:
    rounds = 1 if quick else 7
    yield Table(RATIO, list(counting(rounds)), "DenseNet-169: load, shapes, parameters, MACs and depth:")
    names = ("resnet18",) if quick else ("resnet50", "densenet121", "vgg16_bn")
    yield Table(RATIO, [row for name in names for row in building(name, rounds)], "Building from a loaded spec:")


def counting(rounds: int) -> Iterator[tuple[str, ...]]:
    def ours() -> None:
        arch = archspec.load("densenet169")
        assert (arch.params, arch.macs, arch.depth) == FACTS

    def summaries() -> None:
        import torchinfo

        with torch.device("meta"):
            images = torch.empty(1, 3, 224, 224)
            torchinfo.summary(torchvision_model("densenet169"), input_data=images, verbose=0, device="meta")

    def flops() -> None:
        with torch.device("meta"):
            model = torchvision_model("densenet169")
            with FlopCounterMode(display=False) as counter:
                model(torch.empty(1, 3, 224, 224))
            assert counter.get_total_flops() == 2 * FACTS[1]

    yield compare("DenseNet-169", ours, "torchinfo on a meta model", summaries, aim=0.1, rounds=rounds)
    yield compare("DenseNet-169", ours, "`FlopCounterMode` on a meta model", flops, aim=0.1, rounds=rounds)


def building(name: str, rounds: int) -> Iterator[tuple[str, ...]]:
    arch = archspec.load(name)
    for device in ("meta", "cpu"):
        ours, peer = functools.partial(arch.build, device=device), functools.partial(construct, name, device)
        yield compare(f"{name} on {device}", ours, "torchvision's constructor", peer, aim=1.0, rounds=rounds)


def construct(name: str, device: str) -> None:
    with torch.device(device):
        torchvision_model(name)


SECTION = Section("compiler", "Counting and building", ABOUT, measure, ("torch", "torchvision", "torchinfo"))
