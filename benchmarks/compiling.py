"""The cold start of `torch.compile`, by block or for the whole network."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import fx, nn

import archspec
from benchmarks.measure import RATIO, Ratio, answer, shown
from benchmarks.page import Section, Table

ABOUT = """
From the call of `compile()` to the end of the first pass in eval mode, each in a fresh process with an empty cache of inductor, and
the median pass after it. *By block*: `block.compile()` on each residual unit. The 50 units of
ResNet-152 are of 8 kinds (widths, strides, shortcuts), and units of one kind share what was compiled; so do torchvision's. The aims,
a quarter of the time and equal speed, are for a GPU, where there is one.
"""

WAYS = ("whole", "by block", "torchvision, by block")


def measure(quick: bool) -> Iterator[Table]:
    if quick:
        yield from cold_start("resnet18", 32, 2, "cpu", "aot_eager")
    else:
        yield from cold_start("resnet152", 64, 2, "cpu", "inductor")


def cold_start(name: str, size: int, batch: int, device: str, backend: str) -> Iterator[Table]:
    """The tables of a residual network; in bfloat16 and channels-last on a GPU."""
    found = {}
    for way in WAYS:
        with tempfile.TemporaryDirectory() as cache:
            arguments = (way, name, str(size), str(batch), device, backend)
            env = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache, "TRITON_CACHE_DIR": f"{cache}/triton"}
            found[way] = answer("-m", "benchmarks.compiling", *arguments, env=env)
    whole, block, plain = (found[way] for way in WAYS)
    rows = [(way, shown(one["cold"]), shown(one["after"])) for way, one in found.items()]
    caption = f"{name}, batch {batch}, {size}×{size} pixels, {device}:"
    yield Table(("compiled", "compiling and first pass", "a pass after it"), rows, caption)
    aims = (None, None) if device == "cpu" else (0.25, 1.05)
    first, after = "by block: compiling and first pass", "by block: a pass after it (equal: within a twentieth)"
    ratios = (
        Ratio(first, "whole", block["cold"], whole["cold"], aims[0]),
        Ratio(after, "whole", block["after"], whole["after"], aims[1]),
        Ratio(first, "torchvision, by block", block["cold"], plain["cold"]),
    )
    yield Table(RATIO, [ratio.cells for ratio in ratios])


def cold(way: str, name: str, size: int, batch: int, device: str, backend: str) -> dict[str, float]:
    """Seconds of the first pass, and of a later one."""
    model: Any = model_of(way, name).eval().to(device)
    images = torch.randn(batch, 3, size, size, device=device)
    if device != "cpu":
        model = model.to(dtype=torch.bfloat16, memory_format=torch.channels_last)
        images = images.to(dtype=torch.bfloat16, memory_format=torch.channels_last)

    def run() -> float:
        begin = time.perf_counter()
        model(images)
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    with torch.no_grad():
        run()  # warm-up of libraries, memory and kernel selection, which is not the compiler's
        start = time.perf_counter()
        if way == "whole":
            model.compile(backend=backend, dynamic=False)
        else:
            for unit in units(model):
                unit.compile(backend=backend, dynamic=False)
        run()
        seconds = time.perf_counter() - start
        return {"cold": seconds, "after": statistics.median(run() for _ in range(11))}


def model_of(way: str, name: str) -> nn.Module:
    from benchmarks.networks import torchvision_model

    return torchvision_model(name) if way.startswith("torchvision") else archspec.load(name).build(seed=0)


def units(model: nn.Module) -> list[nn.Module]:
    """The units of a residual network: the children of its layers 1 to 4."""
    stages = [module for name, module in model.named_children() if name.startswith("layer")]
    found = [unit for stage in stages for unit in stage.children()]
    assert found
    assert all(isinstance(unit, fx.GraphModule) for unit in found) == isinstance(model, fx.GraphModule)
    return found


def asked(arguments: Sequence[str]) -> dict[str, float]:
    """The result of `cold` for arguments as text."""
    way, name, size, batch, device, backend = arguments
    return cold(way, name, int(size), int(batch), device, backend)


SECTION = Section("compiling", "Compiling from cold", ABOUT, measure, ("torch", "torchvision"))

if __name__ == "__main__":
    print(json.dumps(asked(sys.argv[1:])))
