"""Training with branches that are dropped, against the network that computes all of them."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterator

import torch

import archspec
from benchmarks.compiler import training
from benchmarks.measure import Ratio, timed

STOCHASTIC = "stochastic_depth_resnet110_cifar10"
STEPS = 40


def dropping() -> Iterator[Ratio]:
    """Steps of both in turns. What a step takes depends on what it draws, so that means are compared and not medians.

    The saving in time is a little less than the share of branches that are dropped: with linear decay the units of the first
    stage, whose values are the largest, are dropped the least.
    """
    torch.manual_seed(0)
    ours = archspec.load(STOCHASTIC)
    twin = archspec.load({"name": "full_depth", "extends": STOCHASTIC, "passes": []})
    expected = ours.expected_depth
    assert expected is not None
    assert twin.expected_depth is None
    images = torch.randn(32, 3, 32, 32)
    steps = [functools.partial(training, arch.build(seed=0), images) for arch in (ours, twin)]
    for step in steps:
        step()
    seconds = [[timed(step) for step in steps] for _ in range(STEPS)]
    mean, full = (statistics.mean(times) for times in zip(*seconds, strict=True))
    kept = f"{float(expected.kept):g} of {expected.total} branches, {float(expected.kept / expected.total):.0%}, kept on average"
    what = f"ResNet-110 with stochastic depth: one training step, batch 32 (mean of {STEPS}; {kept})"
    result = Ratio(what, "the same at full depth", mean, full, aim=0.8)
    print(result, flush=True)
    yield result
