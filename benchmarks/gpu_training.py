"""Training steps on a GPU: time and memory, plain, with checkpointing, and compiled.

`python -m benchmarks.gpu_training NAME BATCH` only fills the compiler's cache.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.gpu_device import Device, Stopwatch, medians_on
from benchmarks.measure import RATIO, Ratio
from benchmarks.page import Table
from benchmarks.training import MODELS

Step = Callable[[], None]

_WAYS = ("", ", peer", ", norms", ", efficient peer", ", blocks")
_TITLES = {"resnet50": "ResNet-50", "densenet121": "DenseNet-121", "small": "ResNet-10"}
_LABELS = {
    "": "plain",
    ", peer": "torchvision",
    ", norms": "norms",
    ", efficient peer": "`memory_efficient`",
    ", blocks": "blocks",
}


def measure_training(
    names: Sequence[str], device: Device, batch: int, rounds: int, warm_ups: int, watch: Stopwatch
) -> Iterator[Table]:
    times, memory = [], []
    for name in names:
        if not watch.allows(30, f"training steps of {_TITLES[name]}"):
            continue
        steps = {way: make_step(f"{name}{way}", device.kind, batch) for way in _WAYS if f"{name}{way}" in MODELS}
        seconds = medians_on(steps, device.kind, rounds, warm_ups)
        used = {way: measure_memory(step) for way, step in steps.items()} if device.kind == "cuda" else {}
        times += list(compare_ways(_TITLES[name], seconds, bytes=False))
        memory += list(compare_ways(_TITLES[name], used, bytes=True))
        if watch.allows(60, f"compiled training steps of {_TITLES[name]}") and device.kind == "cuda":
            compiled = {way: make_step(f"{name}{way}", device.kind, batch, compile=True) for way in ("", ", peer")}
            seconds = medians_on(compiled, device.kind, rounds, warm_ups)
            times.append(
                Ratio(f"{_TITLES[name]}, compiled", "torchvision, compiled", seconds[""], seconds[", peer"], 1.0).cells
            )
    yield Table(RATIO, times, f"Time of a training step under autocast, batch {batch}:")
    if memory:
        yield Table(RATIO, memory, f"Memory of a training step under autocast, batch {batch}:")


def compare_ways(title: str, values: Mapping[str, float], *, bytes: bool) -> Iterator[tuple[str, ...]]:
    """The lines that compare each way with its peer; the memory-efficient DenseNet has aims for time and memory."""
    for way, peer, aim in (
        ("", ", peer", 1.0),
        (", norms", "", 0.5 if bytes else 1.3),
        (", norms", ", efficient peer", None),
        (", blocks", "", None),
    ):
        if way in values and peer in values:
            label = f"{title}, {_LABELS[way]}"
            yield Ratio(label, _LABELS[peer], values[way], values[peer], aim, bytes).cells


def make_step(key: str, kind: str, batch: int, *, compile: bool = False) -> Step:
    model, images = MODELS[key]()
    model = model.to(kind).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    given = images(batch).to(kind, memory_format=torch.channels_last)
    labels = torch.arange(batch, device=kind) % 10
    run: Callable[[Tensor], Tensor] = torch.compile(model, dynamic=False) if compile else model
    return partial(train_once, model, run, given, labels)


def train_once(model: nn.Module, run: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> None:
    with torch.autocast(images.device.type, dtype=torch.bfloat16):
        loss = nn.functional.cross_entropy(run(images), labels)
    torch.autograd.backward(loss)
    model.zero_grad(set_to_none=True)


def measure_memory(step: Step) -> float:
    """The peak bytes that a step allocates."""
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    return float(torch.cuda.max_memory_allocated() - before)


if __name__ == "__main__":
    make_step(sys.argv[1], "cuda", int(sys.argv[2]), compile=True)()
