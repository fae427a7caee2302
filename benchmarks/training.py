"""Training steps on the CPU: time and memory, with and without checkpointing, and with dropped branches."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import archspec
from benchmarks.measure import RATIO, Ratio, answer, medians, timed
from benchmarks.networks import DENSENET121, RESNET50, SMALL, Network, torchvision_model
from benchmarks.page import Section, Table

ABOUT = """
One step is a forward pass, a cross-entropy and a backward pass in train mode at float32, from equal weights, on images of 224×224
pixels. Memory is what the process holds at most during the first step less what it held before (VmHWM and VmRSS of Linux): values
kept for the backward pass, scratch space and gradients, but no weights. Each number is the median of three processes that do
nothing else. *Blocks made again* is `build(checkpoint="blocks")`: the values inside a block are computed again in the backward pass. *Norms made
again* is `build(checkpoint="norms")`: concatenations, normalisations and ReLUs before a convolution; its peer is torchvision's
`densenet121(memory_efficient=True)`, which computes the convolution after them again, too.
"""

Model = Callable[[], tuple[nn.Module, Callable[[int], Tensor]]]


def ours(network: Network, **options: Any) -> tuple[nn.Module, Callable[[int], Tensor]]:
    return network.load().build(seed=0, **options), network.images


def peer(network: Network, make: Callable[[], nn.Module] | None = None) -> tuple[nn.Module, Callable[[int], Tensor]]:
    model = (make or network.peer)()
    model.load_state_dict(network.load().build(seed=0).state_dict())
    return model, network.images


def efficient() -> nn.Module:
    return torchvision_model("densenet121", memory_efficient=True)


MODELS: Mapping[str, Model] = {
    "resnet50": lambda: ours(RESNET50),
    "resnet50, peer": lambda: peer(RESNET50),
    "resnet50, blocks": lambda: ours(RESNET50, checkpoint="blocks"),
    "densenet121": lambda: ours(DENSENET121),
    "densenet121, peer": lambda: peer(DENSENET121),
    "densenet121, blocks": lambda: ours(DENSENET121, checkpoint="blocks"),
    "densenet121, norms": lambda: ours(DENSENET121, checkpoint="norms"),
    "densenet121, efficient peer": lambda: peer(DENSENET121, efficient),
    "small": lambda: ours(SMALL),
    "small, peer": lambda: peer(SMALL),
    "small, blocks": lambda: ours(SMALL, checkpoint="blocks"),
}
"""A model in train mode and its images, by a key that can be passed to another process."""

Pair = tuple[str, str, str, str, float | None]
"""The label, its key, the peer, its key, and the aim."""

PAIRS: Sequence[Pair] = (
    ("ResNet-50", "resnet50", "torchvision", "resnet50, peer", 1.0),
    ("DenseNet-121", "densenet121", "torchvision", "densenet121, peer", 1.0),
    (
        "DenseNet-121, norms made again",
        "densenet121, norms",
        "`memory_efficient=True`",
        "densenet121, efficient peer",
        1.0,
    ),
    ("DenseNet-121, norms made again", "densenet121, norms", "the plain build", "densenet121", None),
    ("ResNet-50, blocks made again", "resnet50, blocks", "the plain build", "resnet50", None),
    ("DenseNet-121, blocks made again", "densenet121, blocks", "the plain build", "densenet121", None),
)
SMALL_PAIRS: Sequence[Pair] = (
    ("ResNet-10", "small", "torchvision", "small, peer", 1.0),
    ("ResNet-10, blocks made again", "small, blocks", "the plain build", "small", None),
)
BATCH = 8


def measure(quick: bool) -> Iterator[Table]:
    pairs: Sequence[Pair]
    pairs, batch = (SMALL_PAIRS, 2) if quick else (PAIRS, BATCH)
    keys = sorted({key for pair in pairs for key in (pair[1], pair[3])})
    seconds: dict[str, float] = {}
    for family in sorted({key.partition(",")[0] for key in keys}):
        seconds |= times([key for key in keys if key.partition(",")[0] == family], batch, 2 if quick else 7)
    rows = [Ratio(what, other, seconds[key], seconds[base], aim).cells for what, key, other, base, aim in pairs]
    yield Table(RATIO, rows, f"Time of one step, batch {batch}:")
    used = {key: memory(key, batch, 1 if quick else 3) for key in keys}
    rows = [Ratio(what, other, used[key], used[base], aim, bytes=True).cells for what, key, other, base, aim in pairs]
    yield Table(RATIO, rows, f"Memory of one step, batch {batch}:")
    yield Table(RATIO, [dropping(1 if quick else 40)], "Residual branches that are dropped are not computed:")


def times(keys: list[str], batch: int, rounds: int) -> dict[str, float]:
    """Seconds of a step of each model, timed in turns."""
    works = {}
    for key in keys:
        model, images = MODELS[key]()
        works[key] = functools.partial(step, model, images(batch))
    return medians(works, rounds)


def memory(key: str, batch: int, processes: int) -> float:
    return statistics.median(int(answer("-m", "benchmarks.memory", key, str(batch))) for _ in range(processes))


def step(model: nn.Module, images: Tensor) -> None:
    model.train().zero_grad()
    # a loss with a varying gradient, as normalisations make a constant one denormal
    scores = model(images)
    labels = torch.arange(len(images)) % scores.shape[1]
    torch.autograd.backward(nn.functional.cross_entropy(scores, labels))


STOCHASTIC = "stochastic_depth_resnet110_cifar10"


def dropping(steps: int) -> tuple[str, ...]:
    """Steps of both in turns. The time of a step depends on its draw, so that means are compared and not medians.

    The saving is a little less than the share of dropped branches, because with linear decay the units of the first stage, whose
    values are the largest, are dropped least often.
    """
    torch.manual_seed(0)
    stochastic = archspec.load(STOCHASTIC)
    twin = archspec.load({"name": "full_depth", "extends": STOCHASTIC, "passes": []})
    expected = stochastic.expected_depth
    assert expected is not None
    assert twin.expected_depth is None
    images = torch.randn(2 if steps == 1 else 32, 3, 32, 32)
    works = [functools.partial(step, arch.build(seed=0), images) for arch in (stochastic, twin)]
    for work in works:
        work()
    seconds = [[timed(work) for work in works] for _ in range(steps)]
    mean, full = (statistics.mean(values) for values in zip(*seconds, strict=True))
    kept = f"{float(expected.kept):g} of {expected.total} branches, {float(expected.kept / expected.total):.0%}, kept on average"
    what = f"ResNet-110 with stochastic depth: one step, batch {len(images)} (mean of {steps}; {kept})"
    return Ratio(what, "the same at full depth", mean, full, aim=0.8).cells


SECTION = Section("training", "Training on the CPU", ABOUT, measure, ("torch", "torchvision"))
