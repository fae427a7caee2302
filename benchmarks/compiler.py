"""The compiler against its peers: cold start, counting, building, running, and how it grows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torchinfo
from torch.utils.flop_counter import FlopCounterMode

import archspec
from benchmarks.measure import Ratio, compare, process, timed
from tests.references import torchvision

GROWING = """
name: growing
input: [16, 8, 8]
args: {units: int}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit:
    - add:
        - layers:
            conv1: {conv: {out: channels, kernel: 3}}
            bn1: batchnorm
            relu: relu
            conv2: {conv: {out: channels, kernel: 3}}
            bn2: batchnorm
        - identity
    - relu
stages:
  body: {repeat: {times: units, layers: unit}}
  pool: globalpool
  head: {linear: 10}
"""


def cold_start() -> Iterator[Ratio]:
    command = ("-m", "archspec", "check", "specs/densenet169.yaml")
    peer = process("-c", "import torch")
    yield compare(
        "`archspec check specs/densenet169.yaml`, whole process", process(*command), "`import torch`", peer, aim=0.4
    )


def counting() -> Iterator[Ratio]:
    def ours() -> None:
        arch = archspec.load("specs/densenet169.yaml")
        assert (arch.params, arch.macs, arch.depth) == (14149480, 3359843328, 169)

    def summaries() -> None:
        with torch.device("meta"):
            model = torchvision().models.densenet169(weights=None)
            torchinfo.summary(model, input_data=torch.empty(1, 3, 224, 224), verbose=0, device="meta")

    def flops() -> None:
        with torch.device("meta"):
            model = torchvision().models.densenet169(weights=None)
            with FlopCounterMode(display=False) as counter:
                model(torch.empty(1, 3, 224, 224))
            assert counter.get_total_flops() == 2 * 3359843328

    what = "DenseNet-169: load, shapes, params, MACs, depth"
    yield compare(what, ours, "torchinfo on a meta model", summaries, aim=0.1, rounds=5)
    yield compare(what, ours, "`FlopCounterMode` on a meta model", flops, aim=0.1, rounds=5)


def building() -> Iterator[Ratio]:
    for name in ("resnet50", "densenet121", "vgg16_bn"):
        arch, constructor = archspec.load(name), getattr(torchvision().models, name)
        for device in ("meta", "cpu"):
            peer = functools.partial(construct, constructor, device)
            ours = functools.partial(arch.build, device=device)
            yield compare(f"{name}: building on {device}", ours, "torchvision's constructor", peer, aim=1.0, rounds=7)


def construct(constructor: Callable[..., torch.nn.Module], device: str) -> None:
    with torch.device(device):
        constructor(weights=None)


def running() -> Iterator[Ratio]:
    for name in ("resnet50", "densenet121"):
        ours = archspec.load(name).build(seed=0)
        peer = getattr(torchvision().models, name)(weights=None)
        peer.load_state_dict(ours.state_dict())
        images = torch.randn(4, 3, 224, 224)
        for label, step in (("one forward pass", forward), ("one training step", training)):
            yield compare(
                f"{name}: {label}, batch 4",
                functools.partial(step, ours, images),
                "torchvision",
                functools.partial(step, peer, images),
                aim=1.0,
                rounds=9,
            )


def forward(model: torch.nn.Module, images: torch.Tensor) -> None:
    with torch.inference_mode():
        model.eval()(images)


def training(model: torch.nn.Module, images: torch.Tensor) -> None:
    model.train().zero_grad()
    labels = torch.arange(
        len(images)
    )  # a loss whose gradient is no constant: normalisations would make that one denormal
    torch.autograd.backward(torch.nn.functional.cross_entropy(model(images), labels))


@dataclass(frozen=True)
class Growth:
    """Seconds that a network of so many weighted layers takes."""

    layers: int
    load: float
    counts: float
    meta: float
    cpu: float

    def __str__(self) -> str:
        parts = [f"{1e6 * seconds / self.layers:.0f}" for seconds in (self.load, self.counts, self.meta, self.cpu)]
        total = self.load + self.counts + self.cpu
        return f"| {self.layers:,} | {' | '.join(parts)} | {total:.2f} s |"


def growing() -> Iterator[Growth]:
    for layers in (50, 1202, 10_000):
        result = growth(layers)
        print(result, flush=True)
        yield result


def growth(layers: int) -> Growth:
    arch = archspec.load(GROWING, units=layers // 2)
    return Growth(
        layers,
        load=min(timed(lambda: archspec.load(GROWING, units=layers // 2)) for _ in range(3)),
        counts=timed(lambda: (arch.params, arch.macs, arch.depth)),
        meta=timed(lambda: arch.build(device="meta")),
        cpu=timed(lambda: arch.build(device="cpu")),
    )
